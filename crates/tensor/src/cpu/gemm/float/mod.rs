//! Products of f32 by kernels of our own: AVX-512, AVX2 with FMA, NEON.
//!
//! The right operand lies in panels of as many columns as a tile is wide, [`vector`]s side by side; [`micro`] keeps the sums of a tile in
//! registers over a block of K; [`drive`] runs the tiles so that operands stay in the caches. All add in the same order, and the order is
//! matrixmultiply's.

mod drive;
mod kernel;
mod micro;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod peak;
#[cfg(test)]
mod portable;
mod scratch;
mod short;
mod sum;
#[cfg(test)]
mod tests;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::pieces::{Pieces, offsets};
use crate::Result;
use crate::cpu::buffer::{Buffer, Pool};
use crate::cpu::matmul::{Matrix, Output};
use drive::{Left, Right};
use kernel::Kernel;
use pack::Block;
pub(in crate::cpu) use peak::peak_flops;
use scratch::Space;
pub(crate) use short::ShortPanels;
pub(super) use sum::Sum;

/// Elements that are worth a task of packing.
const TASK: usize = 1 << 16;
/// From so many rows on a right operand is packed once for all threads, and below by each for its columns.
const MANY_ROWS: usize = 192;
/// Elements of a right operand that are packed at a time for all threads: 16 MiB. The left operand is read and packed once for each time, so
/// not fewer; in tests a quarter, so that small products come in parts too.
const SHARED: usize = if cfg!(test) { 1 << 20 } else { 1 << 22 };

/// A right operand in panels; all of K of one panel, then the next. Missing columns of the last are 0.
pub(crate) struct Panels {
    kernel: &'static Kernel,
    elements: Buffer,
    /// To bf16; and so is what they are multiplied by.
    rounded: bool,
}

impl Panels {
    /// None where this processor has no kernel of ours. `rounded` says whether both operands are to be rounded to bf16.
    pub fn pack(b: Matrix<'_, f32>, rounded: bool, memory: &Arc<Pool>) -> Result<Option<Panels>> {
        let Some(kernel) = kernel::kernel() else { return Ok(None) };
        let width = b.columns.next_multiple_of(kernel.panel);
        let mut elements = memory.take_elements::<f32>(b.rows * width)?;
        // SAFETY: the processor has the kernel's instructions, and the buffer room for all panels.
        unsafe { pack(kernel, b, sum(b.rows, rounded), 0..b.columns, elements.elements_mut::<f32>().as_mut_ptr()) };
        Ok(Some(Panels { kernel, elements, rounded }))
    }

    pub fn width(&self) -> usize {
        self.kernel.panel
    }

    /// See [`Panels::rows_times`](super::Panels::rows_times).
    pub unsafe fn rows_times(
        &self,
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        k: usize,
        columns: Range<usize>,
        c: *mut f32,
        c_rows: &[usize],
        add: bool,
    ) {
        let left = Left { start: a, rows: a_rows, step: a_step };
        let right = Right::Packed { panels: self.elements.elements::<f32>().as_ptr() };
        let result = drive::Result { start: c, rows: c_rows, add };
        // SAFETY: the caller's promise; a packed operand's kernel is this processor's.
        unsafe { drive::multiply(self.kernel, left, right, sum(k, self.rounded), columns, result) }
    }
}

fn sum(k: usize, rounded: bool) -> Sum<'static> {
    if rounded { Sum::all(k).rounded() } else { Sum::all(k) }
}

/// Packs columns of `b`, from the beginning of a panel, over threads.
unsafe fn pack(kernel: &Kernel, b: Matrix<'_, f32>, sum: Sum<'_>, columns: Range<usize>, to: *mut f32) {
    let (k, panel) = (sum.len(), kernel.panel);
    let to = Output(to);
    let one = |i: usize| {
        let column = columns.start + i * panel;
        let from = b.at(0, column);
        let block = Block { from, steps: b.steps, k: sum, columns: panel.min(columns.end - column) };
        // SAFETY: the block is inside `b`; the caller has room for all panels, and each is written once.
        unsafe {
            (kernel.pack_panel)(&block, to.at(i * panel * k));
            if sum.is_rounded() {
                (kernel.round)(to.at(i * panel * k), panel * k);
            }
        }
    };
    let panels = columns.len().div_ceil(panel);
    if panels * panel * k <= TASK || rayon::current_num_threads() == 1 {
        (0..panels).for_each(one);
    } else {
        (0..panels).into_par_iter().with_min_len((TASK / (panel * k)).max(1)).for_each(one);
    }
}

/// `c = a b` or `c += a b`; `c` is not empty. Says false, and does nothing, where this processor has no kernel of ours.
pub(super) fn product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, sum: Sum<'_>, c: &mut [f32], add: bool) -> bool {
    let Some(kernel) = kernel::kernel() else { return false };
    match sum.len() {
        0 if add => {}
        0 => c.fill(0.0),
        _ => product_with(kernel, a, b, sum, c, add),
    }
    true
}

fn product_with(
    kernel: &'static Kernel,
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    sum: Sum<'_>,
    c: &mut [f32],
    add: bool,
) {
    // One column would fill one lane of a register; as a row it fills them all, with the same sums.
    let (a, b) = if b.columns == 1 { (b.transposed(), a.transposed()) } else { (a, b) };
    let (m, k, n) = (a.rows, sum.len(), b.columns);
    let (a_rows, c_rows) = (offsets(m, a.steps[0]), offsets(m, n as isize));
    let out = Output(c.as_mut_ptr());
    let multiply = |right: Right, first: usize, len: usize| {
        let packed = matches!(right, Right::Packed { .. });
        Pieces::new([m, k, len], kernel.panel, packed).for_each(|rows, columns| {
            let left = Left { start: a.at(0, 0), rows: &a_rows[rows.clone()], step: a.steps[1] };
            // SAFETY: `Matrix::new` checked the operands, the ranges are inside m × n, no two pieces share an element of the result, and
            // the processor has the kernel's instructions.
            unsafe {
                let start = out.at(first + columns.start);
                drive::multiply(kernel, left, right, sum, columns, drive::Result { start, rows: &c_rows[rows], add });
            }
        });
    };
    if m < MANY_ROWS {
        return multiply(Right::Loose { start: b.at(0, 0), steps: b.steps }, 0, n);
    }
    let at_once = (SHARED / (k * kernel.panel)).max(1) * kernel.panel;
    let parts = n.div_ceil(at_once);
    let at_once = n.div_ceil(parts).next_multiple_of(kernel.panel);
    scratch::with(Space::Shared, k * at_once.min(n.next_multiple_of(kernel.panel)), |space| {
        let space = Output(space);
        for from in (0..n).step_by(at_once) {
            let columns = from..(from + at_once).min(n);
            // SAFETY: the space has room for so many columns' panels, and the processor the instructions.
            unsafe { pack(kernel, b, sum, columns.clone(), space.at(0)) };
            // SAFETY: as above.
            let panels = unsafe { space.at(0) };
            multiply(Right::Packed { panels }, from, columns.len());
        }
    });
}
