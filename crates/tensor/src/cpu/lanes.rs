//! Vectors of f32 whose arithmetic gives the same bits in any width.
//!
//! A kernel is written once over [`Lanes`] and compiled for each [`Kind`] of vector; the widest is picked at run time. All operations are
//! IEEE's own, so the width does not show in a result. What does is whether [`mul_add`](Lanes::mul_add) rounds once or twice. That belongs to the
//! machine and not to the width: every vector of a processor that can fuse does, and one that cannot multiplies and adds (its products
//! do so too). Loops over several slices are left to
//! checks for overlap before their vectors; so here loads and stores are spelt out.

use std::marker::PhantomData;

/// Some f32 side by side.
pub(crate) trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// # Safety
    /// `COUNT` elements at `from` can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `COUNT` elements at `to` can be written.
    unsafe fn store(self, to: *mut f32);
    fn splat(x: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self · b + c`.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `c − self · b`.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// The larger of both; NaN where `self` is.
    fn at_least(self, low: f32) -> Self;
    /// The larger of both; `self` where either is NaN.
    fn or_larger(self, other: Self) -> Self;
    /// −|self|.
    fn negative(self) -> Self;
    /// |self| with the sign of `other`.
    fn with_sign_of(self, other: Self) -> Self;
    /// Of `n + 1.5 · 2²³` with a whole number −126 ≤ n ≤ 127: 2ⁿ.
    fn power_of_two(self) -> Self;
    /// `then` where `self < limit`, else `otherwise`.
    fn where_below(self, limit: f32, then: Self, otherwise: Self) -> Self;
}

/// Adding it rounds to a whole number: 1.5 · 2²³.
pub(crate) const ROUND: f32 = 12_582_912.0;
const ONE_BITS: u32 = 0x3f80_0000;
const SIGN: u32 = 0x8000_0000;

/// Whether a multiply–add rounds once.
trait MulAdd: Copy {
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// Rounds once.
#[derive(Clone, Copy)]
struct Fused;

/// Rounds the product, then the sum.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "aarch64", allow(dead_code))]
struct Apart;

impl MulAdd for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl MulAdd for Apart {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// Lanes without a vector type of their own: what the compiler makes of an array. NEON and SSE2 come out of it.
#[derive(Clone, Copy)]
struct Array<M, const N: usize>([f32; N], PhantomData<M>);

impl<M: MulAdd, const N: usize> Array<M, N> {
    #[inline(always)]
    fn each(f: impl Fn(usize) -> f32) -> Self {
        let mut lanes = [0.0; N];
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = f(i);
        }
        Array(lanes, PhantomData)
    }
}

impl<M: MulAdd, const N: usize> Lanes for Array<M, N> {
    const COUNT: usize = N;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Array(unsafe { from.cast::<[f32; N]>().read_unaligned() }, PhantomData)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; N]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Array([x; N], PhantomData)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::each(|i| self.0[i] + other.0[i])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::each(|i| self.0[i] - other.0[i])
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::each(|i| self.0[i] * other.0[i])
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self::each(|i| self.0[i] / other.0[i])
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self::each(|i| M::mul_add(self.0[i], b.0[i], c.0[i]))
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Self::each(|i| M::mul_add(-self.0[i], b.0[i], c.0[i]))
    }

    #[inline(always)]
    fn at_least(self, low: f32) -> Self {
        Self::each(|i| if low > self.0[i] { low } else { self.0[i] })
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        Self::each(|i| if other.0[i] > self.0[i] { other.0[i] } else { self.0[i] })
    }

    #[inline(always)]
    fn negative(self) -> Self {
        Self::each(|i| f32::from_bits(self.0[i].to_bits() | SIGN))
    }

    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        Self::each(|i| self.0[i].copysign(other.0[i]))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self::each(|i| f32::from_bits((self.0[i].to_bits() << 23).wrapping_add(ONE_BITS)))
    }

    #[inline(always)]
    fn where_below(self, limit: f32, then: Self, otherwise: Self) -> Self {
        Self::each(|i| if self.0[i] < limit { then.0[i] } else { otherwise.0[i] })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, ONE_BITS, SIGN};

    /// Eight lanes of a processor with AVX2 and FMA. Only code compiled for both makes one.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256);

    /// Sixteen lanes of a processor with AVX-512. Only code compiled for it makes one.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    /// The methods whose intrinsics differ in nothing but the width.
    macro_rules! lanes {
        ($load:ident $store:ident $set:ident $add:ident $sub:ident $mul:ident $div:ident $fmadd:ident $fnmadd:ident $max:ident) => {
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller's promise, and a value of this type shows that the processor has the instructions.
                Self(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            fn splat(x: f32) -> Self {
                // SAFETY: as above; arithmetic touches no memory.
                Self(unsafe { $set(x) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $div(self.0, other.0) })
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fmadd(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fnmadd(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn at_least(self, low: f32) -> Self {
                // SAFETY: as above. Of NaN and a number the instruction answers its second operand.
                Self(unsafe { $max($set(low), self.0) })
            }
            #[inline(always)]
            fn or_larger(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $max(other.0, self.0) })
            }
        };
    }

    impl Lanes for Avx2 {
        const COUNT: usize = 8;
        lanes!(_mm256_loadu_ps _mm256_storeu_ps _mm256_set1_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
            _mm256_fmadd_ps _mm256_fnmadd_ps _mm256_max_ps);
        #[inline(always)]
        fn negative(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_or_ps(self.0, _mm256_castsi256_ps(_mm256_set1_epi32(SIGN as i32))) })
        }
        #[inline(always)]
        fn with_sign_of(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                let sign = _mm256_castsi256_ps(_mm256_set1_epi32(SIGN as i32));
                Self(_mm256_or_ps(_mm256_andnot_ps(sign, self.0), _mm256_and_ps(sign, other.0)))
            }
        }
        #[inline(always)]
        fn power_of_two(self) -> Self {
            // SAFETY: as above.
            unsafe {
                let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
                Self(_mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(ONE_BITS as i32))))
            }
        }
        #[inline(always)]
        fn where_below(self, limit: f32, then: Self, otherwise: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                let below = _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, _mm256_set1_ps(limit));
                Self(_mm256_blendv_ps(otherwise.0, then.0, below))
            }
        }
    }

    impl Lanes for Avx512 {
        const COUNT: usize = 16;
        lanes!(_mm512_loadu_ps _mm512_storeu_ps _mm512_set1_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
            _mm512_fmadd_ps _mm512_fnmadd_ps _mm512_max_ps);
        #[inline(always)]
        fn negative(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_or_ps(self.0, _mm512_castsi512_ps(_mm512_set1_epi32(SIGN as i32))) })
        }
        #[inline(always)]
        fn with_sign_of(self, other: Self) -> Self {
            // SAFETY: as above. Bit by bit the third operand where the first is set, else the second: 0xCA is that choice.
            unsafe {
                let (sign, value, other) =
                    (_mm512_set1_epi32(SIGN as i32), _mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
                Self(_mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(sign, other, value)))
            }
        }
        #[inline(always)]
        fn power_of_two(self) -> Self {
            // SAFETY: as above.
            unsafe {
                let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
                Self(_mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32(ONE_BITS as i32))))
            }
        }
        #[inline(always)]
        fn where_below(self, limit: f32, then: Self, otherwise: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, _mm512_set1_ps(limit));
                Self(_mm512_mask_blend_ps(below, otherwise.0, then.0))
            }
        }
    }
}

/// Work that is compiled for every kind of lanes.
pub(crate) trait Kernel {
    /// The work. An implementation is `#[inline(always)]`, and so is all that it calls with lanes.
    ///
    /// # Safety
    /// What the kernel says, and that the processor has these lanes.
    unsafe fn run<L: Lanes>(&self);
}

/// What a kernel can be compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Whatever the target has; on x86 with fused multiply–adds where the processor has them.
    Array,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kind {
    /// Those that this processor has, narrowest first.
    #[cfg(target_arch = "x86_64")]
    pub fn all() -> &'static [Kind] {
        const ALL: [Kind; 3] = [Kind::Array, Kind::Avx2, Kind::Avx512];
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        match (avx2, avx512) {
            (true, true) => &ALL,
            (true, false) => &ALL[..2],
            _ => &ALL[..1],
        }
    }

    /// Those that this processor has, narrowest first.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn all() -> &'static [Kind] {
        &[Kind::Array]
    }

    /// The widest that this processor has.
    pub fn widest() -> Kind {
        Kind::all()[Kind::all().len() - 1]
    }

    /// Runs a kernel.
    ///
    /// # Safety
    /// What the kernel says, and that [`all`](Kind::all) has this kind.
    pub unsafe fn run(self, kernel: &impl Kernel) {
        // SAFETY: the caller's promise, for each call below; an array needs no instructions of its own.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => compiled::for_avx512(kernel),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx2 => compiled::for_avx2(kernel),
                #[cfg(target_arch = "x86_64")]
                Kind::Array if is_x86_feature_detected!("fma") => compiled::for_fma(kernel),
                #[cfg(target_arch = "aarch64")]
                Kind::Array => kernel.run::<Array<Fused, 4>>(),
                #[cfg(not(target_arch = "aarch64"))]
                Kind::Array => kernel.run::<Array<Apart, 4>>(),
            }
        }
    }
}

/// A kernel compiled with the instructions that its lanes need, so that they are inlined.
#[cfg(target_arch = "x86_64")]
mod compiled {
    use super::x86::{Avx2, Avx512};
    use super::{Array, Fused, Kernel};

    #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
    pub unsafe fn for_avx512(kernel: &impl Kernel) {
        // SAFETY: the caller's promise.
        unsafe { kernel.run::<Avx512>() }
    }

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn for_avx2(kernel: &impl Kernel) {
        // SAFETY: the caller's promise.
        unsafe { kernel.run::<Avx2>() }
    }

    #[target_feature(enable = "fma")]
    pub unsafe fn for_fma(kernel: &impl Kernel) {
        // SAFETY: the caller's promise.
        unsafe { kernel.run::<Array<Fused, 4>>() }
    }
}
