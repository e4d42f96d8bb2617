// Random elements, to the bit those of the CPU: crates/tensor/src/random.rs is the definition, and says where the constants are from.
#include "common.cuh"

struct Stream { u64 stream, step; };
// At the step that the device holds, where there is one.
INLINE Stream now(u64 stream, u64 step, const i64* step_at) { return {stream, step_at ? (u64)*step_at : step}; }

INLINE uint4 philox(Stream key, u64 block) {
  u32 c0 = (u32)block, c1 = (u32)(block >> 32), c2 = (u32)key.step, c3 = (u32)(key.step >> 32);
  u32 k0 = (u32)key.stream, k1 = (u32)(key.stream >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    u64 a = 0xd2511f53ull * c0, b = 0xcd9e8d57ull * c2;
    c0 = (u32)(b >> 32) ^ c1 ^ k0;
    c1 = (u32)b;
    c2 = (u32)(a >> 32) ^ c3 ^ k1;
    c3 = (u32)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

INLINE double unit_f32(u32 word) { return (double)((float)(word >> 8) * (1.0f / 16777216.0f)); }
INLINE double unit_f64(u64 word) { return (double)(word >> 11) * (1.0 / 9007199254740992.0); }

// ---- normal deviates: AS 241 ----

INLINE double polynomial(double x, double c0, double c1, double c2, double c3, double c4, double c5, double c6, double c7) {
  return fma(fma(fma(fma(fma(fma(fma(c7, x, c6), x, c5), x, c4), x, c3), x, c2), x, c1), x, c0);
}

// ln x for positive normal x, by 2 artanh((m − 1)/(m + 1)) on a mantissa in [√½, √2).
INLINE double natural_logarithm(double x) {
  i64 bits = __double_as_longlong(x), exponent = (bits >> 52 & 0x7ff) - 1023;
  double mantissa = __longlong_as_double((bits & 0x000fffffffffffffll) | 0x3ff0000000000000ll);
  if (mantissa > 1.41421356237309504880) {
    mantissa *= 0.5;
    exponent += 1;
  }
  double s = (mantissa - 1.0) / (mantissa + 1.0), s2 = s * s, sum = 0.0;
#pragma unroll
  for (int k = 11; k >= 0; --k) sum = fma(sum, s2, 1.0 / (double)(2 * k + 1));
  return fma((double)exponent, 0.693147180559945309417, 2.0 * s * sum);
}

INLINE double normal_of(u64 word) {
  double p = ((double)(word >> 12) + 0.5) * (1.0 / 4503599627370496.0), q = p - 0.5;
  if (fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return q *
           polynomial(r, 3.3871328727963665, 1.3314166789178438e2, 1.9715909503065513e3, 1.373169376550946e4, 4.592195393154987e4,
                      6.72657709270087e4, 3.3430575583588130e4, 2.5090809287301227e3) /
           polynomial(r, 1.0, 4.231333070160091e1, 6.871870074920579e2, 5.394196021424751e3, 2.1213794301586597e4, 3.930789580009271e4,
                      2.8729085735721943e4, 5.226495278852854e3);
  }
  double r = sqrt(-natural_logarithm(q < 0.0 ? p : 1.0 - p)), size;
  if (r <= 5.0) {
    size = polynomial(r - 1.6, 1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
                      2.417807251774506e-1, 2.2723844989269184e-2, 7.745450142783414e-4) /
           polynomial(r - 1.6, 1.0, 2.053191626637759, 1.6763848301838038, 6.897673349851e-1, 1.4810397642748008e-1,
                      1.5198666563616457e-2, 5.475938084995345e-4, 1.0507500716444169e-9);
  } else {
    size = polynomial(r - 5.0, 6.657904643501103, 5.463784911164114, 1.7848265399172913, 2.9656057182850487e-1, 2.6532189526576124e-2,
                      1.2426609473880784e-3, 2.7115555687434876e-5, 2.0103343992922881e-7) /
           polynomial(r - 5.0, 1.0, 5.9983220655588798e-1, 1.369298809227358e-1, 1.4875361290850615e-2, 7.868691311456133e-4,
                      1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899398e-15);
  }
  return copysign(size, q);
}

// ---- distributions: what makes an element of the words that it takes ----

template <typename T> INLINE T rounded(double x) { return narrow<T>((WIDE(T))x); }

template <typename T> struct Normal {
  enum { WORDS = 2 };
  double mean, deviation;
  __device__ __forceinline__ T draw(u32 low, u32 high) const { return rounded<T>(fma(normal_of(low | (u64)high << 32), deviation, mean)); }
};
template <typename T> struct Uniform {
  enum { WORDS = sizeof(T) == 8 ? 2 : 1 };
  double low, span, cap;
  __device__ __forceinline__ T draw(u32 first, u32 second) const {
    double unit = WORDS == 2 ? unit_f64(first | (u64)second << 32) : unit_f32(first);
    T x = rounded<T>(fma(unit, span, low)), most = rounded<T>(cap);
    return wide(x) > wide(most) ? most : x;
  }
};
template <typename T> struct Dropout {
  enum { WORDS = 1 };
  double keep, kept;
  __device__ __forceinline__ T draw(u32 word, u32) const { return unit_f32(word) < keep ? rounded<T>(kept) : rounded<T>(0.0); }
};

// A thread makes the elements of a whole block of words, and writes them at once.
template <typename T, typename D> INLINE void fill(T* out, Stream key, D draw, u64 n) {
  const int count = 4 / D::WORDS;
  struct alignas(count * sizeof(T)) Pack { T elements[count]; };
  EACH(block, (n + count - 1) / count) {
    uint4 four = philox(key, block);
    u32 words[4] = {four.x, four.y, four.z, four.w};
    Pack pack;
#pragma unroll
    for (int e = 0; e < count; ++e) pack.elements[e] = draw.draw(words[e * D::WORDS], words[e * D::WORDS + D::WORDS - 1]);
    u64 first = block * count;
    if (first + count <= n) {
      *(Pack*)(out + first) = pack;
    } else {
#pragma unroll
      for (int e = 0; e < count - 1; ++e)
        if (first + e < n) out[first + e] = pack.elements[e];
    }
  }
}

#define RANDOM(NAME, T)                                                                                                                \
  KERNEL random_normal_##NAME(T* out, u64 stream, u64 step, const i64* step_at, double mean, double deviation, u64 n) {                \
    fill<T>(out, now(stream, step, step_at), Normal<T>{mean, deviation}, n);                                                              \
  }                                                                                                                                    \
  KERNEL random_uniform_##NAME(T* out, u64 stream, u64 step, const i64* step_at, double low, double span, double cap, u64 n) {         \
    fill<T>(out, now(stream, step, step_at), Uniform<T>{low, span, cap}, n);                                                              \
  }                                                                                                                                    \
  KERNEL random_dropout_##NAME(T* out, u64 stream, u64 step, const i64* step_at, double keep, double kept, u64 n) {                    \
    fill<T>(out, now(stream, step, step_at), Dropout<T>{keep, kept}, n);                                                                  \
  }
FOR_FLOATS(RANDOM)
