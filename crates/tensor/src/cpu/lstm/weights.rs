//! Products with many rows at once, spread over threads.

use rayon::prelude::*;

use super::Shared;
use super::plan::{TASK, ranges};
use crate::cpu::gemm::{Packed, rows_times_packed};
use crate::cpu::matmul::Gemm;

/// Rows of a task: of the result they stay in a core's own cache while the panels of the right operand stream past.
const TASK_ROWS: usize = 128;

/// For each i, `c[c_rows[i]..]` becomes `a[a_rows[i]..] · b`, over the current threads.
///
/// # Safety
/// As for [`rows_times_packed`], for all columns of `b`.
pub(super) unsafe fn rows_times<T: Gemm>(a: &[T], a_rows: &[usize], b: &Packed<T>, c: Shared<T>, c_rows: &[usize]) {
    let tile = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        let c = c.at(columns.start);
        // SAFETY: the caller's promise; no two tiles share an element.
        unsafe { rows_times_packed(a.as_ptr(), &a_rows[rows.clone()], b, columns, c, &c_rows[rows], false) }
    };
    let threads = rayon::current_num_threads();
    if threads == 1 || a_rows.len() * b.rows() * b.columns() < 2 * TASK {
        return ranges(a_rows.len(), TASK_ROWS).for_each(|rows| tile(rows, 0..b.columns()));
    }
    // Several tasks a thread, so that a slower one holds nobody up; of few rows, cut by columns as well.
    let rows = TASK_ROWS.min(a_rows.len().div_ceil(2 * threads).next_multiple_of(16));
    let parts = (2 * threads).div_ceil(a_rows.len().div_ceil(rows));
    let columns = b.columns().div_ceil(parts).next_multiple_of(b.panel_width().max(64));
    let tiles: Vec<_> = ranges(a_rows.len(), rows)
        .flat_map(|rows| ranges(b.columns(), columns).map(move |columns| (rows.clone(), columns)))
        .collect();
    tiles.into_par_iter().with_max_len(1).for_each(|(rows, columns)| tile(rows, columns));
}
