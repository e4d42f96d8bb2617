//! Reductions and running sums.

use std::sync::Arc;

use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{Result, Storage, Tensor};

use crate::gpu::Gpu;

pub(crate) fn reduce(gpu: &Arc<Gpu>, _op: Reduce, _x: &Tensor) -> Result<Storage> {
    super::missing(gpu, "reduce")
}

pub(crate) fn cumulative_sum(gpu: &Arc<Gpu>, _x: &Tensor) -> Result<Storage> {
    super::missing(gpu, "cumulative_sum")
}
