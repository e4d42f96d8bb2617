//! The k largest, and the k most probable words of a linear layer.

use std::sync::Arc;

use unrolled_tensor::fused::top_k::{definition, partials_definition};
use unrolled_tensor::fused::{LinearTopK, LinearTopKArgs, LinearTopKPartials};
use unrolled_tensor::{Backend, DType, Result, Storage, Tensor};

use super::elementwise::contiguous;
use super::sort::{Sorted, bits_below, sort};
use super::{at_once, wide};
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::kernels::BLOCK;
use crate::storage::{Buffer, Pointer, pointer};
use crate::view::count;

/// In rows of at most so many elements each is compared with all.
const SHORT: usize = 128;
/// At most so many are picked one after another; more are found by sorting.
const FEW: usize = 64;

pub(crate) fn top_k(gpu: &Arc<Gpu>, x: &Tensor, k: usize) -> Result<(Storage, Storage)> {
    let x = contiguous(gpu, x)?;
    let (n, elements) = (x.dim(-1), count(gpu, x.elements())?);
    let rows = x.elements().checked_div(n).unwrap_or(0);
    let (values, places) = (gpu.empty(rows * k, x.dtype())?, gpu.empty(rows * k, DType::U32)?);
    if rows * k > 0 {
        let (v, p, from) = (values.start(), places.start(), pointer(&x));
        let (length, wanted, dtype) = (n as u32, k as u32, x.dtype());
        if n <= SHORT {
            let kernel = format!("top_k_rank_{dtype}");
            gpu.launch_each("top_k", &kernel, elements, &[&v, &p, &from, &length, &wanted, &elements])?;
        } else if k <= FEW {
            let (kernel, grid) = (format!("top_k_pick_{dtype}"), [count(gpu, rows)?, 1, 1]);
            gpu.launch("top_k", &kernel, grid, [BLOCK, 1, 1], 0, &[&v, &p, &from, &length, &wanted])?;
        } else {
            let order = descending(gpu, &x, length, elements)?.order;
            let (kernel, out) = (format!("top_k_take_{dtype}"), (rows * k) as u32);
            gpu.launch_each("top_k", &kernel, out, &[&v, &p, &from, &order.start(), &length, &wanted, &out])?;
        }
    }
    Ok((values.storage(), places.storage()))
}

/// The order of all elements, those of a row of `n` together: sorted by their keys, 32 bits at a time, and then by the row. Each sort keeps what
/// the one before has done among equals.
fn descending(gpu: &Arc<Gpu>, x: &Tensor, n: u32, elements: u32) -> Result<Sorted> {
    let kernel = format!("top_k_keys_{}", x.dtype());
    let words: &[u32] = if x.dtype().size() == 8 { &[0, 32] } else { &[0] };
    let mut sorted: Option<Sorted> = None;
    let keys: Buffer = gpu.empty(elements as usize, DType::U32)?;
    for shift in words {
        let order = sorted.as_ref().map(|sorted| sorted.order.start());
        let before = order.unwrap_or(Pointer::NULL);
        gpu.launch_each("top_k", &kernel, elements, &[&keys.start(), &pointer(x), &before, shift, &elements])?;
        sorted = Some(sort(gpu, keys.start(), order, elements, u32::BITS)?);
    }
    let sorted = sorted.expect("a key has at least 32 bits");
    if elements == n {
        return Ok(sorted);
    }
    let order = sorted.order.start();
    gpu.launch_each("top_k", "top_k_rows", elements, &[&keys.start(), &order, &n, &elements])?;
    sort(gpu, keys.start(), Some(order), elements, bits_below((elements / n) as usize))
}

/// The most probable words of a linear layer, with their log-probabilities.
pub(crate) fn linear_top_k(cuda: &CudaBackend, args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
    if !fits(args) {
        return definition(args);
    }
    let LinearTopKPartials { logits: values, words, watched, .. } = found(cuda, args, true)?;
    Ok(LinearTopK { values, words, watched })
}

/// A slice's most probable words, with their logits, and what is known of each row.
pub(crate) fn linear_top_k_partials(cuda: &CudaBackend, args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
    if fits(args) { found(cuda, args, false) } else { partials_definition(args) }
}

fn fits(args: &LinearTopKArgs<'_>) -> bool {
    args.hidden.dim(0) > 0 && args.k > 0 && args.k <= FEW
}

/// Some rows at a time: their products with the weight, and one kernel that reads them once for the sum of exponentials and, of each thread's share,
/// once more for each word found there. Where `finished`, logits become log-probabilities, and what is known of the rows is not said.
fn found(cuda: &CudaBackend, args: &LinearTopKArgs<'_>, finished: bool) -> Result<LinearTopKPartials> {
    let ((n, _, v), k, gpu) = (args.sizes(), args.k, cuda.gpu());
    let (dtype, device, bias) = (args.hidden.dtype(), args.hidden.device(), contiguous(gpu, args.bias)?);
    let of = |shape: &[usize], dtype| {
        let buffer = gpu.empty(shape.iter().product(), dtype)?;
        Ok(Tensor::of(buffer.storage(), shape, dtype, device))
    };
    let known = [if finished { 0 } else { n }];
    let partials = LinearTopKPartials {
        logits: of(&[n, k], dtype)?,
        words: of(&[n, k], DType::U32)?,
        watched: of(&[n], dtype)?,
        max: of(&known, dtype)?,
        sum: of(&known, dtype)?,
    };
    let (length, wanted, watch) = (count(gpu, v)?, k as u32, args.watched as u32);
    let rows = at_once(cuda, v * wide(dtype).size());
    for first in (0..n).step_by(rows) {
        let here = rows.min(n - first);
        let hidden = args.hidden.narrow(0, first, here);
        let products =
            Tensor::of(cuda.matmul(&hidden, &args.weight.t(), None, wide(dtype))?, [here, v], wide(dtype), device);
        let row = |x: &Tensor| pointer(x).plus(first * x.elements() / n * x.dtype().size());
        let known = |x: &Tensor| if finished { Pointer::NULL } else { row(x) };
        gpu.launch(
            "top_k",
            &format!("linear_top_k_{dtype}"),
            [here as u32, 1, 1],
            [BLOCK, 1, 1],
            0,
            &[
                &row(&partials.logits),
                &row(&partials.words),
                &row(&partials.watched),
                &known(&partials.max),
                &known(&partials.sum),
                &pointer(&products),
                &pointer(&bias),
                &length,
                &wanted,
                &watch,
            ],
        )?;
    }
    Ok(partials)
}
