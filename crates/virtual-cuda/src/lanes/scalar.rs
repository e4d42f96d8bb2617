//! The scalar definitions that the tables of instructions are made of.

use super::Mods;
use crate::ptx::Round;

/// The one NaN that f32 arithmetic makes on a GPU.
#[inline(always)]
pub fn canonical(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fff_ffff) } else { x }
}

/// Subnormals become zeros of their sign, where `on`.
#[inline(always)]
pub fn flush(x: f32, on: bool) -> f32 {
    if on && x.is_subnormal() { 0f32.copysign(x) } else { x }
}

/// Clamped to [0, 1]; NaN gives 0.
#[inline(always)]
pub fn saturate(x: f32) -> f32 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// What `.ftz` and `.sat` make of a result.
#[inline(always)]
pub fn finish(x: f32, m: Mods) -> f32 {
    let x = flush(canonical(x), m.ftz);
    if m.sat { saturate(x) } else { x }
}

/// `.sat` of f64.
#[inline(always)]
pub fn finish64(x: f64, m: Mods) -> f64 {
    if !m.sat {
        x
    } else if x > 0.0 {
        x.min(1.0)
    } else {
        0.0
    }
}

macro_rules! min_max {
    ($t:ty, $min:ident, $max:ident) => {
        /// The smaller of two numbers, a NaN losing to a number, −0 below +0.
        #[inline(always)]
        pub fn $min(a: $t, b: $t) -> $t {
            if a == b { <$t>::from_bits(a.to_bits() | b.to_bits()) } else { a.min(b) }
        }
        /// The larger of two numbers, a NaN losing to a number, −0 below +0.
        #[inline(always)]
        pub fn $max(a: $t, b: $t) -> $t {
            if a == b { <$t>::from_bits(a.to_bits() & b.to_bits()) } else { a.max(b) }
        }
    };
}
min_max!(f32, min, max);
min_max!(f64, min64, max64);

/// The result of an approximate instruction: the right one, or, where `perturb` is set, one off by up to `relative` of it, as a
/// GPU is allowed to be. The error depends on input and seed alone, so that runs repeat.
#[inline(always)]
pub fn approximate(exact: f64, input: u64, relative: f64, m: Mods) -> f32 {
    canonical((exact * (1.0 + relative * jitter(input, m))) as f32)
}

/// As [`approximate`], with an absolute error.
#[inline(always)]
pub fn approximate_absolute(exact: f64, input: u64, absolute: f64, m: Mods) -> f32 {
    canonical((exact + absolute * jitter(input, m)) as f32)
}

/// A number in (−0.7, 0.7), so that rounding afterwards stays within the bound; 0 where approximate instructions are not perturbed.
#[inline(always)]
fn jitter(input: u64, m: Mods) -> f64 {
    if m.perturb == 0 {
        return 0.0;
    }
    let mut x = (input ^ u64::from(m.perturb) << 32).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    0.7 * ((x >> 11) as f64 - (1u64 << 52) as f64) / (1u64 << 52) as f64
}

/// A float rounded to a whole number in a direction.
#[inline(always)]
pub fn whole(x: f64, round: Round) -> f64 {
    match round {
        Round::Nearest => x.round_ties_even(),
        Round::NearestAway => x.round(),
        Round::Zero => x.trunc(),
        Round::Down => x.floor(),
        Round::Up => x.ceil(),
    }
}

/// `bfe`: the field of `length` bits at `position`, sign-extended from its top bit (or the value's) where `signed`.
#[inline(always)]
pub fn extract(value: u64, position: u32, length: u32, bits: u32, signed: bool) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    let sign = if signed && length > 0 { value >> (position + length - 1).min(bits - 1) & 1 } else { 0 };
    let mut out = 0;
    for i in 0..bits {
        let bit = if i < length && position + i < bits { value >> (position + i) & 1 } else { sign };
        out |= bit << i;
    }
    out
}

/// `bfi`: `value` with its field at `position` replaced by the low `length` bits of `field`.
#[inline(always)]
pub fn insert(field: u64, value: u64, position: u32, length: u32, bits: u32) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    let mut out = value;
    for i in 0..length.min(bits) {
        if position + i < bits {
            out = out & !(1 << (position + i)) | (field >> i & 1) << (position + i);
        }
    }
    out
}

/// `prmt` in its default mode: each nibble of the selector picks a byte of `b:a`, its top bit replicates that byte's sign.
#[inline(always)]
pub fn permute(a: u32, b: u32, selector: u32) -> u32 {
    let bytes = u64::from(b) << 32 | u64::from(a);
    (0..4).fold(0, |out, i| {
        let nibble = selector >> (4 * i) & 15;
        let byte = (bytes >> (8 * (nibble & 7))) as u32 & 0xff;
        let byte = if nibble & 8 == 0 { byte } else { 0xff * (byte >> 7) };
        out | byte << (8 * i)
    })
}

/// `lop3`: bit by bit, the entry of the table that the three operands' bits select.
#[inline(always)]
pub fn logic3(a: u32, b: u32, c: u32, table: u32) -> u32 {
    (0..8).filter(|i| table >> i & 1 == 1).fold(0, |out, i| {
        let side = |x: u32, bit: u32| if i >> bit & 1 == 1 { x } else { !x };
        out | side(a, 2) & side(b, 1) & side(c, 0)
    })
}
