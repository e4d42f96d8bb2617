//! Products of f32 in whole numbers of 8 bits, whose sums are exact.
//!
//! A row of the left operand and a column of the right one, each with a scale of its own ([`quantise`]), become whole numbers q of at most 127 in size:
//!
//! > y = Σ q_a q_b · (s_b s_a)
//!
//! The sum is exact in 32 bits over at most [`DEEPEST`] places, so neither kernel nor order shows in a bit: processors with AVX512-VNNI and all others
//! agree. They multiply a byte without a sign by one with, so the left operand is stored with 128 more, and what that adds is known for each
//! column.

mod kernel;
mod quantise;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::Result;
use crate::cpu::buffer::{Buffer, Pool};
use crate::cpu::matmul::Matrix;
use kernel::{Micro, Tile};
use quantise::{ZERO, quantise};

/// Columns of a panel.
pub(super) const WIDTH: usize = 32;
/// Places of k that are multiplied at once.
const QUAD: usize = 4;
/// Rows whose whole numbers are made at a time: with 512 places a fifth of a MiB, which stays in the second cache.
const ROWS: usize = 32 * kernel::ROWS;
/// The most places for which a sum is below 2³¹.
const DEEPEST: usize = i32::MAX as usize / (127 * 127);

/// A right operand `[K, N]`.
pub(crate) struct Panels {
    kernel: &'static [Micro; kernel::ROWS],
    quads: usize,
    /// i8 `[panel][K / 4][32 columns][4]`
    bytes: Buffer,
    /// 128 times each column's sum, `[N]`, i32
    surplus: Buffer,
    /// `[N]`, f32
    scales: Buffer,
}

impl Panels {
    /// None where sums could be larger than 32 bits.
    pub fn pack(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Option<Panels>> {
        if b.rows > DEEPEST {
            return Ok(None);
        }
        let (quads, panels) = (b.rows.div_ceil(QUAD), b.columns.div_ceil(WIDTH));
        let of_panel = (quads * QUAD * WIDTH).max(1);
        let mut bytes = memory.take_elements::<i8>(panels * of_panel)?;
        let mut surplus = memory.take_elements::<i32>(panels * WIDTH)?;
        let mut scales = memory.take_elements::<f32>(panels * WIDTH)?;
        let sums = surplus.elements_mut::<i32>().par_chunks_mut(WIDTH).zip(scales.elements_mut().par_chunks_mut(WIDTH));
        bytes.elements_mut::<i8>().par_chunks_mut(of_panel).zip(sums).enumerate().for_each(
            |(panel, (bytes, (surplus, scales)))| {
                let columns = panel * WIDTH..b.columns.min((panel + 1) * WIDTH);
                // What columns beyond the last have is multiplied, and not looked at.
                bytes.fill(0);
                surplus.fill(0);
                scales.fill(0.0);
                let (mut numbers, mut whole) = (vec![0f32; b.rows], vec![ZERO; quads * QUAD]);
                for (i, column) in columns.enumerate() {
                    // SAFETY: `Matrix::new` checked the reach, and the place is inside.
                    numbers.iter_mut().enumerate().for_each(|(k, x)| *x = unsafe { *b.at(k, column) });
                    scales[i] = quantise(&numbers, &mut whole);
                    for (k, &whole) in whole.iter().enumerate() {
                        let signed = (whole ^ ZERO) as i8;
                        bytes[(k / QUAD * WIDTH + i) * QUAD + k % QUAD] = signed;
                        surplus[i] = surplus[i].wrapping_add(i32::from(ZERO) * i32::from(signed));
                    }
                }
            },
        );
        Ok(Some(Panels { kernel: kernel::best(), quads, bytes, surplus, scales }))
    }

    /// See [`Panels::rows_times_each`](super::Panels::rows_times_each), with elements of a row of `a` `a_step` apart.
    pub unsafe fn rows_times_each(
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        k: usize,
        rights: &[(&Panels, Range<usize>, *mut f32)],
        c_rows: &[usize],
        add: bool,
    ) {
        let bytes = k.next_multiple_of(QUAD);
        with_left(a_rows.len().min(ROWS), bytes, |left| {
            for (a_rows, c_rows) in a_rows.chunks(ROWS).zip(c_rows.chunks(ROWS)) {
                for (i, &row) in a_rows.iter().enumerate() {
                    let whole = &mut left.whole[i * bytes..][..bytes];
                    // SAFETY: the caller's promise.
                    left.scales[i] = unsafe { quantised_row(a.wrapping_add(row), a_step, k, whole, &mut left.numbers) };
                }
                for (panels, columns, c) in rights {
                    // SAFETY: the caller's promise, for these rows.
                    unsafe { panels.multiply(left, bytes, columns.clone(), *c, c_rows, add) };
                }
            }
        });
    }

    /// The first rows of `left`, as many as there are of `c`, times these columns.
    unsafe fn multiply(
        &self,
        left: &Left,
        bytes: usize,
        columns: Range<usize>,
        c: *mut f32,
        c_rows: &[usize],
        add: bool,
    ) {
        let (all, rows) = (self.bytes.elements::<i8>(), c_rows.len());
        let tiles = rows.div_ceil(kernel::ROWS);
        for column in columns.clone().step_by(WIDTH) {
            let mut row = 0;
            for i in 0..tiles {
                // Tiles of nearly equal height.
                let height = rows / tiles + usize::from(i < rows % tiles);
                let tile = Tile {
                    quads: self.quads,
                    left: left.whole[row * bytes..].as_ptr(),
                    left_step: bytes,
                    left_scales: left.scales[row..].as_ptr(),
                    right: all[column * self.quads * QUAD..].as_ptr(),
                    surplus: self.surplus.elements()[column..].as_ptr(),
                    right_scales: self.scales.elements()[column..].as_ptr(),
                    c: c.wrapping_add(column - columns.start),
                    c_rows: c_rows[row..].as_ptr(),
                    columns: (columns.end - column).min(WIDTH),
                    add,
                };
                // SAFETY: the tile is inside the operands and the caller's result; the processor can run what `best` chose.
                unsafe { self.kernel[height - 1](&tile) };
                row += height;
            }
        }
    }
}

/// Rows of a left operand.
#[derive(Default)]
struct Left {
    whole: Vec<u8>,
    scales: Vec<f32>,
    /// A row whose elements lie apart.
    numbers: Vec<f32>,
}

/// `work` with room for so many rows, which the thread keeps for the next time.
fn with_left(rows: usize, bytes: usize, work: impl FnOnce(&mut Left)) {
    thread_local! {
        static LEFT: Cell<Left> = const { Cell::new(Left { whole: Vec::new(), scales: Vec::new(), numbers: Vec::new() }) };
    }
    let mut left = LEFT.take();
    left.whole.resize(left.whole.len().max(rows * bytes), ZERO);
    left.scales.resize(left.scales.len().max(rows), 0.0);
    work(&mut left);
    LEFT.set(left);
}

/// [`quantise`] of `k` elements, `step` apart.
unsafe fn quantised_row(row: *const f32, step: isize, k: usize, whole: &mut [u8], numbers: &mut Vec<f32>) -> f32 {
    if step == 1 {
        // SAFETY: the caller's row.
        return quantise(unsafe { std::slice::from_raw_parts(row, k) }, whole);
    }
    numbers.clear();
    // SAFETY: the caller's row.
    numbers.extend((0..k as isize).map(|i| unsafe { *row.wrapping_offset(i * step) }));
    quantise(numbers, whole)
}
