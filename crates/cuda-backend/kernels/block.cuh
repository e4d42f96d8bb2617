// What the threads of a warp or a block find out together. Blocks have a multiple of 32 threads, at most 256, and all of them take part.
#pragma once
#include "common.cuh"

#define ALL_LANES 0xffffffffu
#define LANE (threadIdx.x & 31)
#define WARP (threadIdx.x >> 5)
#define MOST_WARPS 8

template <typename W> INLINE W lowest_of();
template <> __device__ __forceinline__ float lowest_of<float>() { return -INFINITY_F32; }
template <> __device__ __forceinline__ double lowest_of<double>() { return -INFINITY_F64; }

INLINE float exp_of(float x) { return expf(x); }
INLINE double exp_of(double x) { return exp(x); }
INLINE float log_of(float x) { return logf(x); }
INLINE double log_of(double x) { return log(x); }

// Joins the values of a block's threads, each of which gets the answer. `T` has `join`, which does not care for the order of its operands. Of
// several calls for one `T` each has the next `turn`: they take two places of shared memory in turns, so that one barrier is enough.
template <typename T> INLINE T over_warp(T mine) {
  for (int distance = 16; distance > 0; distance >>= 1) mine = mine.join(mine.from(LANE ^ distance));
  return mine;
}
template <typename T> INLINE T over_block(T mine, u32 turn = 0) {
  __shared__ T both[2][MOST_WARPS];
  T* parts = both[turn & 1];
  mine = over_warp(mine);
  if (LANE == 0) parts[WARP] = mine;
  __syncthreads();
  T all = parts[0];
  for (u32 warp = 1; warp < blockDim.x >> 5; ++warp) all = all.join(parts[warp]);
  return all;
}

// The largest of some numbers and the sum of e^(x − max), in one pass: when a larger one comes, the sum so far shrinks.
template <typename W> struct MaxSum {
  W max, sum;
  // Of nothing.
  __device__ __forceinline__ static MaxSum none() { return {lowest_of<W>(), 0}; }
  __device__ __forceinline__ void add(W x) {
    if (x > max) {
      // e^(x − x): 1, and NaN of infinity, as the definition has it.
      sum = sum * exp_of(max - x) + (1 + (x - x));
      max = x;
    } else if (x != lowest_of<W>()) {
      sum += exp_of(x - max);
    }
  }
  __device__ __forceinline__ MaxSum join(MaxSum other) const {
    W both = max > other.max ? max : other.max;
    // Of nothing but −∞ the differences would be NaN.
    if (both == lowest_of<W>()) return {both, sum + other.sum};
    return {both, sum * exp_of(max - both) + other.sum * exp_of(other.max - both)};
  }
  __device__ __forceinline__ MaxSum from(u32 lane) const { return {__shfl_sync(ALL_LANES, max, lane), __shfl_sync(ALL_LANES, sum, lane)}; }
};
