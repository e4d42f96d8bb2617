//! A right operand of bf16, half as long as one of f32: its panels become f32 again a few at a time, while they are in the nearest cache.

use std::ops::Range;
use std::sync::Arc;

use half::bf16;
use rayon::prelude::*;

use super::drive::{self, Left, Right};
use super::kernel::{self, Kernel};
use super::pack::Block;
use super::sum::Sum;
use super::vector::Vector;
use crate::Result;
use crate::cpu::buffer::{Buffer, Pool};
use crate::cpu::matmul::Matrix;
use crate::cpu::short::{bf16_to_f32, f32_to_bf16};

/// Panels of rounded elements, as those of [`Panels`](super::Panels).
pub(crate) struct ShortPanels {
    kernel: &'static Kernel,
    elements: Buffer,
}

impl ShortPanels {
    /// None where this processor has no kernel of ours.
    pub fn pack(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Option<ShortPanels>> {
        let Some(kernel) = kernel::kernel() else { return Ok(None) };
        ShortPanels::pack_for(kernel, b, memory).map(Some)
    }

    pub(super) fn pack_for(kernel: &'static Kernel, b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<ShortPanels> {
        let panel = kernel.panel;
        let mut elements = memory.take_elements::<bf16>(b.rows * b.columns.next_multiple_of(panel))?;
        let panels = elements.elements_mut::<bf16>().par_chunks_mut((panel * b.rows).max(1));
        panels.enumerate().for_each_init(
            || vec![0f32; panel * b.rows],
            |whole, (i, short)| {
                let from = b.at(0, i * panel);
                let (k, columns) = (Sum::all(b.rows), panel.min(b.columns - i * panel));
                let block = Block { from, steps: b.steps, k, columns };
                // SAFETY: the block is inside `b`, there is room for a panel, and the processor has the kernel's instructions.
                unsafe { (kernel.pack_panel)(&block, whole.as_mut_ptr()) };
                short.iter_mut().zip(whole).for_each(|(short, x)| *short = f32_to_bf16(*x));
            },
        );
        Ok(ShortPanels { kernel, elements })
    }

    pub fn width(&self) -> usize {
        self.kernel.panel
    }

    /// See [`Panels::rows_times`](crate::cpu::gemm::Panels::rows_times).
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
        let right = Right::Short { panels: self.elements.elements::<bf16>().as_ptr() };
        let result = drive::Result { start: c, rows: c_rows, add };
        // SAFETY: the caller's promise; a packed operand's kernel is this processor's.
        unsafe { drive::multiply(self.kernel, left, right, Sum::all(k), columns, result) }
    }
}

/// Elements ahead of which others are fetched meanwhile.
const AHEAD: usize = 2048;

/// `n` elements, whole vectors, as f32.
///
/// # Safety
/// They are valid, and so is the room for them; the processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn widen<V: Vector>(from: *const bf16, to: *mut f32, n: usize) {
    for start in (0..n).step_by(V::LANES) {
        // SAFETY: the caller's promise; what is fetched ahead is a hint.
        unsafe {
            V::prefetch_far(from.wrapping_add(start + AHEAD).cast());
            V::load_short(from.add(start)).store(to.add(start));
        }
    }
}

/// Rounds `n` elements to bf16, in place.
///
/// # Safety
/// They are valid, and nobody else's; the processor has the instructions that this is compiled with.
#[inline(always)]
pub(super) unsafe fn round(x: *mut f32, n: usize) {
    // SAFETY: the caller's promise.
    let x = unsafe { std::slice::from_raw_parts_mut(x, n) };
    x.iter_mut().for_each(|x| *x = bf16_to_f32(f32_to_bf16(*x)));
}
