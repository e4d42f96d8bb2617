//! What an instruction computes: functions over the 32 lanes of a warp, made from scalar expressions.
//!
//! `lanes!` turns `|a: u32, b: u32| -> u32 { a.wrapping_add(b) }` into a [`Row`]: a function over whole registers and the widths
//! of its operands; `fused_lanes!` makes a second copy for processors with fused multiply–add.
//! The tables (`arithmetic`, `floats`, `bits`, `convert`, `compare`) are matches from mnemonic and type to such rows.

pub mod arithmetic;
pub mod bits;
pub mod compare;
pub mod convert;
pub mod floats;
pub mod half;
pub mod halves;
pub mod round;
pub mod scalar;

use crate::ptx::{Round, Type};
use half::{Bf16, F16, Small};

/// Lanes of a warp.
pub const LANES: usize = 32;

/// The modifiers that a computation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Mods {
    /// Rounding.
    pub round: Round,
    /// Subnormal f32 count as zero.
    pub ftz: bool,
    /// Results are clamped to [0, 1], or to the integer's range.
    pub sat: bool,
    /// `.NaN` of min and max, `.relu` of conversions, `.wrap` of funnel shifts.
    pub flag: bool,
    /// Seed of the errors of approximate instructions; 0: they are exact.
    pub perturb: u32,
    /// What a conversion gives, where its row does not say.
    pub to: Type,
    /// Of a comparison: bit 0 is its answer for less, 1 for equal, 2 for greater, 3 for unordered.
    pub answers: u8,
}

impl Default for Mods {
    fn default() -> Mods {
        Mods { round: Round::Nearest, ftz: false, sat: false, flag: false, perturb: 0, to: Type::B32, answers: 0 }
    }
}

/// Pointers to the registers of up to four operands.
pub type Sources = [*const u32; 4];

/// Computes all 32 lanes into `out`.
///
/// # Safety
/// Each source that the row names points at 32 values of the row's width, and `out` at room for 32 of its result.
pub type LaneFn = unsafe fn(Sources, *mut u32, Mods);

/// A computation and the widths, in bytes, of what it reads and writes (4 or 8).
#[derive(Clone, Copy)]
pub struct Row {
    /// The function.
    pub function: LaneFn,
    /// Widths of the operands.
    pub sources: &'static [usize],
    /// Width of the result.
    pub result: usize,
}

/// A value that a lane may hold, and its form in a register: 32 or 64 bits.
pub trait Lane: Copy {
    /// u32 or u64.
    type Bits: Copy + Default;
    /// From a register.
    fn of(bits: Self::Bits) -> Self;
    /// To a register.
    fn bits(self) -> Self::Bits;
}

macro_rules! lane {
    ($($t:ty, $bits:ty, |$b:ident| $of:expr, |$v:ident| $to:expr;)*) => {$(
        impl Lane for $t {
            type Bits = $bits;
            #[inline(always)]
            fn of($b: $bits) -> $t {
                $of
            }
            #[inline(always)]
            fn bits(self) -> $bits {
                let $v = self;
                $to
            }
        }
    )*};
}
lane! {
    u32, u32, |b| b, |v| v;
    i32, u32, |b| b as i32, |v| v as u32;
    f32, u32, |b| f32::from_bits(b), |v| v.to_bits();
    u16, u32, |b| b as u16, |v| u32::from(v);
    i16, u32, |b| b as i16, |v| u32::from(v as u16);
    u8, u32, |b| b as u8, |v| u32::from(v);
    i8, u32, |b| b as i8, |v| u32::from(v as u8);
    F16, u32, |b| F16(b as u16), |v| u32::from(v.0);
    Bf16, u32, |b| Bf16(b as u16), |v| u32::from(v.0);
    u64, u64, |b| b, |v| v;
    i64, u64, |b| b as i64, |v| v as u64;
    f64, u64, |b| f64::from_bits(b), |v| v.to_bits();
    Pair<F16>, u32, |b| Pair::unpack(b), |v| v.pack();
    Pair<Bf16>, u32, |b| Pair::unpack(b), |v| v.pack();
}

/// Two 16-bit floats in one register; the first is the low half.
#[derive(Clone, Copy)]
pub struct Pair<T>(pub T, pub T);

impl<T: Small> Pair<T> {
    /// From a register.
    #[inline(always)]
    pub fn unpack(bits: u32) -> Pair<T> {
        Pair(T::new(bits as u16), T::new((bits >> 16) as u16))
    }
    /// To a register.
    #[inline(always)]
    pub fn pack(self) -> u32 {
        u32::from(self.1.bits16()) << 16 | u32::from(self.0.bits16())
    }
    /// `f` of each half.
    #[inline(always)]
    pub fn map(self, f: impl Fn(T) -> T) -> Pair<T> {
        Pair(f(self.0), f(self.1))
    }
    /// `f` of the halves of two pairs.
    #[inline(always)]
    pub fn zip(self, b: Pair<T>, f: impl Fn(T, T) -> T) -> Pair<T> {
        Pair(f(self.0, b.0), f(self.1, b.1))
    }
}

/// Which copy of a function this processor runs.
pub fn choose(plain: LaneFn, _fast: LaneFn) -> LaneFn {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        return _fast;
    }
    plain
}

/// `lanes!(|a: i32, b: i32| -> i32 { a.wrapping_add(b) })` is a [`Row`]; `lanes!(m, |…| …)` names the modifiers `m`.
macro_rules! lanes {
    (|$($a:ident: $t:ty),*| -> $r:ty $e:block) => { $crate::lanes::lanes!(_m, |$($a: $t),*| -> $r $e) };
    ($m:ident, |$($a:ident: $t:ty),*| -> $r:ty $e:block) => {{
        $crate::lanes::over_lanes!($m, |$($a: $t),*| -> $r $e);
        $crate::lanes::row_of!(plain, |$($a: $t),*| -> $r)
    }};
}
pub(crate) use lanes;

/// As `lanes!`, with a second copy for processors that have fused multiply–add: without it each `mul_add` is a library call.
macro_rules! fused_lanes {
    ($m:ident, |$($a:ident: $t:ty),*| -> $r:ty $e:block) => {{
        $crate::lanes::over_lanes!($m, |$($a: $t),*| -> $r $e);
        /// # Safety
        /// As for `LaneFn`, on a processor with FMA.
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "fma"))]
        unsafe fn fast(sources: $crate::lanes::Sources, out: *mut u32, m: $crate::lanes::Mods) {
            // SAFETY: the caller's promise is passed on.
            unsafe { plain(sources, out, m) }
        }
        $crate::lanes::row_of!($crate::lanes::choose(plain, fast), |$($a: $t),*| -> $r)
    }};
}
pub(crate) use fused_lanes;

/// The function `plain` of a row.
macro_rules! over_lanes {
    ($m:ident, |$($a:ident: $t:ty),*| -> $r:ty $e:block) => {
        /// # Safety
        /// As for `LaneFn`.
        #[inline(always)]
        unsafe fn plain(sources: $crate::lanes::Sources, out: *mut u32, $m: $crate::lanes::Mods) {
            use $crate::lanes::{LANES, Lane};
            let mut at = 0;
            $(
                // SAFETY: the caller gives 32 values of this operand's width, aligned as the register file is.
                let $a = unsafe { &*(sources[at] as *const [<$t as Lane>::Bits; LANES]) };
                at += 1;
            )*
            let _ = at;
            // SAFETY: the caller gives room for 32 results, which no source overlaps.
            let out = unsafe { &mut *(out as *mut [<$r as Lane>::Bits; LANES]) };
            for lane in 0..LANES {
                $( let $a = <$t as Lane>::of($a[lane]); )*
                let result: $r = $e;
                out[lane] = result.bits();
            }
        }
    };
}
pub(crate) use over_lanes;

/// A row from its function.
macro_rules! row_of {
    ($function:expr, |$($a:ident: $t:ty),*| -> $r:ty) => {
        $crate::lanes::Row {
            function: $function,
            sources: &[$(std::mem::size_of::<<$t as $crate::lanes::Lane>::Bits>()),*],
            result: std::mem::size_of::<<$r as $crate::lanes::Lane>::Bits>(),
        }
    };
}
pub(crate) use row_of;

/// The row of an arithmetic instruction, whatever its kind; `name` carries the variant (`mul.hi`).
pub fn find(name: &str, ty: Type, mods: Mods) -> Option<Row> {
    use Type::*;
    let row = match ty {
        F32 | F64 => floats::row(name, ty, mods),
        F16 | Bf16 | F16x2 | Bf16x2 => halves::row(name, ty, mods),
        _ if mods.sat => arithmetic::row(&format!("{name}.sat"), ty),
        _ => arithmetic::row(name, ty).or_else(|| bits::row(name, ty)),
    };
    row.filter(|_| !mods.ftz || matches!(ty, F32) || name.ends_with(".approx") || name.starts_with("testp"))
}
