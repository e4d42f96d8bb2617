//! The loops around the kernels, on one thread: blocks of the result that stay in the second-level cache, blocks of K, panels, tiles.

use std::ops::Range;

use half::bf16;

use super::kernel::Kernel;
use super::micro::{LINE, Tile, UNROLLED};
use super::pack::Block;
use super::scratch::{self, Space};
use super::sum::Sum;
use crate::cpu::matmul::K_BLOCK;

/// f32 of the result that are worked on at a time, over all of K.
const RESULT: usize = 1 << 17;
/// Tiles of rows whose left operand is packed at a time: with 14 rows a tile 112 KiB a block of K, beside the result in the second-level cache.
const GROUPS: usize = 8;
/// Panels that are packed at a time where the right operand is not packed yet.
const PANELS: usize = 8;
/// As [`PANELS`], for a single tile of rows, which takes no longer than the packing: they should still be in the first-level cache. 5 to 13 % for one
/// row.
const FEW_PANELS: usize = 2;
/// Panels of bf16 that become f32 at a time: they should still be in the first-level cache.
const SHORT_PANELS: usize = 1;
/// Up to so many tiles of rows a right operand that needs no packing for its order is read where it lies.
const IN_PLACE: usize = 2;

/// Rows of the left operand: where each begins, and from one k to the next.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub start: *const f32,
    pub rows: &'a [usize],
    pub step: isize,
}

/// The right operand.
#[derive(Clone, Copy)]
pub(super) enum Right {
    /// Panels of all of K one after another.
    Packed { panels: *const f32 },
    /// The same in bf16.
    Short { panels: *const bf16 },
    /// Any strides, along K and along N.
    Loose { start: *const f32, steps: [isize; 2] },
}

// SAFETY: the operand is only read, by whoever promised `multiply` that it is there.
unsafe impl Sync for Right {}
// SAFETY: as above.
unsafe impl Send for Right {}

/// Rows of the result.
#[derive(Clone, Copy)]
pub(super) struct Result<'a> {
    pub start: *mut f32,
    pub rows: &'a [usize],
    pub add: bool,
}

/// `result[:, ..columns.len()] (+)= left · right[:, columns]`, columns from the beginning of a panel; `k` is not empty. Of a packed right operand only the
/// `k` are there, of a loose one all.
///
/// # Safety
/// The operands' elements are valid, the result's are not reachable otherwise, and the processor has the kernel's instructions.
pub(super) unsafe fn multiply(
    kernel: &Kernel,
    left: Left<'_>,
    right: Right,
    k: Sum<'_>,
    columns: Range<usize>,
    result: Result<'_>,
) {
    let most_rows = match right {
        Right::Packed { .. } | Right::Short { .. } => GROUPS * kernel.rows,
        // Packed again for every block of rows: as few as can be.
        Right::Loose { .. } => 2 * GROUPS * kernel.rows,
    };
    let rows_at_once = balanced(left.rows.len(), most_rows);
    let columns_at_once = match right {
        Right::Packed { .. } | Right::Short { .. } => (RESULT / rows_at_once / kernel.panel).max(1) * kernel.panel,
        Right::Loose { steps, .. } if steps[1] != 1 && rows_at_once <= kernel.rows => FEW_PANELS * kernel.panel,
        Right::Loose { .. } => PANELS * kernel.panel,
    };
    for from in columns.clone().step_by(columns_at_once) {
        let across = from..(from + columns_at_once).min(columns.end);
        for row in (0..left.rows.len()).step_by(rows_at_once) {
            let down = row..(row + rows_at_once).min(left.rows.len());
            let left = Left { rows: &left.rows[down.clone()], ..left };
            let start = result.start.wrapping_add(from - columns.start);
            let result = Result { start, rows: &result.rows[down], ..result };
            // SAFETY: the caller's promise, for a part of the result.
            unsafe { block(kernel, left, right, k, across.clone(), result) };
        }
    }
}

/// A block of the result, all of K.
unsafe fn block(
    kernel: &Kernel,
    left: Left<'_>,
    right: Right,
    sum: Sum<'_>,
    columns: Range<usize>,
    result: Result<'_>,
) {
    let k = sum.len();
    for (from, start, part) in sum.blocks() {
        let len = part.len();
        let left = Left { start: left.start.wrapping_offset(start as isize * left.step), ..left };
        let result = Result { add: result.add || from > 0, ..result };
        // SAFETY: the caller's promise, for a part of K.
        unsafe {
            with_left(kernel, left, part, |a| match right {
                Right::Packed { panels } => {
                    let at = |column: usize, from: usize| panels.wrapping_add(column * k + from * kernel.panel);
                    let after = if from + len < k { at(columns.start, from + len) } else { at(columns.end, 0) };
                    let steps = [kernel.panel, k * kernel.panel];
                    tiles(kernel, a, at(columns.start, from), steps, len, columns.len(), result, Some(after));
                }
                Right::Short { panels } => {
                    let b = panels.wrapping_add(columns.start * k + from * kernel.panel);
                    short(kernel, a, b, k * kernel.panel, len, columns.len(), result);
                }
                Right::Loose { start: b, steps } => {
                    let b = b.wrapping_offset(start as isize * steps[0] + columns.start as isize * steps[1]);
                    loose(kernel, a, b, steps, part, columns.len(), result);
                }
            });
        }
    }
}

/// A block of K of the left operand in tiles of rows, in the order that the kernel wants.
#[derive(Clone, Copy)]
struct Tiled {
    start: *const f32,
    k_major: bool,
    groups: Groups,
}

/// Rows in tiles of nearly equal height.
#[derive(Clone, Copy)]
struct Groups {
    rows: usize,
    count: usize,
}

impl Groups {
    /// Rows of tile `i`; the taller come first.
    fn height(&self, i: usize) -> usize {
        self.rows / self.count + usize::from(i < self.rows % self.count)
    }
}

/// Calls `work` with a packed block of K of `left`.
unsafe fn with_left(kernel: &Kernel, left: Left<'_>, k: Sum<'_>, work: impl FnOnce(Tiled)) {
    let rows = left.rows.len();
    let groups = Groups { rows, count: rows.div_ceil(kernel.rows) };
    // As they would be copied.
    let in_place = left.rows.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == K_BLOCK);
    if left.step == 1 && in_place && k.is_plain() {
        return work(Tiled { start: left.start.wrapping_add(left.rows[0]), k_major: false, groups });
    }
    let side_by_side = left.step != 1 && left.rows.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 1);
    let len = if side_by_side { groups.count * kernel.left_step } else { rows } * K_BLOCK;
    scratch::with(Space::Left, len, |start| {
        // SAFETY: the caller's promise; the space has room for all tiles.
        unsafe {
            if side_by_side {
                let mut heights = [0; 2 * GROUPS];
                (0..groups.count).for_each(|i| heights[i] = groups.height(i));
                let first = left.start.wrapping_add(left.rows[0]);
                (kernel.pack_columns)(first, left.step, &heights[..groups.count], k, start);
            } else if left.step == 1 && k.is_whole() {
                (kernel.pack_rows)(left.start, left.rows, k.len(), start);
            } else {
                for (i, &row) in left.rows.iter().enumerate() {
                    let from = left.start.wrapping_add(row);
                    let from = |at: usize| from.wrapping_offset(k.at(at) as isize * left.step);
                    (0..k.len()).for_each(|at| *start.add(i * K_BLOCK + at) = *from(at));
                }
            }
            if k.is_rounded() {
                (kernel.round)(start, len);
            }
        }
        work(Tiled { start, k_major: side_by_side, groups });
    });
}

/// A right operand of any strides: read where it lies, or packed on the way.
unsafe fn loose(
    kernel: &Kernel,
    a: Tiled,
    start: *const f32,
    steps: [isize; 2],
    sum: Sum<'_>,
    columns: usize,
    result: Result<'_>,
) {
    let (k, panel) = (sum.len(), kernel.panel);
    let in_place = steps[1] == 1 && a.groups.count <= IN_PLACE && sum.is_plain();
    let whole = if in_place { columns - columns % panel } else { 0 };
    // SAFETY: the caller's promise; only whole panels are read in place, so no row is read beyond its end.
    unsafe {
        tiles(kernel, a, start, [steps[0] as usize, panel], k, whole, result, None);
        if whole == columns {
            return;
        }
        let result = Result { start: result.start.wrapping_add(whole), ..result };
        let panels = (columns - whole).div_ceil(panel);
        scratch::with(Space::Right, panels * panel * k, |space| {
            for i in 0..panels {
                let column = whole + i * panel;
                let from = start.wrapping_offset(column as isize * steps[1]);
                let block = Block { from, steps, k: sum, columns: panel.min(columns - column) };
                (kernel.pack_panel)(&block, space.add(i * panel * k));
                if sum.is_rounded() {
                    (kernel.round)(space.add(i * panel * k), panel * k);
                }
            }
            tiles(kernel, a, space, [panel, panel * k], k, columns - whole, result, None);
        });
    }
}

/// A block of K of a right operand in panels of bf16, `panel_step` apart.
unsafe fn short(
    kernel: &Kernel,
    a: Tiled,
    panels: *const bf16,
    panel_step: usize,
    k: usize,
    columns: usize,
    result: Result<'_>,
) {
    let of_panel = kernel.panel * k;
    scratch::with(Space::Right, SHORT_PANELS * of_panel, |space| {
        for from in (0..columns).step_by(SHORT_PANELS * kernel.panel) {
            let columns = (columns - from).min(SHORT_PANELS * kernel.panel);
            let result = Result { start: result.start.wrapping_add(from), ..result };
            // SAFETY: the caller's promise; the space has room for so many panels.
            unsafe {
                for i in 0..columns.div_ceil(kernel.panel) {
                    let panel = panels.wrapping_add((from / kernel.panel + i) * panel_step);
                    (kernel.widen)(panel, space.add(i * of_panel), of_panel);
                }
                tiles(kernel, a, space, [kernel.panel, of_panel], k, columns, result, None);
            }
        }
    });
}

/// A packed block of K of both operands. Panels are in the outer loop: one stays in the first-level cache while the rows pass. Where the right operand comes
/// from far away, `after` is what follows these columns, and each panel is fetched while the one before it is used.
unsafe fn tiles(
    kernel: &Kernel,
    a: Tiled,
    b: *const f32,
    [b_step, panel_step]: [usize; 2],
    k: usize,
    columns: usize,
    result: Result<'_>,
    after: Option<*const f32>,
) {
    let (heights, rows) = (a.groups.height(0), result.rows);
    let mut column = 0;
    while column < columns {
        let registers = (columns - column).div_ceil(kernel.lanes);
        let (_, across) = kernel.tile(heights, registers, a.k_major);
        let b = b.wrapping_add(column / kernel.panel * panel_step + column % kernel.panel);
        let next = match after {
            Some(after) if column + across * kernel.lanes >= columns => after,
            _ => b.wrapping_add((across * kernel.lanes).div_ceil(kernel.panel) * panel_step),
        };
        let share = (UNROLLED * kernel.panel).div_ceil(a.groups.count);
        let next_lines = if after.is_some() { share.div_ceil(LINE) } else { 0 };
        let mut row = 0;
        for i in 0..a.groups.count {
            let height = a.groups.height(i);
            let (micro, _) = kernel.tile(height, across, a.k_major);
            let tile = Tile {
                k,
                a: a.start.wrapping_add(if a.k_major { i * kernel.left_step } else { row } * K_BLOCK),
                b,
                b_step,
                panel_step,
                c: result.start.wrapping_add(column),
                c_rows: rows[row..].as_ptr(),
                columns: (columns - column).min(across * kernel.lanes),
                add: result.add,
                next: next.wrapping_add(i * share * (k / UNROLLED)),
                next_step: share,
                next_lines,
            };
            // SAFETY: the caller's promise; the tile is inside both operands and the result.
            unsafe { micro(&tile) };
            row += height;
        }
        column += across * kernel.lanes;
    }
}

/// The largest of nearly equal parts of `len`, each at most `most`.
fn balanced(len: usize, most: usize) -> usize {
    len.div_ceil(len.div_ceil(most).max(1)).max(1)
}
