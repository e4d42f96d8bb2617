//! Logic, shifts and fields of bits.

use super::arithmetic::{by_integer, by_width};
use super::{Row, lanes, scalar};
use crate::ptx::Type;

/// The row of an instruction on bits; `name` carries the variant (`shf.l`).
pub fn row(name: &str, ty: Type) -> Option<Row> {
    // Logic has no signs: one row a width.
    let untyped = match ty {
        Type::B16 | Type::B32 | Type::B64 => Some(ty),
        _ => None,
    };
    match (name, untyped) {
        ("mov", Some(ty)) => by_width!(ty, |T| lanes!(|a: T| -> T { a })),
        ("and", Some(ty)) => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a & b })),
        ("or", Some(ty)) => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a | b })),
        ("xor", Some(ty)) => by_width!(ty, |T| lanes!(|a: T, b: T| -> T { a ^ b })),
        ("not", Some(ty)) => by_width!(ty, |T| lanes!(|a: T| -> T { !a })),
        ("cnot", Some(ty)) => by_width!(ty, |T| lanes!(|a: T| -> T { T::from(a == 0) })),
        // Shifts past the width give 0 (or copies of the sign): PTX clamps the amount.
        ("shl", Some(ty)) => by_width!(ty, |T| lanes!(|a: T, b: u32| -> T { a.checked_shl(b).unwrap_or(0) })),
        ("shr", _) if ty.is_signed() => {
            by_integer!(ty, |T| lanes!(|a: T, b: u32| -> T { a >> b.min(T::BITS - 1) }))
        }
        ("shr", _) => by_width!(ty, |T| lanes!(|a: T, b: u32| -> T { a.checked_shr(b).unwrap_or(0) })),
        ("shf.l", Some(Type::B32)) => Some(lanes!(m, |a: u32, b: u32, c: u32| -> u32 {
            let amount = if m.flag { c & 31 } else { c.min(32) };
            ((u64::from(b) << 32 | u64::from(a)) << amount >> 32) as u32
        })),
        ("shf.r", Some(Type::B32)) => Some(lanes!(m, |a: u32, b: u32, c: u32| -> u32 {
            let amount = if m.flag { c & 31 } else { c.min(32) };
            ((u64::from(b) << 32 | u64::from(a)) >> amount) as u32
        })),
        ("prmt", Some(Type::B32)) => Some(lanes!(|a: u32, b: u32, c: u32| -> u32 { scalar::permute(a, b, c) })),
        ("lop3", Some(Type::B32)) => {
            Some(lanes!(|a: u32, b: u32, c: u32, table: u32| -> u32 { scalar::logic3(a, b, c, table) }))
        }
        _ => counts(name, ty).or_else(|| fields(name, ty)),
    }
}

/// Counts are 32-bit whatever the operand.
fn counts(name: &str, ty: Type) -> Option<Row> {
    Some(match (name, ty) {
        ("popc", Type::B32) => lanes!(|a: u32| -> u32 { a.count_ones() }),
        ("popc", Type::B64) => lanes!(|a: u64| -> u32 { a.count_ones() }),
        ("clz", Type::B32) => lanes!(|a: u32| -> u32 { a.leading_zeros() }),
        ("clz", Type::B64) => lanes!(|a: u64| -> u32 { a.leading_zeros() }),
        ("bfind", Type::U32) => lanes!(|a: u32| -> u32 { 31u32.wrapping_sub(a.leading_zeros()) }),
        ("bfind", Type::U64) => lanes!(|a: u64| -> u32 { 63u32.wrapping_sub(a.leading_zeros()) }),
        ("brev", Type::B32) => lanes!(|a: u32| -> u32 { a.reverse_bits() }),
        ("brev", Type::B64) => lanes!(|a: u64| -> u64 { a.reverse_bits() }),
        _ => return None,
    })
}

fn fields(name: &str, ty: Type) -> Option<Row> {
    Some(match (name, ty) {
        ("bfe", Type::U32) => {
            lanes!(|a: u32, b: u32, c: u32| -> u32 { scalar::extract(u64::from(a), b, c, 32, false) as u32 })
        }
        ("bfe", Type::S32) => {
            lanes!(|a: u32, b: u32, c: u32| -> u32 { scalar::extract(u64::from(a), b, c, 32, true) as u32 })
        }
        ("bfe", Type::U64) => lanes!(|a: u64, b: u32, c: u32| -> u64 { scalar::extract(a, b, c, 64, false) }),
        ("bfe", Type::S64) => lanes!(|a: u64, b: u32, c: u32| -> u64 { scalar::extract(a, b, c, 64, true) }),
        ("bfi", Type::B32) => lanes!(|a: u32, b: u32, c: u32, d: u32| -> u32 {
            scalar::insert(u64::from(a), u64::from(b), c, d, 32) as u32
        }),
        ("bfi", Type::B64) => lanes!(|a: u64, b: u64, c: u32, d: u32| -> u64 { scalar::insert(a, b, c, d, 64) }),
        _ => return None,
    })
}
