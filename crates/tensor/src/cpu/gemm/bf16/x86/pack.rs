//! Rounding f32 to bf16 and laying it out in tiles.
//!
//! To nearest even, as `vcvtne2ps2bf16` does: what is not a number stays so, and subnormal numbers become zero, as the products count
//! them as zero anyway.

use std::arch::x86_64::*;
use std::ops::Range;

use super::{DEPTH, Kernel, LINES, STRIP, Tile};
use crate::cpu::matmul::Matrix;

/// Where lines of a matrix begin, in elements.
#[derive(Clone, Copy)]
pub(super) enum Places<'a> {
    Even { first: isize, step: isize },
    Listed(&'a [usize]),
}

impl<'a> Places<'a> {
    /// Evenly spaced ones, whose loops are faster, are told apart.
    pub fn of(listed: &'a [usize]) -> Places<'a> {
        match step(listed) {
            Some(step) if !listed.is_empty() => Places::Even { first: listed[0] as isize, step },
            _ => Places::Listed(listed),
        }
    }

    #[inline]
    pub fn at(self, line: usize) -> isize {
        match self {
            Places::Even { first, step } => first + line as isize * step,
            Places::Listed(listed) => listed[line] as isize,
        }
    }

    /// How far apart these lines are, if equally far.
    #[inline]
    pub fn step(self, lines: Range<usize>) -> Option<isize> {
        match self {
            Places::Even { step, .. } => Some(step),
            Places::Listed(listed) => step(&listed[lines]),
        }
    }
}

fn step(places: &[usize]) -> Option<isize> {
    let apart = |pair: &[usize]| pair[1].wrapping_sub(pair[0]);
    let first = places.windows(2).next().map_or(0, apart);
    places.windows(2).all(|pair| apart(pair) == first).then_some(first as isize)
}

/// Rows of a left operand or columns of a right one: what products sum along.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub data: *const f32,
    pub places: Places<'a>,
    /// Elements from one k to the next.
    pub k_step: isize,
}
// SAFETY: it is a view to read from; a `Matrix`, or whoever calls an unsafe function with one, keeps what it shows alive and unchanged.
unsafe impl Send for Lines<'_> {}
// SAFETY: as above.
unsafe impl Sync for Lines<'_> {}

impl Lines<'static> {
    pub fn rows(x: Matrix<'_, f32>) -> Lines<'static> {
        Lines { data: x.at(0, 0), places: Places::Even { first: 0, step: x.steps[0] }, k_step: x.steps[1] }
    }

    pub fn columns(x: Matrix<'_, f32>) -> Lines<'static> {
        Lines::rows(x.transposed())
    }
}

/// What stands side by side in a tile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// A line's places of k: a left operand.
    Lines,
    /// Two places of k of each line: a right operand.
    Pairs,
}

/// Fills strips from these lines and places of k, zeros beyond them; the lower tiles of a left operand that has no lines there are left out.
/// Answers as [`Kernel::fill`].
///
/// # Safety
/// The processor has AVX-512 F, BW and BF16; the elements and the tiles are valid, the tiles 64-byte aligned and nobody else's.
pub(super) unsafe fn pack<K: Kernel>(
    x: Lines,
    lines: Range<usize>,
    k: Range<usize>,
    order: Order,
    out: *mut Tile,
) -> bool {
    let steps = k.len().div_ceil(DEPTH);
    let groups = match order {
        Order::Lines => lines.len().div_ceil(LINES),
        Order::Pairs => lines.len().div_ceil(STRIP) * 2,
    };
    let along_lines = x.places.step(lines.clone()) == Some(1) && x.k_step != 1;
    let mut special = false;
    let mut tile = |group: usize, step: usize| {
        let (line, place) = (lines.start + group * LINES, k.start + step * DEPTH);
        let lines = line..lines.end.clamp(line, line + LINES);
        let k = place..k.end.min(place + DEPTH);
        let out = out.wrapping_add((group / 2 * steps + step) * 2 * K::PARTS + group % 2);
        // SAFETY: the caller's promise.
        special |= unsafe {
            if lines.is_empty() {
                // Zeros are a tile.
                (0..K::PARTS).for_each(|part| out.add(2 * part).write_bytes(0, 1));
                false
            } else {
                K::fill(x, lines, k, along_lines, order, out)
            }
        };
    };
    // The inner loop runs along memory.
    if along_lines {
        (0..steps).for_each(|step| (0..groups).for_each(|group| tile(group, step)));
    } else {
        (0..groups).for_each(|group| (0..steps).for_each(|step| tile(group, step)));
    }
    special
}

/// [`Kernel::fill`] of one tile of rounded elements.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn fill(
    x: Lines,
    lines: Range<usize>,
    k: Range<usize>,
    along_lines: bool,
    order: Order,
    out: *mut Tile,
) {
    // SAFETY: the caller's promise.
    let (vectors, natural) = unsafe {
        match (along_lines, x.k_step) {
            (true, _) => (pairs_of_rows(x, lines, k), Order::Pairs),
            (false, 1) => (
                lines_of_places(
                    |line| x.data.offset(x.places.at(lines.start + line) + k.start as isize),
                    lines.len(),
                    k.len(),
                ),
                Order::Lines,
            ),
            _ => {
                let copy = gathered(x, lines.clone(), k.clone());
                (lines_of_places(|line| copy[line].as_ptr(), lines.len(), k.len()), Order::Lines)
            }
        }
    };
    let vectors = if natural == order { vectors } else { transposed(vectors) };
    for (i, vector) in vectors.into_iter().enumerate() {
        // SAFETY: a tile is 16 vectors, aligned.
        unsafe { _mm512_store_si512(out.cast::<__m512i>().add(i), vector) };
    }
}

/// Each line's 32 places of k, rounded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn lines_of_places(line_at: impl Fn(usize) -> *const f32, lines: usize, k: usize) -> [__m512i; LINES] {
    let mask = u32::MAX >> (DEPTH - k);
    let mut vectors = [_mm512_setzero_si512(); LINES];
    for line in 0..LINES {
        if line < lines {
            let at = line_at(line);
            // SAFETY: the caller's line has k elements here; others are not read.
            let (low, high) = unsafe {
                (
                    _mm512_maskz_loadu_ps(mask as u16, at),
                    _mm512_maskz_loadu_ps((mask >> 16) as u16, at.wrapping_add(LINES)),
                )
            };
            vectors[line] = rounded(low, high);
        }
    }
    vectors
}

/// Of each of 16 pairs of places of k, 16 lines that are adjacent in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pairs_of_rows(x: Lines, lines: Range<usize>, k: Range<usize>) -> [__m512i; LINES] {
    const TURNS: [u16; DEPTH] = {
        let mut places = [0; DEPTH];
        let mut i = 0;
        while i < DEPTH {
            places[i] = (i / 2 + i % 2 * LINES) as u16;
            i += 1;
        }
        places
    };
    // SAFETY: 32 numbers of 16 bits.
    let turns = unsafe { _mm512_loadu_si512(TURNS.as_ptr().cast()) };
    let mask = u16::MAX >> (LINES - lines.len());
    let at = x.data.wrapping_offset(x.places.at(lines.start));
    let row = |i: usize| {
        if i < k.len() {
            let at = at.wrapping_offset((k.start + i) as isize * x.k_step);
            // SAFETY: the caller's lines have this place of k; others are not read.
            unsafe { _mm512_maskz_loadu_ps(mask, at) }
        } else {
            _mm512_setzero_ps()
        }
    };
    let mut vectors = [_mm512_setzero_si512(); LINES];
    for pair in 0..LINES {
        vectors[pair] = _mm512_permutexvar_epi16(turns, rounded(row(2 * pair), row(2 * pair + 1)));
    }
    vectors
}

/// 16 numbers, then 16 more.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn rounded(low: __m512, high: __m512) -> __m512i {
    let both = _mm512_cvtne2ps_pbh(high, low);
    // SAFETY: both are 64 bytes, and any are valid.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(both) }
}

/// 16 × 16 elements of 32 bits, turned: four rounds of exchanges, in pairs, fours, and quarters of the register twice.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed(x: [__m512i; 16]) -> [__m512i; 16] {
    let mut y = x;
    for i in 0..8 {
        y[2 * i] = _mm512_unpacklo_epi32(x[2 * i], x[2 * i + 1]);
        y[2 * i + 1] = _mm512_unpackhi_epi32(x[2 * i], x[2 * i + 1]);
    }
    let mut z = y;
    for i in 0..4 {
        for j in 0..2 {
            z[4 * i + 2 * j] = _mm512_unpacklo_epi64(y[4 * i + j], y[4 * i + j + 2]);
            z[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(y[4 * i + j], y[4 * i + j + 2]);
        }
    }
    // z[4 i + j], quarter q: column 4 q + j of rows 4 i ..
    for j in 0..4 {
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(z[j], z[j + 4]);
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(z[j], z[j + 4]);
        let low_below = _mm512_shuffle_i32x4::<0b10_00_10_00>(z[j + 8], z[j + 12]);
        let high_below = _mm512_shuffle_i32x4::<0b11_01_11_01>(z[j + 8], z[j + 12]);
        y[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low_below);
        y[j + 8] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low_below);
        y[j + 4] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high_below);
        y[j + 12] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high_below);
    }
    y
}

/// Elements that lie neither way, one by one.
pub(super) unsafe fn gathered(x: Lines, lines: Range<usize>, k: Range<usize>) -> [[f32; DEPTH]; LINES] {
    let mut copy = [[0.0; DEPTH]; LINES];
    for (line, copy) in lines.zip(&mut copy) {
        for (place, copy) in k.clone().zip(copy) {
            // SAFETY: the caller's promise.
            *copy = unsafe { *x.data.offset(x.places.at(line) + place as isize * x.k_step) };
        }
    }
    copy
}
