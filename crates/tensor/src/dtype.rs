//! Element types, chosen at run time.

use std::fmt;

use half::{bf16, f16};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// 64-bit IEEE float.
    F64,
    /// 16-bit IEEE float; products and sums accumulate in f32.
    F16,
    /// 16-bit brain float; products and sums accumulate in f32.
    BF16,
    /// 32-bit unsigned integer: indices, token ids, lengths.
    U32,
    /// 64-bit signed integer.
    I64,
    /// Truth value, one byte each.
    Bool,
}

impl DType {
    /// Every dtype.
    pub const ALL: [DType; 7] = [DType::F32, DType::F64, DType::F16, DType::BF16, DType::U32, DType::I64, DType::Bool];

    /// The dtypes that have gradients.
    pub const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::U32 => 4,
            DType::F16 | DType::BF16 => 2,
            DType::Bool => 1,
        }
    }

    /// True for f32, f64, f16 and bf16.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
    }

    /// The dtype's lower-case name: `f32`, `bool`, ….
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::U32 => "u32",
            DType::I64 => "i64",
            DType::Bool => "bool",
        }
    }

    /// The distance from 1 to the next larger value of a float dtype; 0 for the others.
    pub const fn epsilon(self) -> f64 {
        match self {
            DType::F32 => f32::EPSILON as f64,
            DType::F64 => f64::EPSILON,
            DType::F16 => 9.765625e-4,
            DType::BF16 => 7.8125e-3,
            _ => 0.0,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that a tensor's elements can be read and written as.
///
/// Implemented for `f32`, `f64`, [`struct@f16`], [`bf16`], `u32`, `i64` and `bool`.
pub trait Element: sealed::Sealed + Copy + Send + Sync + PartialEq + fmt::Debug + 'static {
    /// The dtype of a tensor of these elements.
    const DTYPE: DType;

    /// The elements as the bytes that a device stores (native byte order; a `bool` is one byte, 0 or 1).
    fn to_bytes(elements: &[Self]) -> Vec<u8>;

    /// The inverse of [`to_bytes`](Element::to_bytes).
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;

    /// The element as f64 (exact but for i64 beyond 2⁵³).
    fn as_f64(self) -> f64;

    /// The element nearest to `value`: floats round to nearest even, integers saturate, `bool` is `value != 0`.
    fn of_f64(value: f64) -> Self;
}

macro_rules! element {
    ($($type:ty => $dtype:ident, |$x:ident| $to:expr, |$v:ident| $from:expr;)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            fn to_bytes(elements: &[Self]) -> Vec<u8> {
                bytemuck::cast_slice(elements).to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> Vec<Self> {
                bytemuck::allocation::pod_collect_to_vec(bytes)
            }
            fn as_f64(self) -> f64 {
                let $x = self;
                $to
            }
            fn of_f64($v: f64) -> Self {
                $from
            }
        }
    )*};
}

element! {
    f32 => F32, |x| x as f64, |v| v as f32;
    f64 => F64, |x| x, |v| v;
    f16 => F16, |x| x.to_f64(), |v| f16::from_f32(odd_f32(v));
    bf16 => BF16, |x| x.to_f64(), |v| bf16::from_f32(odd_f32(v));
    u32 => U32, |x| x as f64, |v| v as u32;
    i64 => I64, |x| x as f64, |v| v as i64;
}

/// `x` rounded to f32, to the neighbour whose last bit is 1 where it is not an f32. A second rounding, to fewer bits, then gives what one
/// rounding of `x` would: the library's own conversion from f64 drops the lower half of the bits, or rounds twice, depending on the
/// processor.
fn odd_f32(x: f64) -> f32 {
    let near = x as f32;
    let back = near as f64;
    if back == x || x.is_nan() {
        return near;
    }
    let towards_zero = near.to_bits() - (back.abs() > x.abs()) as u32;
    f32::from_bits(towards_zero | 1)
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;
    fn to_bytes(elements: &[Self]) -> Vec<u8> {
        elements.iter().map(|&b| b as u8).collect()
    }
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|&b| b != 0).collect()
    }
    fn as_f64(self) -> f64 {
        self as u8 as f64
    }
    fn of_f64(value: f64) -> Self {
        value != 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_floats_are_rounded_once_and_ties_go_to_even() {
        let ulp = 2f64.powi(-10);
        for (x, rounded) in [
            (1.0 + ulp / 2.0, 1.0),
            (1.0 + ulp / 2.0 + 2f64.powi(-45), 1.0 + ulp),
            (1.0 + ulp * 1.5, 1.0 + 2.0 * ulp),
            (1.0 + ulp * 1.5 - 2f64.powi(-45), 1.0 + ulp),
            (65519.999, 65504.0),
            (65520.0, f64::INFINITY),
            (1e300, f64::INFINITY),
            (2f64.powi(-25), 0.0),
            (2f64.powi(-25) * (1.0 + 2f64.powi(-40)), 2f64.powi(-24)),
        ] {
            assert_eq!(f16::of_f64(x).to_f64(), rounded, "{x}");
            assert_eq!(f16::of_f64(-x).to_f64(), -rounded, "{}", -x);
        }
        let tie = 1.0 + 2f64.powi(-8);
        assert_eq!(bf16::of_f64(tie).to_f64(), 1.0);
        assert_eq!(bf16::of_f64(tie + 2f64.powi(-50)).to_f64(), 1.0 + 2f64.powi(-7));
        assert!(f16::of_f64(f64::NAN).is_nan() && bf16::of_f64(f64::NAN).is_nan());
    }
}
