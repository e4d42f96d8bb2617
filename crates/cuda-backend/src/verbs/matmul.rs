//! Matrix products.

use std::sync::Arc;

use unrolled_tensor::{DType, MatmulPrecision, Result, Storage, Tensor};

use crate::gpu::Gpu;

pub(crate) fn matmul(
    gpu: &Arc<Gpu>,
    _precision: MatmulPrecision,
    _a: &Tensor,
    _b: &Tensor,
    _onto: Option<Tensor>,
    _out: DType,
) -> Result<Storage> {
    super::missing(gpu, "matmul")
}
