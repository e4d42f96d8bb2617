//! One output element from one element of each operand.

use std::sync::Arc;

use unrolled_tensor::ops::{Binary, Compare, Unary};
use unrolled_tensor::{DType, Layout, Result, Storage, Tensor};

use crate::gpu::Gpu;
use crate::storage::{Pointer, pointer};
use crate::view::{View, Views, count};

/// Bits of an element: all that a kernel which moves elements has to know of them.
fn bits(dtype: DType) -> usize {
    8 * dtype.size()
}

/// The view's elements, gathered.
pub(crate) fn copy(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Storage> {
    mapped(gpu, "copy", &format!("copy_{}", bits(x.dtype())), x, x.dtype())
}

/// The same elements without gaps: itself where it is so, else a copy.
pub(crate) fn contiguous(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Tensor> {
    if x.is_contiguous() {
        return Ok(x.clone());
    }
    Ok(Tensor::of(copy(gpu, x)?, x.shape(), x.dtype(), x.device()))
}

/// A contiguous tensor of the elements in another dtype: itself where it is one.
pub(crate) fn contiguous_as(gpu: &Arc<Gpu>, x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return contiguous(gpu, x);
    }
    Ok(Tensor::of(cast(gpu, x, dtype)?, x.shape(), dtype, x.device()))
}

pub(crate) fn cast(gpu: &Arc<Gpu>, x: &Tensor, dtype: DType) -> Result<Storage> {
    if x.dtype() == dtype {
        return copy(gpu, x);
    }
    mapped(gpu, "copy", &format!("cast_{}_{dtype}", x.dtype()), x, dtype)
}

/// The view's elements in another dtype, to where there is room for them.
pub(crate) fn cast_to(gpu: &Gpu, x: &Tensor, dtype: DType, to: Pointer) -> Result<()> {
    let n = count(gpu, x.elements())?;
    gpu.launch_each("copy", &format!("cast_{}_{dtype}", x.dtype()), n, &[&to, &pointer(x), &View::of(gpu, [x])?, &n])
}

/// A kernel `(out, x, view, n)`.
fn mapped(gpu: &Arc<Gpu>, module: &str, kernel: &str, x: &Tensor, dtype: DType) -> Result<Storage> {
    let out = gpu.empty(x.elements(), dtype)?;
    let n = count(gpu, x.elements())?;
    gpu.launch_each(module, kernel, n, &[&out.start(), &pointer(x), &View::of(gpu, [x])?, &n])?;
    Ok(out.storage())
}

pub(crate) fn unary(gpu: &Arc<Gpu>, op: Unary, x: &Tensor) -> Result<Storage> {
    let (p, q) = match op {
        Unary::Affine { scale, shift } => (scale, shift),
        Unary::Clamp { low, high } => (low, high),
        Unary::Powf(exponent) => (exponent, 0.0),
        _ => (0.0, 0.0),
    };
    let out = gpu.empty(x.elements(), x.dtype())?;
    let n = count(gpu, x.elements())?;
    let kernel = format!("unary_{}_{}", op.name(), x.dtype());
    gpu.launch_each("unary", &kernel, n, &[&out.start(), &pointer(x), &View::of(gpu, [x])?, &n, &p, &q])?;
    Ok(out.storage())
}

pub(crate) fn binary(gpu: &Arc<Gpu>, op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage> {
    zipped(gpu, &format!("binary_{}_{}", op.name(), a.dtype()), a, b, a.dtype())
}

pub(crate) fn compare(gpu: &Arc<Gpu>, op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage> {
    zipped(gpu, &format!("compare_{}_{}", op.name(), a.dtype()), a, b, DType::Bool)
}

/// A kernel `(out, a, b, views, n)`.
fn zipped(gpu: &Arc<Gpu>, kernel: &str, a: &Tensor, b: &Tensor, dtype: DType) -> Result<Storage> {
    let out = gpu.empty(a.elements(), dtype)?;
    let n = count(gpu, a.elements())?;
    let views = Views::of(gpu, [a, b])?;
    gpu.launch_each("binary", kernel, n, &[&out.start(), &pointer(a), &pointer(b), &views, &n])?;
    Ok(out.storage())
}

pub(crate) fn select(gpu: &Arc<Gpu>, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage> {
    let out = gpu.empty(a.elements(), a.dtype())?;
    let n = count(gpu, a.elements())?;
    let views = Views::of(gpu, [condition, a, b])?;
    let pointers = [condition, a, b].map(pointer);
    let kernel = format!("select_{}", bits(a.dtype()));
    let [condition, a, b] = &pointers;
    gpu.launch_each("binary", &kernel, n, &[&out.start(), condition, a, b, &views, &n])?;
    Ok(out.storage())
}

pub(crate) fn concat(gpu: &Arc<Gpu>, parts: &[&Tensor], axis: usize) -> Result<Storage> {
    let dtype = parts[0].dtype();
    let mut shape = parts[0].shape().to_vec();
    shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    let whole = Layout::contiguous(&shape);
    let out = gpu.empty(whole.elements(), dtype)?;
    let kernel = format!("place_{}", bits(dtype));
    let mut start = 0;
    for part in parts {
        let len = part.shape()[axis];
        let place = whole.narrow(axis, start, len);
        let to = out.start().plus(place.offset() * dtype.size());
        let n = count(gpu, part.elements())?;
        let views = Views::new(gpu, [&place, part.layout()])?;
        gpu.launch_each("copy", &kernel, n, &[&to, &pointer(part), &views, &n])?;
        start += len;
    }
    Ok(out.storage())
}
