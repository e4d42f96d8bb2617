//! What the kernels need of a processor's vectors, and how wide their panels are.

use half::bf16;

/// A register of f32, with the shape of the tiles that suit its processor.
///
/// # Safety
/// All functions: the processor has the instructions, and the addresses that are read or written are valid. They are always inlined
/// into functions that enable the instructions.
pub(super) trait Vector: Copy {
    /// f32 in a register.
    const LANES: usize;
    /// Registers side by side in a panel.
    const ACROSS: usize;
    /// Most rows of a tile of one panel: its sums, a row of the panel and one factor fill the registers.
    const ROWS: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// As many bf16, which become f32.
    unsafe fn load_short(from: *const bf16) -> Self;
    /// The first `n` lanes, 0 in the others.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `n` lanes only.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    unsafe fn add(self, other: Self) -> Self;
    /// `self · by + onto`, rounded once.
    unsafe fn mul_add(self, by: Self, onto: Self) -> Self;
    /// Copies `LANES` × `LANES` elements so that rows, `from_step` apart, become columns: row k of the copy is at `to + k · to_step`.
    unsafe fn transpose(from: *const f32, from_step: isize, to: *mut f32, to_step: usize);
    /// Asks for a cache line that is needed soon.
    unsafe fn prefetch(at: *const f32);
    /// Asks for a cache line that is needed later, into the second level.
    unsafe fn prefetch_far(at: *const f32);
}
