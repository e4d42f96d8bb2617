//! Comparisons: 1 where they hold, 0 where not.

use super::half::{Bf16, F16, Small};
use super::scalar::flush;
use super::{Row, arithmetic::by_integer, lanes};
use crate::ptx::{Compare, Type};

/// The row that compares two values of type `ty`.
pub fn row(compare: Compare, ty: Type) -> Option<Row> {
    // The comparison is a constant of each copy, so that its loop has no branch.
    macro_rules! copies {
        ($m:ident, |$a:ident: $t:ty, $b:ident: $u:ty| $order:expr; $($name:ident)*) => {
            match compare {
                $(Compare::$name => lanes!($m, |$a: $t, $b: $u| -> u32 { u32::from(Compare::$name.holds($order)) }),)*
            }
        };
    }
    macro_rules! all {
        ($m:ident, |$a:ident: $t:ty, $b:ident: $u:ty| $order:expr) => {
            copies!($m, |$a: $t, $b: $u| $order; Eq Ne Lt Le Gt Ge Equ Neu Ltu Leu Gtu Geu Num Nan)
        };
    }
    Some(match ty {
        Type::F32 => all!(m, |a: f32, b: f32| flush(a, m.ftz).partial_cmp(&flush(b, m.ftz))),
        Type::F64 => all!(_m, |a: f64, b: f64| a.partial_cmp(&b)),
        Type::F16 => all!(_m, |a: F16, b: F16| a.value().partial_cmp(&b.value())),
        Type::Bf16 => all!(_m, |a: Bf16, b: Bf16| a.value().partial_cmp(&b.value())),
        // The unordered comparisons are for floats only.
        _ if compare.holds(None) || compare == Compare::Num => return None,
        _ => return by_integer!(ty, |T| all!(_m, |a: T, b: T| Some(a.cmp(&b)))),
    })
}
