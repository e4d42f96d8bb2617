//! A right operand as plain rows, multiplied by matrixmultiply: of f64, and of f32 on processors without a kernel of ours.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::Result;
use crate::cpu::buffer::{Buffer, Pool};
use crate::cpu::matmul::{Gemm, K_BLOCK, Matrix};

/// Any column may begin a range; a whole vector is quickest.
pub(super) const WIDTH: usize = 8;

/// `[K, N]`, row-major.
pub(crate) struct RowMajor<T> {
    elements: Buffer,
    element: PhantomData<T>,
}

impl<T: Gemm> RowMajor<T> {
    pub fn new(b: Matrix<'_, T>, memory: &Arc<Pool>) -> Result<RowMajor<T>> {
        let mut elements = memory.take_elements::<T>(b.rows * b.columns)?;
        let n = b.columns.max(1);
        let rows = elements.elements_mut::<T>().par_chunks_mut(n).enumerate();
        rows.with_min_len((4096 / n).max(1)).for_each(|(k, row)| {
            for (column, x) in row.iter_mut().enumerate() {
                // SAFETY: `Matrix::new` checked the reach, and (k, column) is inside.
                *x = unsafe { *b.at(k, column) };
            }
        });
        Ok(RowMajor { elements, element: PhantomData })
    }

    /// See [`Panels::rows_times`](super::Panels::rows_times).
    pub unsafe fn multiply(
        &self,
        a: *const T,
        a_rows: &[usize],
        a_step: isize,
        [k, n]: [usize; 2],
        columns: Range<usize>,
        c: *mut T,
        c_rows: &[usize],
        add: bool,
    ) {
        let b = self.elements.elements::<T>();
        let mut first = 0;
        while first < a_rows.len() {
            let len = run(&a_rows[first..]).min(run(&c_rows[first..]));
            let step = |rows: &[usize]| if len > 1 { rows[first + 1].wrapping_sub(rows[first]) as isize } else { 0 };
            let (a, c) = (a.wrapping_add(a_rows[first]), c.wrapping_add(c_rows[first]));
            for from in (0..k).step_by(K_BLOCK) {
                let beta = if add || from > 0 { T::ONE } else { T::ZERO };
                let sizes = [len, K_BLOCK.min(k - from), columns.len()];
                let a = a.wrapping_offset(from as isize * a_step);
                let b = b[from * n + columns.start..].as_ptr();
                // SAFETY: the caller's promise about `a` and `c`; `b` holds k rows of n, and the ranges are inside.
                unsafe { T::gemm(sizes, a, [step(a_rows), a_step], b, [n as isize, 1], beta, c, step(c_rows)) };
            }
            first += len;
        }
    }
}

/// How many rows at the front are equally far apart.
fn run(rows: &[usize]) -> usize {
    let Some((&[first, second], _)) = rows.split_first_chunk() else { return rows.len() };
    let step = second.wrapping_sub(first);
    1 + rows.windows(2).take_while(|pair| pair[1].wrapping_sub(pair[0]) == step).count()
}
