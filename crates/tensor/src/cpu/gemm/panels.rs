//! What a packed right operand looks like, by element type.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Precision, RowMajor, bf16, float};
use crate::Result;
use crate::cpu::buffer::Pool;
use crate::cpu::matmul::{Gemm, Matrix};

/// A right operand in a kernel's own order.
pub(crate) trait Panels<T>: Sized + Send + Sync {
    fn pack(b: Matrix<'_, T>, precision: Precision, memory: &Arc<Pool>) -> Result<Self>;

    /// Columns of a panel.
    fn width(&self) -> usize;

    /// The work of `rows_times_packed`, with elements of a row of `a` `a_step` apart, and neither K nor the rows nor the columns 0.
    ///
    /// # Safety
    /// As for `rows_times_packed`; `[k, n]` are the sizes that were packed.
    unsafe fn rows_times(
        &self,
        a: *const T,
        a_rows: &[usize],
        a_step: isize,
        sizes: [usize; 2],
        columns: Range<usize>,
        c: *mut T,
        c_rows: &[usize],
        add: bool,
    );

    /// The work of [`rows_times_each`](super::rows_times_each), if together it takes less than one after the other; says whether it does.
    ///
    /// # Safety
    /// As for `rows_times`, for each right operand with its columns and result.
    unsafe fn rows_times_each(
        a: *const T,
        a_rows: &[usize],
        k: usize,
        rights: &[(&Self, Range<usize>, *mut T)],
        c_rows: &[usize],
        add: bool,
    ) -> bool {
        let _ = (a, a_rows, k, rights, c_rows, add);
        false
    }
}

/// f32, by precision.
pub(crate) enum Single {
    /// For a kernel of ours.
    Float(float::Panels),
    /// Where there is none.
    Rows(RowMajor<f32>),
    /// Of bf16, or of f32 in parts of bf16.
    Brain(bf16::Panels),
}

impl Panels<f32> for Single {
    fn pack(b: Matrix<'_, f32>, precision: Precision, memory: &Arc<Pool>) -> Result<Self> {
        Ok(match precision {
            Precision::F32 => match bf16::Panels::split(b, memory)? {
                Some(panels) => Single::Brain(panels),
                None => Single::pack(b, Precision::F32Fma, memory)?,
            },
            Precision::F32Fma => match float::Panels::pack(b, memory)? {
                Some(panels) => Single::Float(panels),
                None => Single::Rows(RowMajor::pack(b, precision, memory)?),
            },
            Precision::Tf32 => unreachable!("a CPU device stays at f32"),
            Precision::Bf16 => Single::Brain(bf16::Panels::pack(b, memory)?),
        })
    }

    fn width(&self) -> usize {
        match self {
            Single::Float(panels) => panels.width(),
            Single::Rows(rows) => Panels::<f32>::width(rows),
            Single::Brain(panels) => panels.width(),
        }
    }

    unsafe fn rows_times(
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
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Single::Float(panels) => panels.rows_times(a, a_rows, a_step, sizes[0], columns, c, c_rows, add),
                Single::Rows(rows) => rows.rows_times(a, a_rows, a_step, sizes, columns, c, c_rows, add),
                Single::Brain(panels) => panels.rows_times(a, a_rows, a_step, sizes, columns, c, c_rows, add),
            }
        }
    }

    unsafe fn rows_times_each(
        a: *const f32,
        a_rows: &[usize],
        k: usize,
        rights: &[(&Self, Range<usize>, *mut f32)],
        c_rows: &[usize],
        add: bool,
    ) -> bool {
        let mut brain: SmallVec<[_; 4]> = SmallVec::new();
        for &(panels, ref columns, c) in rights {
            if let Single::Brain(panels) = panels {
                brain.push((panels, columns.clone(), c));
            }
        }
        // SAFETY: the caller's promise.
        brain.len() == rights.len() && unsafe { bf16::Panels::rows_times_each(a, a_rows, k, &brain, c_rows, add) }
    }
}

/// Panels that every [`Gemm`] type can have.
impl<T: Gemm> Panels<T> for RowMajor<T> {
    fn pack(b: Matrix<'_, T>, _: Precision, memory: &Arc<Pool>) -> Result<Self> {
        RowMajor::new(b, memory)
    }

    fn width(&self) -> usize {
        super::row_major::WIDTH
    }

    unsafe fn rows_times(
        &self,
        a: *const T,
        a_rows: &[usize],
        a_step: isize,
        sizes: [usize; 2],
        columns: Range<usize>,
        c: *mut T,
        c_rows: &[usize],
        add: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe { self.multiply(a, a_rows, a_step, sizes, columns, c, c_rows, add) }
    }
}
