//! AVX-512 and AVX2 with FMA.

use std::arch::x86_64::*;

use half::bf16;

use super::vector::Vector;

/// Four registers' 128-bit quarters, each a 4 × 4 square, transposed.
macro_rules! transpose_quarters {
    ($z:expr, $unpacklo:ident, $unpackhi:ident, $unpacklo_pd:ident, $unpackhi_pd:ident, $to_pd:ident, $to_ps:ident) => {{
        let [z0, z1, z2, z3] = $z;
        let (t0, t1) = ($to_pd($unpacklo(z0, z1)), $to_pd($unpackhi(z0, z1)));
        let (t2, t3) = ($to_pd($unpacklo(z2, z3)), $to_pd($unpackhi(z2, z3)));
        [
            $to_ps($unpacklo_pd(t0, t2)),
            $to_ps($unpackhi_pd(t0, t2)),
            $to_ps($unpacklo_pd(t1, t3)),
            $to_ps($unpackhi_pd(t1, t3)),
        ]
    }};
}

#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

fn first(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

// SAFETY of all blocks: the trait's promise, instructions and addresses.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx512 {
    const LANES: usize = 16;
    const ACROSS: usize = 2;
    const ROWS: usize = 14;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Avx512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Avx512(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_short(from: *const bf16) -> Self {
        Avx512(unsafe {
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()))))
        })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        Avx512(unsafe { _mm512_maskz_loadu_ps(first(n), from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(n), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, onto: Self) -> Self {
        Avx512(unsafe { _mm512_fmadd_ps(self.0, by.0, onto.0) })
    }

    /// Quarters of four rows are brought together as they are loaded, which leaves half of the shuffles of the usual sixteen-row transpose.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_step: isize, to: *mut f32, to_step: usize) {
        for quarter in 0..4 {
            unsafe {
                let load = |row: usize| _mm_loadu_ps(from.offset(row as isize * from_step).add(4 * quarter));
                let z: [__m512; 4] = std::array::from_fn(|q| {
                    let z = _mm512_castps128_ps512(load(q));
                    let z = _mm512_insertf32x4::<1>(z, load(4 + q));
                    let z = _mm512_insertf32x4::<2>(z, load(8 + q));
                    _mm512_insertf32x4::<3>(z, load(12 + q))
                });
                let columns = transpose_quarters!(
                    z,
                    _mm512_unpacklo_ps,
                    _mm512_unpackhi_ps,
                    _mm512_unpacklo_pd,
                    _mm512_unpackhi_pd,
                    _mm512_castps_pd,
                    _mm512_castpd_ps
                );
                for (k, column) in columns.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * quarter + k) * to_step), column);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_far(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256);

/// The mask of the first `n` lanes.
#[inline(always)]
unsafe fn first_lanes(n: usize) -> __m256i {
    const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: n is at most 8; the caller has AVX.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - n).cast()) }
}

// SAFETY of all blocks: the trait's promise, instructions and addresses.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx2 {
    const LANES: usize = 8;
    const ACROSS: usize = 2;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Avx2(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Avx2(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_short(from: *const bf16) -> Self {
        Avx2(unsafe {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()))))
        })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        Avx2(unsafe { _mm256_maskload_ps(from, first_lanes(n)) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        unsafe { _mm256_maskstore_ps(to, first_lanes(n), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Avx2(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, onto: Self) -> Self {
        Avx2(unsafe { _mm256_fmadd_ps(self.0, by.0, onto.0) })
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_step: isize, to: *mut f32, to_step: usize) {
        for half in 0..2 {
            unsafe {
                let load = |row: usize| _mm_loadu_ps(from.offset(row as isize * from_step).add(4 * half));
                let z: [__m256; 4] =
                    std::array::from_fn(|q| _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(load(q)), load(4 + q)));
                let columns = transpose_quarters!(
                    z,
                    _mm256_unpacklo_ps,
                    _mm256_unpackhi_ps,
                    _mm256_unpacklo_pd,
                    _mm256_unpackhi_pd,
                    _mm256_castps_pd,
                    _mm256_castpd_ps
                );
                for (k, column) in columns.into_iter().enumerate() {
                    _mm256_storeu_ps(to.add((4 * half + k) * to_step), column);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_far(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
}
