// Softmax and cross-entropy of some rows, from the products of a linear layer's weight ([rows, v], without the bias): what is known of each
// row, its loss, the gradients of its logits, and their sums. The definition is crates/tensor/src/fused/cross_entropy.rs.
#include "common.cuh"
#include "block.cuh"

// Where a row's target stands in a slice that begins at word `offset`; `v` or more where it is outside.
INLINE u32 place_of(u32 target, u32 offset, u32 v) { return target >= offset ? target - offset : v; }

// The largest logit, Σ e^(z − max) and the target's logit (0 where it is outside) of each row: a block a row, the row read once. A row of weight
// 0 is not looked at: 0, 1 and 0. Where the slice is the whole vocabulary a target outside is the caller's mistake.
template <typename T>
INLINE void partials(WIDE(T)* __restrict__ max, WIDE(T)* __restrict__ sum, WIDE(T)* __restrict__ target, const WIDE(T)* __restrict__ products,
                     const T* __restrict__ bias, const u32* __restrict__ targets, const T* __restrict__ row_weights, u32 v, u32 offset,
                     u32 whole) {
  typedef WIDE(T) W;
  u32 row = blockIdx.x;
  if (wide(row_weights[row]) == 0) {
    if (threadIdx.x == 0) {
      max[row] = 0;
      sum[row] = 1;
      target[row] = 0;
    }
    return;
  }
  const W* z = products + (u64)row * v;
  MaxSum<W> all = MaxSum<W>::none();
  for (u32 j = threadIdx.x; j < v; j += blockDim.x) all.add(z[j] + wide(bias[j]));
  all = over_block(all);
  if (threadIdx.x == 0) {
    u32 at = place_of(targets[row], offset, v);
    if (whole && at >= v) __trap();
    max[row] = all.max;
    sum[row] = all.sum;
    target[row] = at < v ? z[at] + wide(bias[at]) : 0;
  }
}

// weight · (ln Σ e^z − z_target), exactly 0 where the weight is.
template <typename T>
INLINE void losses(T* __restrict__ out, const WIDE(T)* __restrict__ max, const WIDE(T)* __restrict__ sum, const WIDE(T)* __restrict__ target,
                   const T* __restrict__ row_weights, u32 n) {
  EACH(row, n) {
    WIDE(T) weight = wide(row_weights[row]);
    out[row] = narrow<T>(weight == 0 ? 0 : (log_of(sum[row]) - (target[row] - max[row])) * weight);
  }
}

// weight · (e^(z − max) / sum − [word is the target]) to `out`, which may be where the products are. Without `sum` it is 1: `max` then is the
// logarithm of the sum over all words. A block has words of one row.
template <typename T>
INLINE void gradients(T* out, const WIDE(T)* products, const T* __restrict__ bias, const u32* __restrict__ targets,
                      const T* __restrict__ row_weights, const WIDE(T)* __restrict__ max, const WIDE(T)* __restrict__ sum, u32 v, u32 offset) {
  typedef WIDE(T) W;
  u32 row = blockIdx.x, word = blockIdx.y * blockDim.x + threadIdx.x;
  if (word >= v) return;
  u64 at = (u64)row * v + word;
  W weight = wide(row_weights[row]), gradient = 0;
  if (weight != 0) {
    W p = exp_of(products[at] + wide(bias[word]) - max[row]);
    if (sum) p = p / sum[row];
    gradient = (place_of(targets[row], offset, v) == word ? p - 1 : p) * weight;
  }
  out[at] = narrow<T>(gradient);
}

// Words of a block: a warp reads neighbours. Each of its warps takes every eighth row.
#define WORDS 32

// Sums of the columns of [rows, v], put or added to `d_bias`. A block has WORDS words and all rows, so that their sum needs no second pass; its
// order depends on the number of rows alone.
template <typename T> INLINE void bias_sums(WIDE(T)* __restrict__ d_bias, const T* __restrict__ deltas, u32 rows, u32 v, u32 first) {
  typedef WIDE(T) W;
  __shared__ W of_warp[MOST_WARPS][WORDS];
  u32 word = blockIdx.x * WORDS + LANE;
  W total = 0;
  if (word < v) {
    for (u32 row = WARP; row < rows; row += MOST_WARPS) total = total + wide(deltas[(u64)row * v + word]);
  }
  of_warp[WARP][LANE] = total;
  __syncthreads();
  if (WARP == 0 && word < v) {
    for (u32 warp = 1; warp < MOST_WARPS; ++warp) total = total + of_warp[warp][LANE];
    d_bias[word] = first ? total : d_bias[word] + total;
  }
}

// Where each row goes when those that count (whose weight is not 0) come before the others, all else in order: `order` says which row comes
// there, `places` where each has gone. One block, whose threads each have as many rows.
template <typename T> INLINE void order_of_rows(u32* __restrict__ order, u32* __restrict__ places, const T* __restrict__ row_weights, u32 n) {
  __shared__ u32 counts[32 * MOST_WARPS];
  u32 share = (n + blockDim.x - 1) / blockDim.x, begin = threadIdx.x * share;
  u32 end = begin + share < n ? begin + share : n, mine = 0;
  for (u32 row = begin; row < end; ++row) mine += wide(row_weights[row]) != 0;
  counts[threadIdx.x] = mine;
  __syncthreads();
  u32 before = 0, all = 0;
  for (u32 thread = 0; thread < blockDim.x; ++thread) {
    if (thread < threadIdx.x) before += counts[thread];
    all += counts[thread];
  }
  for (u32 row = begin; row < end; ++row) {
    bool counts_too = wide(row_weights[row]) != 0;
    u32 place = counts_too ? before : all + row - before;
    before += counts_too;
    order[place] = row;
    places[row] = place;
  }
}

#define CROSS_ENTROPY(NAME, T)                                                                                                         \
  KERNEL cross_entropy_partials_##NAME(Wide<T>::type* max, Wide<T>::type* sum, Wide<T>::type* target, const Wide<T>::type* products,   \
                                       const T* bias, const u32* targets, const T* row_weights, u32 v, u32 offset, u32 whole) {        \
    partials<T>(max, sum, target, products, bias, targets, row_weights, v, offset, whole);                                             \
  }                                                                                                                                    \
  KERNEL cross_entropy_losses_##NAME(T* out, const Wide<T>::type* max, const Wide<T>::type* sum, const Wide<T>::type* target,          \
                                     const T* row_weights, u32 n) {                                                                    \
    losses<T>(out, max, sum, target, row_weights, n);                                                                                  \
  }                                                                                                                                    \
  KERNEL cross_entropy_gradients_##NAME(T* out, const Wide<T>::type* products, const T* bias, const u32* targets, const T* row_weights, \
                                        const Wide<T>::type* max, const Wide<T>::type* sum, u32 v, u32 offset) {                       \
    gradients<T>(out, products, bias, targets, row_weights, max, sum, v, offset);                                                      \
  }                                                                                                                                    \
  KERNEL cross_entropy_bias_##NAME(Wide<T>::type* d_bias, const T* deltas, u32 rows, u32 v, u32 first) {                               \
    bias_sums<T>(d_bias, deltas, rows, v, first);                                                                                      \
  }                                                                                                                                    \
  KERNEL cross_entropy_order_##NAME(u32* order, u32* places, const T* row_weights, u32 n) {                                            \
    order_of_rows<T>(order, places, row_weights, n);                                                                                   \
  }
FOR_FLOATS(CROSS_ENTROPY)
