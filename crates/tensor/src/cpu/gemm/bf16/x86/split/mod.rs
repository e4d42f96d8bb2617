//! Products of f32 in three bf16 parts each, by AMX.
//!
//! Every f32 number is a sum of three bf16 numbers: `hi`, x rounded to 8 bits; `mid`, what is missing rounded to 8 bits; `lo`, what then is
//! missing, which has 8 bits itself. With them, in this order,
//!
//! > a b ≈ lo·hi + mid·hi + mid·mid + hi·mid + hi·lo + hi·hi
//!
//! where each product is exact in f32. What is left out, mid·lo + lo·mid + lo·lo, is at most 2⁻²⁵ of |a b| to leading order and of either sign: less
//! than the rounding of one f32 product. Six products of bf16 come to 580 GFLOP/s a core, where fused multiply–adds of f32 do 230.
//!
//! **Order.** k runs in blocks of [`K_BLOCK`], each summed from zero and then added to the result, as everywhere in this crate. In a block, for each
//! 32 places of k in turn, the six terms are added one after the other, each as the instruction does: places 0 to 15 from zero by ascending fused
//! multiply–adds, places 16 to 31 likewise, the two sums added, and that added to the block's. So an element depends on its row and its column alone.
//!
//! **Accuracy.** A product goes through at most 16 roundings in its chain, 1 where the two chains meet, 6 for each 32 places of its block and 1 for each
//! block; with the sizes of the parts and what is left out, to first order
//!
//! > |found − Σ a b| ≤ (20 + 6 · min(⌈K/32⌉, 8) + ⌈K/256⌉) · 2⁻²⁴ · Σ |a b|
//!
//! where fused multiply–adds in blocks of 256 have min(K, 256) + ⌈K/256⌉. A test holds it to that for ordinary, positive, cancelling and widely spread
//! operands, K 16 to 4,096, and its root mean square to at most 1.15 times that of the f32 kernels' errors. What it finds there: at most 6.2 · 2⁻²⁴, and half of
//! the f32 kernels' root mean square for ordinary and positive numbers, 0.9 to 1.03 of it for widely spread ones.
//!
//! **Small numbers.** The instruction counts parts, products and sums below 2⁻¹²⁶ as zero. A part that is lost changes its number by less than
//! 2⁻¹²⁵, so the bound holds from about 2⁻¹⁰² on, and has to be widened by 2⁻¹²⁵ · Σ (|a| + |b| + 4) for smaller ones: a number below 2⁻¹⁰² has fewer
//! bits the smaller it is, and subnormal numbers are zeros.
//!
//! **Large numbers.** All finite operands are exact, [`f32::MAX`] too. A result whose size is within 2⁻⁸ of the largest, or whose sums on the way are,
//! may become infinite or not a number, as sums of f32 in another order may.
//!
//! **Infinity and NaN.** Zero times infinity would be NaN where another part of the operand is zero. So an element whose row or column holds a number
//! that is not finite (within 1,024 places of k, by which longer sums are cut) is computed by fused multiply–adds: [`Mended`].

mod mended;
mod pack;
#[cfg(test)]
pub(super) mod tests;

use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::amx::{Amx, Configured};
use super::pack::{Lines, Order};
use super::{Block, DEPTH, Kernel, LINES, STRIP, Tile};
use crate::cpu::matmul::K_BLOCK;
pub(super) use mended::Mended;

/// Sums over fewer places than this are left to fused multiply–adds: a tile would be mostly empty, and at 16 both take as long.
pub(super) const SHORTEST: usize = 16;

/// Exact products of f32 parts by AMX.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Split(Amx);

impl Split {
    pub fn new(amx: Amx) -> Split {
        Split(amx)
    }
}

impl Kernel for Split {
    type Region = Configured;

    const PARTS: usize = 3;
    const STEPS: usize = K_BLOCK / DEPTH;
    const ROWS: usize = 128;
    const DEEP: usize = 1024;

    fn enter(self) -> Configured {
        self.0.enter()
    }

    unsafe fn block(self, _: &Configured, block: &Block) {
        let mut sums = MaybeUninit::<Sums>::uninit();
        let sums: *mut f32 = sums.as_mut_ptr().cast();
        // SAFETY: the caller's promise; the sums have room for the whole block, row after row.
        unsafe {
            if !block.add {
                return sum(block, block.c, block.c_step, sums);
            }
            sum(block, sums, STRIP as isize, sums);
            add(sums, if block.lower() { STRIP } else { LINES }, block.c, block.c_step);
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
        unsafe { pack::fill(x, lines, k, along_lines, order, out) }
    }
}

/// A block's sums before they are added to the result.
#[repr(align(64))]
struct Sums(#[allow(dead_code)] [[f32; STRIP]; STRIP]);

/// Rows of 32 sums, added to those of the result.
#[target_feature(enable = "avx512f")]
unsafe fn add(sums: *const f32, rows: usize, c: *mut f32, c_step: isize) {
    for row in 0..rows {
        for half in 0..2 {
            // SAFETY: the caller's rows have 32 elements.
            unsafe {
                let c = c.offset(row as isize * c_step).add(half * LINES);
                let sum = _mm512_load_ps(sums.add(row * STRIP + half * LINES));
                _mm512_storeu_ps(c, _mm512_add_ps(_mm512_loadu_ps(c), sum));
            }
        }
    }
}

/// The sums of a block, from zero, to `to`, whose rows are `step` elements apart. `room` is for a tile that nobody reads, aligned to 64 bytes; it may
/// be `to`.
unsafe fn sum(block: &Block, to: *mut f32, step: isize, room: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { if block.lower() { two_by_two(block, to, step, room) } else { one_by_two(block, to, step, room) } }
}

/// Tiles 0 to 3 are the result, 4 and 5 of the right operand, 6 and 7 of the left one. From one of the six terms to the next either the left operand's
/// part changes or the right one's, so 14 tiles are loaded for 24 products, in their shadow.
///
/// Each step also fetches 24 lines of what comes next of the right operand, which streams from beyond the second cache: 8 to 17 % for 64 to 256 rows; 12
/// and 48 lines were worse, and so was fetching no nearer than the second cache.
///
/// The store of tile 6 is for nobody. Where 129 or more products come between two stores of tiles, the store waits for some 200 ns (measured on
/// Sapphire Rapids; neither stores of vectors nor loads have that effect, nor help against it): a fifth of the time of a block of 192 products.
unsafe fn two_by_two(block: &Block, to: *mut f32, step: isize, room: *mut f32) {
    // SAFETY: the caller's promise; the loop runs `steps` times, which is at least once.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{b} + {line}]",
            "tileloadd tmm6, [{a} + {line} + 4096]",
            "tileloadd tmm5, [{b} + {line} + 1024]",
            "tileloadd tmm7, [{a} + {line} + 5120]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead}]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 64]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 128]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 192]",
            "tileloadd tmm6, [{a} + {line} + 2048]",
            "tileloadd tmm7, [{a} + {line} + 3072]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 256]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 320]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 384]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 448]",
            "tileloadd tmm4, [{b} + {line} + 2048]",
            "tileloadd tmm5, [{b} + {line} + 3072]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 512]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 576]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 640]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 704]",
            "tilestored [{room} + {line}], tmm6",
            "tileloadd tmm6, [{a} + {line}]",
            "tileloadd tmm7, [{a} + {line} + 1024]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 768]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 832]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 896]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 960]",
            "tileloadd tmm4, [{b} + {line} + 4096]",
            "tileloadd tmm5, [{b} + {line} + 5120]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 1024]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 1088]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 1152]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 1216]",
            "tileloadd tmm4, [{b} + {line}]",
            "tileloadd tmm5, [{b} + {line} + 1024]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 1280]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 1344]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "prefetcht0 [{ahead} + 1408]",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetcht0 [{ahead} + 1472]",
            // The result's next rows, which otherwise come one after the other when they are stored.
            "prefetchw [{next}]",
            "prefetchw [{next} + 64]",
            "prefetchw [{next} + {row}]",
            "prefetchw [{next} + {row} + 64]",
            "lea {next}, [{next} + 2*{row}]",
            "prefetchw [{next}]",
            "prefetchw [{next} + 64]",
            "prefetchw [{next} + {row}]",
            "prefetchw [{next} + {row} + 64]",
            "lea {next}, [{next} + 2*{row}]",
            "add {a}, 6144",
            "add {b}, 6144",
            "add {ahead}, 1536",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {to_row}], tmm0",
            "tilestored [{c} + {to_row} + 64], tmm1",
            "tilestored [{d} + {to_row}], tmm2",
            "tilestored [{d} + {to_row} + 64], tmm3",
            a = inout(reg) block.a => _,
            b = inout(reg) block.b => _,
            ahead = inout(reg) block.ahead => _,
            next = inout(reg) block.c => _,
            row = in(reg) block.c_step * 4,
            c = in(reg) to,
            d = in(reg) to.wrapping_offset(16 * step),
            to_row = in(reg) step * 4,
            room = in(reg) room,
            line = in(reg) 64usize,
            steps = inout(reg) block.steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The upper half of [`two_by_two`].
unsafe fn one_by_two(block: &Block, to: *mut f32, step: isize, room: *mut f32) {
    // SAFETY: as there.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{b} + {line}]",
            "tileloadd tmm6, [{a} + {line} + 4096]",
            "tileloadd tmm5, [{b} + {line} + 1024]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead}]",
            "prefetcht0 [{ahead} + 64]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 128]",
            "prefetcht0 [{ahead} + 192]",
            "tileloadd tmm7, [{a} + {line} + 2048]",
            "tdpbf16ps tmm0, tmm7, tmm4",
            "prefetcht0 [{ahead} + 256]",
            "prefetcht0 [{ahead} + 320]",
            "tdpbf16ps tmm1, tmm7, tmm5",
            "prefetcht0 [{ahead} + 384]",
            "prefetcht0 [{ahead} + 448]",
            "tileloadd tmm2, [{b} + {line} + 2048]",
            "tileloadd tmm3, [{b} + {line} + 3072]",
            "tdpbf16ps tmm0, tmm7, tmm2",
            "prefetcht0 [{ahead} + 512]",
            "prefetcht0 [{ahead} + 576]",
            "tdpbf16ps tmm1, tmm7, tmm3",
            "prefetcht0 [{ahead} + 640]",
            "prefetcht0 [{ahead} + 704]",
            "tilestored [{room} + {line}], tmm6",
            "tileloadd tmm6, [{a} + {line}]",
            "tdpbf16ps tmm0, tmm6, tmm2",
            "prefetcht0 [{ahead} + 768]",
            "prefetcht0 [{ahead} + 832]",
            "tdpbf16ps tmm1, tmm6, tmm3",
            "prefetcht0 [{ahead} + 896]",
            "prefetcht0 [{ahead} + 960]",
            "tileloadd tmm2, [{b} + {line} + 4096]",
            "tileloadd tmm3, [{b} + {line} + 5120]",
            "tdpbf16ps tmm0, tmm6, tmm2",
            "prefetcht0 [{ahead} + 1024]",
            "prefetcht0 [{ahead} + 1088]",
            "tdpbf16ps tmm1, tmm6, tmm3",
            "prefetcht0 [{ahead} + 1152]",
            "prefetcht0 [{ahead} + 1216]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "prefetcht0 [{ahead} + 1280]",
            "prefetcht0 [{ahead} + 1344]",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetcht0 [{ahead} + 1408]",
            "prefetcht0 [{ahead} + 1472]",
            "prefetchw [{next}]",
            "prefetchw [{next} + 64]",
            "prefetchw [{next} + {row}]",
            "prefetchw [{next} + {row} + 64]",
            "lea {next}, [{next} + 2*{row}]",
            "add {a}, 6144",
            "add {b}, 6144",
            "add {ahead}, 1536",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {to_row}], tmm0",
            "tilestored [{c} + {to_row} + 64], tmm1",
            a = inout(reg) block.a => _,
            b = inout(reg) block.b => _,
            ahead = inout(reg) block.ahead => _,
            next = inout(reg) block.c => _,
            row = in(reg) block.c_step * 4,
            c = in(reg) to,
            to_row = in(reg) step * 4,
            room = in(reg) room,
            line = in(reg) 64usize,
            steps = inout(reg) block.steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
