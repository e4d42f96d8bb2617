// What every kernel file begins with: element types, how they are read and written, strided views, loops.
//
// Conventions. A file is named as the CPU's (`elementwise.cu`, `reduce.cu`). A kernel is `extern "C"` and named GROUP_OPERATION_DTYPE
// (`unary_exp_f32`). No headers: whatever NVRTC has built in is enough. Everything is `__forceinline__`. Results may not depend on
// the order of blocks, so there are no floating-point atomics. Multiply–adds are fused only where `fmaf` or `fma` says so.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define INLINE static __device__ __forceinline__
#define INLINE_MEMBER static __device__ __forceinline__
// Before a struct that a kernel takes by value: it is read where it lies. Without that, indexing into it at run time copies it to local memory,
// for each thread.
#define PARAMETER const __grid_constant__
#define KERNEL extern "C" __global__ void

// 16-bit floats are bits in memory and f32 in registers.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };

#define INFINITY_F32 __int_as_float(0x7f800000)
#define NAN_F32 __int_as_float(0x7fc00000)
#define INFINITY_F64 __longlong_as_double(0x7ff0000000000000ll)
#define NAN_F64 __longlong_as_double(0x7ff8000000000000ll)

// ---- 16-bit floats ----

INLINE float f32_of(f16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return y; }
INLINE float f32_of(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
INLINE f16 f16_of(float x) { f16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); return y; }
// To nearest even, in integers: the instruction came with sm_80.
INLINE bf16 bf16_of(float x) {
  u32 bits = __float_as_uint(x);
  bf16 y;
  y.bits = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40 : (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  return y;
}

// x in f32, with a last bit of 1 where it does not fit: rounding that again to a short float rounds as if once.
INLINE float odd_f32(double x) {
  float y = __double2float_rz(x);
  bool lost = (double)y != x && x == x;
  // Beyond the largest f32 the conversion answers that one, which is odd already.
  return lost ? __uint_as_float(__float_as_uint(y) | 1u) : y;
}
// The same from i64 to f64.
INLINE double odd_f64(i64 x) {
  u64 size = x < 0 ? 0ull - (u64)x : (u64)x;
  const i64 low = (1 << 11) - 1;
  return (double)((size >> 53) != 0 && (x & low) != 0 ? (x & ~low) | (low + 1) : x);
}

// ---- what an element of T is computed in, how it is read (`wide`) and written (`narrow`) ----

template <typename T> struct Wide { typedef T type; };
template <> struct Wide<f16> { typedef float type; };
template <> struct Wide<bf16> { typedef float type; };
#define WIDE(T) typename Wide<T>::type

INLINE float wide(float x) { return x; }
INLINE double wide(double x) { return x; }
INLINE float wide(f16 x) { return f32_of(x); }
INLINE float wide(bf16 x) { return f32_of(x); }
INLINE u32 wide(u32 x) { return x; }
INLINE i64 wide(i64 x) { return x; }
INLINE u8 wide(u8 x) { return x; }

template <typename T> INLINE T narrow(WIDE(T) x) { return x; }
template <> __device__ __forceinline__ f16 narrow<f16>(float x) { return f16_of(x); }
template <> __device__ __forceinline__ bf16 narrow<bf16>(float x) { return bf16_of(x); }

// Numbers that the host hands over as f64, in the type of a kernel's arithmetic.
template <typename W> INLINE W constant(double x) { return (W)x; }

// ---- strided views ----

// N views of one shape, axes that all of them walk evenly merged by the host; `View` is one. Pointers are to the element whose
// indices are all 0. The same struct is in src/view.rs.
#define MAX_RANK 8
template <int N> struct Views {
  u32 rank;
  u32 sizes[MAX_RANK];
  i64 strides[N][MAX_RANK];
};
typedef Views<1> View;

template <int N> struct Places { i64 at[N]; };

// Where element i (in row-major order) of each view lies.
template <int N> INLINE Places<N> places(const Views<N>& views, u32 i) {
  Places<N> p;
  if (views.rank == 1) {
#pragma unroll
    for (int k = 0; k < N; ++k) p.at[k] = (i64)i * views.strides[k][0];
    return p;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) p.at[k] = 0;
  // From the last axis on: once nothing of i is left, the indices of all others are 0. Unrolled, each kernel would be much longer for the sake of views of
  // more axes than anybody has.
  u32 axis = views.rank;
#pragma unroll 1
  do {
    --axis;
    u32 rest = i / views.sizes[axis], index = i - rest * views.sizes[axis];
    i = rest;
#pragma unroll
    for (int k = 0; k < N; ++k) p.at[k] += (i64)index * views.strides[k][axis];
  } while (i != 0);
  return p;
}
INLINE i64 place(const View& view, u32 i) { return places<1>(view, i).at[0]; }

// Each thread's share of n elements, for any grid of one axis. `n` is u32: a verb's host side checks that.
#define EACH(i, n) for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < (n); i += (u64)gridDim.x * blockDim.x)

// ---- a macro once for each dtype ----

#define FOR_FLOATS(M) M(f32, float) M(f64, double) M(f16, f16) M(bf16, bf16)
#define FOR_INTEGERS(M) M(u32, u32) M(i64, i64)
#define FOR_ALL(M) FOR_FLOATS(M) FOR_INTEGERS(M) M(bool, u8)

// ---- numbers ----

// NaN where either is.
INLINE float larger(float a, float b) { return a > b || a != a ? a : b; }
INLINE double larger(double a, double b) { return a > b || a != a ? a : b; }
INLINE u32 larger(u32 a, u32 b) { return a > b ? a : b; }
INLINE i64 larger(i64 a, i64 b) { return a > b ? a : b; }
INLINE u8 larger(u8 a, u8 b) { return a > b ? a : b; }
INLINE float smaller(float a, float b) { return a < b || a != a ? a : b; }
INLINE double smaller(double a, double b) { return a < b || a != a ? a : b; }
INLINE u32 smaller(u32 a, u32 b) { return a < b ? a : b; }
INLINE i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
INLINE u8 smaller(u8 a, u8 b) { return a < b ? a : b; }
