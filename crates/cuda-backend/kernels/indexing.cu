// Gathering, scattering, and sums of equal rows. An index outside is the caller's mistake: the launch fails.
//
// No sum may depend on which thread comes first, so there are no atomics: the places are sorted (sort.cu), those of one result lie together
// in the order of their sources, and one thread adds them up.
#include "common.cuh"

INLINE u32 inside(u32 index, u32 length) {
  if (index >= length) __trap();
  return index;
}

// out[i] = x[base + index · step]; `views` are those of the index and of x without it.
#define GATHER(BITS, T)                                                                                                                \
  KERNEL gather_##BITS(T* __restrict__ out, const T* __restrict__ x, const u32* __restrict__ index, PARAMETER Views<2> views, i64 step,          \
                       u32 length, u32 n) {                                                                                            \
    EACH(i, n) {                                                                                                                       \
      Places<2> at = places<2>(views, i);                                                                                              \
      out[i] = x[at.at[1] + (i64)inside(index[at.at[0]], length) * step];                                                              \
    }                                                                                                                                  \
  }
GATHER(8, u8) GATHER(16, u16) GATHER(32, u32) GATHER(64, u64)

// Where element i of a source goes.
KERNEL scatter_keys(u32* __restrict__ keys, const u32* __restrict__ index, PARAMETER Views<2> views, i64 step, u32 length, u32 n) {
  EACH(i, n) {
    Places<2> at = places<2>(views, i);
    keys[i] = (u32)(at.at[1] + (i64)inside(index[at.at[0]], length) * step);
  }
}

// A thread for each sorted key and each lane (a place beside the axis); that of the first of equal keys adds all of them to `out`.
template <typename T>
INLINE void scatter_add(T* __restrict__ out, const T* __restrict__ source, const u32* __restrict__ keys, const u32* __restrict__ order,
                        const Views<2>& views, i64 out_step, i64 source_step, u32 count, u32 lanes, u32 n) {
  EACH(i, n) {
    u32 first = (u32)i / lanes, lane = (u32)i - first * lanes, key = keys[first];
    if (first > 0 && keys[first - 1] == key) continue;
    Places<2> at = places<2>(views, lane);
    T* to = out + at.at[0] + (i64)key * out_step;
    WIDE(T) sum = wide(*to);
    for (u32 k = first; k < count && keys[k] == key; ++k) sum = sum + wide(source[at.at[1] + (i64)order[k] * source_step]);
    *to = narrow<T>(sum);
  }
}
#define SCATTER_ADD(NAME, T)                                                                                                           \
  KERNEL scatter_add_##NAME(T* out, const T* source, const u32* keys, const u32* order, PARAMETER Views<2> views, i64 out_step, i64 source_step, \
                            u32 count, u32 lanes, u32 n) {                                                                             \
    scatter_add<T>(out, source, keys, order, views, out_step, source_step, count, lanes, n);                                           \
  }
FOR_FLOATS(SCATTER_ADD) FOR_INTEGERS(SCATTER_ADD)

// 1 for the first of equal sorted keys, else 0: what sort_scan makes their group's number.
KERNEL coalesce_heads(u32* __restrict__ heads, const u32* __restrict__ keys, u32 n) {
  EACH(i, n) heads[i] = i == 0 || keys[i] != keys[i - 1];
}
// The key of each group, and where it begins; `groups` are the scanned heads, and starts[number of groups] is n.
KERNEL coalesce_groups(u32* __restrict__ distinct, u32* __restrict__ starts, const u32* __restrict__ keys, const u32* __restrict__ groups,
                       u32 n) {
  EACH(i, n) {
    if (i == 0) starts[groups[n]] = n;
    if (i == 0 || keys[i] != keys[i - 1]) {
      distinct[groups[i]] = keys[i];
      starts[groups[i]] = (u32)i;
    }
  }
}
template <typename T>
INLINE void coalesce_sums(T* __restrict__ out, const T* __restrict__ values, const u32* __restrict__ order, const u32* __restrict__ starts,
                          u32 width, u32 n) {
  EACH(i, n) {
    u32 group = (u32)i / width, column = (u32)i - group * width;
    WIDE(T) sum = 0;
    for (u32 k = starts[group]; k < starts[group + 1]; ++k) sum = sum + wide(values[(u64)order[k] * width + column]);
    out[i] = narrow<T>(sum);
  }
}
#define COALESCE(NAME, T)                                                                                                              \
  KERNEL coalesce_sums_##NAME(T* out, const T* values, const u32* order, const u32* starts, u32 width, u32 n) {                        \
    coalesce_sums<T>(out, values, order, starts, width, n);                                                                            \
  }
FOR_FLOATS(COALESCE)
