// The k largest of each row in descending order, and where they stood. NaN counts as larger than any number, −0 as 0; of equals the first
// comes first. Three ways, by the lengths alone: short rows count for each element how many come before it; a few of a long row are picked
// one after another; many are found by sorting (sort.cu).
#include "common.cuh"
#include "block.cuh"

// ---- the order ----

// Whole numbers in the order of the elements.
INLINE u32 key_of(float x) {
  u32 bits = x == 0 ? 0 : __float_as_uint(x);
  return x != x ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
}
INLINE u64 key_of(double x) {
  u64 bits = x == 0 ? 0 : (u64)__double_as_longlong(x);
  return x != x ? ~0ull : bits >> 63 ? ~bits : bits | 1ull << 63;
}
INLINE u32 key_of(u32 x) { return x; }
INLINE u64 key_of(i64 x) { return (u64)x ^ 1ull << 63; }
template <typename T> struct Key { typedef u32 type; };
template <> struct Key<double> { typedef u64 type; };
template <> struct Key<i64> { typedef u64 type; };
#define KEY(T) typename Key<T>::type

template <typename K> INLINE bool before(K a, u32 at_a, K b, u32 at_b) { return a > b || (a == b && at_a < at_b); }

// The first of some elements.
template <typename K> struct Best {
  K key;
  u32 place;
  // Of nothing: every element comes before it.
  __device__ __forceinline__ static Best none() { return {0, 0xffffffffu}; }
  __device__ __forceinline__ Best join(Best other) const { return before(other.key, other.place, key, place) ? other : *this; }
  __device__ __forceinline__ Best from(u32 lane) const { return {__shfl_sync(ALL_LANES, key, lane), __shfl_sync(ALL_LANES, place, lane)}; }
};

// ---- short rows: an element's place in the order is how many come before it ----

template <typename T> INLINE void rank(T* __restrict__ values, u32* __restrict__ places, const T* __restrict__ x, u32 n, u32 k, u32 elements) {
  EACH(i, elements) {
    u32 row = (u32)i / n, at = (u32)i - row * n, ahead = 0;
    const T* of_row = x + (u64)row * n;
    KEY(T) mine = key_of(wide(of_row[at]));
    for (u32 j = 0; j < n; ++j) ahead += before(key_of(wide(of_row[j])), j, mine, at);
    if (ahead < k) {
      values[(u64)row * k + ahead] = of_row[at];
      places[(u64)row * k + ahead] = at;
    }
  }
}

// ---- a few of a long row: a block a row ----

// The best of the elements that thread `owner` looks after which come after `last`, found by its whole warp.
template <typename K, typename Row> INLINE Best<K> next_of(const Row& row, u32 n, u32 owner, Best<K> last) {
  Best<K> next = Best<K>::none();
  for (u64 j = owner + (u64)LANE * blockDim.x; j < n; j += (u64)32 * blockDim.x) {
    Best<K> other = {key_of(row.at((u32)j)), (u32)j};
    if (before(last.key, last.place, other.key, other.place)) next = next.join(other);
  }
  return over_warp(next);
}

// Calls `found` with the rank and place of the first k of a row (at least one), in one thread. A thread looks after every blockDim.x-th element: `mine` is the
// best of them. When one has been taken, only its owner needs another.
template <typename K, typename Row, typename Found> INLINE void pick(const Row& row, u32 n, u32 k, Best<K> mine, Found found) {
  for (u32 rank = 0;; ++rank) {
    Best<K> top = over_block(mine, rank);
    u32 owner = top.place % blockDim.x;
    if (threadIdx.x == 0) found(rank, top.place);
    if (rank + 1 == k) return;
    if (owner >> 5 == WARP) {
      Best<K> next = next_of(row, n, owner, top);
      if (threadIdx.x == owner) mine = next;
    }
  }
}

template <typename T> struct Elements {
  const T* x;
  __device__ __forceinline__ WIDE(T) at(u32 j) const { return wide(x[j]); }
};

template <typename T> INLINE void select(T* __restrict__ values, u32* __restrict__ places, const T* __restrict__ x, u32 n, u32 k) {
  Elements<T> row = {x + (u64)blockIdx.x * n};
  Best<KEY(T)> mine = Best<KEY(T)>::none();
  for (u32 j = threadIdx.x; j < n; j += blockDim.x) mine = mine.join({key_of(row.at(j)), j});
  u64 out = (u64)blockIdx.x * k;
  pick(row, n, k, mine, [&](u32 rank, u32 place) {
    values[out + rank] = row.x[place];
    places[out + rank] = place;
  });
}

// ---- many: sorted by 32 bits of the key after another, then by row ----

// Descending: 32 bits of each key, upside down. Longer keys come in two parts, and for the second `order` says which element stands where by then.
template <typename T> INLINE void keys(u32* __restrict__ out, const T* __restrict__ x, const u32* __restrict__ order, u32 shift, u32 n) {
  const bool in_two = sizeof(KEY(T)) > sizeof(u32);
  EACH(i, n) out[i] = ~(u32)(key_of(wide(x[in_two && order ? order[i] : (u32)i])) >> (in_two ? shift : 0));
}
KERNEL top_k_rows(u32* __restrict__ out, const u32* __restrict__ order, u32 row, u32 n) { EACH(i, n) out[i] = order[i] / row; }
template <typename T>
INLINE void take(T* __restrict__ values, u32* __restrict__ places, const T* __restrict__ x, const u32* __restrict__ order, u32 n, u32 k,
                 u32 elements) {
  EACH(i, elements) {
    u32 row = (u32)i / k, rank = (u32)i - row * k, at = order[(u64)row * n + rank];
    values[i] = x[at];
    places[i] = at - row * n;
  }
}

#define TOP_K(NAME, T)                                                                                                                 \
  KERNEL top_k_rank_##NAME(T* values, u32* places, const T* x, u32 n, u32 k, u32 elements) { rank<T>(values, places, x, n, k, elements); } \
  KERNEL top_k_pick_##NAME(T* values, u32* places, const T* x, u32 n, u32 k) { select<T>(values, places, x, n, k); }                   \
  KERNEL top_k_keys_##NAME(u32* out, const T* x, const u32* order, u32 shift, u32 n) { keys<T>(out, x, order, shift, n); }             \
  KERNEL top_k_take_##NAME(T* values, u32* places, const T* x, const u32* order, u32 n, u32 k, u32 elements) {                         \
    take<T>(values, places, x, order, n, k, elements);                                                                                 \
  }
FOR_FLOATS(TOP_K) FOR_INTEGERS(TOP_K)

// ---- linear layer, log-softmax and the k best: from the products of its weight to log-probabilities ----

template <typename T> struct Logits {
  const WIDE(T)* products;
  const T* bias;
  __device__ __forceinline__ WIDE(T) at(u32 j) const { return products[j] + wide(bias[j]); }
};

// With `maxima` and `sums`, the slice's maximum and Σ e^(z − max) go there, and what is written are logits; else log-probabilities.
template <typename T>
INLINE void linear_top_k(T* __restrict__ values, u32* __restrict__ words, T* __restrict__ watched, T* __restrict__ maxima, T* __restrict__ sums,
                         const WIDE(T)* __restrict__ products, const T* __restrict__ bias, u32 v, u32 k, u32 watch) {
  Logits<T> row = {products + (u64)blockIdx.x * v, bias};
  MaxSum<WIDE(T)> all = MaxSum<WIDE(T)>::none();
  Best<KEY(T)> mine = Best<KEY(T)>::none();
  for (u32 j = threadIdx.x; j < v; j += blockDim.x) {
    WIDE(T) z = row.at(j);
    all.add(z);
    mine = mine.join({key_of(z), j});
  }
  all = over_block(all);
  WIDE(T) log_total = log_of(all.sum);
  // z − max first: in the sum of a large max and the logarithm the small one would be lost.
  auto value = [&](u32 word) { return narrow<T>(maxima ? row.at(word) : row.at(word) - all.max - log_total); };
  if (threadIdx.x == 0) {
    watched[blockIdx.x] = value(watch);
    if (maxima) {
      maxima[blockIdx.x] = narrow<T>(all.max);
      sums[blockIdx.x] = narrow<T>(all.sum);
    }
  }
  u64 out = (u64)blockIdx.x * k;
  pick(row, v, k, mine, [&](u32 rank, u32 word) {
    values[out + rank] = value(word);
    words[out + rank] = word;
  });
}
#define LINEAR_TOP_K(NAME, T)                                                                                                          \
  KERNEL linear_top_k_##NAME(T* values, u32* words, T* watched, T* maxima, T* sums, const Wide<T>::type* products, const T* bias,      \
                             u32 v, u32 k, u32 watch) {                                                                                \
    linear_top_k<T>(values, words, watched, maxima, sums, products, bias, v, k, watch);                                                \
  }
FOR_FLOATS(LINEAR_TOP_K)
