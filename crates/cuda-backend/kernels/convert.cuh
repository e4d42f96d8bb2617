// Conversion between any two element types, as a cast does it: floats round to nearest even and once, integers saturate, NaN is 0 as an integer,
// whatever is not 0 is true.
#pragma once
#include "common.cuh"

#define I64_MAX 0x7fffffffffffffffll
#define I64_MIN (-I64_MAX - 1)

template <typename T> struct Of;
template <> struct Of<float> {
  INLINE_MEMBER float f32(float x) { return x; }
  INLINE_MEMBER float f64(double x) { return (float)x; }
  INLINE_MEMBER float i64_(i64 x) { return (float)x; }
};
template <> struct Of<double> {
  INLINE_MEMBER double f32(float x) { return x; }
  INLINE_MEMBER double f64(double x) { return x; }
  INLINE_MEMBER double i64_(i64 x) { return (double)x; }
};
template <> struct Of<f16> {
  INLINE_MEMBER f16 f32(float x) { return f16_of(x); }
  INLINE_MEMBER f16 f64(double x) { return f16_of(odd_f32(x)); }
  INLINE_MEMBER f16 i64_(i64 x) { return f64(odd_f64(x)); }
};
template <> struct Of<bf16> {
  INLINE_MEMBER bf16 f32(float x) { return bf16_of(x); }
  INLINE_MEMBER bf16 f64(double x) { return bf16_of(odd_f32(x)); }
  INLINE_MEMBER bf16 i64_(i64 x) { return f64(odd_f64(x)); }
};
template <> struct Of<u32> {
  INLINE_MEMBER u32 f32(float x) { return f64(x); }
  INLINE_MEMBER u32 f64(double x) { return x >= 4294967295.0 ? 0xffffffffu : x > 0.0 ? (u32)x : 0u; }
  INLINE_MEMBER u32 i64_(i64 x) { return x < 0 ? 0u : x > 0xffffffffll ? 0xffffffffu : (u32)x; }
};
template <> struct Of<i64> {
  INLINE_MEMBER i64 f32(float x) { return f64(x); }
  INLINE_MEMBER i64 f64(double x) {
    if (x != x) return 0;
    return x >= 9223372036854775808.0 ? I64_MAX : x <= -9223372036854775808.0 ? I64_MIN : (i64)x;
  }
  INLINE_MEMBER i64 i64_(i64 x) { return x; }
};
template <> struct Of<u8> {
  INLINE_MEMBER u8 f32(float x) { return x != 0.f; }
  INLINE_MEMBER u8 f64(double x) { return x != 0.0; }
  INLINE_MEMBER u8 i64_(i64 x) { return x != 0; }
};

template <typename T> INLINE T convert(float x) { return Of<T>::f32(x); }
template <typename T> INLINE T convert(double x) { return Of<T>::f64(x); }
template <typename T> INLINE T convert(f16 x) { return Of<T>::f32(f32_of(x)); }
template <typename T> INLINE T convert(bf16 x) { return Of<T>::f32(f32_of(x)); }
template <typename T> INLINE T convert(u32 x) { return Of<T>::i64_((i64)x); }
template <typename T> INLINE T convert(i64 x) { return Of<T>::i64_(x); }
template <typename T> INLINE T convert(u8 x) { return Of<T>::i64_(x != 0); }
