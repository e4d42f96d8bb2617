//! Rounding to f32, f16 and bf16 in every direction of PTX: one function packs an exact value into a format.
//!
//! Exact values come as an f64 and the sign of what it lacks: sums by the two-sum of Knuth, products because two f32 have a
//! product that fits an f64. Nothing here rounds twice.

use crate::ptx::Round;

/// A binary floating-point format of at most 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bits of the significand, the hidden one included.
    precision: i32,
    /// Bits of the exponent field.
    exponent: i32,
}

/// IEEE half precision.
pub const HALF: Format = Format { precision: 11, exponent: 5 };
/// The upper half of an f32.
pub const BRAIN: Format = Format { precision: 8, exponent: 8 };
/// IEEE single precision.
pub const SINGLE: Format = Format { precision: 24, exponent: 8 };
/// IEEE double precision.
pub const DOUBLE: Format = Format { precision: 53, exponent: 11 };
/// The 19 leading bits of an f32, as matrix units read it.
pub const TF32: Format = Format { precision: 11, exponent: 8 };

impl Format {
    fn bias(self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }

    fn infinity(self) -> u64 {
        ((1u64 << self.exponent) - 1) << (self.precision - 1)
    }

    /// The bits nearest to `±(significand + sticky) · 2^exponent` in the direction of `round`, where `sticky` says that something
    /// less than one unit of the significand is missing. With `sticky`, the significand must be longer than the format's.
    pub fn pack(self, negative: bool, significand: u64, exponent: i32, sticky: bool, round: Round) -> u64 {
        let sign = u64::from(negative) << (self.precision - 1 + self.exponent);
        if significand == 0 {
            return sign;
        }
        let top = exponent + 63 - significand.leading_zeros() as i32;
        let mut quantum = (top - (self.precision - 1)).max(2 - self.bias() - self.precision);
        let shift = quantum - exponent;
        let (mut kept, half, rest) = match shift {
            ..=0 => (significand << -shift, false, sticky),
            1..=63 => {
                let low = significand & ((1 << (shift - 1)) - 1);
                (significand >> shift, significand >> (shift - 1) & 1 == 1, low != 0 || sticky)
            }
            64 => (0, significand >> 63 == 1, significand << 1 != 0 || sticky),
            _ => (0, false, true),
        };
        kept += u64::from(match round {
            Round::Nearest => half && (rest || kept & 1 == 1),
            Round::NearestAway => half,
            Round::Zero => false,
            Round::Down => negative && (half || rest),
            Round::Up => !negative && (half || rest),
        });
        if kept == 1 << self.precision {
            kept >>= 1;
            quantum += 1;
        }
        if kept < 1 << (self.precision - 1) {
            return sign | kept;
        }
        let biased = quantum + self.precision - 1 + self.bias();
        if biased >= (1 << self.exponent) - 1 {
            let to_infinity = match round {
                Round::Nearest | Round::NearestAway => true,
                Round::Zero => false,
                Round::Down => negative,
                Round::Up => !negative,
            };
            return sign | if to_infinity { self.infinity() } else { self.infinity() - 1 };
        }
        sign | (biased as u64) << (self.precision - 1) | (kept & ((1 << (self.precision - 1)) - 1))
    }

    /// `value + rest` rounded once, where `rest` is less than half a unit of `value` (only its sign matters). NaN gives `nan`.
    pub fn round(self, value: f64, rest: f64, round: Round, nan: u64) -> u64 {
        if value.is_nan() {
            return nan;
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return (u64::from(negative) << (self.precision - 1 + self.exponent)) | self.infinity();
        }
        if value == 0.0 {
            return u64::from(negative) << (self.precision - 1 + self.exponent);
        }
        let bits = value.to_bits();
        let field = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (significand, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
        if rest == 0.0 {
            return self.pack(negative, significand, exponent, false, round);
        }
        // A rest of the other sign: the exact value lies half a unit or less below, that is between 2s−1 and 2s half units.
        let below = rest.is_sign_negative() != negative;
        self.pack(negative, 2 * significand - u64::from(below), exponent - 1, true, round)
    }

    /// An integer rounded once.
    pub fn from_integer(self, negative: bool, magnitude: u64, round: Round) -> u64 {
        self.pack(negative, magnitude, 0, false, round)
    }
}

/// `a + b` and what the sum lacks (exact for finite values).
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    if !sum.is_finite() {
        return (sum, 0.0);
    }
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// `a b + c`, rounded once to f64, and the sign of what it lacks, for a product that fits an f64.
pub fn exact_fma(a: f64, b: f64, c: f64) -> (f64, f64) {
    two_sum(a * b, c)
}

/// Zero sums of two directed roundings: x − x is −0 towards −∞ and +0 otherwise.
fn zero(a_negative: bool, b_negative: bool, round: Round) -> f64 {
    let negative = if a_negative == b_negative { a_negative } else { round == Round::Down };
    if negative { -0.0 } else { 0.0 }
}

/// The f32 nearest to `a + b` in a direction.
pub fn add(a: f32, b: f32, round: Round) -> f32 {
    let (sum, rest) = two_sum(a as f64, b as f64);
    let sum = if sum == 0.0 { zero(a.is_sign_negative(), b.is_sign_negative(), round) } else { sum };
    single(sum, rest, round)
}

/// The f32 nearest to `a b`.
pub fn mul(a: f32, b: f32, round: Round) -> f32 {
    single(a as f64 * b as f64, 0.0, round)
}

/// The f32 nearest to `a b + c`.
pub fn fma(a: f32, b: f32, c: f32, round: Round) -> f32 {
    let product = a as f64 * b as f64;
    let (sum, rest) = two_sum(product, c as f64);
    let sum = if sum == 0.0 { zero(product.is_sign_negative(), c.is_sign_negative(), round) } else { sum };
    single(sum, rest, round)
}

/// The f32 nearest to `a / b`.
pub fn div(a: f32, b: f32, round: Round) -> f32 {
    let (a, b) = (a as f64, b as f64);
    let quotient = a / b;
    // The remainder of a quotient of two f32 is exact in f64; its sign, times that of b, is that of what the quotient lacks.
    let rest = if quotient.is_finite() && b.is_finite() { (-quotient).mul_add(b, a) * b.signum() } else { 0.0 };
    single(quotient, rest, round)
}

/// The f32 nearest to √a.
pub fn sqrt(a: f32, round: Round) -> f32 {
    let a = a as f64;
    let root = a.sqrt();
    let rest = if root.is_finite() { (-root).mul_add(root, a) } else { 0.0 };
    single(root, rest, round)
}

/// An f64 (and what it lacks) as an f32; NaN is the one NaN that a GPU makes.
pub fn single(value: f64, rest: f64, round: Round) -> f32 {
    if round == Round::Nearest && rest == 0.0 && !value.is_nan() {
        return value as f32;
    }
    f32::from_bits(SINGLE.round(value, rest, round, 0x7fff_ffff) as u32)
}

/// An f64 sum, product or quotient, moved by one unit where the direction asks for it; `rest` has the sign of what `value` lacks.
pub fn direct(value: f64, rest: f64, round: Round) -> f64 {
    if !value.is_finite() || rest == 0.0 {
        return value;
    }
    match round {
        Round::Down if rest < 0.0 => value.next_down(),
        Round::Up if rest > 0.0 => value.next_up(),
        Round::Zero if value > 0.0 && rest < 0.0 => value.next_down(),
        Round::Zero if value < 0.0 && rest > 0.0 => value.next_up(),
        _ => value,
    }
}
