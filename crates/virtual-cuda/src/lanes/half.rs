//! f16 and bf16 as the GPU has them: arithmetic with one rounding, NaN always 0x7fff.

use super::round::{BRAIN, HALF, exact_fma};
use crate::ptx::Round;

const NAN: u64 = 0x7fff;

/// A 16-bit floating-point type.
pub trait Small: Copy {
    /// The value, exact.
    fn value(self) -> f32;
    /// `value + rest` (see [`super::round::Format::round`]), rounded once.
    fn nearest(value: f64, rest: f64, round: Round) -> Self;
    /// From bits.
    fn new(bits: u16) -> Self;
    /// To bits.
    fn bits16(self) -> u16;

    /// `a + b`.
    fn add(self, b: Self) -> Self {
        Self::sum(self.value() as f64, b.value() as f64)
    }
    /// `a − b`.
    fn sub(self, b: Self) -> Self {
        Self::sum(self.value() as f64, -b.value() as f64)
    }
    /// `a b`.
    fn mul(self, b: Self) -> Self {
        Self::nearest(self.value() as f64 * b.value() as f64, 0.0, Round::Nearest)
    }
    /// `a b + c` with one rounding.
    fn fma(self, b: Self, c: Self) -> Self {
        let (value, rest) = exact_fma(self.value() as f64, b.value() as f64, c.value() as f64);
        Self::nearest(value, rest, Round::Nearest)
    }
    /// The exact sum of two values, rounded once (bf16 spans more than the digits of an f64).
    fn sum(a: f64, b: f64) -> Self {
        let (value, rest) = super::round::two_sum(a, b);
        Self::nearest(value, rest, Round::Nearest)
    }
    /// Is it NaN?
    fn is_nan(self) -> bool {
        self.value().is_nan()
    }
    /// The NaN of the GPU.
    fn nan() -> Self {
        Self::new(NAN as u16)
    }
    /// Sign removed.
    fn abs(self) -> Self {
        if self.is_nan() { Self::nan() } else { Self::new(self.bits16() & 0x7fff) }
    }
    /// Sign turned.
    fn neg(self) -> Self {
        if self.is_nan() { Self::nan() } else { Self::new(self.bits16() ^ 0x8000) }
    }
    /// The smaller; a NaN loses unless `nan` asks for it. −0 < +0.
    fn min(self, b: Self, nan: bool) -> Self {
        pick(self, b, nan, super::scalar::min)
    }
    /// The larger; see [`Small::min`].
    fn max(self, b: Self, nan: bool) -> Self {
        pick(self, b, nan, super::scalar::max)
    }
    /// Clamped to [0, 1], NaN to 0.
    fn saturate(self) -> Self {
        Self::nearest(super::scalar::saturate(self.value()) as f64, 0.0, Round::Nearest)
    }
    /// Negative values and −0 become 0, NaN stays.
    fn relu(self) -> Self {
        if !self.is_nan() && self.bits16() >> 15 == 1 { Self::new(0) } else { self }
    }
}

fn pick<T: Small>(a: T, b: T, nan: bool, f: fn(f32, f32) -> f32) -> T {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => T::nan(),
        (true, false) | (false, true) if nan => T::nan(),
        (true, false) => b,
        (false, true) => a,
        _ => T::nearest(f(a.value(), b.value()) as f64, 0.0, Round::Nearest),
    }
}

/// IEEE half precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct F16(pub u16);
/// The upper half of an f32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bf16(pub u16);

impl Small for F16 {
    #[inline(always)]
    fn value(self) -> f32 {
        let (sign, exponent, fraction) = ((self.0 as u32 >> 15) << 31, self.0 as u32 >> 10 & 31, self.0 as u32 & 0x3ff);
        match exponent {
            0 => {
                let size = fraction as f32 * f32::from_bits(0x3380_0000);
                f32::from_bits(size.to_bits() | sign)
            }
            31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
            _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
        }
    }
    #[inline(always)]
    fn nearest(value: f64, rest: f64, round: Round) -> F16 {
        F16(HALF.round(value, rest, round, NAN) as u16)
    }
    #[inline(always)]
    fn new(bits: u16) -> F16 {
        F16(bits)
    }
    #[inline(always)]
    fn bits16(self) -> u16 {
        self.0
    }
}

impl Small for Bf16 {
    #[inline(always)]
    fn value(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }
    #[inline(always)]
    fn nearest(value: f64, rest: f64, round: Round) -> Bf16 {
        Bf16(BRAIN.round(value, rest, round, NAN) as u16)
    }
    #[inline(always)]
    fn new(bits: u16) -> Bf16 {
        Bf16(bits)
    }
    #[inline(always)]
    fn bits16(self) -> u16 {
        self.0
    }
}
