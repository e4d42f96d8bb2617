//! What a packed right operand looks like, by element type.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Precision, RowMajor, bf16, float, int8};
use crate::cpu::buffer::Pool;
use crate::cpu::matmul::{Gemm, Matrix};
use crate::cpu::short::{bf16_to_f32, f32_to_bf16};
use crate::{Result, Rounding};

/// A right operand in a kernel's own order.
pub(crate) trait Panels<T>: Sized + Send + Sync {
    fn pack(b: Matrix<'_, T>, precision: Precision, memory: &Arc<Pool>) -> Result<Self>;

    /// A rounded operand, whose products with rows are of the given precision or, of whole numbers, of none. None where there are no such products.
    fn round(b: Matrix<'_, T>, to: Rounding, precision: Precision, memory: &Arc<Pool>) -> Result<Option<Self>> {
        let _ = (b, to, precision, memory);
        Ok(None)
    }

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
    /// The same, of elements rounded to bf16.
    Short(float::ShortPanels),
    /// Of whole numbers.
    Whole(int8::Panels),
    /// Where there is no kernel of ours.
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
            Precision::F32Fma => match float::Panels::pack(b, false, memory)? {
                Some(panels) => Single::Float(panels),
                None => Single::Rows(RowMajor::pack(b, precision, memory)?),
            },
            Precision::Tf32 => unreachable!("a CPU device stays at f32"),
            Precision::Bf16 => Single::Brain(bf16::Panels::pack(b, memory)?),
        })
    }

    fn round(b: Matrix<'_, f32>, to: Rounding, precision: Precision, memory: &Arc<Pool>) -> Result<Option<Self>> {
        if to == Rounding::Int8 {
            return Ok(int8::Panels::pack(b, memory)?.map(Single::Whole));
        }
        let by_parts = precision == Precision::F32 && bf16::has_split(b.rows);
        if precision != Precision::Bf16
            && !by_parts
            && let Some(panels) = float::ShortPanels::pack(b, memory)?
        {
            return Ok(Some(Single::Short(panels)));
        }
        let mut rounded = memory.take_elements::<f32>(b.rows * b.columns)?;
        let places = (0..b.columns).flat_map(|column| (0..b.rows).map(move |row| (row, column)));
        for (to, (row, column)) in rounded.elements_mut::<f32>().iter_mut().zip(places) {
            // SAFETY: `Matrix::new` checked the reach, and the place is inside.
            *to = bf16_to_f32(f32_to_bf16(unsafe { *b.at(row, column) }));
        }
        let rounded = Matrix::row_major(rounded.elements(), b.columns, b.rows).transposed();
        Single::pack(rounded, precision, memory).map(Some)
    }

    fn width(&self) -> usize {
        match self {
            Single::Float(panels) => panels.width(),
            Single::Short(panels) => panels.width(),
            Single::Whole(_) => int8::WIDTH,
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
                Single::Short(panels) => panels.rows_times(a, a_rows, a_step, sizes[0], columns, c, c_rows, add),
                Single::Whole(panels) => {
                    int8::Panels::rows_times_each(a, a_rows, a_step, sizes[0], &[(panels, columns, c)], c_rows, add);
                }
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
        let (mut brain, mut whole): (SmallVec<[_; 4]>, SmallVec<[_; 4]>) = (SmallVec::new(), SmallVec::new());
        for &(panels, ref columns, c) in rights {
            match panels {
                Single::Brain(panels) => brain.push((panels, columns.clone(), c)),
                Single::Whole(panels) => whole.push((panels, columns.clone(), c)),
                _ => return false,
            }
        }
        if whole.len() == rights.len() {
            // SAFETY: the caller's promise.
            unsafe { int8::Panels::rows_times_each(a, a_rows, 1, k, &whole, c_rows, add) };
            return true;
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
