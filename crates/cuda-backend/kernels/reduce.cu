// Reductions of the last axis, and running sums along it.
//
// The order of a reduction depends on its length alone. A chunk of 1024 elements is reduced in 32 lanes, each of which takes every 32nd
// element in ascending order, and the lanes are folded in halves. The chunks' results are reduced in the same way, by another launch, until one is
// left. Three forms do the same in the same order: with the lanes of a warp along the axis; where neighbours in memory belong to other rows,
// with the lanes of a warp along the rows; and where rows are short, with a thread for each.
#include "common.cuh"

#define CHUNK 1024u
#define LANES 32u
#define ALL_LANES 0xffffffffu

#define OPERATION(NAME, NONE, VALUE) \
  template <typename W> struct NAME { \
    INLINE_MEMBER W none() { return NONE; } \
    INLINE_MEMBER W of(W a, W b) { return VALUE; } \
  };
INLINE float plus(float a, float b) { return a + b; }
INLINE double plus(double a, double b) { return a + b; }
INLINE u32 plus(u32 a, u32 b) { return a + b; }
INLINE i64 plus(i64 a, i64 b) { return (i64)((u64)a + (u64)b); }
INLINE u8 plus(u8 a, u8 b) { return a | b; }
INLINE float times(float a, float b) { return a * b; }
INLINE double times(double a, double b) { return a * b; }
INLINE u32 times(u32 a, u32 b) { return a * b; }
INLINE i64 times(i64 a, i64 b) { return (i64)((u64)a * (u64)b); }
INLINE u8 times(u8 a, u8 b) { return a & b; }
template <typename W> struct Limits;
template <> struct Limits<float> {
  INLINE_MEMBER float low() { return -INFINITY_F32; }
  INLINE_MEMBER float high() { return INFINITY_F32; }
};
template <> struct Limits<double> {
  INLINE_MEMBER double low() { return -INFINITY_F64; }
  INLINE_MEMBER double high() { return INFINITY_F64; }
};
template <> struct Limits<u32> {
  INLINE_MEMBER u32 low() { return 0; }
  INLINE_MEMBER u32 high() { return 0xffffffffu; }
};
template <> struct Limits<i64> {
  INLINE_MEMBER i64 low() { return -0x7fffffffffffffffll - 1; }
  INLINE_MEMBER i64 high() { return 0x7fffffffffffffffll; }
};
OPERATION(Plus, W(0), plus(a, b))
OPERATION(Times, W(1), times(a, b))
OPERATION(Larger, Limits<W>::low(), larger(b, a))
OPERATION(Smaller, Limits<W>::high(), smaller(b, a))

template <typename W> INLINE W from_lane(W x, u32 mask) { return __shfl_xor_sync(ALL_LANES, x, mask); }
template <> __device__ __forceinline__ u8 from_lane<u8>(u8 x, u32 mask) { return (u8)__shfl_xor_sync(ALL_LANES, (u32)x, mask); }

template <bool SQUARED, typename W> INLINE W taken(W x) { return SQUARED ? times(x, x) : x; }

// What is reduced: `rows` rows of `n` elements, `step` apart, in `chunks` chunks each.
struct Rows {
  u32 rows, n, chunks;
  i64 step;
};

// A warp takes a chunk of a row.
template <typename I, typename O, template <typename> class Op, bool SQUARED>
INLINE void along(O* out, const I* x, const View& view, const Rows& s) {
  typedef WIDE(I) W;
  u32 lane = threadIdx.x % LANES;
  u64 warps = (u64)gridDim.x * (blockDim.x / LANES), all = (u64)s.rows * s.chunks;
  for (u64 w = blockIdx.x * (u64)(blockDim.x / LANES) + threadIdx.x / LANES; w < all; w += warps) {
    u32 row = (u32)(w / s.chunks), from = (u32)(w - (u64)row * s.chunks) * CHUNK;
    u32 len = s.n - from < CHUNK ? s.n - from : CHUNK;
    const I* at = x + place(view, row) + (i64)from * s.step;
    W sum = Op<W>::none();
#pragma unroll 1
    for (u32 i = lane; i < len; i += LANES) sum = Op<W>::of(sum, taken<SQUARED>(wide(at[(i64)i * s.step])));
    for (u32 o = LANES / 2; o > 0; o /= 2) sum = Op<W>::of(sum, from_lane(sum, o));
    if (lane == 0) out[w] = narrow<O>(sum);
  }
}

// A block of 32 by 32 threads takes a chunk of 32 rows; threadIdx.y is the lane.
template <typename I, typename O, template <typename> class Op, bool SQUARED>
INLINE void across(O* out, const I* x, const View& view, const Rows& s) {
  typedef WIDE(I) W;
  __shared__ W sums[LANES][LANES + 1];
  u32 lane = threadIdx.y, group = blockIdx.x / s.chunks, chunk = blockIdx.x - group * s.chunks;
  u32 row = group * LANES + threadIdx.x, from = chunk * CHUNK;
  u32 len = s.n - from < CHUNK ? s.n - from : CHUNK;
  W sum = Op<W>::none();
  if (row < s.rows) {
    const I* at = x + place(view, row) + (i64)from * s.step;
#pragma unroll 1
    for (u32 i = lane; i < len; i += LANES) sum = Op<W>::of(sum, taken<SQUARED>(wide(at[(i64)i * s.step])));
  }
  sums[lane][threadIdx.x] = sum;
#pragma unroll 1
  for (u32 o = LANES / 2; o > 0; o /= 2) {
    __syncthreads();
    if (lane < o) sums[lane][threadIdx.x] = Op<W>::of(sums[lane][threadIdx.x], sums[lane + o][threadIdx.x]);
  }
  if (lane == 0 && row < s.rows) out[(u64)row * s.chunks + chunk] = narrow<O>(sums[0][threadIdx.x]);
}

// A thread takes a row of at most SHORT_ROW elements: the other lanes have none, and folding them in changes nothing.
#define SHORT_ROW 8u
template <typename T, template <typename> class Op, bool SQUARED>
INLINE void alone(T* out, const T* x, const View& view, const Rows& s) {
  typedef WIDE(T) W;
  EACH(row, s.rows) {
    const T* at = x + place(view, (u32)row);
    W lanes[SHORT_ROW];
#pragma unroll
    for (u32 i = 0; i < SHORT_ROW; ++i) {
      lanes[i] = i < s.n ? Op<W>::of(Op<W>::none(), taken<SQUARED>(wide(at[(i64)i * s.step]))) : Op<W>::none();
    }
#pragma unroll
    for (u32 o = SHORT_ROW / 2; o > 0; o /= 2)
#pragma unroll
      for (u32 i = 0; i < o; ++i) lanes[i] = Op<W>::of(lanes[i], lanes[i + o]);
    out[row] = narrow<T>(lanes[0]);
  }
}

#define ALONG(NAME, IN, I, OUT, O, OP, SQUARED) \
  KERNEL along_##NAME##_##IN##_##OUT(O* __restrict__ out, const I* __restrict__ x, PARAMETER View view, PARAMETER Rows s) { along<I, O, OP, SQUARED>(out, x, view, s); }
#define REDUCE(NAME, IN, I, OUT, O, OP, SQUARED) \
  ALONG(NAME, IN, I, OUT, O, OP, SQUARED) \
  KERNEL across_##NAME##_##IN##_##OUT(O* __restrict__ out, const I* __restrict__ x, PARAMETER View view, PARAMETER Rows s) { across<I, O, OP, SQUARED>(out, x, view, s); }

#define WHOLE(NAME, DTYPE, T, OP, SQUARED) \
  REDUCE(NAME, DTYPE, T, DTYPE, T, OP, SQUARED) \
  KERNEL alone_##NAME##_##DTYPE##_##DTYPE(T* __restrict__ out, const T* __restrict__ x, PARAMETER View view, PARAMETER Rows s) { alone<T, OP, SQUARED>(out, x, view, s); }
#define NUMBER(DTYPE, T) \
  WHOLE(sum, DTYPE, T, Plus, false) \
  WHOLE(sum_squares, DTYPE, T, Plus, true) \
  WHOLE(prod, DTYPE, T, Times, false) \
  WHOLE(max, DTYPE, T, Larger, false) \
  WHOLE(min, DTYPE, T, Smaller, false)
FOR_FLOATS(NUMBER)
FOR_INTEGERS(NUMBER)
WHOLE(sum, bool, u8, Plus, false)
WHOLE(prod, bool, u8, Times, false)

// Short floats, first and last of several launches: what is between is f32, and lies without gaps.
#define SHORT(DTYPE, T) \
  REDUCE(sum, DTYPE, T, f32, float, Plus, false) \
  ALONG(sum, f32, float, DTYPE, T, Plus, false) \
  REDUCE(sum_squares, DTYPE, T, f32, float, Plus, true) \
  REDUCE(prod, DTYPE, T, f32, float, Times, false) \
  ALONG(prod, f32, float, DTYPE, T, Times, false) \
  REDUCE(max, DTYPE, T, f32, float, Larger, false) \
  ALONG(max, f32, float, DTYPE, T, Larger, false) \
  REDUCE(min, DTYPE, T, f32, float, Smaller, false) \
  ALONG(min, f32, float, DTYPE, T, Smaller, false)
SHORT(f16, f16)
SHORT(bf16, bf16)

// ---- where the largest or smallest stands ----

#define NOWHERE 0xffffffffu

// Is a at i before b at j? NaN before all numbers, the first of equals.
template <typename W> INLINE bool leads(W a, u32 i, W b, u32 j, bool largest) {
  if (i == NOWHERE || j == NOWHERE) return j == NOWHERE;
  bool a_nan = a != a, b_nan = b != b;
  if (a_nan || b_nan) return a_nan && (!b_nan || i < j);
  return a == b ? i < j : (a > b) == largest;
}

// A warp takes a chunk of a row's candidates: all its elements, or the places that the launch before has found.
template <typename T>
INLINE void extreme(u32* out, const u32* candidates, const T* x, const View& view, const Rows& s, bool largest) {
  typedef WIDE(T) W;
  u32 lane = threadIdx.x % LANES;
  u64 warps = (u64)gridDim.x * (blockDim.x / LANES), all = (u64)s.rows * s.chunks;
  for (u64 w = blockIdx.x * (u64)(blockDim.x / LANES) + threadIdx.x / LANES; w < all; w += warps) {
    u32 row = (u32)(w / s.chunks), from = (u32)(w - (u64)row * s.chunks) * CHUNK;
    u32 end = s.n - from < CHUNK ? s.n : from + CHUNK;
    const T* at = x + place(view, row);
    W best = W(0);
    u32 where = NOWHERE;
#pragma unroll 1
    for (u32 i = from + lane; i < end; i += LANES) {
      u32 index = candidates ? candidates[(u64)row * s.n + i] : i;
      W value = wide(at[(i64)index * s.step]);
      if (leads(value, index, best, where, largest)) {
        best = value;
        where = index;
      }
    }
    for (u32 o = LANES / 2; o > 0; o /= 2) {
      W value = from_lane(best, o);
      u32 index = from_lane(where, o);
      if (leads(value, index, best, where, largest)) {
        best = value;
        where = index;
      }
    }
    if (lane == 0) out[w] = where;
  }
}

// A thread takes a short row.
template <typename T> INLINE void extreme_alone(u32* out, const T* x, const View& view, const Rows& s, bool largest) {
  EACH(row, s.rows) {
    const T* at = x + place(view, (u32)row);
    WIDE(T) best = wide(at[0]);
    u32 where = 0;
    for (u32 i = 1; i < s.n; ++i) {
      WIDE(T) value = wide(at[(i64)i * s.step]);
      if (leads(value, i, best, where, largest)) {
        best = value;
        where = i;
      }
    }
    out[row] = where;
  }
}

#define EXTREME(DTYPE, T) \
  KERNEL extreme_alone_##DTYPE(u32* __restrict__ out, const T* __restrict__ x, PARAMETER View view, PARAMETER Rows s, u32 largest) { \
    extreme_alone<T>(out, x, view, s, largest != 0); \
  } \
  KERNEL extreme_##DTYPE(u32* __restrict__ out, const u32* __restrict__ candidates, const T* __restrict__ x, PARAMETER View view, PARAMETER Rows s, u32 largest) { \
    extreme<T>(out, candidates, x, view, s, largest != 0); \
  }
FOR_FLOATS(EXTREME)
FOR_INTEGERS(EXTREME)

// ---- running sums ----

template <typename W> INLINE W from_below(W x, u32 lanes) { return __shfl_up_sync(ALL_LANES, x, lanes); }
template <> __device__ __forceinline__ u8 from_below<u8>(u8 x, u32 lanes) { return (u8)__shfl_up_sync(ALL_LANES, (u32)x, lanes); }
template <typename W> INLINE W of_lane(W x, u32 lane) { return __shfl_sync(ALL_LANES, x, lane); }
template <> __device__ __forceinline__ u8 of_lane<u8>(u8 x, u32 lane) { return (u8)__shfl_sync(ALL_LANES, (u32)x, lane); }

// A warp takes a row, 32 elements at a time.
template <typename T> INLINE void running(T* out, const T* x, const View& view, const Rows& s) {
  typedef WIDE(T) W;
  u32 lane = threadIdx.x % LANES, warps = gridDim.x * (blockDim.x / LANES);
  for (u64 row = blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES; row < s.rows; row += warps) {
    const T* at = x + place(view, (u32)row);
    W before = W(0);
#pragma unroll 1
    for (u64 from = 0; from < s.n; from += LANES) {
      u64 i = from + lane;
      W sum = i < s.n ? wide(at[(i64)i * s.step]) : W(0);
      for (u32 o = 1; o < LANES; o *= 2) {
        W below = from_below(sum, o);
        if (lane >= o) sum = plus(below, sum);
      }
      sum = plus(before, sum);
      if (i < s.n) out[row * s.n + i] = narrow<T>(sum);
      before = of_lane(sum, LANES - 1);
    }
  }
}

#define RUNNING(DTYPE, T) \
  KERNEL cumulative_sum_##DTYPE(T* __restrict__ out, const T* __restrict__ x, PARAMETER View view, PARAMETER Rows s) { running<T>(out, x, view, s); }
FOR_ALL(RUNNING)
