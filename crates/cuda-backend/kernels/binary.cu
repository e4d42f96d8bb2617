// Functions of two elements, comparisons, selection.
#include "common.cuh"

#define BINARY(NAME, DTYPE, T, VALUE) \
  KERNEL binary_##NAME##_##DTYPE(T* __restrict__ out, const T* __restrict__ x, const T* __restrict__ y, PARAMETER Views<2> views, u32 n) { \
    EACH(i, n) { \
      Places<2> at = places(views, i); \
      Wide<T>::type a = wide(x[at.at[0]]), b = wide(y[at.at[1]]); \
      out[i] = narrow<T>(VALUE); \
    } \
  }

#define FLOAT(DTYPE, T) \
  BINARY(add, DTYPE, T, a + b) \
  BINARY(sub, DTYPE, T, a - b) \
  BINARY(mul, DTYPE, T, a * b) \
  BINARY(div, DTYPE, T, a / b) \
  BINARY(pow, DTYPE, T, pow(a, b)) \
  BINARY(maximum, DTYPE, T, larger(a, b)) \
  BINARY(minimum, DTYPE, T, smaller(a, b))
FOR_FLOATS(FLOAT)

// Integers wrap; by 0 a quotient is 0.
INLINE u32 quotient(u32 a, u32 b) { return b == 0 ? 0 : a / b; }
INLINE i64 quotient(i64 a, i64 b) { return b == 0 ? 0 : b == -1 ? (i64)(0 - (u64)a) : a / b; }
#define INTEGER(DTYPE, T) \
  BINARY(add, DTYPE, T, (T)((u64)a + (u64)b)) \
  BINARY(sub, DTYPE, T, (T)((u64)a - (u64)b)) \
  BINARY(mul, DTYPE, T, (T)((u64)a * (u64)b)) \
  BINARY(div, DTYPE, T, quotient(a, b)) \
  BINARY(maximum, DTYPE, T, larger(a, b)) \
  BINARY(minimum, DTYPE, T, smaller(a, b))
FOR_INTEGERS(INTEGER)

BINARY(logical_and, bool, u8, a & b)
BINARY(logical_or, bool, u8, a | b)
BINARY(logical_xor, bool, u8, a ^ b)

#define COMPARE(NAME, DTYPE, T, VALUE) \
  KERNEL compare_##NAME##_##DTYPE(u8* __restrict__ out, const T* __restrict__ x, const T* __restrict__ y, PARAMETER Views<2> views, u32 n) { \
    EACH(i, n) { \
      Places<2> at = places(views, i); \
      Wide<T>::type a = wide(x[at.at[0]]), b = wide(y[at.at[1]]); \
      out[i] = VALUE; \
    } \
  }
#define COMPARISONS(DTYPE, T) \
  COMPARE(eq, DTYPE, T, a == b) \
  COMPARE(ne, DTYPE, T, a != b) \
  COMPARE(lt, DTYPE, T, a < b) \
  COMPARE(le, DTYPE, T, a <= b) \
  COMPARE(gt, DTYPE, T, a > b) \
  COMPARE(ge, DTYPE, T, a >= b)
FOR_ALL(COMPARISONS)

#define SELECT(BITS, T) \
  KERNEL select_##BITS(T* __restrict__ out, const u8* __restrict__ condition, const T* __restrict__ x, const T* __restrict__ y, \
                       PARAMETER Views<3> views, u32 n) { \
    EACH(i, n) { \
      Places<3> at = places(views, i); \
      out[i] = condition[at.at[0]] ? x[at.at[1]] : y[at.at[2]]; \
    } \
  }
SELECT(8, u8) SELECT(16, u16) SELECT(32, u32) SELECT(64, u64)
