//! `cvt`: between integers, between floats, and across, in every rounding that PTX has.

use super::half::{Bf16, F16, Small};
use super::round::{self, DOUBLE, SINGLE, TF32};
use super::scalar::{finish64, flush, saturate, whole};
use super::{Lane, Mods, Pair, Row, lanes};
use crate::ptx::Type;

/// A numeric type of `cvt`.
pub trait Number: Lane {
    /// The value as an integer (integers only).
    fn integer(self) -> i128 {
        unreachable!("a float has no integer value")
    }
    /// The value as an f64 (exact for floats).
    fn float(self) -> f64 {
        unreachable!("an integer converts by its bits")
    }
    /// The integer's lowest bits, or the clamped integer where `.sat` is set.
    fn from_integer(_: i128, _: bool) -> Self;
    /// A float rounded to this type: to a whole number first where that is an integer, clamped to its range, NaN to 0.
    fn from_float(_: f64, _: Mods) -> Self;
    /// An integer rounded to this type.
    fn round_integer(_: i128, _: Mods) -> Self;
}

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn integer(self) -> i128 {
                self as i128
            }
            #[inline(always)]
            fn from_integer(x: i128, sat: bool) -> $t {
                if sat { x.clamp(<$t>::MIN as i128, <$t>::MAX as i128) as $t } else { x as $t }
            }
            #[inline(always)]
            fn from_float(x: f64, m: Mods) -> $t {
                whole(x, m.round) as $t
            }
            #[inline(always)]
            fn round_integer(x: i128, m: Mods) -> $t {
                Self::from_integer(x, m.sat)
            }
        }
    )*};
}
integers!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! float {
    ($t:ty, |$x:ident, $m:ident| $from:expr, |$n:ident, $k:ident| $round:expr, |$v:ident| $float:expr) => {
        impl Number for $t {
            #[inline(always)]
            fn float(self) -> f64 {
                let $v = self;
                $float
            }
            fn from_integer(_: i128, _: bool) -> $t {
                unreachable!("integers are rounded")
            }
            #[inline(always)]
            fn from_float($x: f64, $m: Mods) -> $t {
                $from
            }
            #[inline(always)]
            fn round_integer($n: i128, $k: Mods) -> $t {
                $round
            }
        }
    };
}
fn magnitude(x: i128) -> (bool, u64) {
    (x < 0, x.unsigned_abs() as u64)
}
/// A 16-bit float with `.sat` and `.relu`.
#[inline(always)]
fn small<T: Small>(x: f64, m: Mods) -> T {
    let x = if m.sat { finish64(x, m) } else { x };
    let out = T::nearest(x, 0.0, m.round);
    if m.flag { out.relu() } else { out }
}
float!(
    f32,
    |x, m| {
        let out = round::single(x, 0.0, m.round);
        if m.sat { saturate(out) } else { flush(out, m.ftz) }
    },
    |x, m| {
        let (negative, size) = magnitude(x);
        f32::from_bits(SINGLE.from_integer(negative, size, m.round) as u32)
    },
    |x| f64::from(x)
);
float!(
    f64,
    |x, _m| x,
    |x, m| {
        let (negative, size) = magnitude(x);
        f64::from_bits(DOUBLE.from_integer(negative, size, m.round))
    },
    |x| x
);
float!(F16, |x, m| small(x, m), |x, m| {
    let (negative, size) = magnitude(x);
    F16(round::HALF.from_integer(negative, size, m.round) as u16)
}, |x| f64::from(x.value()));
float!(Bf16, |x, m| small(x, m), |x, m| {
    let (negative, size) = magnitude(x);
    Bf16(round::BRAIN.from_integer(negative, size, m.round) as u16)
}, |x| f64::from(x.value()));

fn is_integer(ty: Type) -> bool {
    !ty.is_float() && ty != Type::Pred
}

/// The row of `cvt.to.from`. `whole` is set by the `i` roundings between floats (`.rni`): the value becomes a whole number.
pub fn row(to: Type, from: Type, to_whole: bool) -> Option<Row> {
    macro_rules! from {
        ($to:ty, $kind:ident) => {
            match from {
                Type::U8 | Type::B8 => $kind!($to, u8),
                Type::S8 => $kind!($to, i8),
                Type::U16 | Type::B16 => $kind!($to, u16),
                Type::S16 => $kind!($to, i16),
                Type::U32 | Type::B32 => $kind!($to, u32),
                Type::S32 => $kind!($to, i32),
                Type::U64 | Type::B64 => $kind!($to, u64),
                Type::S64 => $kind!($to, i64),
                _ => return None,
            }
        };
    }
    macro_rules! from_float {
        ($to:ty, $kind:ident) => {
            match from {
                Type::F32 => $kind!($to, f32),
                Type::F64 => $kind!($to, f64),
                Type::F16 => $kind!($to, F16),
                Type::Bf16 => $kind!($to, Bf16),
                _ => return None,
            }
        };
    }
    macro_rules! integer_to_integer {
        ($to:ty, $from:ty) => {
            lanes!(m, |a: $from| -> $to { <$to>::from_integer(a.integer(), m.sat) })
        };
    }
    macro_rules! integer_to_float {
        ($to:ty, $from:ty) => {
            lanes!(m, |a: $from| -> $to { <$to>::round_integer(a.integer(), m) })
        };
    }
    macro_rules! float_to_any {
        ($to:ty, $from:ty) => {
            lanes!(m, |a: $from| -> $to {
                let x = a.float();
                <$to>::from_float(if m.ftz && x.abs() < f64::from(f32::MIN_POSITIVE) { 0f64.copysign(x) } else { x }, m)
            })
        };
    }
    macro_rules! float_to_whole {
        ($to:ty, $from:ty) => {
            lanes!(m, |a: $from| -> $to {
                let x = whole(f64::from(flush(a.float() as f32, m.ftz)), m.round);
                <$to>::from_float(if std::mem::size_of::<$from>() == 8 { whole(a.float(), m.round) } else { x }, m)
            })
        };
    }
    macro_rules! to {
        ($integer:ident, $float:ident) => {
            match to {
                Type::U8 | Type::B8 => $integer!(u8, integer_to_integer),
                Type::S8 => $integer!(i8, integer_to_integer),
                Type::U16 | Type::B16 => $integer!(u16, integer_to_integer),
                Type::S16 => $integer!(i16, integer_to_integer),
                Type::U32 | Type::B32 => $integer!(u32, integer_to_integer),
                Type::S32 => $integer!(i32, integer_to_integer),
                Type::U64 | Type::B64 => $integer!(u64, integer_to_integer),
                Type::S64 => $integer!(i64, integer_to_integer),
                Type::F32 => $integer!(f32, $float),
                Type::F64 => $integer!(f64, $float),
                Type::F16 => $integer!(F16, $float),
                Type::Bf16 => $integer!(Bf16, $float),
                _ => return None,
            }
        };
    }
    macro_rules! from_float_to {
        ($kind:ident; $($pattern:pat => $t:ty),*) => {
            match to {
                $($pattern => from_float!($t, $kind),)*
                _ => return None,
            }
        };
    }
    Some(if is_integer(from) {
        to!(from, integer_to_float)
    } else if to_whole && to.is_float() {
        from_float_to!(float_to_whole; Type::F32 => f32, Type::F64 => f64, Type::F16 => F16, Type::Bf16 => Bf16)
    } else if to == Type::Tf32 && from == Type::F32 {
        lanes!(m, |a: f32| -> u32 { (TF32.round(f64::from(a), 0.0, m.round, 0x3_ffff) as u32) << 13 })
    } else {
        from_float_to!(float_to_any;
            Type::U8 | Type::B8 => u8, Type::S8 => i8, Type::U16 | Type::B16 => u16, Type::S16 => i16,
            Type::U32 | Type::B32 => u32, Type::S32 => i32, Type::U64 | Type::B64 => u64, Type::S64 => i64,
            Type::F32 => f32, Type::F64 => f64, Type::F16 => F16, Type::Bf16 => Bf16)
    })
}

/// `cvt.rn.f16x2.f32 d, a, b`: two f32 into one register, the first operand in the upper half.
pub fn pack(to: Type) -> Option<Row> {
    Some(match to {
        Type::F16x2 => lanes!(m, |a: f32, b: f32| -> Pair<F16> { Pair(small(f64::from(b), m), small(f64::from(a), m)) }),
        Type::Bf16x2 => lanes!(m, |a: f32, b: f32| -> Pair<Bf16> { Pair(small(f64::from(b), m), small(f64::from(a), m)) }),
        _ => return None,
    })
}
