//! The verbs, in groups named as the kernel files.

pub(crate) mod blas;
pub(crate) mod elementwise;
pub(crate) mod matmul;
pub(crate) mod memory;
pub(crate) mod reduce;

use unrolled_tensor::Result;

use crate::gpu::Gpu;

/// A verb that has no kernel yet.
pub(crate) fn missing<T>(gpu: &Gpu, verb: &str) -> Result<T> {
    Err(gpu.error(format!("`{verb}` is not there yet on CUDA devices")))
}
