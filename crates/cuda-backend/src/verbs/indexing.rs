//! Gathering, scattering, and sums of equal rows.

use std::sync::Arc;

use unrolled_tensor::ops::NO_ROW;
use unrolled_tensor::{DType, Layout, Result, Storage, Tensor};

use super::elementwise::contiguous;
use super::memory::filled;
use super::sort::{Sorted, bits_below, scan, sort};
use crate::gpu::Gpu;
use crate::kernels::Argument;
use crate::storage::{pointer, pointer_mut};
use crate::view::{Views, count};

/// The view of `x` that belongs to each place of `index`, before the index itself is added: step 0 along `axis`.
fn base(x: &Layout, axis: usize, index: &Layout) -> Layout {
    x.narrow(axis, 0, 1).broadcast_to(index.dims()).expect("index and tensor agree beside the axis")
}

/// The length of the axis that indices go along.
///
/// # Panics
/// Where there are indices and it is 0: none of them can be inside.
fn indexed(operation: &str, x: &Tensor, axis: usize) -> u32 {
    let length = x.shape()[axis];
    assert!(length > 0, "{operation}: an index is outside axis {axis} of length 0");
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(crate) fn gather(gpu: &Arc<Gpu>, x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage> {
    let out = gpu.empty(index.elements(), x.dtype())?;
    let n = count(gpu, index.elements())?;
    if n > 0 {
        let length = indexed("gather", x, axis);
        let views = Views::new(gpu, [index.layout(), &base(x.layout(), axis, index.layout())])?;
        let step = x.layout().strides()[axis] as i64;
        let kernel = format!("gather_{}", 8 * x.dtype().size());
        let (to, from, places) = (out.start(), pointer(x), pointer(index));
        gpu.launch_each("indexing", &kernel, n, &[&to, &from, &places, &views, &step, &length, &n])?;
    }
    Ok(out.storage())
}

/// What the sums of a scatter are over.
struct Scatter {
    sorted: Sorted,
    /// How many keys.
    count: u32,
    /// How many places there are for each key: in the result and in the source.
    lanes: u32,
    views: Views<2>,
    out_step: i64,
    source_step: i64,
}

pub(crate) fn scatter_add(
    gpu: &Arc<Gpu>,
    mut x: Tensor,
    axis: usize,
    index: &Tensor,
    source: &Tensor,
) -> Result<Storage> {
    let n = count(gpu, index.elements())?;
    let out = pointer_mut(&mut x)?;
    if n == 0 {
        return Ok(x.storage().clone());
    }
    let length = indexed("scatter_add", &x, axis);
    let strides = index.layout().strides();
    let one_index_a_slice = (0..index.rank()).all(|a| a == axis || strides[a] == 0 || index.shape()[a] == 1);
    let gathered;
    let (source, scatter) = if one_index_a_slice {
        (source, by_slices(gpu, &x, axis, length, index, source)?)
    } else {
        gathered = contiguous(gpu, source)?;
        (&gathered, by_elements(gpu, &x, axis, length, index)?)
    };
    let Scatter { sorted, count, lanes, views, out_step, source_step } = scatter;
    let (keys, order) = (sorted.keys.start(), sorted.order.start());
    gpu.launch_each(
        "indexing",
        &format!("scatter_add_{}", x.dtype()),
        n,
        &[&out, &pointer(source), &keys, &order, &views, &out_step, &source_step, &count, &lanes, &n],
    )?;
    Ok(x.storage().clone())
}

/// Whole slices: the keys are places along the axis, one for each slice of the source.
fn by_slices(gpu: &Arc<Gpu>, x: &Tensor, axis: usize, length: u32, index: &Tensor, source: &Tensor) -> Result<Scatter> {
    let count = index.shape()[axis] as u32;
    let lanes = (index.elements() / index.shape()[axis]) as u32;
    let without = |layout: &Layout| layout.narrow(axis, 0, 1).squeeze(axis);
    let line = (0..index.rank()).filter(|&a| a != axis).fold(index.layout().clone(), |line, a| line.narrow(a, 0, 1));
    let nowhere = Layout::contiguous(&[1]).broadcast_to(line.dims()).expect("one element broadcasts to any shape");
    let keys = gpu.empty(count as usize, DType::U32)?;
    let (to, views) = (keys.start(), Views::new(gpu, [&line, &nowhere])?);
    gpu.launch_each("indexing", "scatter_keys", count, &[&to, &pointer(index), &views, &1i64, &length, &count])?;
    let out = Layout::contiguous(x.shape());
    Ok(Scatter {
        sorted: sort(gpu, to, None, count, bits_below(length as usize))?,
        count,
        lanes,
        views: Views::new(gpu, [&without(&out), &without(source.layout())])?,
        out_step: out.strides()[axis] as i64,
        source_step: source.layout().strides()[axis] as i64,
    })
}

/// Single elements of a source without gaps: the keys are places in the result.
fn by_elements(gpu: &Arc<Gpu>, x: &Tensor, axis: usize, length: u32, index: &Tensor) -> Result<Scatter> {
    let (n, results) = (count(gpu, index.elements())?, count(gpu, x.elements())?);
    let out = Layout::contiguous(x.shape());
    let keys = gpu.empty(n as usize, DType::U32)?;
    let views = Views::new(gpu, [index.layout(), &base(&out, axis, index.layout())])?;
    let (to, step) = (keys.start(), out.strides()[axis] as i64);
    gpu.launch_each("indexing", "scatter_keys", n, &[&to, &pointer(index), &views, &step, &length, &n])?;
    let one = Layout::contiguous(&[]);
    Ok(Scatter {
        sorted: sort(gpu, to, None, n, bits_below(results as usize))?,
        count: n,
        lanes: 1,
        views: Views::new(gpu, [&one, &one])?,
        out_step: 1,
        source_step: 1,
    })
}

/// Distinct rows in ascending order and the sum of the values of each. How many they are is a shape, which the host must know: it waits for four
/// bytes. Padded, they are as many as there were, and it waits for nothing.
pub(crate) fn coalesce(gpu: &Arc<Gpu>, index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
    let (index, values) = (contiguous(gpu, index)?, contiguous(gpu, values)?);
    let (n, width, device) = (count(gpu, index.elements())?, values.dim(1), values.device());
    if n == 0 {
        return Ok((index, values));
    }
    let Sorted { keys, order } = sort(gpu, pointer(&index), None, n, u32::BITS)?;
    let groups = gpu.empty(n as usize + 1, DType::U32)?;
    gpu.launch_each("indexing", "coalesce_heads", n, &[&groups.start(), &keys.start(), &n])?;
    scan(gpu, groups.start(), n)?;
    let (found, distinct, starts);
    if padded {
        found = n as usize;
        (distinct, starts) = {
            let all = |value: u32, len| filled(gpu, value.into(), len, DType::U32);
            (all(NO_ROW, found)?, all(n, found + 1)?)
        };
    } else {
        let mut bytes = [0; 4];
        gpu.download(groups.start().plus(4 * n as usize), &mut bytes)?;
        found = u32::from_ne_bytes(bytes) as usize;
        (distinct, starts) = (gpu.empty(found, DType::U32)?, gpu.empty(found + 1, DType::U32)?);
    }
    let (to, from) = (distinct.start(), starts.start());
    gpu.launch_each("indexing", "coalesce_groups", n, &[&to, &from, &keys.start(), &groups.start(), &n])?;
    let sums = gpu.empty(found * width, values.dtype())?;
    let (kernel, elements) = (format!("coalesce_sums_{}", values.dtype()), count(gpu, found * width)?);
    let width_argument = width as u32;
    let arguments: &[&dyn Argument] =
        &[&sums.start(), &pointer(&values), &order.start(), &from, &width_argument, &elements];
    gpu.launch_each("indexing", &kernel, elements, arguments)?;
    Ok((
        Tensor::of(distinct.storage(), [found], DType::U32, device),
        Tensor::of(sums.storage(), [found, width], values.dtype(), device),
    ))
}
