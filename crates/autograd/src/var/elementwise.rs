//! Operations on single elements.

use unrolled_tensor::ops::{Binary, Unary};
use unrolled_tensor::{DType, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Var {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> Var {
                self.unary(Unary::$op)
            }
        )*}
    };
}

unary! {
    /// `−x`. Gradient: −g.
    neg => Neg;
    /// `|x|`. Gradient: g · sign x.
    abs => Abs;
    /// −1, 0 or 1. Gradient: 0.
    sign => Sign;
    /// eˣ. Gradient: g · eˣ.
    exp => Exp;
    /// eˣ − 1. Gradient: g · eˣ.
    expm1 => Expm1;
    /// ln x. Gradient: g / x.
    log => Log;
    /// ln(1 + x). Gradient: g / (1 + x).
    log1p => Log1p;
    /// √x. Gradient: g / (2√x).
    sqrt => Sqrt;
    /// 1/√x. Gradient: −g / (2 x√x).
    rsqrt => Rsqrt;
    /// 1/x. Gradient: −g / x².
    recip => Recip;
    /// x². Gradient: 2 g x.
    square => Square;
    /// sin x. Gradient: g cos x.
    sin => Sin;
    /// cos x. Gradient: −g sin x.
    cos => Cos;
    /// tanh x. Gradient: g (1 − tanh² x).
    tanh => Tanh;
    /// σ(x) = 1/(1 + e⁻ˣ). Gradient: g σ(1 − σ).
    sigmoid => Sigmoid;
    /// ln(1 + eˣ). Gradient: g σ(x).
    softplus => Softplus;
    /// max(x, 0). Gradient: g where x > 0, else 0.
    relu => Relu;
    /// x Φ(x), Φ the standard normal distribution function. Gradient: g (Φ(x) + x φ(x)).
    gelu => Gelu;
    /// x σ(x). Gradient: g σ(1 + x(1 − σ)).
    silu => Silu;
    /// The error function. Gradient: g (2/√π) e^(−x²).
    erf => Erf;
    /// The largest whole number not above x. Gradient: 0.
    floor => Floor;
    /// The smallest whole number not below x. Gradient: 0.
    ceil => Ceil;
    /// The nearest whole number. Gradient: 0.
    round => Round;
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Var {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// Where the shapes do not broadcast, or dtypes or devices differ.
            #[track_caller]
            pub fn $name(&self, other: &Var) -> Var {
                let value = self.value.binary(Binary::$op, &other.value);
                record_one(Op::Binary(Binary::$op), &[self, other], value)
            }
        )*}
    };
}

binary! {
    /// a + b, broadcast. Gradients: g, g.
    add => Add;
    /// a − b, broadcast. Gradients: g, −g.
    sub => Sub;
    /// a · b, broadcast. Gradients: g b, g a.
    mul => Mul;
    /// a / b, broadcast. Gradients: g / b, −g a / b².
    div => Div;
    /// aᵇ, broadcast, a > 0. Gradients: g b aᵇ⁻¹, g aᵇ ln a.
    pow => Pow;
    /// The larger, broadcast. The gradient goes to the larger, to equals by halves.
    maximum => Maximum;
    /// The smaller, broadcast. The gradient goes to the smaller, to equals by halves.
    minimum => Minimum;
}

impl Var {
    /// A function of each element.
    #[track_caller]
    pub fn unary(&self, op: Unary) -> Var {
        record_one(Op::Unary(op), &[self], self.value.unary(op))
    }

    /// `scale · x + shift`. Gradient: scale · g.
    #[track_caller]
    pub fn affine(&self, scale: f64, shift: f64) -> Var {
        self.unary(Unary::Affine { scale, shift })
    }

    /// xᵖ for a constant p. Gradient: g p xᵖ⁻¹.
    #[track_caller]
    pub fn powf(&self, exponent: f64) -> Var {
        self.unary(Unary::Powf(exponent))
    }

    /// min(max(x, low), high). Gradient: g where low ≤ x ≤ high, else 0.
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Var {
        self.unary(Unary::Clamp { low, high })
    }

    /// `a` where `condition` (bool) is true, else `b`; all three broadcast. The gradient goes where the value came from.
    ///
    /// # Panics
    /// As [`Tensor::select`].
    #[track_caller]
    pub fn select(condition: &Tensor, a: &Var, b: &Var) -> Var {
        record_one(Op::Select(condition.clone()), &[a, b], condition.select(&a.value, &b.value))
    }

    /// Another dtype. Between floats the gradient is cast back; the result of a cast to integers or bool is not tracked.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Var {
        if dtype == self.dtype() {
            return self.clone();
        }
        let value = self.value.cast(dtype);
        if dtype.is_float() { record_one(Op::Cast, &[self], value) } else { Var::constant(value) }
    }
}
