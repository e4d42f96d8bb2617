//! Matrix products with a right operand that is packed once and used many times.
//!
//! A sum over k runs in blocks of [`K_BLOCK`](super::matmul::K_BLOCK): each block's sum starts from zero and takes ascending fused
//! multiply–adds, and is then added to the result. Neither rows, columns, threads nor the choice of a kernel changes that order, so
//! none changes a bit. With AMX a product of f32 is one of three bf16 parts of each operand, unless [`Precision::F32Fma`] is asked for or k is short: the
//! blocks are the same, the sum within one has another order (`bf16::x86::split`), which also depends on k alone.
//!
//! [`Packed`] hides what the machine likes: panels of f32 for a vector kernel ([`float`]), pairs of bf16 ([`bf16`]), or, for f64 and for
//! processors without a kernel of ours, plain rows for matrixmultiply ([`row_major`]). A weight that is only used may be rounded: to bf16, or to whole
//! numbers ([`int8`]).

mod bf16;
mod float;
mod int8;
mod panels;
mod pieces;
mod row_major;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::buffer::Pool;
use super::matmul::{Gemm, Matrix, Output, in_tiles};
pub(crate) use crate::MatmulPrecision as Precision;
use crate::{Result, Rounding};
pub(super) use float::peak_flops;
pub(crate) use panels::{Panels, Single};
use pieces::{Pieces, offsets};
pub(crate) use row_major::RowMajor;

/// The right operand `[K, N]` of a product, rearranged once for the kernel of this machine. Of f32 with [`Precision::Bf16`] it holds bf16.
pub(crate) struct Packed<T: Gemm> {
    rows: usize,
    columns: usize,
    panels: T::Panels,
}

impl<T: Gemm> Packed<T> {
    /// Packs `b`, over the current rayon threads, into storage from `memory`.
    ///
    /// # Errors
    /// Where the memory's budget does not allow it.
    pub fn new(b: Matrix<'_, T>, precision: Precision, memory: &Arc<Pool>) -> Result<Packed<T>> {
        Ok(Packed { rows: b.rows, columns: b.columns, panels: T::Panels::pack(b, precision, memory)? })
    }

    /// [`new`](Packed::new) of `b` rounded; none where there are no products with such.
    ///
    /// # Errors
    /// Where the memory's budget does not allow it.
    pub fn rounded(
        b: Matrix<'_, T>,
        to: Rounding,
        precision: Precision,
        memory: &Arc<Pool>,
    ) -> Result<Option<Packed<T>>> {
        let panels = T::Panels::round(b, to, precision, memory)?;
        Ok(panels.map(|panels| Packed { rows: b.rows, columns: b.columns, panels }))
    }

    /// K, the contracted length.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// N.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Ranges of columns begin at multiples of this.
    pub fn panel_width(&self) -> usize {
        self.panels.width()
    }
}

/// For each i, `c[c_rows[i] ..][..columns.len()]` becomes (or, with `add`, grows by) `a[a_rows[i] ..][..K] · B[:, columns]`, on the
/// calling thread alone. Rows are element offsets and may be picked in any order.
///
/// # Safety
/// All those elements are valid, those of `c` are not reachable otherwise, and no two rows of `c` overlap.
pub(crate) unsafe fn rows_times_packed<T: Gemm>(
    a: *const T,
    a_rows: &[usize],
    b: &Packed<T>,
    columns: Range<usize>,
    c: *mut T,
    c_rows: &[usize],
    add: bool,
) {
    // SAFETY: the caller's promise; elements of a row of `a` stand side by side.
    unsafe { strided_rows_times_packed(a, a_rows, 1, b, columns, c, c_rows, add) }
}

/// [`rows_times_packed`] with several right operands of the same K and the same columns of each, `(B, c)`: where a kernel packs its left operand, it does so
/// once.
///
/// # Safety
/// As for [`rows_times_packed`], for each right operand.
pub(crate) unsafe fn rows_times_each<T: Gemm>(
    a: *const T,
    a_rows: &[usize],
    rights: &[(&Packed<T>, *mut T)],
    columns: Range<usize>,
    c_rows: &[usize],
    add: bool,
) {
    let k = rights.first().map_or(0, |(b, _)| b.rows);
    let at_panels = |b: &Packed<T>| columns.end <= b.columns && columns.start.is_multiple_of(b.panel_width());
    let together = rights.iter().all(|(b, _)| b.rows == k && at_panels(b)) && a_rows.len() == c_rows.len();
    if together && k * a_rows.len() * columns.len() > 0 {
        let all: SmallVec<[_; 4]> = rights.iter().map(|&(b, c)| (&b.panels, columns.clone(), c)).collect();
        // SAFETY: the caller's promise.
        if unsafe { T::Panels::rows_times_each(a, a_rows, k, &all, c_rows, add) } {
            return;
        }
    }
    for &(b, c) in rights {
        // SAFETY: the caller's promise.
        unsafe { rows_times_packed(a, a_rows, b, columns.clone(), c, c_rows, add) };
    }
}

/// [`rows_times_packed`] where the elements of a row of `a` are `a_step` apart. An offset may have wrapped below zero.
unsafe fn strided_rows_times_packed<T: Gemm>(
    a: *const T,
    a_rows: &[usize],
    a_step: isize,
    b: &Packed<T>,
    columns: Range<usize>,
    c: *mut T,
    c_rows: &[usize],
    add: bool,
) {
    let Range { start, end } = columns;
    assert!(start <= end && end <= b.columns && a_rows.len() == c_rows.len(), "rows_times_packed: {start}..{end}");
    assert!(start.is_multiple_of(b.panel_width()), "rows_times_packed: column {start} begins no panel");
    if a_rows.is_empty() || columns.is_empty() {
        return;
    }
    if b.rows > 0 {
        // SAFETY: the caller's promise.
        return unsafe { b.panels.rows_times(a, a_rows, a_step, [b.rows, b.columns], columns, c, c_rows, add) };
    }
    if !add {
        for &row in c_rows {
            // SAFETY: the caller's promise.
            unsafe { std::slice::from_raw_parts_mut(c.wrapping_add(row), columns.len()).fill(T::ZERO) };
        }
    }
}

/// `c = a b` or, with `add`, `c += a b`, over the current rayon threads; `c` is row-major and whole.
pub(crate) fn product_packed<T: Gemm>(a: Matrix<'_, T>, b: &Packed<T>, c: &mut [T], add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(b.rows == k && c.len() == m * n, "product: {m}×{k} times {}×{n} into {}", b.rows, c.len());
    let (a_rows, c_rows) = (offsets(m, a.steps[0]), offsets(m, n as isize));
    let out = Output(c.as_mut_ptr());
    Pieces::new([m, k, n], b.panel_width(), true).for_each(|rows, columns| {
        let (a_rows, c_rows) = (&a_rows[rows.clone()], &c_rows[rows]);
        // SAFETY: `Matrix::new` checked the reach of `a`, the ranges are inside m × n, and no two pieces share an element.
        unsafe {
            let c = out.at(columns.start);
            strided_rows_times_packed(a.at(0, 0), a_rows, a.steps[1], b, columns, c, c_rows, add);
        }
    });
}

/// As [`product_packed`], of a right operand that is used once: packs what it needs itself.
pub(crate) fn product<T: Gemm>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], add: bool, precision: Precision) {
    T::product(a, b, None, c, add, precision);
}

/// [`product`] where only the columns `live` of `a`, ascending, have anything but zeros: the others may be left out, which changes no bit where `b` is finite.
pub(crate) fn product_of_live<T: Gemm>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    live: &[usize],
    c: &mut [T],
    add: bool,
    precision: Precision,
) {
    assert!(live.last().is_none_or(|&last| last < a.columns), "product: column {:?} of {}", live.last(), a.columns);
    T::product(a, b, (live.len() < a.columns).then_some(live), c, add, precision);
}

/// [`product`] of f32; by a kernel of multiply–adds over the k `live` alone.
pub(super) fn single_product(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    live: Option<&[usize]>,
    c: &mut [f32],
    add: bool,
    precision: Precision,
) {
    let sum = live.map_or(float::Sum::all(a.columns), float::Sum::picked);
    let work = a.rows * a.columns * b.columns > 0 && a.columns == b.rows && c.len() == a.rows * b.columns;
    match precision {
        Precision::F32 if work && bf16::split_product(a, b, c, add) => {}
        Precision::F32 | Precision::F32Fma if work && float::product(a, b, sum, c, add) => {}
        Precision::F32 | Precision::F32Fma => in_tiles(a, b, live, c, add, precision),
        Precision::Tf32 => unreachable!("a CPU device stays at f32"),
        Precision::Bf16 => bf16::product(a, b, sum, c, add),
    }
}
