//! Each thread's space for packed operands, kept from product to product.

use std::cell::Cell;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [f32; 16]);

thread_local! {
    static LEFT: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    static RIGHT: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    static SHARED: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Which space: of a tile's left and right operand, or of a right operand that threads share.
#[derive(Clone, Copy)]
pub(super) enum Space {
    Left,
    Right,
    Shared,
}

/// Calls `work` with room for `len` f32, aligned to a cache line. A thread that waits in `work` and meanwhile does another product finds
/// its space taken, and the other gets one of its own.
pub(super) fn with<R>(space: Space, len: usize, work: impl FnOnce(*mut f32) -> R) -> R {
    let cell = match space {
        Space::Left => &LEFT,
        Space::Right => &RIGHT,
        Space::Shared => &SHARED,
    };
    let mut lines = cell.take();
    let wanted = len.div_ceil(16);
    if lines.len() < wanted {
        // What the old lines held is of no use: nothing is copied.
        lines = vec![Line([0.0; 16]); wanted];
    }
    let answer = work(lines.as_mut_ptr().cast());
    cell.set(lines);
    answer
}
