//! Cutting f32 into its three parts and laying them out in tiles.
//!
//! A tile's pairs of k are (0, 16), (1, 17) … (15, 31): two vectors of f32 then become one of pairs by a shift, without a permutation.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::pack::{Lines, Order, gathered, transposed};
use super::super::{DEPTH, LINES, Tile};

/// The upper 16 bits of a number are bf16.
const UPPER: i32 = 0xffff_0000u32 as i32;

/// Tiles further along k whose lines are fetched meanwhile: 6 % of 1600×512×2048. Where 32 places of k lie apart in memory, fetching ahead was slower.
const AHEAD: usize = 4;

/// 16 lines by 32 places: of each line the first 16 places and the rest, or of each of 16 places, and of the 16 after them, all lines.
type Square = [[__m512; LINES]; 2];

/// See [`Kernel::fill`](super::super::Kernel::fill).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn fill(
    x: Lines,
    lines: Range<usize>,
    k: Range<usize>,
    along_lines: bool,
    order: Order,
    out: *mut Tile,
) -> bool {
    // SAFETY: the caller's promise.
    let (square, natural) = unsafe {
        match (along_lines, x.k_step) {
            (true, _) => (places(x, lines, k), Order::Pairs),
            (false, 1) => {
                let at = |line: usize| x.data.offset(x.places.at(lines.start + line) + k.start as isize);
                (whole_lines(at, lines.len(), k.len()), Order::Lines)
            }
            _ => {
                let copy = gathered(x, lines.clone(), k.clone());
                (whole_lines(|line| copy[line].as_ptr(), lines.len(), k.len()), Order::Lines)
            }
        }
    };
    let square = if natural == order { square } else { [turned(square[0]), turned(square[1])] };
    let mut sticky = _mm512_setzero_ps();
    for i in 0..LINES {
        let (low, high) = (parts(square[0][i]), parts(square[1][i]));
        // Only what is not finite, or rounds to infinity, leaves a NaN here; the others are too small for their sum to overflow.
        sticky = _mm512_add_ps(sticky, _mm512_add_ps(low[2], high[2]));
        for part in 0..3 {
            let (low, high) = (_mm512_castps_si512(low[part]), _mm512_castps_si512(high[part]));
            // low | high & UPPER
            let pairs = _mm512_ternarylogic_epi32::<0xf8>(_mm512_srli_epi32::<16>(low), high, _mm512_set1_epi32(UPPER));
            // SAFETY: the caller's tiles, of 16 vectors, aligned.
            unsafe { _mm512_store_si512(out.add(2 * part).cast::<__m512i>().add(i), pairs) };
        }
    }
    // SAFETY: the caller's promise.
    _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(sticky, sticky) != 0 && unsafe { fill_with_care(&square, out) }
}

/// hi, mid and lo: the halfway cases go away from zero, which is as good where the rest follows.
#[inline]
#[target_feature(enable = "avx512f")]
fn parts(x: __m512) -> [__m512; 3] {
    let rounded = |x: __m512| {
        let half_more = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
        _mm512_castsi512_ps(_mm512_and_si512(half_more, _mm512_set1_epi32(UPPER)))
    };
    let hi = rounded(x);
    let rest = _mm512_sub_ps(x, hi);
    let mid = rounded(rest);
    [hi, mid, _mm512_sub_ps(rest, mid)]
}

/// [`parts`] of a single number of any kind: what would round to infinity rounds to the largest finite one, and what is not finite has no mid and lo.
pub(super) fn parts_with_care(x: f32) -> [f32; 3] {
    if !x.is_finite() {
        let quiet = if x.is_nan() { 1 << 22 } else { 0 };
        return [f32::from_bits(x.to_bits() & UPPER as u32 | quiet), 0.0, 0.0];
    }
    let rounded = |x: f32| {
        let near = f32::from_bits(x.to_bits().wrapping_add(0x8000) & UPPER as u32);
        if near.is_finite() { near } else { f32::from_bits(0x7f7f_0000).copysign(x) }
    };
    let hi = rounded(x);
    let mid = rounded(x - hi);
    [hi, mid, x - hi - mid]
}

/// The tiles again, number by number. Answers whether one is not finite.
#[target_feature(enable = "avx512f")]
unsafe fn fill_with_care(square: &Square, out: *mut Tile) -> bool {
    let mut special = false;
    for i in 0..LINES {
        for (half, vectors) in square.iter().enumerate() {
            let mut numbers = [0f32; LINES];
            // SAFETY: 16 numbers.
            unsafe { _mm512_storeu_ps(numbers.as_mut_ptr(), vectors[i]) };
            for (j, x) in numbers.into_iter().enumerate() {
                special |= !x.is_finite();
                for (part, value) in parts_with_care(x).into_iter().enumerate() {
                    let word = (value.to_bits() >> 16) as u16;
                    // SAFETY: the caller's tiles.
                    unsafe { *out.add(2 * part).cast::<u16>().add(i * DEPTH + 2 * j + half) = word };
                }
            }
        }
    }
    special
}

/// Each line's first 16 places of k, and its others.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn whole_lines(line_at: impl Fn(usize) -> *const f32, lines: usize, k: usize) -> Square {
    let mask = u32::MAX >> (DEPTH - k);
    let mut square = [[_mm512_setzero_ps(); LINES]; 2];
    for line in 0..LINES {
        if line < lines {
            let at = line_at(line);
            // SAFETY: the caller's line has k elements here; others are not read. What is fetched ahead is a hint.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD * DEPTH).cast());
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD * DEPTH + LINES).cast());
                square[0][line] = _mm512_maskz_loadu_ps(mask as u16, at);
                square[1][line] = _mm512_maskz_loadu_ps((mask >> 16) as u16, at.wrapping_add(LINES));
            }
        }
    }
    square
}

/// Of each place of k, 16 lines that are adjacent in memory.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn places(x: Lines, lines: Range<usize>, k: Range<usize>) -> Square {
    let mask = u16::MAX >> (LINES - lines.len());
    let at = x.data.wrapping_offset(x.places.at(lines.start));
    let mut square = [[_mm512_setzero_ps(); LINES]; 2];
    for i in 0..DEPTH {
        let at = at.wrapping_offset((k.start + i) as isize * x.k_step);
        let mask = if i < k.len() { mask } else { 0 };
        // SAFETY: the caller's lines have this place of k; others are not read.
        square[i / LINES][i % LINES] = unsafe { _mm512_maskz_loadu_ps(mask, at) };
    }
    square
}

#[inline]
#[target_feature(enable = "avx512f")]
fn turned(square: [__m512; LINES]) -> [__m512; LINES] {
    let mut numbers = [_mm512_setzero_si512(); LINES];
    for (number, x) in numbers.iter_mut().zip(square) {
        *number = _mm512_castps_si512(x);
    }
    let mut square = square;
    for (x, number) in square.iter_mut().zip(transposed(numbers)) {
        *x = _mm512_castsi512_ps(number);
    }
    square
}
