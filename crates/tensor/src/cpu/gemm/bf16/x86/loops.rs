//! The loops around a kernel: what is packed when, and in which order the blocks of the result are taken.
//!
//! At 3.5 TFLOP/s a core, everything waits for memory. So a group of rows is packed once for all columns, its part along k stays in the
//! second cache while the panels of the right operand pass, and each panel stays in the first cache while the rows pass. Cuts
//! along k are multiples of the kernels' own blocks and change no bit.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rayon::prelude::*;

use super::pack::{Lines, Order, Places, pack};
use super::{Block, Choice, DEPTH, Kernel, LINES, STRIP, Tile, Tiles, split, tiles_of, with_kernel, with_room};
use crate::cpu::matmul::Matrix;

/// Columns of the result that are finished before the next: with [`Kernel::ROWS`] rows, at most 256 KiB.
const COLUMNS: usize = 256;
/// Elements of an operand that all threads share, packed at a time: 8 MiB.
const SHARED: usize = 4 << 20;
/// Multiply–adds that are worth a task of their own: a few microseconds.
const TASK: usize = 1 << 22;
/// Tiles of the right operand that a block fetches ahead, where its kernel does: 24 lines of 64 bytes at each of 8 steps.
const FETCHED: usize = 12;
/// Elements worth a task of packing.
const PACKED: usize = 1 << 16;

/// A packed operand, from some k on.
#[derive(Clone, Copy)]
pub(super) struct Strips {
    pub tiles: *const Tile,
    /// Tiles from a strip to the next.
    pub next: usize,
    /// Rows or columns.
    pub lines: usize,
    /// Whether an element is infinite or not a number, if that matters to the kernel.
    pub special: bool,
}
// SAFETY: as for `Lines`.
unsafe impl Send for Strips {}
// SAFETY: as for `Lines`.
unsafe impl Sync for Strips {}

impl Strips {
    /// The strip of this line, `step` tiles further along k.
    pub fn at<K: Kernel>(self, line: usize, step: usize) -> *const Tile {
        self.tiles.wrapping_add(line / STRIP * self.next + 2 * K::PARTS * step)
    }
}

/// Where rows of the result begin.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub c: *mut f32,
    pub places: Places<'a>,
}
impl Rows<'_> {
    /// The same rows, from this column on.
    fn shifted(self, column: usize) -> Self {
        Rows { c: self.c.wrapping_add(column), ..self }
    }
}
// SAFETY: tasks write disjoint rows or columns.
unsafe impl Send for Rows<'_> {}
// SAFETY: as above.
unsafe impl Sync for Rows<'_> {}

/// `c (+)= a b` for some rows and places of k of a, on this thread, for each `(b, c)` of `targets`; each `b` begins at that k, and `c` at these
/// rows' first column.
///
/// # Safety
/// The elements are valid, and those of `c` nobody else's.
pub(super) unsafe fn rows_times<K: Kernel>(
    kernel: K,
    a: Lines,
    rows: Range<usize>,
    k: Range<usize>,
    targets: &[(Strips, Rows)],
    add: bool,
) {
    with_room(tiles_of::<K>(rows.len().min(K::ROWS), k.len().min(K::DEEP)), |room| {
        for first in rows.clone().step_by(K::ROWS) {
            let rows = first..rows.end.min(first + K::ROWS);
            for from in k.clone().step_by(K::DEEP) {
                let part = from..k.end.min(from + K::DEEP);
                let add = add || from > k.start;
                // SAFETY: the caller's promise; the room has the tiles of these rows and places.
                let special = unsafe { pack::<K>(a, rows.clone(), part.clone(), Order::Lines, room.at(0)) };
                let next = tiles_of::<K>(STRIP, part.len());
                let left = Strips { tiles: room.at(0), next, lines: rows.len(), special };
                for &(b, c) in targets {
                    let b = Strips { tiles: b.at::<K>(0, (from - k.start) / DEPTH), ..b };
                    // SAFETY: as above.
                    unsafe { multiply(kernel, left, b, part.len().div_ceil(DEPTH), c, rows.start, add) };
                }
            }
        }
    });
}

/// `c (+)= a b` for packed operands; the rows of the result are those from `first` on.
unsafe fn multiply<K: Kernel>(kernel: K, a: Strips, b: Strips, steps: usize, c: Rows, first: usize, add: bool) {
    if !a.special && !b.special {
        // SAFETY: the caller's promise.
        return unsafe { multiply_finite(kernel, a, b, steps, c, first, add) };
    }
    // SAFETY: the caller's promise.
    unsafe {
        let mended = split::Mended::new(a, b, steps, c, first, add);
        multiply_finite(kernel, a, b, steps, c, first, add);
        mended.write(c, first);
    }
}

unsafe fn multiply_finite<K: Kernel>(kernel: K, a: Strips, b: Strips, steps: usize, c: Rows, first: usize, add: bool) {
    let region = kernel.enter();
    let mut whole = Whole([[0.0; STRIP]; STRIP]);
    for rows in (0..a.lines).step_by(K::ROWS).map(|row| row..a.lines.min(row + K::ROWS)) {
        for columns in (0..b.lines).step_by(COLUMNS).map(|column| column..b.lines.min(column + COLUMNS)) {
            for from in (0..steps).step_by(K::STEPS) {
                for column in columns.clone().step_by(STRIP) {
                    let ahead = match column + STRIP {
                        next if next < columns.end => b.at::<K>(next, from),
                        _ if from + K::STEPS < steps => b.at::<K>(columns.start, from + K::STEPS),
                        next => b.at::<K>(next, 0),
                    };
                    let ahead_end = ahead.wrapping_add(2 * K::PARTS * K::STEPS);
                    for row in rows.clone().step_by(STRIP) {
                        let (down, across) = ((a.lines - row).min(STRIP), (b.lines - column).min(STRIP));
                        let block = Block {
                            a: a.at::<K>(row, from),
                            down,
                            b: b.at::<K>(column, from),
                            steps: K::STEPS.min(steps - from),
                            c: c.c.wrapping_add(column),
                            c_step: 0,
                            add: add || from > 0,
                            ahead: ahead.wrapping_add((row - rows.start) / STRIP * FETCHED).min(ahead_end),
                        };
                        let down = first + row..first + row + down;
                        // SAFETY: the caller's promise.
                        unsafe { block_of_rows(kernel, &region, block, c.places, down, across, &mut whole) };
                    }
                }
            }
        }
    }
}

/// A block on its own.
#[repr(align(64))]
struct Whole([[f32; STRIP]; STRIP]);

/// A block whose rows begin at these places from `block.c` on, and that has `across` columns.
#[inline]
unsafe fn block_of_rows<K: Kernel>(
    kernel: K,
    region: &K::Region,
    block: Block,
    places: Places,
    rows: Range<usize>,
    across: usize,
    whole: &mut Whole,
) {
    if rows.len().is_multiple_of(LINES)
        && across == STRIP
        && let Some(c_step) = places.step(rows.clone())
    {
        let c = block.c.wrapping_offset(places.at(rows.start));
        // SAFETY: the caller's promise.
        return unsafe { kernel.block(region, &Block { c, c_step, ..block }) };
    }
    // Part of a block, or rows here and there. What is left in the other rows and columns is multiplied too, and not looked at.
    let row_at = |row: usize| block.c.wrapping_offset(places.at(row));
    if block.add {
        for (row, whole) in rows.clone().zip(&mut whole.0) {
            // SAFETY: the caller's rows have `across` elements here.
            unsafe { std::ptr::copy_nonoverlapping(row_at(row), whole.as_mut_ptr(), across) };
        }
    }
    let inside = Block { c: whole.0.as_mut_ptr().cast(), c_step: STRIP as isize, ..block };
    // SAFETY: the operands are the caller's, and the result has all its rows and columns.
    unsafe { kernel.block(region, &inside) };
    for (row, whole) in rows.zip(&whole.0) {
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(whole.as_ptr(), row_at(row), across) };
    }
}

/// [`pack`] over threads.
///
/// # Safety
/// As for [`pack`].
pub(super) unsafe fn pack_over_threads<K: Kernel>(
    x: Lines,
    lines: Range<usize>,
    k: Range<usize>,
    order: Order,
    out: Tiles,
) -> bool {
    let per_task = PACKED.div_ceil(k.len().max(1)).next_multiple_of(STRIP);
    let start = lines.start;
    let special = AtomicBool::new(false);
    over_threads(lines, per_task, &|lines| {
        let out = out.at(tiles_of::<K>(lines.start - start, k.len()));
        // SAFETY: the caller's promise; tasks have strips of their own.
        if unsafe { pack::<K>(x, lines, k.clone(), order, out) } {
            special.store(true, Relaxed);
        }
    });
    special.into_inner()
}

/// `c (+)= a b` over the current rayon threads, c row-major: the smaller operand is packed once for all of them, and each task packs its
/// part of the larger one.
pub(in super::super) fn product(choice: Choice, a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    with_kernel!(choice, kernel => in_parts(kernel, a, b, c, add));
}

pub(super) fn in_parts<K: Kernel>(kernel: K, a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let (left, right) = (Lines::rows(a), Lines::columns(b));
    let out = Rows { c: c.as_mut_ptr(), places: Places::Even { first: 0, step: n as isize } };
    let shared_lines = (SHARED / k.min(K::DEEP)).max(K::ROWS) / K::ROWS * K::ROWS;
    let parts = |len: usize, step: usize| (0..len).step_by(step).map(move |from| from..len.min(from + step));
    for depth in parts(k, K::DEEP) {
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
fn lines_per_task<K: Kernel>(lines: usize, others: usize, k: usize) -> usize {
    let worth = TASK.div_ceil(others * k);
    let fair = lines.div_ceil(4 * rayon::current_num_threads());
    fair.max(worth).next_multiple_of(STRIP).min(K::ROWS)
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
    with_room(tiles_of::<K>(columns.len(), k.len()), |room| {
        // SAFETY: the caller's promise; the room has the tiles of these columns.
        let special = unsafe { pack_over_threads::<K>(b, columns.clone(), k.clone(), Order::Pairs, room) };
        let next = tiles_of::<K>(STRIP, k.len());
        let right = Strips { tiles: room.at(0), next, lines: columns.len(), special };
        let out = c.shifted(columns.start);
        let per_task = lines_per_task::<K>(rows.len(), columns.len(), k.len());
        over_threads(rows, per_task, &|rows| {
            // SAFETY: tasks have rows of their own.
            unsafe { rows_times(kernel, a, rows, k.clone(), &[(right, out)], add) };
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
    let next = tiles_of::<K>(STRIP, k.len());
    with_room(tiles_of::<K>(rows.len(), k.len()), |room| {
        // SAFETY: the caller's promise; the room has the tiles of these rows.
        let special = unsafe { pack_over_threads::<K>(a, rows.clone(), k.clone(), Order::Lines, room) };
        let left = Strips { tiles: room.at(0), next, lines: rows.len(), special };
        let per_task = lines_per_task::<K>(columns.len(), rows.len(), k.len());
        over_threads(columns, per_task, &|columns| {
            with_room(tiles_of::<K>(columns.len(), k.len()), |room| {
                let (lines, out) = (columns.len(), c.shifted(columns.start));
                // SAFETY: the caller's promise; the room has the tiles of these columns, which are this task's own.
                unsafe {
                    let special = pack::<K>(b, columns, k.clone(), Order::Pairs, room.at(0));
                    let right = Strips { tiles: room.at(0), next, lines, special };
                    multiply(kernel, left, right, k.len().div_ceil(DEPTH), out, rows.start, add);
                }
            });
        });
    });
}
