//! Rules of operations on single elements.

use unrolled_tensor::Tensor;
use unrolled_tensor::ops::{Binary, GELU_CUBIC, GELU_SLOPE, Unary};

use super::Context;
use crate::Var;
use crate::ops::Needs;

pub(crate) fn unary_needs(op: Unary) -> Needs {
    use Unary::*;
    match op {
        Affine { .. } | Neg | Sign | Floor | Ceil | Round | Not => Needs::NOTHING,
        Exp | Expm1 | Sqrt | Rsqrt | Recip | Tanh | Sigmoid => Needs::OUTPUT,
        _ => Needs::INPUT,
    }
}

/// `a` and `b`: whether these operands are tracked.
pub(crate) fn binary_needs(op: Binary, a: bool, b: bool) -> Needs {
    match op {
        Binary::Add | Binary::Sub => Needs::NOTHING,
        Binary::Mul => Needs::pair(b, a),
        Binary::Div => Needs::pair(false, true).and_output(b),
        Binary::Pow => Needs::pair(true, a).and_output(b),
        _ => Needs::pair(true, true),
    }
}

/// 1 where `condition` is true, else 0, in the dtype of `like`: a constant.
fn indicator(condition: Tensor, like: &Var) -> Var {
    Var::constant(condition.cast(like.dtype()))
}

pub(crate) fn unary(op: Unary, context: &Context<'_>, g: &Var) -> Option<Var> {
    let x = || context.input(0);
    let y = || context.output();
    let zero = |x: &Var| Tensor::zeros([], x.dtype(), x.device());
    let gradient = match op {
        Unary::Affine { scale, .. } => g * scale,
        Unary::Neg => -g,
        Unary::Abs => g * &x().sign(),
        Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Not => return None,
        Unary::Exp => g * &y(),
        Unary::Expm1 => g * &(y() + 1.0),
        Unary::Log => g / &x(),
        Unary::Log1p => g / &(x() + 1.0),
        Unary::Sqrt => g / &(y() * 2.0),
        Unary::Rsqrt => {
            let y = y();
            g * &(y.square() * &y) * -0.5
        }
        Unary::Recip => -(g * &y().square()),
        Unary::Square => g * &x() * 2.0,
        // p xᵖ⁻¹ would be 0 · ∞ at x = 0.
        Unary::Powf(0.0) => return None,
        Unary::Powf(1.0) => g.clone(),
        Unary::Powf(p) => g * &x().powf(p - 1.0) * p,
        Unary::Sin => g * &x().cos(),
        Unary::Cos => -(g * &x().sin()),
        Unary::Tanh => g * &(1.0 - y().square()),
        Unary::Sigmoid => {
            let y = y();
            g * &(&y * &(1.0 - &y))
        }
        Unary::Softplus => g * &x().sigmoid(),
        Unary::Relu => {
            let x = x();
            g * &indicator(x.tensor().gt(&zero(&x)), &x)
        }
        Unary::Gelu => {
            let x = x();
            let phi =
                (x.square() * -0.5).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
            let cumulative = (&x * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
            g * &(cumulative + x * phi)
        }
        Unary::GeluTanh => {
            let x = x();
            let s = ((x.square() * GELU_CUBIC + 1.0) * &x * (2.0 * GELU_SLOPE)).sigmoid();
            let slope = (x.square() * (3.0 * GELU_CUBIC) + 1.0) * (2.0 * GELU_SLOPE);
            g * &(&s + &(&s * &(1.0 - &s) * &x * slope))
        }
        Unary::Silu => {
            let x = x();
            let s = x.sigmoid();
            g * &(&s * &((1.0 - &s) * &x + 1.0))
        }
        Unary::Erf => g * &(x().square() * -1.0).exp() * std::f64::consts::FRAC_2_SQRT_PI,
        Unary::Clamp { low, high } => {
            let x = x();
            let bound = |value| Tensor::full([], value, x.dtype(), x.device());
            let inside = x.tensor().ge(&bound(low)).logical_and(&x.tensor().le(&bound(high)));
            g * &indicator(inside, &x)
        }
        other => unreachable!("{} has no rule", other.name()),
    };
    Some(gradient)
}

pub(crate) fn binary(op: Binary, context: &Context<'_>, g: &Var) -> [Option<Var>; 2] {
    let (a, b) = (|| context.input(0), || context.input(1));
    match op {
        Binary::Add => [context.reduced(0, || g.clone()), context.reduced(1, || g.clone())],
        Binary::Sub => [context.reduced(0, || g.clone()), context.reduced(1, || -g)],
        Binary::Mul => [context.reduced(0, || g * &b()), context.reduced(1, || g * &a())],
        Binary::Div => [context.reduced(0, || g / &b()), context.reduced(1, || -(g * &context.output() / &b()))],
        Binary::Pow => [
            context.reduced(0, || g * &b() * a().pow(&(b() - 1.0))),
            context.reduced(1, || g * &context.output() * a().log()),
        ],
        Binary::Maximum => shared(context, g, |a, b| a.gt(b)),
        Binary::Minimum => shared(context, g, |a, b| a.lt(b)),
        other => unreachable!("{} has no rule", other.name()),
    }
}

/// The gradient goes to the operand that won, to equals by halves.
fn shared(context: &Context<'_>, g: &Var, wins: fn(&Tensor, &Tensor) -> Tensor) -> [Option<Var>; 2] {
    let (a, b) = (context.input(0), context.input(1));
    let half = a.tensor().eq(b.tensor()).cast(a.dtype()).affine(0.5, 0.0);
    let share = |wins: Tensor| Var::constant(wins.cast(a.dtype()).add(&half));
    [
        context.reduced(0, || g * &share(wins(a.tensor(), b.tensor()))),
        context.reduced(1, || g * &share(wins(b.tensor(), a.tensor()))),
    ]
}

pub(crate) fn select(condition: &Tensor, context: &Context<'_>, g: &Var) -> [Option<Var>; 2] {
    let zero = Var::constant(g.tensor().zeros_like());
    [context.reduced(0, || Var::select(condition, g, &zero)), context.reduced(1, || Var::select(condition, &zero, g))]
}
