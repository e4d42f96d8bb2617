// Kernels as a tensor library has them, compiled by compile.py to ordinary.ptx: what the interpreter is tried on besides hand-written PTX.
typedef unsigned int u32;
typedef unsigned long long u64;

struct Strides { int rank; int shape[6]; int a[6]; int b[6]; };

// out[i] = a[strided] + b[strided]: parameters by value, indexed at run time.
extern "C" __global__ void add_strided(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b, Strides s, u64 count) {
  for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) {
    u64 rest = i;
    long long at_a = 0, at_b = 0;
    for (int d = s.rank - 1; d >= 0; --d) {
      u64 q = rest / (u64)s.shape[d];
      int c = (int)(rest - q * s.shape[d]);
      rest = q;
      at_a += (long long)c * s.a[d];
      at_b += (long long)c * s.b[d];
    }
    out[i] = a[at_a] + b[at_b];
  }
}

__device__ __forceinline__ float warp_sum(float v) {
  for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
__device__ __forceinline__ float warp_max(float v) {
  for (int o = 16; o > 0; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
  return v;
}

// Softmax of the rows of x: a block a row.
extern "C" __global__ void softmax(float* __restrict__ y, const float* __restrict__ x, int columns) {
  __shared__ float part[32];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  const float* from = x + (size_t)blockIdx.x * columns;
  float* to = y + (size_t)blockIdx.x * columns;
  const float lowest = -__int_as_float(0x7f800000);
  float m = lowest;
  for (int j = threadIdx.x; j < columns; j += blockDim.x) m = fmaxf(m, from[j]);
  m = warp_max(m);
  if (lane == 0) part[warp] = m;
  __syncthreads();
  m = warp_max(lane < warps ? part[lane] : lowest);
  __syncthreads();
  float s = 0.f;
  for (int j = threadIdx.x; j < columns; j += blockDim.x) {
    float e = expf(from[j] - m);
    to[j] = e;
    s += e;
  }
  s = warp_sum(s);
  if (lane == 0) part[warp] = s;
  __syncthreads();
  s = warp_sum(lane < warps ? part[lane] : 0.f);
  float inverse = 1.0f / s;
  for (int j = threadIdx.x; j < columns; j += blockDim.x) to[j] *= inverse;
}

// The sum of x: a tree in dynamic shared memory, then an atomic.
extern "C" __global__ void reduce_sum(float* __restrict__ out, const float* __restrict__ x, u64 count) {
  extern __shared__ float buffer[];
  float s = 0.f;
  for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) s += x[i];
  buffer[threadIdx.x] = s;
  __syncthreads();
  for (int o = blockDim.x >> 1; o >= 32; o >>= 1) {
    if (threadIdx.x < o) buffer[threadIdx.x] += buffer[threadIdx.x + o];
    __syncthreads();
  }
  if (threadIdx.x < 32) {
    float v = warp_sum(buffer[threadIdx.x]);
    if (threadIdx.x == 0) atomicAdd(out, v);
  }
}

#define TILE 16
// C = A B, row-major.
template <typename T>
__device__ __forceinline__ void matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m, int n, int k) {
  __shared__ T as[TILE][TILE + 1], bs[TILE][TILE + 1];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
  T sum = 0;
  for (int t = 0; t < (k + TILE - 1) / TILE; ++t) {
    int ka = t * TILE + tx, kb = t * TILE + ty;
    as[ty][tx] = (row < m && ka < k) ? a[(size_t)row * k + ka] : (T)0;
    bs[ty][tx] = (kb < k && column < n) ? b[(size_t)kb * n + column] : (T)0;
    __syncthreads();
#pragma unroll
    for (int q = 0; q < TILE; ++q) sum += as[ty][q] * bs[q][tx];
    __syncthreads();
  }
  if (row < m && column < n) c[(size_t)row * n + column] = sum;
}
extern "C" __global__ void matmul_f32(const float* a, const float* b, float* c, int m, int n, int k) { matmul(a, b, c, m, n, k); }
extern "C" __global__ void matmul_f64(const double* a, const double* b, double* c, int m, int n, int k) { matmul(a, b, c, m, n, k); }

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// One step of an LSTM: gates i, f, g, o of [batch, 4 hidden].
extern "C" __global__ void lstm_gates(const float* __restrict__ gates, const float* __restrict__ before, float* __restrict__ h, float* __restrict__ c, int batch, int hidden) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= batch * hidden) return;
  int b = i / hidden, j = i - b * hidden;
  const float* g = gates + (size_t)b * 4 * hidden;
  float next = sigmoid(g[hidden + j]) * before[i] + sigmoid(g[j]) * tanhf(g[2 * hidden + j]);
  c[i] = next;
  h[i] = sigmoid(g[3 * hidden + j]) * tanhf(next);
}

// One step of Adam.
extern "C" __global__ void adam(float* __restrict__ w, float* __restrict__ m, float* __restrict__ v, const float* __restrict__ g, int count, float rate, float beta1, float beta2, float epsilon, int step) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float a = beta1 * m[i] + (1 - beta1) * g[i], b = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
  m[i] = a;
  v[i] = b;
  w[i] -= rate * (a / (1 - powf(beta1, step))) / (sqrtf(b / (1 - powf(beta2, step))) + epsilon);
}

// Rows of a table by index, and the gradient's way back.
extern "C" __global__ void gather(float* __restrict__ out, const float* __restrict__ table, const long long* __restrict__ index, int width, int rows) {
  long long row = index[blockIdx.x];
  if (row < 0 || row >= rows) __trap();
  for (int j = threadIdx.x; j < width; j += blockDim.x) out[(size_t)blockIdx.x * width + j] = table[row * width + j];
}
extern "C" __global__ void scatter_add(float* __restrict__ table, const float* __restrict__ from, const long long* __restrict__ index, int width) {
  for (int j = threadIdx.x; j < width; j += blockDim.x) atomicAdd(&table[index[blockIdx.x] * width + j], from[(size_t)blockIdx.x * width + j]);
}

// Philox 4x32-10 (Salmon et al. 2011), four words a thread.
extern "C" __global__ void philox(uint4* __restrict__ out, u64 key, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  u32 c0 = i, c1 = 0, c2 = 0, c3 = 0, k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
  for (int r = 0; r < 10; ++r) {
    u32 h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0, h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0; c1 = l1; c2 = h0 ^ c3 ^ k1; c3 = l0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
  }
  out[i] = make_uint4(c0, c1, c2, c3);
}

// Library functions with branches, tables and slow paths.
extern "C" __global__ void functions(float* __restrict__ out, const float* __restrict__ x, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float v = x[i];
  float* o = out + 12 * (size_t)i;
  o[0] = expf(v); o[1] = logf(fabsf(v)); o[2] = sinf(v); o[3] = cosf(v); o[4] = tanhf(v); o[5] = erff(v);
  o[6] = powf(fabsf(v), 1.7f); o[7] = rsqrtf(fabsf(v)); o[8] = log1pf(fabsf(v)); o[9] = expm1f(v); o[10] = rintf(v); o[11] = fmodf(v, 0.7f);
}
extern "C" __global__ void functions_f64(double* __restrict__ out, const double* __restrict__ x, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  double v = x[i];
  double* o = out + 6 * (size_t)i;
  o[0] = exp(v); o[1] = log(fabs(v)); o[2] = tanh(v); o[3] = sqrt(fabs(v)); o[4] = 1.0 / v; o[5] = sin(v);
}
