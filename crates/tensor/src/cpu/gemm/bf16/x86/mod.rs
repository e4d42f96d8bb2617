//! Products of bf16 pairs on x86: AMX tiles, or AVX-512's dot product; and of f32 in three bf16 parts by AMX ([`split`]).
//!
//! Both operands become [`Tile`]s of 16 rows or columns by 32 places of k; a kernel multiplies two by two of them. Only the kernel
//! differs between processors, so the packing and the loops are written once. Where there is AMX, few rows take it too: a tile of the right
//! operand takes AMX as long for 1 row as for 16, and that is as fast as the tile comes from the cache (220 GB/s, where this was
//! measured), so a row alone takes AMX too, and its bits are those it has in company.

mod amx;
mod avx512;
mod loops;
mod pack;
mod split;
#[cfg(test)]
mod tests;

use std::arch::x86_64::__cpuid;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::Result;
use crate::cpu::buffer::{Buffer, Pool};
use crate::cpu::matmul::Matrix;
pub(super) use loops::product;
use loops::{Rows, Strips, rows_times};
use pack::{Lines, Order, Places};

/// Rows of the left operand, or columns of the right one, in a tile.
const LINES: usize = 16;
/// Rows or columns of a strip: two tiles, one after the other, at each step along k, so that a kernel reads one stream of each operand.
/// With tiles of 16 columns that stood apart, it read the right operand half as fast beyond the first cache (66 GB/s for 137 from the second).
const STRIP: usize = 2 * LINES;
/// Ranges of columns begin at multiples of this. Any strip could begin one, but each range has its rows rounded and packed anew, which
/// costs as much as some 100 columns of their product: who takes a few columns at a time should take more.
pub(super) const WIDTH: usize = 8 * STRIP;
/// Places of k in a tile.
const DEPTH: usize = 32;

/// 16 lines by 32 places of k. Of the left operand line after line; of the right one the pairs of places: `[k / 2][column][k % 2]`.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Tile([u16; LINES * DEPTH]);

/// Two tiles of the result down and two across, and what is summed into them.
struct Block {
    /// A strip of the left operand, from some k on.
    a: *const Tile,
    /// Rows that are wanted, at most [`STRIP`]; a kernel may write to the others of their tile.
    down: usize,
    /// A strip of the right operand, from the same k on.
    b: *const Tile,
    /// Tiles along k, at most [`Kernel::STEPS`] and at least 1.
    steps: usize,
    c: *mut f32,
    /// Elements from a row of the result to the next.
    c_step: isize,
    add: bool,
    /// What comes next of the right operand, which a kernel may fetch meanwhile: a hint alone.
    ahead: *const Tile,
}

impl Block {
    /// Whether the lower tile is wanted.
    fn lower(&self) -> bool {
        self.down > LINES
    }
}

/// An instruction that multiplies tiles.
trait Kernel: Copy + Send + Sync {
    /// What must be held around calls of [`block`](Kernel::block), on the same thread, with no other code of a thread pool in between.
    type Region;

    /// Tiles that hold the parts of 16 lines by 32 places of k.
    const PARTS: usize;
    /// Tiles of k that are summed before they go to memory. A multiple of the kernel's own blocks, so cutting here changes no bit.
    const STEPS: usize;
    /// Rows that are packed at a time. With [`DEEP`](Kernel::DEEP) places of k and beside what streams past they fit the second cache.
    const ROWS: usize;
    /// Places of k that are packed at a time, a multiple of `STEPS` tiles.
    const DEEP: usize;

    fn enter(self) -> Self::Region;

    /// # Safety
    /// The processor has the instruction, a region is held, the tiles are valid and 64-byte aligned, and the 32 (or, without a lower tile,
    /// 16) rows of 32 elements of `c` are valid and reachable by nobody else.
    unsafe fn block(self, region: &Self::Region, block: &Block);

    /// Packs at most 16 lines by 32 places of k, zeros beyond them, into `PARTS` tiles, every second one from `out` on: between them are those
    /// of the other half of the strip. `along_lines` says that neighbouring lines, and not places, are adjacent in memory. Answers whether an
    /// element is infinite or not a number, if that matters to the kernel.
    ///
    /// # Safety
    /// The processor has AVX-512 F, BW and BF16, the elements and tiles are valid, the tiles 64-byte aligned and nobody else's.
    unsafe fn fill(
        x: Lines,
        lines: Range<usize>,
        k: Range<usize>,
        along_lines: bool,
        order: Order,
        out: *mut Tile,
    ) -> bool;
}

/// Which kernel this machine has; a machine has one for each precision, for every size, as their sums differ in the last bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    Amx(amx::Amx),
    Avx512(avx512::Avx512),
    /// Of f32, not rounded.
    Split(split::Split),
}

/// Of operands that are rounded to bf16. Asked of the processor, and of the system, once.
pub(super) fn choice() -> Option<Choice> {
    static CHOICE: OnceLock<Option<Choice>> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let avx512 = avx512::Avx512::new()?;
        amx::Amx::new().map(Choice::Amx).or((!is_intel()).then_some(Choice::Avx512(avx512)))
    })
}

/// Intel's dot products of bf16 take longer than the multiply–adds of f32 that do the same: with them a training step of the translator's size m took 1.8 times
/// as long on a Xeon whose AMX was hidden.
fn is_intel() -> bool {
    let name = __cpuid(0);
    [name.ebx, name.edx, name.ecx].map(u32::to_le_bytes).concat() == *b"GenuineIntel"
}

/// Of f32 operands, summed over `k` places: where there is AMX and k is not so short that most of a tile would be empty.
pub(super) fn split(k: usize) -> Option<Choice> {
    match choice()? {
        Choice::Amx(amx) if k >= split::SHORTEST => Some(Choice::Split(split::Split::new(amx))),
        _ => None,
    }
}

/// `$work` with `$kernel` bound to the kernel of a choice.
macro_rules! with_kernel {
    ($choice:expr, $kernel:ident => $work:expr) => {
        match $choice {
            Choice::Amx($kernel) => $work,
            Choice::Avx512($kernel) => $work,
            Choice::Split($kernel) => $work,
        }
    };
}
use with_kernel;

/// The right operand `[K, N]` of a product, strip after strip.
pub(crate) struct Panels {
    tiles: Buffer,
    choice: Choice,
    /// Whether an element is infinite or not a number, if that matters to the kernel.
    special: bool,
}

/// Columns of a packed right operand, and where their products with some rows go.
pub(crate) struct Right<'a> {
    pub panels: &'a Panels,
    pub columns: Range<usize>,
    pub c: *mut f32,
}

impl Panels {
    pub fn pack(b: Matrix<'_, f32>, choice: Choice, memory: &Arc<Pool>) -> Result<Panels> {
        with_kernel!(choice, kernel => Panels::pack_for(kernel, b, choice, memory))
    }

    fn pack_for<K: Kernel>(_: K, b: Matrix<'_, f32>, choice: Choice, memory: &Arc<Pool>) -> Result<Panels> {
        let mut tiles = memory.take_elements::<Tile>(tiles_of::<K>(b.columns, b.rows))?;
        let out = Tiles(tiles.elements_mut::<u16>().as_mut_ptr().cast());
        let lines = Lines::columns(b);
        // SAFETY: `Matrix::new` checked the reach of b; the buffer holds all tiles, is aligned to 64 bytes, and has one owner.
        let special = unsafe { loops::pack_over_threads::<K>(lines, 0..b.columns, 0..b.rows, Order::Pairs, out) };
        Ok(Panels { tiles, choice, special })
    }

    /// See [`Panels::rows_times`](super::super::Panels::rows_times).
    pub unsafe fn rows_times(
        &self,
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        k: usize,
        columns: Range<usize>,
        c: *mut f32,
        c_rows: &[usize],
        add: bool,
    ) {
        let right = Right { panels: self, columns, c };
        // SAFETY: the caller's promise.
        unsafe { Panels::rows_times_each(a, a_rows, a_step, k, &[right], c_rows, add) };
    }

    /// [`rows_times`](Panels::rows_times) of several right operands, all packed by the same kernel: the rows are packed once for them.
    pub unsafe fn rows_times_each(
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        k: usize,
        rights: &[Right<'_>],
        c_rows: &[usize],
        add: bool,
    ) {
        let Some(first) = rights.first() else { return };
        let left = Lines { data: a, places: Places::of(a_rows), k_step: a_step };
        let places = Places::of(c_rows);
        with_kernel!(first.panels.choice, kernel => {
            let target = |right: &Right<'_>| {
                assert!(right.panels.choice == first.panels.choice, "panels of several kernels");
                (right.panels.strips(kernel, k, right.columns.clone()), Rows { c: right.c, places })
            };
            let targets: SmallVec<[_; 4]> = rights.iter().map(target).collect();
            // SAFETY: the caller's promise; the tiles hold k and all columns.
            unsafe { rows_times(kernel, left, 0..a_rows.len(), 0..k, &targets, add) }
        });
    }

    fn strips<K: Kernel>(&self, _: K, k: usize, columns: Range<usize>) -> Strips {
        let tiles: *const Tile = self.tiles.elements::<u16>().as_ptr().cast();
        let tiles = tiles.wrapping_add(tiles_of::<K>(columns.start, k));
        Strips { tiles, next: tiles_of::<K>(STRIP, k), lines: columns.len(), special: self.special }
    }
}

/// Tiles in which so many lines of so many places of k fit.
fn tiles_of<K: Kernel>(lines: usize, k: usize) -> usize {
    lines.div_ceil(STRIP) * 2 * K::PARTS * k.div_ceil(DEPTH)
}

/// The first of some tiles that tasks fill, each its own.
#[derive(Clone, Copy)]
struct Tiles(*mut Tile);
// SAFETY: tasks write disjoint tiles.
unsafe impl Send for Tiles {}
// SAFETY: as above.
unsafe impl Sync for Tiles {}

impl Tiles {
    fn at(self, tile: usize) -> *mut Tile {
        self.0.wrapping_add(tile)
    }
}

/// `work` with room for `tiles` tiles, which the thread keeps for the next time. Nested calls, be they a task's within a product or of two
/// products that a thread pool runs inside each other, have a room each.
fn with_room<R>(tiles: usize, work: impl FnOnce(Tiles) -> R) -> R {
    thread_local! {
        static ROOMS: RefCell<Vec<Vec<Tile>>> = const { RefCell::new(Vec::new()) };
    }
    let mut room = ROOMS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if room.len() < tiles {
        // What it held need not be copied.
        room = vec![Tile([0; LINES * DEPTH]); tiles];
    }
    let result = work(Tiles(room.as_mut_ptr()));
    ROOMS.with_borrow_mut(|rooms| rooms.push(room));
    result
}
