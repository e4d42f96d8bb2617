//! Elementary functions in f32 that vectorise, and one trait for f32 and f64 arithmetic.
//!
//! The f32 functions are branch-free so that a loop over them becomes vector code. They use no fused multiply–add: the same bits
//! come out whatever instruction set the loop was compiled for. Polynomials after Cephes (Moshier, 1989).

use super::elementwise::Stored;

/// Arithmetic that kernels run in: f32 for f32, f16 and bf16, f64 for f64.
pub(crate) trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + Stored
{
    const ZERO: Self;
    const ONE: Self;
    const INFINITY: Self;
    /// The lowest finite number.
    const LOWEST: Self;
    fn of(x: f64) -> Self;
    /// Converted to an element's type, rounded once.
    fn store<T: Stored>(self) -> T;
    fn exp(self) -> Self;
    fn expm1(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn powf(self, p: Self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tanh(self) -> Self;
    fn sigmoid(self) -> Self;
    fn erf(self) -> Self;
    fn abs(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn round_ties_even(self) -> Self;
    fn is_nan(self) -> bool;
    /// NaN where either is.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    /// NaN where either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
}

macro_rules! real {
    ($type:ident, $store:ident, $erf:path, $exp:expr, $tanh:expr, $sigmoid:expr) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = $type::INFINITY;
            const LOWEST: Self = $type::MIN;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn store<T: Stored>(self) -> T {
                T::$store(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                $sigmoid(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                $erf(self)
            }
            real!(@std $type: expm1 exp_m1, ln ln, ln_1p ln_1p, sqrt sqrt, sin sin, cos cos, abs abs, floor floor,
                ceil ceil, round_ties_even round_ties_even);
            #[inline(always)]
            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                $type::powf(self, p)
            }
        }
    };
    (@std $type:ident: $($name:ident $std:ident),*) => {$(
        #[inline(always)]
        fn $name(self) -> Self {
            $type::$std(self)
        }
    )*};
}

real!(f32, from_single, libm::erff, exp_f32, tanh_f32, sigmoid_f32);
real!(f64, from_wide, libm::erf, f64::exp, f64::tanh, sigmoid_f64);

/// eˣ within 2 units in the last place, subnormal results included.
#[inline(always)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to a whole number
    let clamped = if x > 89.0 { 89.0 } else { x };
    let clamped = if clamped < -104.5 { -104.5 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p =
        ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 1.666_666_5e-1) * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    // 2ⁿ in two factors, since n may be as low as −151 and as high as 129.
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = whole >> 1;
    // Of NaN the exponent is anything; the product is NaN all the same.
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    y * power(half) * power(whole.wrapping_sub(half))
}

/// tanh x within 3 units in the last place.
#[inline(always)]
pub(crate) fn tanh_f32(x: f32) -> f32 {
    let z = x * x;
    let p = (((-5.704_988_7e-3 * z + 2.063_909e-2) * z - 5.373_971_6e-2) * z + 1.333_144_2e-1) * z - 3.333_328e-1;
    let near = p * z * x + x;
    let far = 1.0 - 2.0 / (exp_f32(2.0 * x.abs()) + 1.0);
    // The sign of a zero is lost in the sum of `near`.
    (if x.abs() < 0.625 { near } else { far }).copysign(x)
}

/// 1/(1 + e⁻ˣ), small results relatively accurate too.
#[inline(always)]
pub(crate) fn sigmoid_f32(x: f32) -> f32 {
    let e = exp_f32(-x.abs());
    let s = 1.0 / (1.0 + e);
    if x < 0.0 { e * s } else { s }
}

fn sigmoid_f64(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// Runs `work` compiled for the widest vectors this processor has. The closure must be small enough to be inlined.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if has_avx512() {
            // SAFETY: the processor has AVX-512.
            return unsafe { with_avx512(work) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { with_avx2(work) };
        }
    }
    work()
}

/// AVX-512 with its operations on bytes and words and on short vectors.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(ours: fn(f32) -> f32, truth: fn(f64) -> f64, range: impl Iterator<Item = f32>) -> f64 {
        range
            .map(|x| {
                let (y, t) = (ours(x) as f64, truth(x as f64));
                let ulp = ((t as f32).abs().to_bits() + 1) as f64;
                let ulp = f32::from_bits(ulp as u32) as f64 - (t as f32).abs() as f64;
                if y == t { 0.0 } else { ((y - t) / ulp).abs() }
            })
            .fold(0.0, f64::max)
    }

    fn spread(low: f32, high: f32) -> impl Iterator<Item = f32> {
        (0..200_001).map(move |i| low + (high - low) * (i as f32 / 200_000.0))
    }

    #[test]
    fn functions_stay_within_their_error_bounds() {
        assert!(worst(exp_f32, f64::exp, spread(-103.0, 88.7)) < 2.0);
        assert!(worst(tanh_f32, f64::tanh, spread(-10.0, 10.0)) < 3.0);
        assert!(worst(sigmoid_f32, sigmoid_f64, spread(-80.0, 80.0)) < 3.0);
    }

    #[test]
    fn special_values() {
        assert!(exp_f32(f32::NAN).is_nan() && tanh_f32(f32::NAN).is_nan() && sigmoid_f32(f32::NAN).is_nan());
        assert_eq!((exp_f32(f32::INFINITY), exp_f32(f32::NEG_INFINITY), exp_f32(0.0)), (f32::INFINITY, 0.0, 1.0));
        assert_eq!((tanh_f32(f32::INFINITY), tanh_f32(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((sigmoid_f32(f32::INFINITY), sigmoid_f32(f32::NEG_INFINITY)), (1.0, 0.0));
        assert_eq!(tanh_f32(-0.0).to_bits(), (-0.0f32).to_bits());
    }
}
