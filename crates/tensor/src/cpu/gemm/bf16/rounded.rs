//! For processors without fast bf16 dot products: both operands are rounded, and the f32 kernel multiplies them.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::cpu::buffer::Pool;
use crate::cpu::gemm::float::{self, Sum};
use crate::cpu::gemm::{self, Precision, Single};
use crate::cpu::matmul::Matrix;
use crate::cpu::short::{bf16_to_f32, f32_to_bf16};

/// A right operand of rounded elements.
pub(crate) enum Panels {
    /// Of a kernel that rounds the left operand on the way.
    Float(float::Panels),
    /// Where there is none.
    Copied(Box<Single>),
}

/// `c = a b (+ c)` over threads, as [`gemm::product`].
pub(super) fn product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, sum: Sum<'_>, c: &mut [f32], add: bool) {
    if c.is_empty() || !float::product(a, b, sum.rounded(), c, add) {
        copied(a, b, c, add);
    }
}

/// [`product`] of rounded copies.
pub(super) fn copied(a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    let (left, right) = (rounded_copy(a), rounded_copy(b));
    let left = Matrix::row_major(&left, a.rows, a.columns);
    let right = Matrix::row_major(&right, b.rows, b.columns);
    gemm::product(left, right, c, add, Precision::F32Fma);
}

fn rounded_copy(x: Matrix<'_, f32>) -> Vec<f32> {
    let places = (0..x.rows).flat_map(|row| (0..x.columns).map(move |column| (row, column)));
    // SAFETY: `Matrix::new` checked the reach, and every place is inside.
    places.map(|(row, column)| rounded(unsafe { *x.at(row, column) })).collect()
}

fn rounded(x: f32) -> f32 {
    bf16_to_f32(f32_to_bf16(x))
}

impl Panels {
    pub fn pack(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Panels> {
        match float::Panels::pack(b, true, memory)? {
            Some(panels) => Ok(Panels::Float(panels)),
            None => Panels::copied(b, memory),
        }
    }

    pub fn copied(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Panels> {
        let copy = rounded_copy(b);
        let copy = Matrix::row_major(&copy, b.rows, b.columns);
        Ok(Panels::Copied(Box::new(gemm::Panels::pack(copy, Precision::F32Fma, memory)?)))
    }

    pub fn width(&self) -> usize {
        match self {
            Panels::Float(panels) => panels.width(),
            Panels::Copied(panels) => gemm::Panels::width(&**panels),
        }
    }

    /// See [`Panels::rows_times`](super::super::Panels::rows_times).
    pub unsafe fn rows_times(
        &self,
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        sizes: [usize; 2],
        columns: Range<usize>,
        c: *mut f32,
        c_rows: &[usize],
        add: bool,
    ) {
        let k = sizes[0];
        let panels = match self {
            // SAFETY: the caller's promise.
            Panels::Float(panels) => unsafe {
                return panels.rows_times(a, a_rows, a_step, k, columns, c, c_rows, add);
            },
            Panels::Copied(panels) => panels,
        };
        let mut copy = Vec::with_capacity(a_rows.len() * k);
        for &row in a_rows {
            let row = a.wrapping_add(row);
            // SAFETY: the caller's promise.
            copy.extend((0..k as isize).map(|i| rounded(unsafe { *row.wrapping_offset(i * a_step) })));
        }
        let rows: Vec<usize> = (0..a_rows.len()).map(|i| i * k).collect();
        // SAFETY: the rounded rows are whole; the caller's promise about `c`.
        unsafe { gemm::Panels::rows_times(&**panels, copy.as_ptr(), &rows, 1, sizes, columns, c, c_rows, add) }
    }
}
