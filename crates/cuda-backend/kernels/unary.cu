// Functions of one element. Each takes two constants, of which most operations use none.
#include "common.cuh"
#include "convert.cuh"

template <typename W> INLINE W sigmoid(W x) {
  // With the exponent below 0 it neither overflows nor loses the small end.
  W e = exp(-fabs(x));
  W small = e / (W(1) + e);
  return x >= W(0) ? W(1) / (W(1) + e) : x < W(0) ? small : x;
}

#define UNARY(NAME, DTYPE, T, VALUE) \
  KERNEL unary_##NAME##_##DTYPE(T* __restrict__ out, const T* __restrict__ in, PARAMETER View view, u32 n, double first, double second) { \
    typedef Wide<T>::type W; \
    const W p = constant<W>(first), q = constant<W>(second); \
    EACH(i, n) { \
      W x = wide(in[place(view, i)]); \
      out[i] = narrow<T>(VALUE); \
    } \
  }

#define FLOAT(DTYPE, T) \
  UNARY(affine, DTYPE, T, x * p + q) \
  UNARY(neg, DTYPE, T, -x) \
  UNARY(abs, DTYPE, T, fabs(x)) \
  UNARY(sign, DTYPE, T, x > W(0) ? W(1) : x < W(0) ? W(-1) : x * W(0)) \
  UNARY(exp, DTYPE, T, exp(x)) \
  UNARY(expm1, DTYPE, T, expm1(x)) \
  UNARY(log, DTYPE, T, log(x)) \
  UNARY(log1p, DTYPE, T, log1p(x)) \
  UNARY(sqrt, DTYPE, T, sqrt(x)) \
  UNARY(rsqrt, DTYPE, T, W(1) / sqrt(x)) \
  UNARY(recip, DTYPE, T, W(1) / x) \
  UNARY(square, DTYPE, T, x * x) \
  UNARY(powf, DTYPE, T, pow(x, p)) \
  UNARY(sin, DTYPE, T, sin(x)) \
  UNARY(cos, DTYPE, T, cos(x)) \
  UNARY(tanh, DTYPE, T, tanh(x)) \
  UNARY(sigmoid, DTYPE, T, sigmoid(x)) \
  UNARY(softplus, DTYPE, T, larger(x, W(0)) + log1p(exp(-fabs(x)))) \
  UNARY(relu, DTYPE, T, larger(x, W(0))) \
  UNARY(gelu, DTYPE, T, W(0.5) * x * (W(1) + erf(x * W(0.70710678118654752440)))) \
  UNARY(gelu_tanh, DTYPE, T, x * sigmoid(W(2 * 0.7978845608028654) * (x + W(0.044715) * x * x * x))) \
  UNARY(silu, DTYPE, T, x * sigmoid(x)) \
  UNARY(erf, DTYPE, T, erf(x)) \
  UNARY(clamp, DTYPE, T, smaller(larger(x, p), q)) \
  UNARY(floor, DTYPE, T, floor(x)) \
  UNARY(ceil, DTYPE, T, ceil(x)) \
  UNARY(round, DTYPE, T, rint(x))
FOR_FLOATS(FLOAT)

// Integers wrap; what has constants is computed in f64 and converted as by a cast.
INLINE i64 wrapped(u64 x) { return (i64)x; }
#define INTEGER(NAME, DTYPE, T, VALUE) \
  KERNEL unary_##NAME##_##DTYPE(T* __restrict__ out, const T* __restrict__ in, PARAMETER View view, u32 n, double p, double q) { \
    EACH(i, n) { \
      T x = in[place(view, i)]; \
      out[i] = VALUE; \
    } \
  }
template <typename T> INLINE T clamped(T x, double low, double high) {
  double wide = smaller(larger((double)x, low), high);
  return wide == (double)x ? x : convert<T>(wide);
}
#define BOTH(DTYPE, T) \
  INTEGER(affine, DTYPE, T, convert<T>((double)x * p + q)) \
  INTEGER(square, DTYPE, T, (T)((u64)x * (u64)x)) \
  INTEGER(clamp, DTYPE, T, clamped(x, p, q))
FOR_INTEGERS(BOTH)
INTEGER(sign, u32, u32, x != 0)
INTEGER(sign, i64, i64, (x > 0) - (x < 0))
INTEGER(abs, u32, u32, x)
INTEGER(abs, i64, i64, x < 0 ? wrapped(0 - (u64)x) : x)
INTEGER(neg, i64, i64, wrapped(0 - (u64)x))
INTEGER(not, bool, u8, 1 - x)
