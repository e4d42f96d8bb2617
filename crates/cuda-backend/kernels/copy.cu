// Filling, copies of strided views, casts.
#include "common.cuh"
#include "convert.cuh"

// `value` has the element's bits.
#define FILL(BITS, T) \
  KERNEL fill_##BITS(T* out, T value, u64 n) { EACH(i, n) out[i] = value; }
FILL(8, u8) FILL(16, u16) FILL(32, u32) FILL(64, u64)

// The same elements without gaps.
#define COPY(BITS, T) \
  KERNEL copy_##BITS(T* __restrict__ out, const T* __restrict__ x, PARAMETER View view, u32 n) { EACH(i, n) out[i] = x[place(view, i)]; }
COPY(8, u8) COPY(16, u16) COPY(32, u32) COPY(64, u64)

// The same elements at the places of another view: a part of a concatenation.
#define PLACE(BITS, T) \
  KERNEL place_##BITS(T* __restrict__ out, const T* __restrict__ x, PARAMETER Views<2> views, u32 n) { \
    EACH(i, n) { \
      Places<2> p = places(views, i); \
      out[p.at[0]] = x[p.at[1]]; \
    } \
  }
PLACE(8, u8) PLACE(16, u16) PLACE(32, u32) PLACE(64, u64)

#define CAST(FROM, F, TO, T) \
  KERNEL cast_##FROM##_##TO(T* __restrict__ out, const F* __restrict__ x, PARAMETER View view, u32 n) { \
    EACH(i, n) out[i] = convert<T>(x[place(view, i)]); \
  }
// Of an element's own type a cast is a copy.
#define BOTH_WAYS(A, a, B, b) CAST(A, a, B, b) CAST(B, b, A, a)
BOTH_WAYS(f32, float, f64, double)
BOTH_WAYS(f32, float, f16, f16)
BOTH_WAYS(f32, float, bf16, bf16)
BOTH_WAYS(f32, float, u32, u32)
BOTH_WAYS(f32, float, i64, i64)
BOTH_WAYS(f32, float, bool, u8)
BOTH_WAYS(f64, double, f16, f16)
BOTH_WAYS(f64, double, bf16, bf16)
BOTH_WAYS(f64, double, u32, u32)
BOTH_WAYS(f64, double, i64, i64)
BOTH_WAYS(f64, double, bool, u8)
BOTH_WAYS(f16, f16, bf16, bf16)
BOTH_WAYS(f16, f16, u32, u32)
BOTH_WAYS(f16, f16, i64, i64)
BOTH_WAYS(f16, f16, bool, u8)
BOTH_WAYS(bf16, bf16, u32, u32)
BOTH_WAYS(bf16, bf16, i64, i64)
BOTH_WAYS(bf16, bf16, bool, u8)
BOTH_WAYS(u32, u32, i64, i64)
BOTH_WAYS(u32, u32, bool, u8)
BOTH_WAYS(i64, i64, bool, u8)
