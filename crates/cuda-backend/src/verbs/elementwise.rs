//! One output element from one element of each operand.

use std::sync::Arc;

use unrolled_tensor::ops::{Binary, Compare, Unary};
use unrolled_tensor::{DType, Result, Storage, Tensor};

use crate::gpu::Gpu;
use crate::storage::pointer;
use crate::view::{View, count};

/// The view's elements, gathered.
pub(crate) fn copy(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Storage> {
    let out = gpu.empty(x.elements(), x.dtype())?;
    let n = count(gpu, x.elements())?;
    let kernel = format!("copy_{}", 8 * x.dtype().size());
    gpu.launch_each("elementwise", &kernel, n, &[&out.start(), &pointer(x), &View::of(gpu, [x])?, &n])?;
    Ok(out.storage())
}

/// The same elements without gaps: itself where it is so, else a copy.
pub(crate) fn contiguous(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Tensor> {
    if x.is_contiguous() {
        return Ok(x.clone());
    }
    Ok(Tensor::of(copy(gpu, x)?, x.shape(), x.dtype(), x.device()))
}

pub(crate) fn cast(gpu: &Arc<Gpu>, x: &Tensor, dtype: DType) -> Result<Storage> {
    if x.dtype() == dtype {
        return copy(gpu, x);
    }
    super::missing(gpu, "cast")
}

pub(crate) fn unary(gpu: &Arc<Gpu>, _op: Unary, _x: &Tensor) -> Result<Storage> {
    super::missing(gpu, "unary")
}

pub(crate) fn binary(gpu: &Arc<Gpu>, _op: Binary, _a: &Tensor, _b: &Tensor) -> Result<Storage> {
    super::missing(gpu, "binary")
}

pub(crate) fn compare(gpu: &Arc<Gpu>, _op: Compare, _a: &Tensor, _b: &Tensor) -> Result<Storage> {
    super::missing(gpu, "compare")
}

pub(crate) fn select(gpu: &Arc<Gpu>, _condition: &Tensor, _a: &Tensor, _b: &Tensor) -> Result<Storage> {
    super::missing(gpu, "select")
}

pub(crate) fn concat(gpu: &Arc<Gpu>, _parts: &[&Tensor], _axis: usize) -> Result<Storage> {
    super::missing(gpu, "concat")
}
