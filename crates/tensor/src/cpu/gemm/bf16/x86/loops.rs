//! The loops around a kernel: what is packed when, and in which order the blocks of the result are taken.
//!
//! At 3.5 TFLOP/s a core, everything waits for memory. So a group of rows is packed once for all columns, its part along k stays in the
//! second cache while the panels of the right operand pass, and each panel stays in the first cache while the rows pass. Cuts
//! along k are multiples of the kernels' own blocks and change no bit.

use std::ops::Range;

use rayon::prelude::*;

use super::pack::{Lines, Order, Places, pack};
use super::{Block, Choice, DEPTH, Kernel, LINES, STEPS, Tile, Tiles, with_room};
use crate::cpu::matmul::Matrix;

/// Rows whose part along k stays in the second cache: 256 KiB.
const ROWS: usize = 256;
/// Columns of the result that are finished before the next: with [`ROWS`] rows, 512 KiB.
const COLUMNS: usize = 512;
/// Places of k that are packed at a time.
const DEEP: usize = 4096;
/// Elements of an operand that all threads share, packed at a time: 8 MiB.
const SHARED: usize = 4 << 20;
/// Multiply–adds that are worth a task of their own: a few microseconds.
const TASK: usize = 1 << 22;
/// Elements worth a task of packing.
const PACKED: usize = 1 << 16;

/// Packed columns of a right operand, from some k on.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub tiles: *const Tile,
    /// Tiles from a group of columns to the next.
    pub next: usize,
    pub count: usize,
}
// SAFETY: as for `Lines`.
unsafe impl Send for Columns {}
// SAFETY: as for `Lines`.
unsafe impl Sync for Columns {}

/// Where rows of the result begin.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub c: *mut f32,
    pub places: Places<'a>,
}
impl Rows<'_> {
    /// The same rows, from this column on.
    fn from_column(self, column: usize) -> Self {
        Rows { c: self.c.wrapping_add(column), ..self }
    }
}
// SAFETY: tasks write disjoint rows or columns.
unsafe impl Send for Rows<'_> {}
// SAFETY: as above.
unsafe impl Sync for Rows<'_> {}

/// Packed rows of a left operand, from some k on.
#[derive(Clone, Copy)]
struct Left {
    tiles: *const Tile,
    next: usize,
    count: usize,
}
// SAFETY: as for `Lines`.
unsafe impl Send for Left {}
// SAFETY: as for `Lines`.
unsafe impl Sync for Left {}

/// `c (+)= a b` for some rows and places of k of a, on this thread; `b` begins at that k, and `c` at these rows' first column.
///
/// # Safety
/// The elements are valid, and those of `c` nobody else's.
pub(super) unsafe fn rows_times<K: Kernel>(
    kernel: K,
    a: Lines,
    rows: Range<usize>,
    k: Range<usize>,
    b: Columns,
    c: Rows,
    add: bool,
) {
    let deep = k.len().min(DEEP).div_ceil(DEPTH);
    with_room(deep * rows.len().min(ROWS).next_multiple_of(2 * LINES) / LINES, |room| {
        for first in rows.clone().step_by(ROWS) {
            let rows = first..rows.end.min(first + ROWS);
            for from in k.clone().step_by(DEEP) {
                let part = from..k.end.min(from + DEEP);
                let (add, steps) = (add || from > k.start, part.len().div_ceil(DEPTH));
                let b = Columns { tiles: b.tiles.wrapping_add((from - k.start) / DEPTH), ..b };
                let left = Left { tiles: room.0, next: steps, count: rows.len() };
                // SAFETY: the caller's promise; the room has the tiles of these rows and places.
                unsafe {
                    pack(a, rows.clone(), part, Order::Lines, room.0, steps);
                    multiply(kernel, left, b, steps, c, rows.start, add);
                }
            }
        }
    });
}

/// `c (+)= a b` for packed operands; the rows of the result are those from `first` on.
unsafe fn multiply<K: Kernel>(kernel: K, a: Left, b: Columns, steps: usize, c: Rows, first: usize, add: bool) {
    let region = kernel.enter();
    for rows in (0..a.count).step_by(ROWS).map(|row| row..a.count.min(row + ROWS)) {
        for columns in (0..b.count).step_by(COLUMNS).map(|column| column..b.count.min(column + COLUMNS)) {
            for from in (0..steps).step_by(STEPS) {
                for column in columns.clone().step_by(2 * LINES) {
                    for row in rows.clone().step_by(2 * LINES) {
                        let (down, across) = ((a.count - row).min(2 * LINES), (b.count - column).min(2 * LINES));
                        let block = Block {
                            a: a.tiles.wrapping_add(row / LINES * a.next + from),
                            a_next: (down > LINES).then_some(a.next),
                            b: b.tiles.wrapping_add(column / LINES * b.next + from),
                            b_next: if across > LINES { b.next } else { 0 },
                            steps: STEPS.min(steps - from),
                            c: c.c.wrapping_add(column),
                            c_step: 0,
                            add: add || from > 0,
                        };
                        // SAFETY: the caller's promise.
                        unsafe {
                            block_of_rows(kernel, &region, block, c.places, first + row..first + row + down, across)
                        };
                    }
                }
            }
        }
    }
}

/// A block whose rows begin at these places from `block.c` on, and that has `across` columns.
#[inline]
unsafe fn block_of_rows<K: Kernel>(
    kernel: K,
    region: &K::Region,
    block: Block,
    places: Places,
    rows: Range<usize>,
    across: usize,
) {
    if rows.len().is_multiple_of(LINES) && across == 2 * LINES {
        if let Some(c_step) = places.step(rows.clone()) {
            let c = block.c.wrapping_offset(places.at(rows.start));
            // SAFETY: the caller's promise.
            return unsafe { kernel.block(region, &Block { c, c_step, ..block }) };
        }
    }
    // Part of a block, or rows here and there.
    #[repr(align(64))]
    struct Whole([[f32; 2 * LINES]; 2 * LINES]);
    let mut whole = Whole([[0.0; 2 * LINES]; 2 * LINES]);
    let row_at = |row: usize| block.c.wrapping_offset(places.at(row));
    if block.add {
        for (row, whole) in rows.clone().zip(&mut whole.0) {
            // SAFETY: the caller's rows have `across` elements here.
            unsafe { std::ptr::copy_nonoverlapping(row_at(row), whole.as_mut_ptr(), across) };
        }
    }
    let inside = Block { c: whole.0.as_mut_ptr().cast(), c_step: 2 * LINES as isize, ..block };
    // SAFETY: the operands are the caller's, and the result has all its rows and columns.
    unsafe { kernel.block(region, &inside) };
    for (row, whole) in rows.zip(&whole.0) {
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(whole.as_ptr(), row_at(row), across) };
    }
}

/// [`pack`] with each group of lines or part of k a task.
///
/// # Safety
/// As for [`pack`].
pub(super) unsafe fn pack_over_threads(
    x: Lines,
    lines: Range<usize>,
    k: Range<usize>,
    order: Order,
    out: Tiles,
    next: usize,
) {
    let tasks = (lines.len() * k.len()).div_ceil(PACKED);
    let groups = lines.len().div_ceil(LINES);
    let per_task = groups.div_ceil(tasks.max(1)).max(1);
    let task = |i: usize| {
        let out = out;
        let from = lines.start + i * per_task * LINES;
        let lines = from..lines.end.min(from + per_task * LINES);
        // SAFETY: the caller's promise; tasks have groups of their own.
        unsafe { pack(x, lines, k.clone(), order, out.0.wrapping_add(i * per_task * next), next) };
    };
    if groups <= per_task || rayon::current_num_threads() == 1 {
        (0..groups.div_ceil(per_task)).for_each(task);
    } else {
        (0..groups.div_ceil(per_task)).into_par_iter().for_each(task);
    }
}

/// `c (+)= a b` over the current rayon threads, c row-major: the smaller operand is packed once for all of them, and each task packs its
/// part of the larger one.
pub(in super::super) fn product(choice: Choice, a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    match choice {
        Choice::Amx(kernel) => in_parts(kernel, a, b, c, add),
        Choice::Avx512(kernel) => in_parts(kernel, a, b, c, add),
    }
}

pub(super) fn in_parts<K: Kernel>(kernel: K, a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let (left, right) = (Lines::rows(a), Lines::columns(b));
    let out = Rows { c: c.as_mut_ptr(), places: Places::Even { first: 0, step: n as isize } };
    let shared_lines = (SHARED / k.min(DEEP)).max(ROWS) / ROWS * ROWS;
    let parts = |len: usize, step: usize| (0..len).step_by(step).map(move |from| from..len.min(from + step));
    for depth in parts(k, DEEP) {
        let add = add || depth.start > 0;
        // SAFETY: `Matrix::new` checked what the operands reach, and c has m × n elements.
        unsafe {
            if m >= n {
                for columns in parts(n, shared_lines) {
                    shared_columns(kernel, left, 0..m, depth.clone(), right, columns, out, add);
                }
            } else {
                for rows in parts(m, shared_lines) {
                    shared_rows(kernel, left, rows, depth.clone(), right, 0..n, out, add);
                }
            }
        }
    }
}

/// How many of `lines` a task should take, so that tasks are worth it and there are several for each thread.
fn lines_per_task(lines: usize, others: usize, k: usize) -> usize {
    let worth = TASK.div_ceil(others * k);
    let fair = lines.div_ceil(4 * rayon::current_num_threads());
    fair.max(worth).next_multiple_of(2 * LINES).min(ROWS)
}

/// `work` on parts of `lines`.
fn over_threads(lines: Range<usize>, per_task: usize, work: &(dyn Fn(Range<usize>) + Send + Sync)) {
    let tasks = lines.len().div_ceil(per_task);
    let task = |i: usize| {
        let from = lines.start + i * per_task;
        work(from..lines.end.min(from + per_task));
    };
    if tasks == 1 || rayon::current_num_threads() == 1 {
        (0..tasks).for_each(task);
    } else {
        (0..tasks).into_par_iter().for_each(task);
    }
}

/// Packs columns of the right operand for all, then each task takes rows.
unsafe fn shared_columns<K: Kernel>(
    kernel: K,
    a: Lines,
    rows: Range<usize>,
    k: Range<usize>,
    b: Lines,
    columns: Range<usize>,
    c: Rows,
    add: bool,
) {
    let steps = k.len().div_ceil(DEPTH);
    with_room(columns.len().div_ceil(LINES) * steps, |room| {
        // SAFETY: the caller's promise; the room has the tiles of these columns.
        unsafe { pack_over_threads(b, columns.clone(), k.clone(), Order::Pairs, room, steps) };
        let right = Columns { tiles: room.0, next: steps, count: columns.len() };
        let out = c.from_column(columns.start);
        let per_task = lines_per_task(rows.len(), columns.len(), k.len());
        over_threads(rows, per_task, &|rows| {
            // SAFETY: tasks have rows of their own.
            unsafe { rows_times(kernel, a, rows, k.clone(), right, out, add) };
        });
    });
}

/// Packs rows of the left operand for all, then each task packs and takes columns.
unsafe fn shared_rows<K: Kernel>(
    kernel: K,
    a: Lines,
    rows: Range<usize>,
    k: Range<usize>,
    b: Lines,
    columns: Range<usize>,
    c: Rows,
    add: bool,
) {
    let steps = k.len().div_ceil(DEPTH);
    with_room(rows.len().div_ceil(LINES) * steps, |room| {
        // SAFETY: the caller's promise; the room has the tiles of these rows.
        unsafe { pack_over_threads(a, rows.clone(), k.clone(), Order::Lines, room, steps) };
        let left = Left { tiles: room.0, next: steps, count: rows.len() };
        let per_task = lines_per_task(columns.len(), rows.len(), k.len());
        over_threads(columns, per_task, &|columns| {
            with_room(columns.len().div_ceil(LINES) * steps, |room| {
                let (left, k) = (left, k.clone());
                let right = Columns { tiles: room.0, next: steps, count: columns.len() };
                let out = c.from_column(columns.start);
                // SAFETY: the caller's promise; the room has the tiles of these columns, which are this task's own.
                unsafe {
                    pack(b, columns, k, Order::Pairs, room.0, steps);
                    multiply(kernel, left, right, steps, out, rows.start, add);
                }
            });
        });
    });
}
