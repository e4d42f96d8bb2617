// A stable sort of u32 keys, each with a u32 that goes along: from the lowest eight bits to the highest. In each pass every tile counts its
// digits, the counts of all tiles become the places where each tile's share of a digit begins, and the tiles move their keys there.
// (Satish, Harris, Garland, "Designing efficient sorting algorithms for manycore GPUs", IPDPS 2009.)
#include "common.cuh"
#include "block.cuh"

#define THREADS 256
#define DIGITS 256
// Keys of a tile: src/verbs/sort.rs has the same.
#define TILE 2048

// counts[digit · tiles + tile]
KERNEL sort_count(u32* __restrict__ counts, const u32* __restrict__ keys, u32 n, u32 shift) {
  __shared__ u32 of_digit[DIGITS];
  of_digit[threadIdx.x] = 0;
  __syncthreads();
  u64 first = (u64)blockIdx.x * TILE, end = first + TILE < n ? first + TILE : n;
  // Sums of whole numbers are the same in any order.
  for (u64 i = first + threadIdx.x; i < end; i += THREADS) atomicAdd(&of_digit[keys[i] >> shift & (DIGITS - 1)], 1);
  __syncthreads();
  counts[(u64)threadIdx.x * gridDim.x + blockIdx.x] = of_digit[threadIdx.x];
}

// Each number becomes the sum of those before it; the sum of all goes to numbers[n]. One block.
KERNEL sort_scan(u32* numbers, u32 n) {
  // Two in turns, so that one barrier a round is enough.
  __shared__ u32 both[2][MOST_WARPS];
  u32 before = 0, *of_warp = both[0], *next = both[1];
#pragma unroll 1
  for (u64 first = 0; first < n; first += THREADS) {
    u64 i = first + threadIdx.x;
    u32 mine = i < n ? numbers[i] : 0, sum = mine;
    for (int distance = 1; distance < 32; distance <<= 1) {
      u32 other = __shfl_up_sync(ALL_LANES, sum, distance);
      if (LANE >= distance) sum += other;
    }
    if (LANE == 31) of_warp[WARP] = sum;
    __syncthreads();
    u32 all = 0;
    for (u32 warp = 0; warp < MOST_WARPS; ++warp) {
      if (warp == WARP) sum += before + all;
      all += of_warp[warp];
    }
    if (i < n) numbers[i] = sum - mine;
    before += all;
    u32* free = of_warp;
    of_warp = next;
    next = free;
  }
  if (threadIdx.x == 0) numbers[n] = before;
}

// `starts` are the scanned counts. Without `order` key i goes with i.
KERNEL sort_move(u32* __restrict__ to_keys, u32* __restrict__ to_order, const u32* __restrict__ keys, const u32* __restrict__ order,
                 const u32* __restrict__ starts, u32 n, u32 shift) {
  // Where the next key with a digit goes; of a round, where those of a warp go.
  __shared__ u32 next[DIGITS], of_warp[MOST_WARPS][DIGITS];
  u32 me = threadIdx.x;
  next[me] = starts[(u64)me * gridDim.x + blockIdx.x];
  u64 tile = (u64)blockIdx.x * TILE;
  for (u64 first = tile; first < tile + TILE && first < n; first += THREADS) {
    for (u32 warp = 0; warp < MOST_WARPS; ++warp) of_warp[warp][me] = 0;
    __syncthreads();
    u64 i = first + me;
    bool there = i < n;
    u32 key = there ? keys[i] : 0, digit = there ? key >> shift & (DIGITS - 1) : DIGITS;
    u32 same = __match_any_sync(ALL_LANES, digit), rank = __popc(same & ((1u << LANE) - 1));
    if (there && rank == 0) of_warp[WARP][digit] = __popc(same);
    __syncthreads();
    // Thread d has digit d: its keys follow each other warp by warp, so equal keys keep their order.
    u32 place = next[me];
    for (u32 warp = 0; warp < MOST_WARPS; ++warp) {
      u32 count = of_warp[warp][me];
      of_warp[warp][me] = place;
      place += count;
    }
    next[me] = place;
    __syncthreads();
    if (there) {
      u32 to = of_warp[WARP][digit] + rank;
      to_keys[to] = key;
      to_order[to] = order ? order[i] : (u32)i;
    }
    __syncthreads();
  }
}
