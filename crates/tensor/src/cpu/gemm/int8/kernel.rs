//! The innermost loops: a few rows times a panel, all sums in registers.

use super::{QUAD, WIDTH};
use crate::cpu::math::vectorised;

/// Most rows of a tile: with two vectors of columns 24 sums, which leaves registers for a row of the panel and a factor.
pub(super) const ROWS: usize = 12;

/// Some rows times the columns of a panel.
pub(super) struct Tile {
    /// Fours of places along k.
    pub quads: usize,
    pub left: *const u8,
    /// From a row of the left operand to the next.
    pub left_step: usize,
    pub left_scales: *const f32,
    pub right: *const i8,
    pub surplus: *const i32,
    pub right_scales: *const f32,
    pub c: *mut f32,
    /// Offsets of the result's rows.
    pub c_rows: *const usize,
    /// Columns to be written, at most those of a panel.
    pub columns: usize,
    /// Whether the result grows or begins.
    pub add: bool,
}

/// A loop for some number of rows.
///
/// # Safety
/// The tile's addresses are valid (of the right operand's those of a whole panel), and the processor has the instructions.
pub(super) type Micro = unsafe fn(&Tile);

/// By rows − 1.
pub(super) fn best() -> &'static [Micro; ROWS] {
    #[cfg(target_arch = "x86_64")]
    if x86::exists() {
        return &x86::BY_ROWS;
    }
    &BY_ROWS
}

/// A table of `$loop::<rows>`.
macro_rules! by_rows {
    ($tile:ident) => {
        [
            $tile::<1>,
            $tile::<2>,
            $tile::<3>,
            $tile::<4>,
            $tile::<5>,
            $tile::<6>,
            $tile::<7>,
            $tile::<8>,
            $tile::<9>,
            $tile::<10>,
            $tile::<11>,
            $tile::<12>,
        ]
    };
}

/// For every processor.
pub(super) static BY_ROWS: [Micro; ROWS] = by_rows!(tile);

unsafe fn tile<const M: usize>(tile: &Tile) {
    for i in 0..M {
        let mut sums = [0i32; WIDTH];
        for quad in 0..tile.quads {
            // SAFETY: the caller's promise.
            let (left, right) = unsafe {
                let left = tile.left.add(i * tile.left_step + quad * QUAD).cast::<[u8; QUAD]>();
                (*left, &*tile.right.add(quad * WIDTH * QUAD).cast::<[[i8; QUAD]; WIDTH]>())
            };
            let left = left.map(i32::from);
            vectorised(|| {
                for (sum, right) in sums.iter_mut().zip(right) {
                    for (&a, &b) in left.iter().zip(right) {
                        *sum = sum.wrapping_add(a * i32::from(b));
                    }
                }
            });
        }
        for (column, &sum) in sums.iter().enumerate().take(tile.columns) {
            // SAFETY: the caller's promise.
            unsafe {
                let c = tile.c.wrapping_add(*tile.c_rows.add(i)).wrapping_add(column);
                let scale = *tile.right_scales.add(column) * *tile.left_scales.add(i);
                let y = sum.wrapping_sub(*tile.surplus.add(column)) as f32 * scale;
                *c = if tile.add { *c + y } else { y };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! AVX512-VNNI: four products of bytes and their sum for each of sixteen columns in one instruction.

    use std::arch::x86_64::*;

    use super::{Micro, QUAD, ROWS, Tile, WIDTH};

    const LANES: usize = 16;

    pub(in super::super) fn exists() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
    }

    pub(super) static BY_ROWS: [Micro; ROWS] = by_rows!(tile);

    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn tile<const M: usize>(tile: &Tile) {
        let mut sums = [[_mm512_setzero_si512(); WIDTH / LANES]; M];
        for quad in 0..tile.quads {
            // SAFETY: the caller's promise.
            unsafe {
                let right = tile.right.add(quad * WIDTH * QUAD).cast::<__m512i>();
                let right = [_mm512_loadu_si512(right), _mm512_loadu_si512(right.add(1))];
                for i in 0..M {
                    let left = tile.left.add(i * tile.left_step + quad * QUAD).cast::<i32>();
                    let left = _mm512_set1_epi32(left.read_unaligned());
                    for j in 0..WIDTH / LANES {
                        sums[i][j] = _mm512_dpbusd_epi32(sums[i][j], left, right[j]);
                    }
                }
            }
        }
        for i in 0..M {
            for j in 0..WIDTH / LANES {
                let n = tile.columns.saturating_sub(j * LANES).min(LANES);
                let mask = ((1u32 << n) - 1) as __mmask16;
                // SAFETY: the caller's promise; of the result no more than the mask says is touched.
                unsafe {
                    let c = tile.c.wrapping_add(*tile.c_rows.add(i)).wrapping_add(j * LANES);
                    let surplus = _mm512_loadu_si512(tile.surplus.add(j * LANES).cast());
                    let left_scale = _mm512_set1_ps(*tile.left_scales.add(i));
                    let scale = _mm512_mul_ps(_mm512_loadu_ps(tile.right_scales.add(j * LANES)), left_scale);
                    let y = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sums[i][j], surplus)), scale);
                    let y = if tile.add { _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), y) } else { y };
                    _mm512_mask_storeu_ps(c, mask, y);
                }
            }
        }
    }
}
