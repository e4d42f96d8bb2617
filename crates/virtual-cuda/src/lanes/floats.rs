//! f32 and f64 arithmetic. The plain forms (nearest, no `.ftz`, no `.sat`) have rows of their own, for they are most of what runs.

use super::scalar::{approximate, approximate_absolute, canonical, finish, finish64, flush, max, max64, min, min64};
use super::{Mods, Row, fused_lanes, lanes, round};
use crate::ptx::{Round, Type};

/// The row of a floating-point instruction; `name` carries the variant (`div.full`, `ex2.approx`).
pub fn row(name: &str, ty: Type, mods: Mods) -> Option<Row> {
    let plain = mods.round == Round::Nearest && !mods.ftz && !mods.sat;
    match ty {
        Type::F32 if plain => nearest(name).or_else(|| single(name)).or_else(|| approximations(name)),
        Type::F32 => single(name).or_else(|| approximations(name)),
        Type::F64 => double(name, mods),
        _ => None,
    }
}

fn nearest(name: &str) -> Option<Row> {
    Some(match name {
        "add" => lanes!(|a: f32, b: f32| -> f32 { canonical(a + b) }),
        "sub" => lanes!(|a: f32, b: f32| -> f32 { canonical(a - b) }),
        "mul" => lanes!(|a: f32, b: f32| -> f32 { canonical(a * b) }),
        "fma" => fused_lanes!(_m, |a: f32, b: f32, c: f32| -> f32 { canonical(a.mul_add(b, c)) }),
        "div" => lanes!(|a: f32, b: f32| -> f32 { canonical(a / b) }),
        "rcp" => lanes!(|a: f32| -> f32 { canonical(1.0 / a) }),
        "sqrt" => lanes!(|a: f32| -> f32 { canonical(a.sqrt()) }),
        _ => return None,
    })
}

fn single(name: &str) -> Option<Row> {
    Some(match name {
        "add" => {
            lanes!(m, |a: f32, b: f32| -> f32 { finish(round::add(flush(a, m.ftz), flush(b, m.ftz), m.round), m) })
        }
        "sub" => {
            lanes!(m, |a: f32, b: f32| -> f32 { finish(round::add(flush(a, m.ftz), -flush(b, m.ftz), m.round), m) })
        }
        "mul" => {
            lanes!(m, |a: f32, b: f32| -> f32 { finish(round::mul(flush(a, m.ftz), flush(b, m.ftz), m.round), m) })
        }
        "fma" => lanes!(m, |a: f32, b: f32, c: f32| -> f32 {
            finish(round::fma(flush(a, m.ftz), flush(b, m.ftz), flush(c, m.ftz), m.round), m)
        }),
        "div" => fused_lanes!(m, |a: f32, b: f32| -> f32 {
            finish(round::div(flush(a, m.ftz), flush(b, m.ftz), m.round), m)
        }),
        "rcp" => lanes!(m, |a: f32| -> f32 { finish(round::div(1.0, flush(a, m.ftz), m.round), m) }),
        "sqrt" => lanes!(m, |a: f32| -> f32 { finish(round::sqrt(flush(a, m.ftz), m.round), m) }),
        "abs" => lanes!(m, |a: f32| -> f32 { finish(a.abs(), m) }),
        "neg" => lanes!(m, |a: f32| -> f32 { finish(-a, m) }),
        "min" => lanes!(m, |a: f32, b: f32| -> f32 {
            let lost = m.flag && (a.is_nan() || b.is_nan());
            canonical(if lost { f32::NAN } else { min(flush(a, m.ftz), flush(b, m.ftz)) })
        }),
        "max" => lanes!(m, |a: f32, b: f32| -> f32 {
            let lost = m.flag && (a.is_nan() || b.is_nan());
            canonical(if lost { f32::NAN } else { max(flush(a, m.ftz), flush(b, m.ftz)) })
        }),
        // The sign comes from the first operand.
        "copysign" => lanes!(|a: f32, b: f32| -> f32 { b.copysign(a) }),
        "testp.infinite" => lanes!(|a: f32| -> u32 { u32::from(a.is_infinite()) }),
        "testp.finite" => lanes!(|a: f32| -> u32 { u32::from(a.is_finite()) }),
        "testp.notanumber" => lanes!(|a: f32| -> u32 { u32::from(a.is_nan()) }),
        "testp.number" => lanes!(|a: f32| -> u32 { u32::from(!a.is_nan()) }),
        "testp.normal" => lanes!(|a: f32| -> u32 { u32::from(a.is_normal()) }),
        "testp.subnormal" => lanes!(|a: f32| -> u32 { u32::from(a.is_subnormal()) }),
        _ => return None,
    })
}

/// 2^−n.
const fn bits(n: u64) -> f64 {
    f64::from_bits((1023 - n) << 52)
}

/// The approximate instructions, with the errors that PTX allows them (see the crate's documentation).
fn approximations(name: &str) -> Option<Row> {
    Some(match name {
        "ex2.approx" => lanes!(m, |a: f32| -> f32 {
            let a = flush(a, m.ftz);
            let exact = f64::from(a).exp2();
            // Powers of two come out exact: NVIDIA's own tanh and exp of f64 make their scale with this.
            let power =
                if a == a.trunc() { exact as f32 } else { approximate(exact, u64::from(a.to_bits()), bits(22), m) };
            flush(power, m.ftz)
        }),
        "lg2.approx" => lanes!(m, |a: f32| -> f32 {
            let (a, input) = (flush(a, m.ftz), u64::from(a.to_bits()));
            let exact = f64::from(a).log2();
            let near = a > 0.5 && a < 2.0;
            flush(
                if near {
                    approximate_absolute(exact, input, bits(22), m)
                } else {
                    approximate(exact, input, bits(23), m)
                },
                m.ftz,
            )
        }),
        "rcp.approx" => lanes!(m, |a: f32| -> f32 {
            flush(approximate(1.0 / f64::from(flush(a, m.ftz)), u64::from(a.to_bits()), bits(23), m), m.ftz)
        }),
        "sqrt.approx" => lanes!(m, |a: f32| -> f32 {
            flush(approximate(f64::from(flush(a, m.ftz)).sqrt(), u64::from(a.to_bits()), bits(23), m), m.ftz)
        }),
        "rsqrt.approx" => lanes!(m, |a: f32| -> f32 {
            flush(approximate(1.0 / f64::from(flush(a, m.ftz)).sqrt(), u64::from(a.to_bits()), bits(23), m), m.ftz)
        }),
        "sin.approx" => lanes!(m, |a: f32| -> f32 {
            let a = flush(a, m.ftz);
            flush(
                if a == 0.0 {
                    a
                } else {
                    approximate_absolute(f64::from(a).sin(), u64::from(a.to_bits()), bits(21), m)
                },
                m.ftz,
            )
        }),
        "cos.approx" => lanes!(m, |a: f32| -> f32 {
            let a = flush(a, m.ftz);
            flush(
                if a == 0.0 {
                    1.0
                } else {
                    approximate_absolute(f64::from(a).cos(), u64::from(a.to_bits()), bits(21), m)
                },
                m.ftz,
            )
        }),
        "tanh.approx" => {
            lanes!(m, |a: f32| -> f32 { approximate(f64::from(a).tanh(), u64::from(a.to_bits()), bits(11), m) })
        }
        "div.approx" | "div.full" => lanes!(m, |a: f32, b: f32| -> f32 {
            let (a, b) = (flush(a, m.ftz), flush(b, m.ftz));
            let input = u64::from(a.to_bits()) << 32 | u64::from(b.to_bits());
            flush(approximate(f64::from(a) / f64::from(b), input, bits(22), m), m.ftz)
        }),
        _ => return None,
    })
}

fn double(name: &str, mods: Mods) -> Option<Row> {
    if mods.ftz && name != "rcp.approx" && name != "rsqrt.approx" {
        return None;
    }
    if mods.round == Round::Nearest {
        return double_nearest(name);
    }
    // The directed forms of fma have no row: what a three-way sum lacks is not to be had from one f64.
    Some(match name {
        "add" => lanes!(m, |a: f64, b: f64| -> f64 {
            let (sum, rest) = round::two_sum(a, b);
            let sum = if sum == 0.0 && a != 0.0 && m.round == Round::Down { -0.0 } else { sum };
            round::direct(sum, rest, m.round)
        }),
        "sub" => lanes!(m, |a: f64, b: f64| -> f64 {
            let (sum, rest) = round::two_sum(a, -b);
            let sum = if sum == 0.0 && a != 0.0 && m.round == Round::Down { -0.0 } else { sum };
            round::direct(sum, rest, m.round)
        }),
        "mul" => lanes!(m, |a: f64, b: f64| -> f64 { round::direct(a * b, a.mul_add(b, -(a * b)), m.round) }),
        "div" => {
            lanes!(m, |a: f64, b: f64| -> f64 { round::direct(a / b, (-(a / b)).mul_add(b, a) * b.signum(), m.round) })
        }
        "rcp" => {
            lanes!(m, |a: f64| -> f64 { round::direct(1.0 / a, (-(1.0 / a)).mul_add(a, 1.0) * a.signum(), m.round) })
        }
        "sqrt" => lanes!(m, |a: f64| -> f64 { round::direct(a.sqrt(), (-a.sqrt()).mul_add(a.sqrt(), a), m.round) }),
        _ => return None,
    })
}

fn double_nearest(name: &str) -> Option<Row> {
    Some(match name {
        "add" => lanes!(|a: f64, b: f64| -> f64 { a + b }),
        "sub" => lanes!(|a: f64, b: f64| -> f64 { a - b }),
        "mul" => lanes!(|a: f64, b: f64| -> f64 { a * b }),
        "fma" => fused_lanes!(m, |a: f64, b: f64, c: f64| -> f64 { finish64(a.mul_add(b, c), m) }),
        "div" => lanes!(|a: f64, b: f64| -> f64 { a / b }),
        "rcp" => lanes!(|a: f64| -> f64 { 1.0 / a }),
        "sqrt" => lanes!(|a: f64| -> f64 { a.sqrt() }),
        "abs" => lanes!(|a: f64| -> f64 { a.abs() }),
        "neg" => lanes!(|a: f64| -> f64 { -a }),
        "min" => lanes!(|a: f64, b: f64| -> f64 { min64(a, b) }),
        "max" => lanes!(|a: f64, b: f64| -> f64 { max64(a, b) }),
        // Only the upper half of the result is kept: Newton steps that compilers add make the rest.
        "rcp.approx" => lanes!(|a: f64| -> f64 { f64::from_bits((1.0 / a).to_bits() >> 32 << 32) }),
        "rsqrt.approx" => lanes!(|a: f64| -> f64 { f64::from_bits((1.0 / a.sqrt()).to_bits() >> 32 << 32) }),
        "copysign" => lanes!(|a: f64, b: f64| -> f64 { b.copysign(a) }),
        "testp.infinite" => lanes!(|a: f64| -> u32 { u32::from(a.is_infinite()) }),
        "testp.finite" => lanes!(|a: f64| -> u32 { u32::from(a.is_finite()) }),
        "testp.notanumber" => lanes!(|a: f64| -> u32 { u32::from(a.is_nan()) }),
        "testp.number" => lanes!(|a: f64| -> u32 { u32::from(!a.is_nan()) }),
        "testp.normal" => lanes!(|a: f64| -> u32 { u32::from(a.is_normal()) }),
        "testp.subnormal" => lanes!(|a: f64| -> u32 { u32::from(a.is_subnormal()) }),
        _ => return None,
    })
}
