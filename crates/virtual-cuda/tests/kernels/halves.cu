// f16 and bf16 as a tensor library uses them: storage in 16 bits, sums in f32, and native arithmetic.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void cast_bf16(__nv_bfloat16* __restrict__ out, const float* __restrict__ x, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = __float2bfloat16(x[i]);
}
extern "C" __global__ void cast_f16(__half* __restrict__ out, const float* __restrict__ x, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = __float2half(x[i]);
}
// a * b + c in the type itself, and in f32 with one rounding at the end.
extern "C" __global__ void fused_bf16(__nv_bfloat16* __restrict__ out, const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  out[2 * i] = __hfma(a[i], b[i], a[i]);
  out[2 * i + 1] = __float2bfloat16(__bfloat162float(a[i]) * __bfloat162float(b[i]) + __bfloat162float(a[i]));
}
extern "C" __global__ void fused_f16x2(__half2* __restrict__ out, const __half2* __restrict__ a, const __half2* __restrict__ b, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = __hfma2(a[i], b[i], __hmul2(a[i], a[i]));
}
