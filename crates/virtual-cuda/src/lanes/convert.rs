//! `cvt`: between integers, between floats, and across, in every rounding that PTX has.
//!
//! Any value goes through an i128 (integers) or an f64 (floats), both exact, and [`integer`] or [`float`], which know every target.
//! The pairs that index arithmetic and mixed precision are made of have rows of their own.

use super::half::{Bf16, F16, Small};
use super::round::{self, BRAIN, DOUBLE, HALF, SINGLE, TF32};
use super::scalar::{canonical, finish64, flush, saturate, whole};
use super::{Mods, Pair, Row, lanes};
use crate::ptx::{Round, Type};

/// An integer as `m.to`: its lowest bits, clamped where `.sat` is set, or rounded to a float.
pub fn integer(x: i128, m: Mods) -> u64 {
    use Type::{Bf16, F16, F32, F64};
    let (negative, size) = (x < 0, x.unsigned_abs() as u64);
    let bits = 8 * m.to.bytes() as u32;
    match m.to {
        F32 => SINGLE.from_integer(negative, size, m.round),
        F64 => DOUBLE.from_integer(negative, size, m.round),
        F16 => HALF.from_integer(negative, size, m.round),
        Bf16 => BRAIN.from_integer(negative, size, m.round),
        _ => {
            let (low, high) = match m.to.is_signed() {
                true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                false => (0, (1i128 << bits) - 1),
            };
            (if m.sat { x.clamp(low, high) } else { x }) as u64 & (u64::MAX >> (64 - bits))
        }
    }
}

/// A float as `m.to`: rounded to a whole number first where that is an integer, clamped to its range, NaN to 0.
pub fn float(x: f64, m: Mods) -> u64 {
    let x = if m.ftz && x.abs() < f64::from(f32::MIN_POSITIVE) { 0f64.copysign(x) } else { x };
    use Type::{B8, B16, B32, Bf16, F16, F32, F64, S8, S16, S32, S64, Tf32, U8, U16, U32};
    match m.to {
        F32 => {
            let out = round::single(x, 0.0, m.round);
            u64::from(if m.sat { saturate(out) } else { flush(out, m.ftz) }.to_bits())
        }
        F64 => finish64(x, m).to_bits(),
        F16 => u64::from(small::<super::half::F16>(x, m).0),
        Bf16 => u64::from(small::<super::half::Bf16>(x, m).0),
        Tf32 => TF32.round(x, 0.0, m.round, 0x3_ffff) << 13,
        _ => {
            let x = whole(x, m.round);
            match m.to {
                B8 | U8 => x as u8 as u64,
                S8 => x as i8 as u8 as u64,
                B16 | U16 => x as u16 as u64,
                S16 => x as i16 as u16 as u64,
                B32 | U32 => x as u32 as u64,
                S32 => x as i32 as u32 as u64,
                S64 => x as i64 as u64,
                _ => x as u64,
            }
        }
    }
}

/// A 16-bit float with `.sat` and `.relu`.
fn small<T: Small>(x: f64, m: Mods) -> T {
    let out = T::nearest(finish64(x, m), 0.0, m.round);
    if m.flag { out.relu() } else { out }
}

/// The row of `cvt.to.from`. `to_whole` is set by the `i` roundings (`.rni`): between floats, the value becomes a whole number.
pub fn row(to: Type, from: Type, to_whole: bool, mods: Mods) -> Option<Row> {
    let plain = !mods.sat && !mods.ftz && !mods.flag;
    if from.is_float() && to.is_float() && to_whole {
        return if to == from { whole_number(to) } else { None };
    }
    if to == Type::Tf32 && from != Type::F32 {
        return None;
    }
    (if plain { frequent(to, from, mods.round) } else { None }).or_else(|| any(from, to.bytes() == 8))
}

fn whole_number(ty: Type) -> Option<Row> {
    Some(match ty {
        Type::F32 => lanes!(m, |a: f32| -> f32 {
            let x = canonical(whole(f64::from(flush(a, m.ftz)), m.round) as f32);
            if m.sat { saturate(x) } else { x }
        }),
        Type::F64 => lanes!(m, |a: f64| -> f64 { whole(a, m.round) }),
        Type::F16 => {
            lanes!(m, |a: F16| -> F16 { F16::nearest(whole(f64::from(a.value()), m.round), 0.0, Round::Nearest) })
        }
        Type::Bf16 => {
            lanes!(m, |a: Bf16| -> Bf16 { Bf16::nearest(whole(f64::from(a.value()), m.round), 0.0, Round::Nearest) })
        }
        _ => return None,
    })
}

/// Conversions without modifiers that kernels are full of.
fn frequent(to: Type, from: Type, round: Round) -> Option<Row> {
    use Type::{B16, B32, B64, F32, F64, S16, S32, S64, U16, U32, U64};
    Some(match (to, from) {
        (U64 | S64 | B64, U32 | B32) => lanes!(|a: u32| -> u64 { u64::from(a) }),
        (U64 | S64 | B64, S32) => lanes!(|a: i32| -> i64 { i64::from(a) }),
        (U32 | S32 | B32, U64 | S64 | B64) => lanes!(|a: u64| -> u32 { a as u32 }),
        (U32 | S32 | B32, U16 | B16) => lanes!(|a: u16| -> u32 { u32::from(a) }),
        (U16 | S16 | B16, U32 | S32 | B32) => lanes!(|a: u32| -> u16 { a as u16 }),
        (F32, S32) if round == Round::Nearest => lanes!(|a: i32| -> f32 { a as f32 }),
        (F32, U32) if round == Round::Nearest => lanes!(|a: u32| -> f32 { a as f32 }),
        (S32, F32) if round == Round::Zero => lanes!(|a: f32| -> i32 { a as i32 }),
        (F32, Type::F16) => lanes!(|a: F16| -> f32 { canonical(a.value()) }),
        (F32, Type::Bf16) => lanes!(|a: Bf16| -> f32 { canonical(a.value()) }),
        (F64, F32) => lanes!(|a: f32| -> f64 { f64::from(a) }),
        (F32, F64) if round == Round::Nearest => lanes!(|a: f64| -> f32 { canonical(a as f32) }),
        _ => return None,
    })
}

/// Every other conversion, the target found when it runs.
fn any(from: Type, wide: bool) -> Option<Row> {
    macro_rules! by_source {
        ($($pattern:pat => $t:ty, |$a:ident, $m:ident| $value:expr;)*) => {
            match from {
                $($pattern if wide => lanes!($m, |$a: $t| -> u64 { $value }),
                $pattern => lanes!($m, |$a: $t| -> u32 { $value as u32 }),)*
                _ => return None,
            }
        };
    }
    Some(by_source! {
        Type::U8 | Type::B8 => u8, |a, m| integer(i128::from(a), m);
        Type::S8 => i8, |a, m| integer(i128::from(a), m);
        Type::U16 | Type::B16 => u16, |a, m| integer(i128::from(a), m);
        Type::S16 => i16, |a, m| integer(i128::from(a), m);
        Type::U32 | Type::B32 => u32, |a, m| integer(i128::from(a), m);
        Type::S32 => i32, |a, m| integer(i128::from(a), m);
        Type::U64 | Type::B64 => u64, |a, m| integer(i128::from(a), m);
        Type::S64 => i64, |a, m| integer(i128::from(a), m);
        Type::F32 => f32, |a, m| float(f64::from(a), m);
        Type::F64 => f64, |a, m| float(a, m);
        Type::F16 => F16, |a, m| float(f64::from(a.value()), m);
        Type::Bf16 => Bf16, |a, m| float(f64::from(a.value()), m);
    })
}

/// `cvt.rn.f16x2.f32 d, a, b`: two f32 into one register, the first operand in the upper half.
pub fn pack(to: Type) -> Option<Row> {
    Some(match to {
        Type::F16x2 => {
            lanes!(m, |a: f32, b: f32| -> Pair<F16> { Pair(small(f64::from(b), m), small(f64::from(a), m)) })
        }
        Type::Bf16x2 => {
            lanes!(m, |a: f32, b: f32| -> Pair<Bf16> { Pair(small(f64::from(b), m), small(f64::from(a), m)) })
        }
        _ => return None,
    })
}
