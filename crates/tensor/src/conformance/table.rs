//! The tables: what each elementwise operation means in f64, on which values it is tried, and how exact it must be.

use super::inputs::Values;
use super::report::Within;
use crate::DType;
use crate::ops::{Binary, Compare, GELU_CUBIC, GELU_SLOPE, Unary};

/// A row of a table.
pub(super) struct Row<F: ?Sized> {
    /// The meaning.
    pub of: Box<F>,
    /// The values that it is tried on.
    pub values: Values,
    /// The error allowed to floats, in epsilons; 0 where the answer must be exact.
    pub epsilons: f64,
    /// Results smaller than this are held to the absolute error of this one.
    pub floor: f64,
}

impl<F: ?Sized> Row<F> {
    pub fn within(&self, dtype: DType) -> Within<'static> {
        if self.epsilons == 0.0 || !dtype.is_float() {
            return Within::Exactly;
        }
        Within::Relative { epsilons: self.epsilons, floor: self.floor }
    }
}

pub(super) type UnaryRow = Row<dyn Fn(f64) -> f64>;
pub(super) type BinaryRow = Row<dyn Fn(f64, f64) -> f64>;

/// NaN where either is.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// NaN where either is.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The row of a unary operation.
pub(super) fn unary(op: Unary) -> UnaryRow {
    use Values::{Positive, Real};
    fn row(values: Values, epsilons: f64, floor: f64, of: impl Fn(f64) -> f64 + 'static) -> UnaryRow {
        Row { of: Box::new(of), values, epsilons, floor }
    }
    let exact = |of: fn(f64) -> f64| row(Real, 0.0, 0.0, of);
    match op {
        // One rounding or two: a fused multiply–add is allowed.
        Unary::Affine { scale, shift } => row(Real, 2.0, 1.0, move |x| x * scale + shift),
        Unary::Neg => exact(|x| -x),
        Unary::Abs => exact(f64::abs),
        Unary::Sign => exact(sign),
        Unary::Exp => row(Real, 4.0, 0.0, f64::exp),
        Unary::Expm1 => row(Real, 4.0, 0.0, f64::exp_m1),
        Unary::Log => row(Positive, 4.0, 0.0, f64::ln),
        Unary::Log1p => row(Positive, 4.0, 0.0, f64::ln_1p),
        Unary::Sqrt => row(Positive, 1.0, 0.0, f64::sqrt),
        Unary::Rsqrt => row(Positive, 3.0, 0.0, |x| 1.0 / x.sqrt()),
        Unary::Recip => row(Real, 1.0, 0.0, f64::recip),
        Unary::Square => exact(|x| x * x),
        Unary::Powf(p) => row(Positive, 8.0, 0.0, move |x| x.powf(p)),
        Unary::Sin => row(Real, 4.0, 1.0, f64::sin),
        Unary::Cos => row(Real, 4.0, 1.0, f64::cos),
        Unary::Tanh => row(Real, 6.0, 0.0, f64::tanh),
        Unary::Sigmoid => row(Real, 6.0, 0.0, sigmoid),
        Unary::Softplus => row(Real, 8.0, 0.0, |x| larger(x, 0.0) + (-x.abs()).exp().ln_1p()),
        Unary::Relu => exact(|x| larger(x, 0.0)),
        Unary::Gelu => row(Real, 8.0, 1.0, |x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)),
        Unary::GeluTanh => row(Real, 8.0, 1.0, |x| x * sigmoid(2.0 * GELU_SLOPE * (x + GELU_CUBIC * x * x * x))),
        Unary::Silu => row(Real, 8.0, 0.0, |x| x * sigmoid(x)),
        Unary::Erf => row(Real, 6.0, 0.0, libm::erf),
        Unary::Clamp { low, high } => row(Real, 0.0, 0.0, move |x| smaller(larger(x, low), high)),
        Unary::Floor => exact(f64::floor),
        Unary::Ceil => exact(f64::ceil),
        Unary::Round => exact(f64::round_ties_even),
        Unary::Not => exact(|x| 1.0 - x),
    }
}

/// The row of a binary operation on `dtype`.
pub(super) fn binary(op: Binary, dtype: DType) -> BinaryRow {
    use Values::{Positive, Real};
    let row = |values, epsilons, of: fn(f64, f64) -> f64| Row { of: Box::new(of) as _, values, epsilons, floor: 0.0 };
    // What two floats of one dtype give in one operation is rounded once, whether it is computed wider or not.
    let exact = |of| row(Real, 0.0, of);
    match op {
        Binary::Add => exact(|a, b| a + b),
        // Of u32 below 0 it wraps.
        Binary::Sub if dtype == DType::U32 => exact(|a, b| (a - b).rem_euclid(4_294_967_296.0)),
        Binary::Sub => exact(|a, b| a - b),
        Binary::Mul => exact(|a, b| a * b),
        Binary::Div if dtype.is_float() => exact(|a, b| a / b),
        Binary::Div => exact(|a, b| if b == 0.0 { 0.0 } else { (a / b).trunc() }),
        Binary::Pow => row(Positive, 32.0, f64::powf),
        Binary::Maximum => exact(larger),
        Binary::Minimum => exact(smaller),
        Binary::And => exact(|a, b| a * b),
        Binary::Or => exact(f64::max),
        Binary::Xor => exact(|a, b| (a != b) as u8 as f64),
    }
}

/// The meaning of a comparison.
pub(super) fn compare(op: Compare) -> fn(f64, f64) -> bool {
    match op {
        Compare::Eq => |a, b| a == b,
        Compare::Ne => |a, b| a != b,
        Compare::Lt => |a, b| a < b,
        Compare::Le => |a, b| a <= b,
        Compare::Gt => |a, b| a > b,
        Compare::Ge => |a, b| a >= b,
    }
}
