//! The innermost loops: a few rows times a few panels, all sums in registers over one block of K.

use super::vector::Vector;
use crate::cpu::matmul::K_BLOCK;

/// Steps along K between two turns of the loop: counting and moving on take slots of the ports that multiply.
pub(super) const UNROLLED: usize = 4;

/// f32 in a cache line.
pub(super) const LINE: usize = 16;

/// A tile: rows of a packed left operand, panels of a right operand, a place in the result.
pub(super) struct Tile {
    /// The length of this block of K.
    pub k: usize,
    pub a: *const f32,
    pub b: *const f32,
    /// From one row of the right operand to the next.
    pub b_step: usize,
    /// From one panel to the next.
    pub panel_step: usize,
    pub c: *mut f32,
    /// Offsets of the result's rows.
    pub c_rows: *const usize,
    /// Columns to be written, at most those of the panels.
    pub columns: usize,
    /// Whether the result grows or begins.
    pub add: bool,
    /// What comes next of the right operand, to be fetched meanwhile: how many f32 of each panel for each turn of the loop, and how many cache lines
    /// they lie in. With a line in eight, and the rest left to the processor's foresight, 13 rows took 1.3 times as long, and 65 rows 1.1 times.
    pub next: *const f32,
    pub next_step: usize,
    pub next_lines: usize,
}

/// A kernel for some number of rows and panels.
pub(super) type Micro = unsafe fn(&Tile);

/// `c (+)= a b` of `M` rows and `N` registers of columns. A left operand lies with K along rows, [`K_BLOCK`] apart, or, `K_MAJOR`, with the
/// rows side by side for each k.
///
/// # Safety
/// The tile's addresses are valid, and the processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn micro<V: Vector, const M: usize, const N: usize, const K_MAJOR: bool>(tile: &Tile) {
    let (row_step, k_step) = if K_MAJOR { (1, left_step::<V>()) } else { (K_BLOCK, 1) };
    // SAFETY: the caller's promise.
    unsafe {
        let (mut a, mut b, mut next) = (tile.a, tile.b, tile.next);
        let mut rows = [tile.c; M];
        for i in 0..M {
            rows[i] = tile.c.wrapping_add(*tile.c_rows.add(i));
        }
        for row in rows {
            for line in (0..N * V::LANES).step_by(16) {
                V::prefetch(row.wrapping_add(line));
            }
        }
        let mut sums = [[V::splat(0.0); N]; M];
        for _ in 0..tile.k / UNROLLED {
            for step in 0..UNROLLED {
                one(&mut sums, a.add(step * k_step), row_step, b.wrapping_add(step * tile.b_step), tile.panel_step);
            }
            for panel in 0..N.div_ceil(V::ACROSS) {
                for line in 0..tile.next_lines {
                    V::prefetch_far(next.wrapping_add(panel * tile.panel_step + line * LINE));
                }
            }
            next = next.wrapping_add(tile.next_step);
            a = a.add(UNROLLED * k_step);
            b = b.wrapping_add(UNROLLED * tile.b_step);
        }
        for step in 0..tile.k % UNROLLED {
            one(&mut sums, a.add(step * k_step), row_step, b.wrapping_add(step * tile.b_step), tile.panel_step);
        }
        if tile.columns == N * V::LANES {
            for i in 0..M {
                for j in 0..N {
                    let at = rows[i].add(j * V::LANES);
                    let sum = if tile.add { V::load(at).add(sums[i][j]) } else { sums[i][j] };
                    sum.store(at);
                }
            }
        } else {
            for j in 0..N {
                let n = tile.columns.saturating_sub(j * V::LANES).min(V::LANES);
                for i in 0..M {
                    let at = rows[i].wrapping_add(j * V::LANES);
                    let sum = if tile.add { V::load_first(at, n).add(sums[i][j]) } else { sums[i][j] };
                    sum.store_first(at, n);
                }
            }
        }
    }
}

/// One k: a row of the panels times a factor for each row of the tile. A function of its own and not a closure, since only a function's
/// inlining can be demanded.
#[inline(always)]
unsafe fn one<V: Vector, const M: usize, const N: usize>(
    sums: &mut [[V; N]; M],
    a: *const f32,
    row_step: usize,
    b: *const f32,
    panel_step: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut right = [V::splat(0.0); N];
        for j in 0..N {
            right[j] = V::load(b.add(j / V::ACROSS * panel_step + j % V::ACROSS * V::LANES));
        }
        for i in 0..M {
            let left = V::splat(*a.add(i * row_step));
            for j in 0..N {
                sums[i][j] = left.mul_add(right[j], sums[i][j]);
            }
        }
    }
}

/// From one k to the next in a left operand with its rows side by side.
pub(super) const fn left_step<V: Vector>() -> usize {
    V::ROWS.next_multiple_of(V::LANES)
}
