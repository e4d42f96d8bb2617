//! f16 and bf16 arithmetic, one value or two in a register.

use super::half::{Bf16, F16, Small};
use super::scalar::approximate;
use super::{Mods, Pair, Row, lanes};
use crate::ptx::{Round, Type};

/// The row of an instruction on 16-bit floats.
pub fn row(name: &str, ty: Type, mods: Mods) -> Option<Row> {
    if mods.round != Round::Nearest {
        return None;
    }
    match ty {
        Type::F16 => one!(F16, name),
        Type::Bf16 => one!(Bf16, name),
        Type::F16x2 => two!(F16, name),
        Type::Bf16x2 => two!(Bf16, name),
        _ => None,
    }
}

/// A result with `.sat` (and `.relu`, which shares its flag with nothing else here) applied.
#[inline(always)]
fn end<T: Small>(x: T, m: Mods) -> T {
    if m.sat { x.saturate() } else { x }
}

/// `fma` may ask for `.relu`.
#[inline(always)]
fn end_fma<T: Small>(x: T, m: Mods) -> T {
    if m.flag { x.relu() } else { end(x, m) }
}

/// An approximate function of a 16-bit float: relative error 2^−`bits`, then rounded to the type.
#[inline(always)]
fn near<T: Small>(exact: f64, x: T, bits: i32, m: Mods) -> T {
    let value = approximate(exact, u64::from(x.bits16()), 2f64.powi(-bits), m);
    T::nearest(f64::from(value), 0.0, Round::Nearest)
}

macro_rules! one {
    ($t:ty, $name:expr) => {
        Some(match $name {
            "add" => lanes!(m, |a: $t, b: $t| -> $t { end(a.add(b), m) }),
            "sub" => lanes!(m, |a: $t, b: $t| -> $t { end(a.sub(b), m) }),
            "mul" => lanes!(m, |a: $t, b: $t| -> $t { end(a.mul(b), m) }),
            "fma" => lanes!(m, |a: $t, b: $t, c: $t| -> $t { end_fma(a.fma(b, c), m) }),
            "abs" => lanes!(|a: $t| -> $t { a.abs() }),
            "neg" => lanes!(|a: $t| -> $t { a.neg() }),
            "min" => lanes!(m, |a: $t, b: $t| -> $t { a.min(b, m.flag) }),
            "max" => lanes!(m, |a: $t, b: $t| -> $t { a.max(b, m.flag) }),
            "ex2.approx" => lanes!(m, |a: $t| -> $t { near(f64::from(a.value()).exp2(), a, 12, m) }),
            "tanh.approx" => lanes!(m, |a: $t| -> $t { near(f64::from(a.value()).tanh(), a, 12, m) }),
            _ => return None,
        })
    };
}

macro_rules! two {
    ($t:ty, $name:expr) => {
        Some(match $name {
            "add" => lanes!(m, |a: Pair<$t>, b: Pair<$t>| -> Pair<$t> { a.zip(b, |a, b| end(a.add(b), m)) }),
            "sub" => lanes!(m, |a: Pair<$t>, b: Pair<$t>| -> Pair<$t> { a.zip(b, |a, b| end(a.sub(b), m)) }),
            "mul" => lanes!(m, |a: Pair<$t>, b: Pair<$t>| -> Pair<$t> { a.zip(b, |a, b| end(a.mul(b), m)) }),
            "fma" => lanes!(m, |a: Pair<$t>, b: Pair<$t>, c: Pair<$t>| -> Pair<$t> {
                Pair(end_fma(a.0.fma(b.0, c.0), m), end_fma(a.1.fma(b.1, c.1), m))
            }),
            "abs" => lanes!(|a: Pair<$t>| -> Pair<$t> { a.map(Small::abs) }),
            "neg" => lanes!(|a: Pair<$t>| -> Pair<$t> { a.map(Small::neg) }),
            "min" => lanes!(m, |a: Pair<$t>, b: Pair<$t>| -> Pair<$t> { a.zip(b, |a, b| a.min(b, m.flag)) }),
            "max" => lanes!(m, |a: Pair<$t>, b: Pair<$t>| -> Pair<$t> { a.zip(b, |a, b| a.max(b, m.flag)) }),
            "ex2.approx" => {
                lanes!(m, |a: Pair<$t>| -> Pair<$t> { a.map(|a| near(f64::from(a.value()).exp2(), a, 12, m)) })
            }
            "tanh.approx" => {
                lanes!(m, |a: Pair<$t>| -> Pair<$t> { a.map(|a| near(f64::from(a.value()).tanh(), a, 12, m)) })
            }
            _ => return None,
        })
    };
}
use {one, two};
