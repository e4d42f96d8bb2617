//! AVX-512's dot product of bf16 pairs, for processors that have it and no AMX.
//!
//! `vdpbf16ps` takes the odd place of a pair by a fused multiply–add, then the even one; subnormal numbers count as zero, and MXCSR is
//! not asked. Pairs run in ascending order from zero over a block of [`K_BLOCK`], whose sum is added to the result. A test holds the
//! instruction to that. AMX sums the even and the odd places apart, so the two differ in the last bit in two elements of three.

use std::arch::x86_64::*;
use std::ops::Range;

use super::pack::{self, Lines, Order};
use super::{Block, DEPTH, Kernel, LINES, Tile};
use crate::cpu::matmul::K_BLOCK;

/// Most rows of the result that are in registers at once, by two vectors of columns.
const ROWS: usize = 8;

/// Proof that the processor has the instructions, those of [`pack`](super::pack) too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub fn new() -> Option<Avx512> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16");
        has.then_some(Avx512(()))
    }
}

impl Kernel for Avx512 {
    type Region = ();

    const PARTS: usize = 1;
    const STEPS: usize = 16;
    const ROWS: usize = 256;
    const DEEP: usize = 4096;

    fn enter(self) {}

    unsafe fn block(self, (): &(), block: &Block) {
        for first in (0..block.down).step_by(ROWS) {
            // SAFETY: the caller's promise; all of these rows are in one tile.
            unsafe {
                match block.down - first {
                    1 => rows::<1>(block, first),
                    2 => rows::<2>(block, first),
                    3 | 4 => rows::<4>(block, first),
                    _ => rows::<ROWS>(block, first),
                }
            }
        }
    }

    unsafe fn fill(
        x: Lines,
        lines: Range<usize>,
        k: Range<usize>,
        along_lines: bool,
        order: Order,
        out: *mut Tile,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe { pack::fill(x, lines, k, along_lines, order, out) };
        false
    }
}

/// `M` rows of a block, from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn rows<const M: usize>(block: &Block, first: usize) {
    const BLOCK: usize = K_BLOCK / DEPTH;
    let &Block { b, steps, c_step, mut add, .. } = block;
    let a = block.a.wrapping_add(first / LINES);
    let c = block.c.wrapping_offset(first as isize * c_step);
    for from in (0..steps).step_by(BLOCK) {
        let mut sums = [[_mm512_setzero_ps(); 2]; M];
        for step in from..steps.min(from + BLOCK) {
            // SAFETY: the caller's tiles hold `steps`; a tile is 16 lines of 16 pairs.
            unsafe {
                let a: *const i32 = a.add(2 * step).cast::<i32>().add(first % LINES * LINES);
                let b = [0, 1].map(|column| b.add(2 * step + column).cast::<__m512bh>());
                for pair in 0..DEPTH / 2 {
                    let b = b.map(|b| b.add(pair).read());
                    for row in 0..M {
                        let a = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(*a.add(row * LINES + pair)));
                        for column in 0..2 {
                            sums[row][column] = _mm512_dpbf16_ps(sums[row][column], a, b[column]);
                        }
                    }
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (column, sum) in sums.into_iter().enumerate() {
                // SAFETY: the caller's rows of `c` are of 32 elements.
                unsafe {
                    let c = c.offset(row as isize * c_step).add(column * LINES);
                    let sum = if add { _mm512_add_ps(_mm512_loadu_ps(c), sum) } else { sum };
                    _mm512_storeu_ps(c, sum);
                }
            }
        }
        add = true;
    }
}
