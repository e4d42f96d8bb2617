//! Operations on single elements.

use super::Tensor;
use crate::error::OrRaise;
use crate::layout::broadcast_dims;
use crate::ops::{Binary, Unary};
use crate::{DType, Dims};

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> Tensor {
                self.unary(Unary::$op)
            }
        )*}
    };
}

unary_methods! {
    /// `−x`
    neg => Neg;
    /// `|x|`
    abs => Abs;
    /// −1, 0 or 1; NaN of NaN.
    sign => Sign;
    /// eˣ
    exp => Exp;
    /// eˣ − 1, accurate near 0.
    expm1 => Expm1;
    /// ln x
    log => Log;
    /// ln(1 + x), accurate near 0.
    log1p => Log1p;
    /// √x
    sqrt => Sqrt;
    /// 1/√x
    rsqrt => Rsqrt;
    /// 1/x
    recip => Recip;
    /// x²
    square => Square;
    /// sin x, x in radians
    sin => Sin;
    /// cos x, x in radians
    cos => Cos;
    /// tanh x
    tanh => Tanh;
    /// 1/(1 + e⁻ˣ)
    sigmoid => Sigmoid;
    /// ln(1 + eˣ), without overflow
    softplus => Softplus;
    /// max(x, 0)
    relu => Relu;
    /// x · Φ(x), Φ the standard normal distribution function
    gelu => Gelu;
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, the approximation of `gelu`
    gelu_tanh => GeluTanh;
    /// x · sigmoid(x)
    silu => Silu;
    /// The error function.
    erf => Erf;
    /// The largest whole number not above x.
    floor => Floor;
    /// The smallest whole number not below x.
    ceil => Ceil;
    /// The nearest whole number, halves to even.
    round => Round;
    /// Logical negation of truth values.
    logical_not => Not;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// Where the shapes do not broadcast, or dtypes or devices differ.
            #[track_caller]
            pub fn $name(&self, other: &Tensor) -> Tensor {
                self.binary(Binary::$op, other)
            }
        )*}
    };
}

binary_methods! {
    /// a + b, broadcast.
    add => Add;
    /// a − b, broadcast.
    sub => Sub;
    /// a · b, element by element, broadcast.
    mul => Mul;
    /// a / b, broadcast. Integers round towards zero; by zero they give 0.
    div => Div;
    /// aᵇ, broadcast (floats).
    pow => Pow;
    /// The larger of each pair, broadcast; NaN if either is.
    maximum => Maximum;
    /// The smaller of each pair, broadcast; NaN if either is.
    minimum => Minimum;
    /// Both (bool), broadcast.
    logical_and => And;
    /// Either (bool), broadcast.
    logical_or => Or;
    /// One but not both (bool), broadcast.
    logical_xor => Xor;
}

impl Tensor {
    /// `op` of every element.
    ///
    /// # Panics
    /// Where `op` does not take the dtype.
    #[track_caller]
    pub fn unary(&self, op: Unary) -> Tensor {
        if !op.takes(self.dtype) {
            panic!("{}: does not take {}", op.name(), self.dtype);
        }
        self.answer(self.backend().unary(op, self), self.shape(), self.dtype)
    }

    /// `op` of pairs of elements, broadcast.
    ///
    /// # Panics
    /// Where the shapes do not broadcast, dtypes or devices differ, or `op` does not take the dtype.
    #[track_caller]
    pub fn binary(&self, op: Binary, other: &Tensor) -> Tensor {
        if !op.takes(self.dtype) {
            panic!("{}: does not take {}", op.name(), self.dtype);
        }
        self.check_same(op.name(), other);
        if self.shape() == other.shape() {
            // The usual case needs no views.
            return self.answer(self.backend().binary(op, self, other), self.shape(), self.dtype);
        }
        let (a, b, shape) = self.broadcast_with(op.name(), other);
        self.answer(self.backend().binary(op, &a, &b), &shape, self.dtype)
    }

    /// `scale · x + shift`
    #[track_caller]
    pub fn affine(&self, scale: f64, shift: f64) -> Tensor {
        self.unary(Unary::Affine { scale, shift })
    }

    /// xᵖ for a constant p.
    #[track_caller]
    pub fn powf(&self, exponent: f64) -> Tensor {
        self.unary(Unary::Powf(exponent))
    }

    /// min(max(x, low), high)
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        self.unary(Unary::Clamp { low, high })
    }

    /// Adds `scale · x`, in place where nobody else holds this storage, else to a copy.
    ///
    /// # Panics
    /// Where shape, dtype or device differ, or the dtype is bool.
    #[track_caller]
    pub fn accumulate(&mut self, x: &Tensor, scale: f64) {
        self.check_same("accumulate", x);
        if self.shape() != x.shape() || self.dtype == DType::Bool {
            panic!("accumulate: {} of shape {:?} onto shape {:?}", x.dtype, x.shape(), self.shape());
        }
        let device = self.device.clone();
        device.backend().accumulate(self, x, scale).or_raise();
    }

    /// Both broadcast to their common shape.
    #[track_caller]
    pub(crate) fn broadcast_with(&self, operation: &str, other: &Tensor) -> (Tensor, Tensor, Dims) {
        self.check_same(operation, other);
        let Some(shape) = broadcast_dims(self.shape(), other.shape()) else {
            panic!("{operation}: shapes {:?} and {:?} do not broadcast", self.shape(), other.shape());
        };
        (self.broadcast_to(&shape), other.broadcast_to(&shape), shape)
    }
}
