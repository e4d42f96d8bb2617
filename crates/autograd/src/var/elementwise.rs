//! Operations on single elements.

use unrolled_tensor::DType;
use unrolled_tensor::ops::{Binary, Unary};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

/// Each line gives its example, which runs as a doctest: at `$x`, what the value and the gradient of its sum print with two decimals.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => $op:ident, $x:tt => $y:literal, $g:literal;)*) => {
        impl Var {$(
            $(#[$doc])*
            ///
            /// ```
            /// use unrolled_autograd::Var;
            /// use unrolled_tensor::{Device, Tensor};
            #[doc = concat!("let x = Tensor::from_slice(&", stringify!($x), ", [", stringify!($x), ".len()], &Device::cpu());")]
            /// let x = Var::leaf(x);
            #[doc = concat!("let y = x.", stringify!($name), "();")]
            #[doc = concat!("assert_eq!(format!(\"{:.2}\", y.tensor()), \"", $y, "\");")]
            #[doc = concat!("let gradient = y.sum(.., false).backward().get(&x).map_or(\"none\".into(), |g| format!(\"{g:.2}\"));")]
            #[doc = concat!("assert_eq!(gradient, \"", $g, "\");")]
            /// ```
            #[track_caller]
            pub fn $name(&self) -> Var {
                self.unary(Unary::$op)
            }
        )*}
    };
}

unary! {
    /// `−x`. Gradient: −g.
    neg => Neg, [-1.0, 2.0] => "[1.00, -2.00]", "[-1.00, -1.00]";
    /// `|x|`. Gradient: g · sign x.
    abs => Abs, [-1.5, 0.0, 2.0] => "[1.50, 0.00, 2.00]", "[-1.00, 0.00, 1.00]";
    /// −1, 0 or 1. Gradient: 0.
    sign => Sign, [-1.5, 0.0, 2.0] => "[-1.00, 0.00, 1.00]", "none";
    /// eˣ. Gradient: g · eˣ.
    exp => Exp, [-1.0, 0.0, 1.0] => "[0.37, 1.00, 2.72]", "[0.37, 1.00, 2.72]";
    /// eˣ − 1, accurate near 0. Gradient: g · eˣ.
    expm1 => Expm1, [-1.0, 0.0, 1.0] => "[-0.63, 0.00, 1.72]", "[0.37, 1.00, 2.72]";
    /// ln x. Gradient: g / x.
    log => Log, [0.5, 1.0, 4.0] => "[-0.69, 0.00, 1.39]", "[2.00, 1.00, 0.25]";
    /// ln(1 + x), accurate near 0. Gradient: g / (1 + x).
    log1p => Log1p, [-0.5, 0.0, 3.0] => "[-0.69, 0.00, 1.39]", "[2.00, 1.00, 0.25]";
    /// √x. Gradient: g / (2√x).
    sqrt => Sqrt, [0.25, 1.0, 4.0] => "[0.50, 1.00, 2.00]", "[1.00, 0.50, 0.25]";
    /// 1/√x. Gradient: −g / (2 x√x).
    rsqrt => Rsqrt, [0.25, 1.0, 4.0] => "[2.00, 1.00, 0.50]", "[-4.00, -0.50, -0.06]";
    /// 1/x. Gradient: −g / x².
    recip => Recip, [-2.0, 1.0, 4.0] => "[-0.50, 1.00, 0.25]", "[-0.25, -1.00, -0.06]";
    /// x². Gradient: 2 g x.
    square => Square, [-1.0, 0.0, 3.0] => "[1.00, 0.00, 9.00]", "[-2.00, 0.00, 6.00]";
    /// sin x, x in radians. Gradient: g cos x.
    sin => Sin, [0.0, 1.0, 2.0] => "[0.00, 0.84, 0.91]", "[1.00, 0.54, -0.42]";
    /// cos x, x in radians. Gradient: −g sin x.
    cos => Cos, [0.5, 1.0, 2.0] => "[0.88, 0.54, -0.42]", "[-0.48, -0.84, -0.91]";
    /// tanh x. Gradient: g (1 − tanh² x).
    tanh => Tanh, [-1.0, 0.0, 2.0] => "[-0.76, 0.00, 0.96]", "[0.42, 1.00, 0.07]";
    /// σ(x) = 1/(1 + e⁻ˣ). Gradient: g σ(1 − σ).
    sigmoid => Sigmoid, [-1.0, 0.0, 2.0] => "[0.27, 0.50, 0.88]", "[0.20, 0.25, 0.10]";
    /// ln(1 + eˣ). Gradient: g σ(x).
    softplus => Softplus, [-1.0, 0.0, 2.0] => "[0.31, 0.69, 2.13]", "[0.27, 0.50, 0.88]";
    /// max(x, 0). Gradient: g where x > 0, else 0.
    relu => Relu, [-1.0, 0.0, 2.0] => "[0.00, 0.00, 2.00]", "[0.00, 0.00, 1.00]";
    /// x Φ(x), Φ the standard normal distribution function. Gradient: g (Φ(x) + x φ(x)).
    gelu => Gelu, [-1.0, 0.0, 2.0] => "[-0.16, 0.00, 1.95]", "[-0.08, 0.50, 1.09]";
    /// x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³), the approximation of [`gelu`](Var::gelu) that PyTorch calls `approximate="tanh"`.
    /// Gradient: g (s + 2 x s (1 − s) u′) with s = σ(2u).
    gelu_tanh => GeluTanh, [-1.0, 0.0, 2.0] => "[-0.16, 0.00, 1.95]", "[-0.08, 0.50, 1.09]";
    /// x σ(x). Gradient: g σ(1 + x(1 − σ)).
    silu => Silu, [-1.0, 0.0, 2.0] => "[-0.27, 0.00, 1.76]", "[0.07, 0.50, 1.09]";
    /// The error function. Gradient: g (2/√π) e^(−x²).
    erf => Erf, [-1.0, 0.0, 2.0] => "[-0.84, 0.00, 1.00]", "[0.42, 1.13, 0.02]";
    /// The largest whole number not above x. Gradient: 0.
    floor => Floor, [-1.5, 0.5, 2.0] => "[-2.00, 0.00, 2.00]", "none";
    /// The smallest whole number not below x. Gradient: 0.
    ceil => Ceil, [-1.5, 0.25, 2.0] => "[-1.00, 1.00, 2.00]", "none";
    /// The nearest whole number, halves to even. Gradient: 0.
    round => Round, [-1.6, 0.5, 2.0] => "[-2.00, 0.00, 2.00]", "none";
}

/// As `unary!`, at `a` = [1, 2, 3] and the other operand `$b`: the value, and both gradients of the sum.
macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident => $op:ident, $b:tt => $y:literal, $ga:literal, $gb:literal;)*) => {
        impl Var {$(
            $(#[$doc])*
            ///
            /// ```
            /// use unrolled_autograd::Var;
            /// use unrolled_tensor::{Device, Tensor};
            /// let leaf = |x: [f64; 3]| Var::leaf(Tensor::from_slice(&x, [3], &Device::cpu()));
            #[doc = concat!("let (a, b) = (leaf([1.0, 2.0, 3.0]), leaf(", stringify!($b), "));")]
            #[doc = concat!("let y = a.", stringify!($name), "(&b);")]
            #[doc = concat!("assert_eq!(format!(\"{:.2}\", y.tensor()), \"", $y, "\");")]
            /// let gradients = y.sum(.., false).backward();
            #[doc = concat!("assert_eq!(format!(\"{:.2}\", gradients.get(&a).unwrap()), \"", $ga, "\");")]
            #[doc = concat!("assert_eq!(format!(\"{:.2}\", gradients.get(&b).unwrap()), \"", $gb, "\");")]
            /// ```
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
    add => Add, [2.0, 2.0, -1.0] => "[3.00, 4.00, 2.00]", "[1.00, 1.00, 1.00]", "[1.00, 1.00, 1.00]";
    /// a − b, broadcast. Gradients: g, −g.
    sub => Sub, [2.0, 2.0, -1.0] => "[-1.00, 0.00, 4.00]", "[1.00, 1.00, 1.00]", "[-1.00, -1.00, -1.00]";
    /// a · b, broadcast. Gradients: g b, g a.
    mul => Mul, [2.0, 2.0, -1.0] => "[2.00, 4.00, -3.00]", "[2.00, 2.00, -1.00]", "[1.00, 2.00, 3.00]";
    /// a / b, broadcast. Gradients: g / b, −g a / b².
    div => Div, [2.0, 2.0, -1.0] => "[0.50, 1.00, -3.00]", "[0.50, 0.50, -1.00]", "[-0.25, -0.50, -3.00]";
    /// aᵇ, broadcast, a > 0. Gradients: g b aᵇ⁻¹, g aᵇ ln a.
    pow => Pow, [2.0, 2.0, -1.0] => "[1.00, 4.00, 0.33]", "[2.00, 4.00, -0.11]", "[0.00, 2.77, 0.37]";
    /// The larger, broadcast. The gradient goes to the larger, to equals by halves.
    maximum => Maximum, [2.0, 2.0, -1.0] => "[2.00, 2.00, 3.00]", "[0.00, 0.50, 1.00]", "[1.00, 0.50, 0.00]";
    /// The smaller, broadcast. The gradient goes to the smaller, to equals by halves.
    minimum => Minimum, [2.0, 2.0, -1.0] => "[1.00, 2.00, -1.00]", "[1.00, 0.50, 0.00]", "[0.00, 0.50, 1.00]";
}

impl Var {
    /// A function of each element, chosen by value.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::ops::Unary;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(-2f64, &Device::cpu()));
    /// assert_eq!([Unary::Abs, Unary::Square].map(|op| x.unary(op).tensor().item::<f64>()), [2.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn unary(&self, op: Unary) -> Var {
        record_one(Op::Unary(op), &[self], self.value.unary(op))
    }

    /// `scale · x + shift`. Gradient: scale · g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(3f64, &Device::cpu()));
    /// let y = x.affine(2.0, 1.0);
    /// assert_eq!((y.tensor().item::<f64>(), y.backward().get(&x).unwrap().item::<f64>()), (7.0, 2.0));
    /// ```
    #[track_caller]
    pub fn affine(&self, scale: f64, shift: f64) -> Var {
        self.unary(Unary::Affine { scale, shift })
    }

    /// xᵖ for a constant p. Gradient: g p xᵖ⁻¹.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(3f64, &Device::cpu()));
    /// let y = x.powf(2.0);
    /// assert_eq!((y.tensor().item::<f64>(), y.backward().get(&x).unwrap().item::<f64>()), (9.0, 6.0));
    /// ```
    #[track_caller]
    pub fn powf(&self, exponent: f64) -> Var {
        self.unary(Unary::Powf(exponent))
    }

    /// min(max(x, low), high). Gradient: g where low ≤ x ≤ high, else 0.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[-2f64, 0.5, 3.0], [3], &Device::cpu()));
    /// let y = x.clamp(-1.0, 1.0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [-1.0, 0.5, 1.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 0.0]);
    /// ```
    #[doc(alias = "hardtanh")]
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Var {
        self.unary(Unary::Clamp { low, high })
    }

    /// Another dtype. Between floats the gradient is cast back; the result of a cast to integers or bool is not tracked.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(1.5f64, &Device::cpu()));
    /// assert_eq!(x.cast(DType::F16).backward().get(&x).unwrap().dtype(), DType::F64);
    /// assert!(!x.cast(DType::I64).is_tracked());
    /// ```
    #[doc(alias = "to")]
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Var {
        if dtype == self.dtype() {
            return self.clone();
        }
        let value = self.value.cast(dtype);
        if dtype.is_float() { record_one(Op::Cast, &[self], value) } else { Var::constant(value) }
    }
}
