// Matrix products where cuBLAS is missing: C = A B, or C += A B, of any strides.
//
// A sum over k runs in blocks of 256, each from zero with ascending fused multiply–adds and then added to the result: the CPU's order, so that
// both give the same bits. A block of 256 threads computes a tile of 64 by 64, each thread four rows and four columns of it.
#include "common.cuh"

#define TILE 64u
#define DEPTH 16u
#define K_BLOCK 256u
#define SIDE 16u

// Sizes, whether to add to C, and the steps of A and B: from matrix to matrix, row to row, column to column. C is row-major without gaps.
struct Product {
  u32 m, n, k, add;
  i64 a[3], b[3];
};

INLINE float fused(float a, float b, float c) { return fmaf(a, b, c); }
INLINE double fused(double a, double b, double c) { return fma(a, b, c); }

// Loads a tile of DEPTH (`k`) by TILE (`r`) elements; what is outside is 0. The threads go along whichever is next to each other in memory.
template <typename T, typename W>
INLINE void load(W (*tile)[TILE + 1], const T* from, u32 k, u32 k_end, i64 k_step, u32 r, u32 r_end, i64 r_step) {
  for (u32 e = threadIdx.x; e < TILE * DEPTH; e += SIDE * SIDE) {
    u32 kk = k_step == 1 ? e % DEPTH : e / TILE, rr = k_step == 1 ? e / DEPTH : e % TILE;
    bool inside = k + kk < k_end && r + rr < r_end;
    tile[kk][rr] = inside ? wide(from[(i64)(k + kk) * k_step + (i64)(r + rr) * r_step]) : W(0);
  }
}

template <typename T, typename O> INLINE void matmul(O* c, const T* a, const T* b, const Product& p) {
  typedef WIDE(T) W;
  __shared__ W left[DEPTH][TILE + 1], right[DEPTH][TILE + 1];
  u32 across = (p.n + TILE - 1) / TILE, down = blockIdx.x / across;
  u32 row = down * TILE, column = (blockIdx.x - down * across) * TILE;
  u32 x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
  a += blockIdx.y * p.a[0];
  b += blockIdx.y * p.b[0];
  c += (u64)blockIdx.y * p.m * p.n;
  W total[4][4];
#pragma unroll
  for (u32 i = 0; i < 4; ++i)
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
      u32 r = row + y + SIDE * i, s = column + x + SIDE * j;
      total[i][j] = p.add && r < p.m && s < p.n ? wide(c[(u64)r * p.n + s]) : W(0);
    }
  for (u32 block = 0; block < p.k; block += K_BLOCK) {
    u32 end = p.k - block < K_BLOCK ? p.k : block + K_BLOCK;
    W sum[4][4] = {};
    for (u32 k = block; k < end; k += DEPTH) {
      __syncthreads();
      load(left, a, k, end, p.a[2], row, p.m, p.a[1]);
      load(right, b, k, end, p.b[1], column, p.n, p.b[2]);
      __syncthreads();
      u32 depth = end - k < DEPTH ? end - k : DEPTH;
      for (u32 kk = 0; kk < depth; ++kk) {
        W l[4], r[4];
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
          l[i] = left[kk][y + SIDE * i];
          r[i] = right[kk][x + SIDE * i];
        }
#pragma unroll
        for (u32 i = 0; i < 4; ++i)
#pragma unroll
          for (u32 j = 0; j < 4; ++j) sum[i][j] = fused(l[i], r[j], sum[i][j]);
      }
    }
#pragma unroll
    for (u32 i = 0; i < 4; ++i)
#pragma unroll
      for (u32 j = 0; j < 4; ++j) total[i][j] = total[i][j] + sum[i][j];
  }
#pragma unroll
  for (u32 i = 0; i < 4; ++i)
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
      u32 r = row + y + SIDE * i, s = column + x + SIDE * j;
      if (r < p.m && s < p.n) c[(u64)r * p.n + s] = narrow<O>(total[i][j]);
    }
}

#define MATMUL(IN, T, OUT, O) \
  KERNEL matmul_##IN##_##OUT(O* c, const T* __restrict__ a, const T* __restrict__ b, PARAMETER Product p) { matmul<T, O>(c, a, b, p); }
MATMUL(f32, float, f32, float)
MATMUL(f64, double, f64, double)
MATMUL(f16, f16, f16, f16)
MATMUL(f16, f16, f32, float)
MATMUL(bf16, bf16, bf16, bf16)
MATMUL(bf16, bf16, f32, float)
