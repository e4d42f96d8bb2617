//! Integer arithmetic.

use super::{Row, lanes};
use crate::ptx::Type;

/// A row for whichever 16-, 32- or 64-bit integer type `$ty` is, with `$t` as its name.
macro_rules! by_integer {
    ($ty:expr, |$t:ident| $row:expr) => {
        match $ty {
            Type::U16 | Type::B16 => {
                type $t = u16;
                Some($row)
            }
            Type::S16 => {
                type $t = i16;
                Some($row)
            }
            Type::U32 | Type::B32 => {
                type $t = u32;
                Some($row)
            }
            Type::S32 => {
                type $t = i32;
                Some($row)
            }
            Type::U64 | Type::B64 => {
                type $t = u64;
                Some($row)
            }
            Type::S64 => {
                type $t = i64;
                Some($row)
            }
            _ => None,
        }
    };
}
pub(super) use by_integer;

/// A row for the width of an integer type: what does not look at signs needs no more.
macro_rules! by_width {
    ($ty:expr, |$t:ident| $row:expr) => {
        match $ty.bytes() {
            _ if $ty.is_float() => None,
            2 => {
                type $t = u16;
                Some($row)
            }
            4 => {
                type $t = u32;
                Some($row)
            }
            8 => {
                type $t = u64;
                Some($row)
            }
            _ => None,
        }
    };
}
pub(super) use by_width;

/// The row of an integer instruction; `name` carries the variant (`mul.hi`).
pub fn row(name: &str, ty: Type) -> Option<Row> {
    match name {
        "add" => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a.wrapping_add(b) })),
        "sub" => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a.wrapping_sub(b) })),
        "mul.lo" => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a.wrapping_mul(b) })),
        "mad.lo" => by_width!(ty, |T| lanes!(|a: T, b: T, c: T| -> T { a.wrapping_mul(b).wrapping_add(c) })),
        "min" => by_integer!(ty, |T| lanes!(|a: T, b: T| -> T { a.min(b) })),
        "max" => by_integer!(ty, |T| lanes!(|a: T, b: T| -> T { a.max(b) })),
        // A GPU has no trap for a division by zero: the quotient is all ones and the remainder the dividend.
        "div" => by_integer!(ty, |T| lanes!(|a: T, b: T| -> T { if b == 0 { !0 } else { a.wrapping_div(b) } })),
        "rem" => by_integer!(ty, |T| lanes!(|a: T, b: T| -> T { if b == 0 { a } else { a.wrapping_rem(b) } })),
        "sad" => by_integer!(ty, |T| lanes!(|a: T, b: T, c: T| -> T { c.wrapping_add(a.abs_diff(b) as T) })),
        "mul.hi" | "mad.hi" => high(name, ty),
        "mul.wide" | "mad.wide" => wide(name, ty),
        "abs" | "neg" => sign(name, ty),
        "add.sat" if ty == Type::S32 => Some(lanes!(|a: i32, b: i32| -> i32 { a.saturating_add(b) })),
        "sub.sat" if ty == Type::S32 => Some(lanes!(|a: i32, b: i32| -> i32 { a.saturating_sub(b) })),
        _ => None,
    }
}

fn sign(name: &str, ty: Type) -> Option<Row> {
    Some(match (name, ty) {
        ("abs", Type::S16) => lanes!(|a: i16| -> i16 { a.wrapping_abs() }),
        ("abs", Type::S32) => lanes!(|a: i32| -> i32 { a.wrapping_abs() }),
        ("abs", Type::S64) => lanes!(|a: i64| -> i64 { a.wrapping_abs() }),
        ("neg", Type::S16) => lanes!(|a: i16| -> i16 { a.wrapping_neg() }),
        ("neg", Type::S32) => lanes!(|a: i32| -> i32 { a.wrapping_neg() }),
        ("neg", Type::S64) => lanes!(|a: i64| -> i64 { a.wrapping_neg() }),
        _ => return None,
    })
}

/// The upper half of a product.
fn high(name: &str, ty: Type) -> Option<Row> {
    macro_rules! high {
        ($t:ty, $double:ty) => {
            if name == "mul.hi" {
                lanes!(|a: $t, b: $t| -> $t { ((a as $double * b as $double) >> <$t>::BITS) as $t })
            } else {
                lanes!(|a: $t, b: $t, c: $t| -> $t {
                    (((a as $double * b as $double) >> <$t>::BITS) as $t).wrapping_add(c)
                })
            }
        };
    }
    Some(match ty {
        Type::U16 => high!(u16, u32),
        Type::S16 => high!(i16, i32),
        Type::U32 => high!(u32, u64),
        Type::S32 => high!(i32, i64),
        Type::U64 => high!(u64, u128),
        Type::S64 => high!(i64, i128),
        _ => return None,
    })
}

/// The whole product, of twice the width.
fn wide(name: &str, ty: Type) -> Option<Row> {
    macro_rules! wide {
        ($t:ty, $double:ty) => {
            if name == "mul.wide" {
                lanes!(|a: $t, b: $t| -> $double { a as $double * b as $double })
            } else {
                lanes!(|a: $t, b: $t, c: $double| -> $double { (a as $double * b as $double).wrapping_add(c) })
            }
        };
    }
    Some(match ty {
        Type::U16 => wide!(u16, u32),
        Type::S16 => wide!(i16, i32),
        Type::U32 => wide!(u32, u64),
        Type::S32 => wide!(i32, i64),
        _ => return None,
    })
}
