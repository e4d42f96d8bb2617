//! From a dtype, chosen at run time, to the Rust type that a kernel is compiled for.

use bytemuck::Pod;
use half::{bf16, f16};

use super::math::Real;
use super::short;
use crate::DType;

/// Calls `$body` with `$T` as the Rust type of `$dtype`; truth values are bytes, 0 or 1.
macro_rules! by_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::DType::U32 => {
                type $T = u32;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::Bool => {
                type $T = u8;
                $body
            }
        }
    };
}
/// As `by_dtype`, for floats only.
macro_rules! by_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            other => unreachable!("{other} is not a float dtype"),
        }
    };
}
pub(crate) use {by_dtype, by_float};

/// A float as it is stored, and the arithmetic that it is computed in.
pub(crate) trait Float: Pod + Send + Sync {
    const DTYPE: DType;
    type Wide: Real;
    fn widen(self) -> Self::Wide;
    fn narrow(wide: Self::Wide) -> Self;
}

macro_rules! float {
    ($($type:ty, $wide:ty, |$x:ident| $widen:expr, |$w:ident| $narrow:expr;)*) => {$(
        impl Float for $type {
            const DTYPE: DType = <$type as crate::Element>::DTYPE;
            type Wide = $wide;
            #[inline(always)]
            fn widen(self) -> $wide {
                let $x = self;
                $widen
            }
            #[inline(always)]
            fn narrow($w: $wide) -> Self {
                $narrow
            }
        }
    )*};
}

float! {
    f32, f32, |x| x, |w| w;
    f64, f64, |x| x, |w| w;
    f16, f32, |x| short::f16_to_f32(x), |w| short::f32_to_f16(w);
    bf16, f32, |x| short::bf16_to_f32(x), |w| short::f32_to_bf16(w);
}
