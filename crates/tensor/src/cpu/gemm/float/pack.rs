//! Rearranging operands for the kernels.

use super::micro::left_step;
use super::sum::Sum;
use super::vector::Vector;
use crate::cpu::matmul::K_BLOCK;

/// Rows that are fetched before they are copied: their neighbours along K are few, so the processor does not foresee them.
const AHEAD: usize = 3;
const COLUMNS_AHEAD: usize = 8;

/// A block of a right operand: where it begins, how far its neighbours along K and N are, and how large it is.
pub(super) struct Block<'a> {
    pub from: *const f32,
    pub steps: [isize; 2],
    pub k: Sum<'a>,
    /// At most a panel's.
    pub columns: usize,
}

/// Copies a block into a panel, rows of `LANES · ACROSS` columns; missing columns become 0.
///
/// # Safety
/// The block and the panel are valid, and the processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn pack_panel<V: Vector>(block: &Block<'_>, panel: *mut f32) {
    let &Block { from, steps: [k_step, column_step], k: depth, columns } = block;
    let (k, width) = (depth.len(), V::LANES * V::ACROSS);
    let at = |row: usize, column: usize| {
        from.wrapping_offset(depth.at(row) as isize * k_step).wrapping_offset(column as isize * column_step)
    };
    // SAFETY: the caller's promise; rows and columns stay below `k` and `columns`, and places in the panel below k · width.
    unsafe {
        let one_by_one = |rows: std::ops::Range<usize>, across: std::ops::Range<usize>| {
            for row in rows {
                for column in across.clone() {
                    let x = if column < columns { *at(row, column) } else { 0.0 };
                    *panel.add(row * width + column) = x;
                }
            }
        };
        if column_step == 1 {
            for row in 0..k {
                for j in 0..V::ACROSS {
                    let n = columns.saturating_sub(j * V::LANES).min(V::LANES);
                    let from = at(row, j * V::LANES);
                    let x = if n == V::LANES { V::load(from) } else { V::load_first(from, n) };
                    x.store(panel.add(row * width + j * V::LANES));
                }
            }
        } else if k_step == 1 && depth.is_whole() {
            let squares = k - k % V::LANES;
            for j in 0..V::ACROSS {
                let across = j * V::LANES..(j + 1) * V::LANES;
                if across.end <= columns {
                    for row in (0..squares).step_by(V::LANES) {
                        V::transpose(at(row, across.start), column_step, panel.add(row * width + across.start), width);
                    }
                    one_by_one(squares..k, across);
                } else {
                    one_by_one(0..k, across);
                }
            }
        } else {
            one_by_one(0..k, 0..width);
        }
    }
}

/// Copies a block of K of the left operand's rows, whose elements are side by side along K: row i to `to + i · K_BLOCK`.
///
/// # Safety
/// The rows' `k` elements and the copy are valid, and the processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn pack_rows<V: Vector>(a: *const f32, rows: &[usize], k: usize, to: *mut f32) {
    for (i, &row) in rows.iter().enumerate() {
        let (from, to) = (a.wrapping_add(row), to.wrapping_add(i * K_BLOCK));
        // SAFETY: the caller's promise.
        unsafe {
            let whole = k - k % V::LANES;
            let ahead = a.wrapping_add(rows[(i + AHEAD).min(rows.len() - 1)]);
            for at in (0..whole).step_by(V::LANES) {
                V::prefetch(ahead.wrapping_add(at));
                V::load(from.add(at)).store(to.add(at));
            }
            if whole < k {
                V::load_first(from.add(whole), k - whole).store_first(to.add(whole), k - whole);
            }
        }
    }
}

/// Copies a block of K of rows that stand side by side, `step` from one k to the next: a group of rows after another, `groups` their
/// lengths, K-major.
///
/// # Safety
/// As for [`pack_rows`].
#[inline(always)]
pub(super) unsafe fn pack_columns<V: Vector>(a: *const f32, step: isize, groups: &[usize], k: Sum<'_>, to: *mut f32) {
    let group_step = left_step::<V>();
    let rows: usize = groups.iter().sum();
    for at in 0..k.len() {
        let mut from = a.wrapping_offset(k.at(at) as isize * step);
        let ahead = a.wrapping_offset(k.at((at + COLUMNS_AHEAD).min(k.len() - 1)) as isize * step);
        for line in (0..rows).step_by(16) {
            // SAFETY: a hint alone, at any address.
            unsafe { V::prefetch(ahead.wrapping_add(line)) };
        }
        for (i, &rows) in groups.iter().enumerate() {
            let to = to.wrapping_add(i * group_step * K_BLOCK + at * group_step);
            // SAFETY: the caller's promise.
            unsafe {
                for lane in (0..rows).step_by(V::LANES) {
                    let n = (rows - lane).min(V::LANES);
                    V::load_first(from.add(lane), n).store(to.add(lane));
                }
            }
            from = from.wrapping_add(rows);
        }
    }
}
