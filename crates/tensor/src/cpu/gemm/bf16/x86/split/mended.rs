//! Elements whose row or column holds a number that is not finite: by fused multiply–adds, as they would be without parts.

use super::super::loops::{Rows, Strips};
use super::super::pack::Order;
use super::super::{DEPTH, Kernel, LINES, STRIP};
use super::Split;
use crate::cpu::gemm::{Precision, product};
use crate::cpu::matmul::Matrix;

/// The elements of some rows and of some columns of a product, to be written over what the parts made of them.
pub(in super::super) struct Mended {
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// `[rows, N]`
    in_rows: Vec<f32>,
    /// `[M, columns]`
    in_columns: Vec<f32>,
    sizes: [usize; 2],
}

impl Mended {
    /// Of `c (+)= a b`, before `c` changes; the rows of `c` are those from `first` on.
    ///
    /// # Safety
    /// The operands are packed by [`Split`] and have `steps` tiles along k; `c` has their rows and columns.
    pub unsafe fn new(a: Strips, b: Strips, steps: usize, c: Rows, first: usize, add: bool) -> Mended {
        let (m, k, n) = (a.lines, steps * DEPTH, b.lines);
        // SAFETY: the caller's promise.
        let rows = unsafe { not_finite(a, Order::Lines, k) };
        // SAFETY: as above.
        let columns = unsafe { not_finite(b, Order::Pairs, k) };
        let all = |n: usize| (0..n).collect::<Vec<_>>();
        let of = |rows: &[usize], columns: &[usize]| {
            if rows.is_empty() || columns.is_empty() {
                return Vec::new();
            }
            // SAFETY: the caller's promise; the lines are inside.
            let (a, b) = unsafe { (lines_of(a, Order::Lines, k, rows), lines_of(b, Order::Pairs, k, columns)) };
            let mut out = vec![0.0; rows.len() * columns.len()];
            if add {
                // SAFETY: the caller's promise.
                for_each(c, first, rows, columns, &mut out, |out, c| unsafe { *out = *c });
            }
            let b = Matrix::row_major(&b, columns.len(), k).transposed();
            product(Matrix::row_major(&a, rows.len(), k), b, &mut out, add, Precision::F32Fma);
            out
        };
        let (in_rows, in_columns) = (of(&rows, &all(n)), of(&all(m), &columns));
        Mended { rows, columns, in_rows, in_columns, sizes: [m, n] }
    }

    /// # Safety
    /// As for [`Mended::new`].
    pub unsafe fn write(mut self, c: Rows, first: usize) {
        let [m, n] = self.sizes.map(|n| (0..n).collect::<Vec<_>>());
        // SAFETY: the caller's promise.
        let write = |out: &mut f32, c: *mut f32| unsafe { *c = *out };
        for_each(c, first, &self.rows, &n, &mut self.in_rows, write);
        for_each(c, first, &m, &self.columns, &mut self.in_columns, write);
    }
}

/// Calls `work` with each number of `out`, row after row, and its place in `c`.
fn for_each(
    c: Rows,
    first: usize,
    rows: &[usize],
    columns: &[usize],
    out: &mut [f32],
    work: impl Fn(&mut f32, *mut f32),
) {
    for (row, out) in rows.iter().zip(out.chunks_mut(columns.len().max(1))) {
        let row = c.c.wrapping_offset(c.places.at(first + row));
        columns.iter().zip(out).for_each(|(&column, out)| work(out, row.wrapping_add(column)));
    }
}

/// The lines that hold a number that is not finite.
unsafe fn not_finite(x: Strips, order: Order, k: usize) -> Vec<usize> {
    // SAFETY: the caller's promise.
    (0..x.lines).filter(|&line| (0..k).any(|k| unsafe { !element(x, order, line, k).is_finite() })).collect()
}

/// `[lines, k]`
unsafe fn lines_of(x: Strips, order: Order, k: usize, lines: &[usize]) -> Vec<f32> {
    // SAFETY: the caller's promise.
    lines.iter().flat_map(|&line| (0..k).map(move |k| unsafe { element(x, order, line, k) })).collect()
}

/// The sum of the parts, which is the number that was packed.
unsafe fn element(x: Strips, order: Order, line: usize, k: usize) -> f32 {
    let (i, pair, half) = (line % LINES, k % LINES, k % DEPTH / LINES);
    let word = match order {
        Order::Lines => i * DEPTH + 2 * pair + half,
        Order::Pairs => pair * DEPTH + 2 * i + half,
    };
    let tiles = x.at::<Split>(line, k / DEPTH).wrapping_add(line % STRIP / LINES);
    let part = |part: usize| {
        // SAFETY: the caller's line and place are packed.
        let word = unsafe { *tiles.wrapping_add(2 * part).cast::<u16>().wrapping_add(word) };
        f32::from_bits(u32::from(word) << 16)
    };
    debug_assert_eq!(Split::PARTS, 3);
    // The lesser ones first: of the largest numbers hi + mid would be infinite.
    part(0) + (part(1) + part(2))
}
