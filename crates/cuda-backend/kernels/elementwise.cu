// One output element from one element of each operand.
#include "common.cuh"

// ---- filling ----

// `value` has the element's bits.
#define FILL(BITS, T) \
  KERNEL fill_##BITS(T* out, T value, u64 n) { EACH(i, n) out[i] = value; }
FILL(8, u8) FILL(16, u16) FILL(32, u32) FILL(64, u64)

// ---- copies and casts ----

// The same elements without gaps.
#define COPY(BITS, T) \
  KERNEL copy_##BITS(T* __restrict__ out, const T* __restrict__ x, View view, u32 n) { EACH(i, n) out[i] = x[place(view, i)]; }
COPY(8, u8) COPY(16, u16) COPY(32, u32) COPY(64, u64)
