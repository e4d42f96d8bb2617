//! Reductions of the last axis, and running sums along it.

use std::sync::Arc;

use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{DType, Layout, Result, Storage, Tensor};

use super::memory::fill;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::storage::{Buffer, Pointer, pointer};
use crate::view::{View, count};

/// Elements that are reduced at once, in [`LANES`] lanes: kernels/reduce.cu has the same.
const CHUNK: u32 = 1024;
const LANES: u32 = 32;
/// Rows of at most this length are a thread's work, not a warp's.
const SHORT_ROW: u32 = 8;

/// `Rows` of kernels/reduce.cu.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Rows {
    rows: u32,
    n: u32,
    chunks: u32,
    step: i64,
}
// SAFETY: the same struct.
unsafe impl Argument for Rows {}

impl Rows {
    fn new(rows: u32, n: u32, step: i64) -> Rows {
        Rows { rows, n, chunks: n.div_ceil(CHUNK), step }
    }
}

/// A tensor as rows along its last axis.
struct Input {
    start: Pointer,
    /// The rows' first elements.
    view: View,
    rows: Rows,
    /// Neighbours in memory belong to neighbouring rows.
    across: bool,
}

impl Input {
    fn of(gpu: &Gpu, x: &Tensor) -> Result<Input> {
        let layout = x.layout();
        let last = x.rank() - 1;
        let (n, step) = (layout.dims()[last], layout.strides()[last] as i64);
        let firsts = layout.narrow(last, 0, 1).squeeze(last);
        let across = step != 1 && firsts.strides().last() == Some(&1) && firsts.elements() >= LANES as usize;
        let rows = Rows::new(count(gpu, firsts.elements())?, count(gpu, n)?, step);
        Ok(Input { start: pointer(x), view: View::new(gpu, [&firsts])?, rows, across })
    }

    /// What a launch has left, to be reduced further.
    fn left(gpu: &Gpu, partials: &Buffer, Rows { rows, chunks, .. }: Rows) -> Result<Input> {
        let firsts = Layout::contiguous(&[rows as usize, chunks as usize]).narrow(1, 0, 1).squeeze(1);
        let view = View::new(gpu, [&firsts])?;
        Ok(Input { start: partials.start(), view, rows: Rows::new(rows, chunks, 1), across: false })
    }

    fn is_short(&self) -> bool {
        self.rows.n <= SHORT_ROW
    }

    /// The grid and block of a kernel whose warps take a chunk each.
    fn warps(&self, gpu: &Gpu) -> ([u32; 3], [u32; 3]) {
        let warps = self.rows.rows as u64 * self.rows.chunks as u64;
        let threads = u32::try_from(warps * LANES as u64).unwrap_or(u32::MAX);
        ([gpu.grid_for(threads), 1, 1], [BLOCK, 1, 1])
    }

    /// One launch of `operation`, to an element for each chunk.
    fn launch(&self, gpu: &Gpu, operation: &str, from: DType, to: DType, out: Pointer) -> Result<()> {
        let rows = self.rows.rows;
        let (form, (grid, block)) = if self.is_short() && from == to {
            ("alone", ([gpu.grid_for(rows), 1, 1], [BLOCK, 1, 1]))
        } else if self.across {
            ("across", ([rows.div_ceil(LANES) * self.rows.chunks, 1, 1], [LANES, LANES, 1]))
        } else {
            ("along", self.warps(gpu))
        };
        let kernel = format!("{form}_{operation}_{from}_{to}");
        gpu.launch("reduce", &kernel, grid, block, 0, &[&out, &self.start, &self.view, &self.rows])
    }
}

pub(crate) fn reduce(gpu: &Arc<Gpu>, op: Reduce, x: &Tensor) -> Result<Storage> {
    let dtype = x.dtype();
    let (&n, rows) = x.shape().split_last().expect("there is a last axis");
    let rows = rows.iter().product();
    if n == 0 || rows == 0 {
        return fill(gpu, if op == Reduce::Prod { 1.0 } else { 0.0 }, rows, op.output(dtype));
    }
    let input = Input::of(gpu, x)?;
    match op {
        Reduce::ArgMax | Reduce::ArgMin => return extreme(gpu, op, dtype, &input),
        _ => {}
    }
    let wide = if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype };
    let (mut input, mut from, mut operation) = (input, dtype, op.name());
    // Memory that a launch reads goes back to the pool behind it.
    let mut partials;
    loop {
        let to = if input.rows.chunks == 1 { dtype } else { wide };
        let out = gpu.empty(rows * input.rows.chunks as usize, to)?;
        input.launch(gpu, operation, from, to, out.start())?;
        if input.rows.chunks == 1 {
            return Ok(out.storage());
        }
        partials = out;
        input = Input::left(gpu, &partials, input.rows)?;
        from = wide;
        // Squares are taken once.
        operation = if op == Reduce::SumSquares { "sum" } else { operation };
    }
}

/// Where the largest or smallest stands.
fn extreme(gpu: &Arc<Gpu>, op: Reduce, dtype: DType, input: &Input) -> Result<Storage> {
    let largest = u32::from(op == Reduce::ArgMax);
    let mut rows = input.rows;
    if input.is_short() {
        let out = gpu.empty(rows.rows as usize, DType::U32)?;
        let kernel = format!("extreme_alone_{dtype}");
        let arguments: [&dyn Argument; 5] = [&out.start(), &input.start, &input.view, &rows, &largest];
        gpu.launch_each("reduce", &kernel, rows.rows, &arguments)?;
        return Ok(out.storage());
    }
    let mut candidates: Option<Buffer> = None;
    loop {
        let out = gpu.empty(rows.rows as usize * rows.chunks as usize, DType::U32)?;
        let found = candidates.as_ref().map_or(Pointer::NULL, Buffer::start);
        let (grid, block) = Input { rows, ..*input }.warps(gpu);
        let kernel = format!("extreme_{dtype}");
        let arguments: [&dyn Argument; 6] = [&out.start(), &found, &input.start, &input.view, &rows, &largest];
        gpu.launch("reduce", &kernel, grid, block, 0, &arguments)?;
        if rows.chunks == 1 {
            return Ok(out.storage());
        }
        rows = Rows::new(rows.rows, rows.chunks, rows.step);
        candidates = Some(out);
    }
}

pub(crate) fn cumulative_sum(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Storage> {
    let out = gpu.empty(x.elements(), x.dtype())?;
    if x.elements() > 0 {
        let input = Input::of(gpu, x)?;
        let threads = u32::try_from(input.rows.rows as u64 * LANES as u64).unwrap_or(u32::MAX);
        let (grid, block) = ([gpu.grid_for(threads), 1, 1], [BLOCK, 1, 1]);
        let kernel = format!("cumulative_sum_{}", x.dtype());
        gpu.launch("reduce", &kernel, grid, block, 0, &[&out.start(), &input.start, &input.view, &input.rows])?;
    }
    Ok(out.storage())
}
