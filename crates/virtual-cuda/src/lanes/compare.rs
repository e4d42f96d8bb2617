//! Comparisons: 1 where they hold, 0 where not.

use super::half::{Bf16, F16, Small};
use super::scalar::flush;
use super::{Row, arithmetic::by_integer, lanes};
use crate::ptx::{Compare, Type};
use std::cmp::Ordering;

/// What a comparison answers for each of the four ways in which two values can stand to each other (see [`super::Mods::answers`]).
pub fn answers(compare: Compare) -> u8 {
    let orders = [Some(Ordering::Less), Some(Ordering::Equal), Some(Ordering::Greater), None];
    (0..4).fold(0, |bits, i| bits | u8::from(compare.holds(orders[i])) << i)
}

/// The answer for two values.
#[inline(always)]
fn answer<T: PartialOrd>(a: T, b: T, answers: u8) -> u32 {
    let way = if a < b {
        0
    } else if a == b {
        1
    } else if a > b {
        2
    } else {
        3
    };
    u32::from(answers) >> way & 1
}

/// The row that compares two values of type `ty`; the modifiers say what it answers.
pub fn row(compare: Compare, ty: Type) -> Option<Row> {
    Some(match ty {
        Type::F32 => lanes!(m, |a: f32, b: f32| -> u32 { answer(flush(a, m.ftz), flush(b, m.ftz), m.answers) }),
        Type::F64 => lanes!(m, |a: f64, b: f64| -> u32 { answer(a, b, m.answers) }),
        Type::F16 => lanes!(m, |a: F16, b: F16| -> u32 { answer(a.value(), b.value(), m.answers) }),
        Type::Bf16 => lanes!(m, |a: Bf16, b: Bf16| -> u32 { answer(a.value(), b.value(), m.answers) }),
        // The unordered comparisons are for floats only.
        _ if compare.holds(None) || compare == Compare::Num => return None,
        _ => return by_integer!(ty, |T| lanes!(m, |a: T, b: T| -> u32 { answer(a, b, m.answers) })),
    })
}
