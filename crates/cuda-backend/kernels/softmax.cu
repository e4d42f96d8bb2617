// Softmax along the last axis of rows without gaps, or its logarithm. A row is a warp's where it is short and a block's where it is long:
// which, and so the order of its sum, depends on its length alone.
#include "common.cuh"
#include "block.cuh"

template <typename T> INLINE void write_row(T* out, const T* x, u32 n, u32 first, u32 step, MaxSum<WIDE(T)> all, bool logarithm) {
  if (logarithm) {
    // x − max first: in the sum of a large max and the logarithm the small one would be lost.
    WIDE(T) log_total = log_of(all.sum);
    for (u32 j = first; j < n; j += step) out[j] = narrow<T>(wide(x[j]) - all.max - log_total);
  } else {
    WIDE(T) scale = 1 / all.sum;
    for (u32 j = first; j < n; j += step) out[j] = narrow<T>(exp_of(wide(x[j]) - all.max) * scale);
  }
}

template <typename T> INLINE MaxSum<WIDE(T)> read_row(const T* x, u32 n, u32 first, u32 step) {
  MaxSum<WIDE(T)> mine = MaxSum<WIDE(T)>::none();
  for (u32 j = first; j < n; j += step) mine.add(wide(x[j]));
  return mine;
}

template <typename T> INLINE void softmax_warp(T* __restrict__ out, const T* __restrict__ x, u32 rows, u32 n, u32 logarithm) {
  u32 row = blockIdx.x * (blockDim.x >> 5) + WARP;
  if (row >= rows) return;
  u64 start = (u64)row * n;
  MaxSum<WIDE(T)> all = over_warp(read_row(x + start, n, LANE, 32));
  write_row(out + start, x + start, n, LANE, 32, all, logarithm);
}

template <typename T> INLINE void softmax_block(T* __restrict__ out, const T* __restrict__ x, u32 n, u32 logarithm) {
  u64 start = (u64)blockIdx.x * n;
  MaxSum<WIDE(T)> all = over_block(read_row(x + start, n, threadIdx.x, blockDim.x));
  write_row(out + start, x + start, n, threadIdx.x, blockDim.x, all, logarithm);
}

#define SOFTMAX(NAME, T)                                                                                                               \
  KERNEL softmax_warp_##NAME(T* out, const T* x, u32 rows, u32 n, u32 logarithm) { softmax_warp<T>(out, x, rows, n, logarithm); }      \
  KERNEL softmax_block_##NAME(T* out, const T* x, u32 n, u32 logarithm) { softmax_block<T>(out, x, n, logarithm); }
FOR_FLOATS(SOFTMAX)
