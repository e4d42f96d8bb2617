//! Kernels with one output element from one element of each operand.

use bytemuck::Pod;

use super::math::{Real, vectorised};
use super::threads::{GRAIN, in_pieces};
use super::{Float, by_dtype, by_float, elements, short};
use crate::layout::{Layout, Walk};
use crate::ops::{Binary, Compare, GELU_CUBIC, GELU_SLOPE, Unary};
use crate::{DType, Element, Tensor, bf16, f16};

/// An element as kernels store it: truth values as bytes.
pub(crate) trait Stored: Pod + Send + Sync {
    fn from_wide(x: f64) -> Self;
    /// As `from_wide`, of a number that is an f32.
    fn from_single(x: f32) -> Self;
    fn to_wide(self) -> f64;
    /// Conversion from i64 without the detour over f64.
    fn from_integer(x: i64) -> Self;
    /// The sum; of integers exact and wrapping, of f16 and bf16 rounded from f32.
    fn plus(self, other: Self) -> Self;
}

macro_rules! stored {
    ($($type:ident),*) => {$(
        impl Stored for $type {
            #[inline(always)]
            fn from_wide(x: f64) -> Self {
                <$type as Element>::of_f64(x)
            }
            #[inline(always)]
            fn from_single(x: f32) -> Self {
                stored!(@single $type, x)
            }
            #[inline(always)]
            fn to_wide(self) -> f64 {
                <$type as Element>::as_f64(self)
            }
            #[inline(always)]
            fn from_integer(x: i64) -> Self {
                stored!(@integer $type, x)
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                stored!(@plus $type, self, other)
            }
        }
    )*};
    (@plus u32, $a:ident, $b:ident) => { $a.wrapping_add($b) };
    (@plus i64, $a:ident, $b:ident) => { $a.wrapping_add($b) };
    (@plus $type:ident, $a:ident, $b:ident) => { $a + $b };
    (@integer f32, $x:ident) => { $x as f32 };
    (@integer f64, $x:ident) => { $x as f64 };
    (@integer f16, $x:ident) => { f16::of_f64(odd_f64($x)) };
    (@integer bf16, $x:ident) => { bf16::of_f64(odd_f64($x)) };
    (@integer u32, $x:ident) => { $x.clamp(0, u32::MAX as i64) as u32 };
    (@integer i64, $x:ident) => { $x };
    (@single f16, $x:ident) => { short::f32_to_f16($x) };
    (@single bf16, $x:ident) => { short::f32_to_bf16($x) };
    (@single $type:ident, $x:ident) => { $x as $type };
}
stored!(f32, f64, f16, bf16, u32, i64);

impl Stored for u8 {
    #[inline(always)]
    fn from_wide(x: f64) -> Self {
        (x != 0.0) as u8
    }
    #[inline(always)]
    fn from_single(x: f32) -> Self {
        (x != 0.0) as u8
    }
    #[inline(always)]
    fn to_wide(self) -> f64 {
        (self != 0) as u8 as f64
    }
    #[inline(always)]
    fn from_integer(x: i64) -> Self {
        (x != 0) as u8
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self | other
    }
}

/// `x` as f64, what does not fit marked by a last bit of 1, so that rounding it again to a short float rounds as if once.
fn odd_f64(x: i64) -> f64 {
    const LOW: i64 = (1 << 11) - 1;
    let inexact = x.unsigned_abs() >> 53 != 0 && x & LOW != 0;
    (if inexact { (x & !LOW) | (LOW + 1) } else { x }) as f64
}

pub(crate) fn fill<T: Stored>(out: &mut [T], value: f64) {
    let value = T::from_wide(value);
    in_pieces(out, 1, &|_, piece| piece.fill(value));
}

/// `out[i] = f(x[i])` over a strided view.
fn map<A: Pod + Send + Sync, O: Send>(x: &Tensor, out: &mut [O], f: impl Fn(A) -> O + Send + Sync + Copy) {
    let a = elements::<A>(x);
    let walk = Walk::new([x.layout()]);
    if walk.steps[0].unsigned_abs() > 1 && walk.outer_len() > 1 && walk.inner < GRAIN {
        return across(a, &walk, out, f);
    }
    map_slices([x.layout()], out, &|[at], steps, out| match steps[0] {
        1 => {
            let a = &a[at..at + out.len()];
            vectorised(|| out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a)));
        }
        0 => {
            let value = a[at];
            out.iter_mut().for_each(|o| *o = f(value));
        }
        step => {
            for (i, o) in out.iter_mut().enumerate() {
                *o = f(a[(at as isize + i as isize * step) as usize]);
            }
        }
    });
}

/// As `map` where the last axis lies across memory: in square tiles, so that what one row brings into the cache serves its neighbours.
fn across<A: Pod + Send + Sync, O: Send>(a: &[A], walk: &Walk<1>, out: &mut [O], f: impl Fn(A) -> O + Send + Sync) {
    const TILE: usize = 16;
    let (run, step) = (walk.inner, walk.steps[0]);
    in_pieces(out, run, &|from, piece| {
        for (i, rows) in piece.chunks_mut(TILE * run).enumerate() {
            let first = from / run + i * TILE;
            let (mut starts, mut count) = ([0isize; TILE], 0);
            walk.rows(first..first + rows.len() / run, |[at]| {
                starts[count] = at as isize;
                count += 1;
            });
            for column in (0..run).step_by(TILE) {
                for (row, start) in rows.chunks_mut(run).zip(starts) {
                    for (i, o) in row.iter_mut().enumerate().skip(column).take(TILE) {
                        *o = f(a[(start + i as isize * step) as usize]);
                    }
                }
            }
        }
    });
}

/// `out[i] = f(a[i], b[i])` over two strided views of one shape.
fn zip<A, B, O>(x: &Tensor, y: &Tensor, out: &mut [O], f: impl Fn(A, B) -> O + Send + Sync + Copy)
where
    A: Pod + Send + Sync,
    B: Pod + Send + Sync,
    O: Send,
{
    let (a, b) = (elements::<A>(x), elements::<B>(y));
    map_slices([x.layout(), y.layout()], out, &|[i, j], steps, out| match steps {
        [1, 1] => {
            let (a, b) = (&a[i..i + out.len()], &b[j..j + out.len()]);
            vectorised(|| out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = f(a, b)));
        }
        [1, 0] => {
            let (a, b) = (&a[i..i + out.len()], b[j]);
            vectorised(|| out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a, b)));
        }
        [0, 1] => {
            let (a, b) = (a[i], &b[j..j + out.len()]);
            vectorised(|| out.iter_mut().zip(b).for_each(|(o, &b)| *o = f(a, b)));
        }
        [s, t] => {
            for (k, o) in out.iter_mut().enumerate() {
                let k = k as isize;
                *o = f(a[(i as isize + k * s) as usize], b[(j as isize + k * t) as usize]);
            }
        }
    });
}

/// Calls `inner(starts, steps, out)` for runs of elements that all views walk evenly, in parallel where there is enough work.
pub(crate) fn map_slices<const N: usize, O: Send>(
    layouts: [&Layout; N],
    out: &mut [O],
    inner: &(dyn Fn([usize; N], [isize; N], &mut [O]) + Send + Sync),
) {
    if out.is_empty() {
        return;
    }
    let walk = Walk::new(layouts);
    let run = walk.inner;
    if run >= GRAIN {
        // Long runs: each is cut into pieces.
        let mut rows = out.chunks_mut(run);
        walk.rows(0..walk.outer_len(), |starts| {
            let row = rows.next().expect("as many runs as rows of the output");
            in_pieces(row, 1, &|from, piece| {
                let at = std::array::from_fn(|k| (starts[k] as isize + from as isize * walk.steps[k]) as usize);
                inner(at, walk.steps, piece);
            });
        });
        return;
    }
    in_pieces(out, run, &|from, piece| {
        let mut rows = piece.chunks_mut(run);
        let first = from / run;
        walk.rows(first..first + rows.len(), |starts| {
            inner(starts, walk.steps, rows.next().expect("as many runs as rows of the output"));
        });
    });
}

pub(crate) fn cast<T: Stored>(x: &Tensor, out: &mut [T]) {
    match x.dtype() {
        DType::I64 => map::<i64, T>(x, out, T::from_integer),
        DType::U32 => map::<u32, T>(x, out, |v| T::from_integer(v as i64)),
        DType::Bool => map::<u8, T>(x, out, |v| T::from_integer(v as i64)),
        dtype => by_float!(dtype, A => cast_float::<A, T>(x, out)),
    }
}

fn cast_float<A: Float, T: Stored>(x: &Tensor, out: &mut [T]) {
    // A plain copy needs no conversion and keeps every bit.
    if std::any::TypeId::of::<A>() == std::any::TypeId::of::<T>() {
        return map::<T, T>(x, out, |v| v);
    }
    map::<A, T>(x, out, |v| v.widen().store());
}

pub(crate) fn unary<T: Stored>(op: Unary, x: &Tensor, out: &mut [T]) {
    match x.dtype() {
        DType::Bool => map::<u8, u8>(x, bytemuck::cast_slice_mut(out), |v| 1 - v),
        DType::U32 => unary_integer::<u32>(op, x, bytemuck::cast_slice_mut(out)),
        DType::I64 => unary_integer::<i64>(op, x, bytemuck::cast_slice_mut(out)),
        dtype => by_float!(dtype, F => unary_float::<F>(op, x, bytemuck::cast_slice_mut(out))),
    }
}

fn unary_integer<I: Wrapping + Stored>(op: Unary, x: &Tensor, out: &mut [I]) {
    let zero = I::from_integer(0);
    match op {
        Unary::Affine { scale, shift } => map(x, out, move |v: I| I::from_wide(v.to_wide() * scale + shift)),
        Unary::Neg => map(x, out, |v: I| zero.sub(v)),
        Unary::Abs => map(x, out, |v: I| if v < zero { zero.sub(v) } else { v }),
        Unary::Sign => map(x, out, |v: I| I::from_integer((v > zero) as i64 - (v < zero) as i64)),
        Unary::Square => map(x, out, |v: I| v.mul(v)),
        Unary::Clamp { low, high } => map(x, out, move |v: I| {
            let wide = v.to_wide().max(low).min(high);
            if wide == v.to_wide() { v } else { I::from_wide(wide) }
        }),
        other => unreachable!("{} does not take integers", other.name()),
    }
}

fn unary_float<F: Float>(op: Unary, x: &Tensor, out: &mut [F]) {
    type W<F> = <F as Float>::Wide;
    macro_rules! each {
        (|$v:ident| $value:expr) => {
            map::<F, F>(x, out, move |v| {
                let $v = v.widen();
                F::narrow($value)
            })
        };
    }
    let (zero, one) = (W::<F>::ZERO, W::<F>::ONE);
    match op {
        Unary::Affine { scale, shift } => {
            let (scale, shift) = (W::<F>::of(scale), W::<F>::of(shift));
            each!(|v| v * scale + shift)
        }
        Unary::Neg => each!(|v| -v),
        Unary::Abs => each!(|v| v.abs()),
        Unary::Sign => each!(|v| if v > zero {
            one
        } else if v < zero {
            -one
        } else {
            v * zero
        }),
        Unary::Exp => each!(|v| v.exp()),
        Unary::Expm1 => each!(|v| v.expm1()),
        Unary::Log => each!(|v| v.ln()),
        Unary::Log1p => each!(|v| v.ln_1p()),
        Unary::Sqrt => each!(|v| v.sqrt()),
        Unary::Rsqrt => each!(|v| one / v.sqrt()),
        Unary::Recip => each!(|v| one / v),
        Unary::Square => each!(|v| v * v),
        Unary::Powf(exponent) => {
            let exponent = W::<F>::of(exponent);
            each!(|v| v.powf(exponent))
        }
        Unary::Sin => each!(|v| v.sin()),
        Unary::Cos => each!(|v| v.cos()),
        Unary::Tanh => each!(|v| v.tanh()),
        Unary::Sigmoid => each!(|v| v.sigmoid()),
        Unary::Softplus => each!(|v| v.maximum(zero) + (-v.abs()).exp().ln_1p()),
        Unary::Relu => each!(|v| v.maximum(zero)),
        Unary::Gelu => {
            let (half, root) = (W::<F>::of(0.5), W::<F>::of(std::f64::consts::FRAC_1_SQRT_2));
            each!(|v| half * v * (one + (v * root).erf()))
        }
        Unary::GeluTanh => {
            // As a sigmoid it keeps its digits where 1 + tanh u would cancel.
            let (slope, cubic) = (W::<F>::of(2.0 * GELU_SLOPE), W::<F>::of(GELU_CUBIC));
            each!(|v| v * (slope * (v + cubic * v * v * v)).sigmoid())
        }
        Unary::Silu => each!(|v| v * v.sigmoid()),
        Unary::Erf => each!(|v| v.erf()),
        Unary::Clamp { low, high } => {
            let (low, high) = (W::<F>::of(low), W::<F>::of(high));
            each!(|v| v.maximum(low).minimum(high))
        }
        Unary::Floor => each!(|v| v.floor()),
        Unary::Ceil => each!(|v| v.ceil()),
        Unary::Round => each!(|v| v.round_ties_even()),
        Unary::Not => unreachable!("not takes bool only"),
    }
}

pub(crate) fn binary<T: Stored>(op: Binary, a: &Tensor, b: &Tensor, out: &mut [T]) {
    match a.dtype() {
        DType::Bool => {
            let out = bytemuck::cast_slice_mut::<T, u8>(out);
            match op {
                Binary::And => zip::<u8, u8, u8>(a, b, out, |a, b| a & b),
                Binary::Or => zip::<u8, u8, u8>(a, b, out, |a, b| a | b),
                _ => zip::<u8, u8, u8>(a, b, out, |a, b| a ^ b),
            }
        }
        DType::U32 => binary_integer::<u32>(op, a, b, bytemuck::cast_slice_mut(out)),
        DType::I64 => binary_integer::<i64>(op, a, b, bytemuck::cast_slice_mut(out)),
        dtype => by_float!(dtype, F => binary_float::<F>(op, a, b, bytemuck::cast_slice_mut(out))),
    }
}

/// Integer arithmetic that wraps.
trait Wrapping: Pod + Send + Sync + Ord {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
}

macro_rules! wrapping {
    ($($type:ty),*) => {$(
        impl Wrapping for $type {
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            fn div(self, other: Self) -> Self { if other == 0 { 0 } else { self.wrapping_div(other) } }
        }
    )*};
}
wrapping!(u32, i64);

fn binary_integer<I: Wrapping>(op: Binary, a: &Tensor, b: &Tensor, out: &mut [I]) {
    match op {
        Binary::Add => zip::<I, I, I>(a, b, out, I::add),
        Binary::Sub => zip::<I, I, I>(a, b, out, I::sub),
        Binary::Mul => zip::<I, I, I>(a, b, out, I::mul),
        Binary::Div => zip::<I, I, I>(a, b, out, I::div),
        Binary::Maximum => zip::<I, I, I>(a, b, out, |a, b| a.max(b)),
        Binary::Minimum => zip::<I, I, I>(a, b, out, |a, b| a.min(b)),
        other => unreachable!("{} does not take integers", other.name()),
    }
}

fn binary_float<F: Float>(op: Binary, a: &Tensor, b: &Tensor, out: &mut [F]) {
    macro_rules! each {
        (|$a:ident, $b:ident| $value:expr) => {
            zip::<F, F, F>(a, b, out, |a, b| {
                let ($a, $b) = (a.widen(), b.widen());
                F::narrow($value)
            })
        };
    }
    match op {
        Binary::Add => each!(|a, b| a + b),
        Binary::Sub => each!(|a, b| a - b),
        Binary::Mul => each!(|a, b| a * b),
        Binary::Div => each!(|a, b| a / b),
        Binary::Pow => each!(|a, b| a.powf(b)),
        Binary::Maximum => each!(|a, b| a.maximum(b)),
        Binary::Minimum => each!(|a, b| a.minimum(b)),
        other => unreachable!("{} does not take floats", other.name()),
    }
}

pub(crate) fn compare(op: Compare, a: &Tensor, b: &Tensor, out: &mut [u8]) {
    fn with<T: Pod + Send + Sync + PartialOrd>(op: Compare, a: &Tensor, b: &Tensor, out: &mut [u8]) {
        match op {
            Compare::Eq => zip::<T, T, u8>(a, b, out, |a, b| (a == b) as u8),
            Compare::Ne => zip::<T, T, u8>(a, b, out, |a, b| (a != b) as u8),
            Compare::Lt => zip::<T, T, u8>(a, b, out, |a, b| (a < b) as u8),
            Compare::Le => zip::<T, T, u8>(a, b, out, |a, b| (a <= b) as u8),
            Compare::Gt => zip::<T, T, u8>(a, b, out, |a, b| (a > b) as u8),
            Compare::Ge => zip::<T, T, u8>(a, b, out, |a, b| (a >= b) as u8),
        }
    }
    by_dtype!(a.dtype(), T => with::<T>(op, a, b, out))
}

pub(crate) fn select<T: Pod + Send + Sync>(condition: &Tensor, a: &Tensor, b: &Tensor, out: &mut [T]) {
    let (c, x, y) = (elements::<u8>(condition), elements::<T>(a), elements::<T>(b));
    map_slices([condition.layout(), a.layout(), b.layout()], out, &|[i, j, k], steps, out| {
        let n = out.len();
        let pick = |c: u8, x: T, y: T| if c != 0 { x } else { y };
        match steps {
            [1, 1, 1] => {
                let (c, x, y) = (&c[i..i + n], &x[j..j + n], &y[k..k + n]);
                let both = x.iter().zip(y);
                vectorised(|| {
                    out.iter_mut().zip(c.iter().zip(both)).for_each(|(o, (&c, (&x, &y)))| *o = pick(c, x, y))
                });
            }
            [1, 1, 0] => {
                let (c, x, y) = (&c[i..i + n], &x[j..j + n], y[k]);
                vectorised(|| out.iter_mut().zip(c.iter().zip(x)).for_each(|(o, (&c, &x))| *o = pick(c, x, y)));
            }
            [1, 0, 1] => {
                let (c, x, y) = (&c[i..i + n], x[j], &y[k..k + n]);
                vectorised(|| out.iter_mut().zip(c.iter().zip(y)).for_each(|(o, (&c, &y))| *o = pick(c, x, y)));
            }
            // One truth value for the whole run.
            [0, 1, _] if c[i] != 0 => out.copy_from_slice(&x[j..j + n]),
            [0, _, 1] if c[i] == 0 => out.copy_from_slice(&y[k..k + n]),
            [r, s, t] => {
                let place = |start: usize, i: usize, step: isize| (start as isize + i as isize * step) as usize;
                for (m, o) in out.iter_mut().enumerate() {
                    *o = pick(c[place(i, m, r)], x[place(j, m, s)], y[place(k, m, t)]);
                }
            }
        }
    });
}

/// `onto += scale · x`; `onto` is contiguous.
pub(crate) fn accumulate<T: Stored>(onto: &mut [T], x: &Tensor, scale: f64) {
    fn add<F: Float>(onto: &mut [F], x: &Tensor, scale: f64) {
        let (a, scale) = (elements::<F>(x), F::Wide::of(scale));
        map_slices([x.layout()], onto, &|[at], [step], out| {
            if step == 1 {
                let a = &a[at..at + out.len()];
                let sum = |o: &mut F, a: F| *o = F::narrow(o.widen() + scale * a.widen());
                vectorised(|| out.iter_mut().zip(a).for_each(|(o, &a)| sum(o, a)));
            } else {
                for (i, o) in out.iter_mut().enumerate() {
                    let a = a[(at as isize + i as isize * step) as usize];
                    *o = F::narrow(o.widen() + scale * a.widen());
                }
            }
        });
    }
    match x.dtype() {
        DType::U32 | DType::I64 | DType::Bool => {
            let a = elements::<T>(x);
            map_slices([x.layout()], onto, &|[at], [step], out| {
                for (i, o) in out.iter_mut().enumerate() {
                    let a = a[(at as isize + i as isize * step) as usize];
                    *o = T::from_wide(o.to_wide() + scale * a.to_wide());
                }
            });
        }
        dtype => by_float!(dtype, F => add::<F>(bytemuck::cast_slice_mut(onto), x, scale)),
    }
}
