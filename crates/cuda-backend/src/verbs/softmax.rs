//! Softmax along the last axis.

use std::sync::Arc;

use unrolled_tensor::{Result, Storage, Tensor};

use super::elementwise::contiguous;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::storage::pointer;
use crate::view::count;

/// A row of at most so many elements is a warp's, a longer one a block's.
const SHORT: usize = 1024;

pub(crate) fn softmax(gpu: &Arc<Gpu>, x: &Tensor, logarithm: bool) -> Result<Storage> {
    let x = contiguous(gpu, x)?;
    let out = gpu.empty(x.elements(), x.dtype())?;
    if x.elements() == 0 {
        return Ok(out.storage());
    }
    let (n, logarithm) = (x.dim(-1), u32::from(logarithm));
    let rows = count(gpu, x.elements() / n)?;
    let (to, from, length) = (out.start(), pointer(&x), count(gpu, n)?);
    let name = |kind: &str| format!("softmax_{kind}_{}", x.dtype());
    if n <= SHORT {
        let grid = [rows.div_ceil(BLOCK / 32), 1, 1];
        let arguments: &[&dyn Argument] = &[&to, &from, &rows, &length, &logarithm];
        gpu.launch("softmax", &name("warp"), grid, [BLOCK, 1, 1], 0, arguments)?;
    } else {
        gpu.launch("softmax", &name("block"), [rows, 1, 1], [BLOCK, 1, 1], 0, &[&to, &from, &length, &logarithm])?;
    }
    Ok(out.storage())
}
