// What changes in place: accumulation and optimiser steps. Each operation is rounded by itself, in the order of the CPU's.
#include "common.cuh"

// ---- onto += scale · x ----

template <typename T> INLINE T plus_scaled(T onto, T x, double scale) { return narrow<T>(wide(onto) + (WIDE(T))scale * wide(x)); }
// Of integers in f64, and the nearest that there is.
template <> __device__ __forceinline__ u32 plus_scaled<u32>(u32 onto, u32 x, double scale) {
  double sum = (double)onto + scale * (double)x;
  return sum > 0 ? __double2uint_rz(sum) : 0;
}
template <> __device__ __forceinline__ i64 plus_scaled<i64>(i64 onto, i64 x, double scale) {
  double sum = (double)onto + scale * (double)x;
  return sum == sum ? __double2ll_rz(sum) : 0;
}
#define ACCUMULATE(NAME, T)                                                                                                            \
  KERNEL accumulate_##NAME(T* onto, const T* x, PARAMETER View view, double scale, u32 n) {                                                      \
    EACH(i, n) onto[i] = plus_scaled<T>(onto[i], x[place(view, i)], scale);                                                            \
  }
FOR_FLOATS(ACCUMULATE) FOR_INTEGERS(ACCUMULATE)

// ---- optimiser steps ----

// Learning rate, gradient scale and bias corrections as the device holds them: f32 or f64. So a captured step reads what they are now. A scale that is
// no number calls the step off.
template <typename W> struct Hyper {
  W rate, scale, c1, c2;
  __device__ __forceinline__ Hyper(const void* at, u32 is_f64) {
    const float* f = (const float*)at;
    const double* d = (const double*)at;
    rate = is_f64 ? (W)d[0] : (W)f[0];
    scale = is_f64 ? (W)d[1] : (W)f[1];
    c1 = is_f64 ? (W)d[2] : (W)f[2];
    c2 = is_f64 ? (W)d[3] : (W)f[3];
  }
  __device__ __forceinline__ bool off() const { return scale != scale; }
};

// What `rows` has in the place of a row that is left out.
#define NO_ROW 0xffffffffu
#define NOWHERE 0xffffffffffffffffull

// Where element i of the gradient belongs in the parameter: of all rows, or of those that `rows` names.
INLINE u64 target(u64 i, const u32* rows, u32 width, u32 height) {
  if (!rows) return i;
  u32 k = (u32)i / width, row = rows[k];
  if (row == NO_ROW) return NOWHERE;
  if (row >= height) __trap();
  return (u64)row * width + ((u32)i - k * width);
}

#define STEP_PARAMETERS(T) T *p, const T *g, const u32 *rows, u32 width, u32 height, const void *hyper, u32 is_f64

template <typename T> INLINE void sgd(STEP_PARAMETERS(T), u32 n) {
  Hyper<WIDE(T)> now(hyper, is_f64);
  if (now.off()) return;
  EACH(i, n) {
    u64 at = target(i, rows, width, height);
    if (at == NOWHERE) continue;
    p[at] = narrow<T>(wide(p[at]) - now.rate * (now.scale * wide(g[i])));
  }
}

template <typename T> INLINE void momentum(STEP_PARAMETERS(T), T* velocity, double decay, u32 n) {
  Hyper<WIDE(T)> now(hyper, is_f64);
  if (now.off()) return;
  EACH(i, n) {
    u64 at = target(i, rows, width, height);
    if (at == NOWHERE) continue;
    WIDE(T) v = (WIDE(T))decay * wide(velocity[at]) + now.scale * wide(g[i]);
    velocity[at] = narrow<T>(v);
    p[at] = narrow<T>(wide(p[at]) - now.rate * v);
  }
}

template <typename T>
INLINE void adam(STEP_PARAMETERS(T), T* first, T* second, double beta1, double beta2, double epsilon, double weight_decay, u32 decoupled,
                 u32 n) {
  typedef WIDE(T) W;
  Hyper<W> now(hyper, is_f64);
  if (now.off()) return;
  const W b1 = (W)beta1, b2 = (W)beta2, decay = (W)weight_decay, one = 1;
  EACH(i, n) {
    u64 at = target(i, rows, width, height);
    if (at == NOWHERE) continue;
    W x = wide(p[at]), gradient = now.scale * wide(g[i]);
    if (decoupled) {
      x = x - now.rate * decay * x;
    } else {
      gradient = gradient + decay * x;
    }
    W m = b1 * wide(first[at]) + (one - b1) * gradient, v = b2 * wide(second[at]) + (one - b2) * (gradient * gradient);
    first[at] = narrow<T>(m);
    second[at] = narrow<T>(v);
    p[at] = narrow<T>(x - now.rate * (m / now.c1) / (sqrt(v / now.c2) + (W)epsilon));
  }
}

#define STEP_ARGUMENTS p, g, rows, width, height, hyper, is_f64
#define STEPS(NAME, T)                                                                                                                 \
  KERNEL update_sgd_##NAME(STEP_PARAMETERS(T), u32 n) { sgd<T>(STEP_ARGUMENTS, n); }                                                   \
  KERNEL update_momentum_##NAME(STEP_PARAMETERS(T), T* velocity, double decay, u32 n) { momentum<T>(STEP_ARGUMENTS, velocity, decay, n); } \
  KERNEL update_adam_##NAME(STEP_PARAMETERS(T), T* first, T* second, double beta1, double beta2, double epsilon, double weight_decay,  \
                            u32 decoupled, u32 n) {                                                                                    \
    adam<T>(STEP_ARGUMENTS, first, second, beta1, beta2, epsilon, weight_decay, decoupled, n);                                         \
  }
FOR_FLOATS(STEPS)
