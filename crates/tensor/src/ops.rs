//! Which elementwise operation, reduction or optimiser step is meant: data that crosses the seam.

/// A function of one element, which keeps the dtype; f16 and bf16 are computed in f32. Integers wrap; `Affine` and a `Clamp`'s bounds are
/// computed in f64 and converted as by a cast.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// `scale · x + shift`
    Affine {
        /// The factor.
        scale: f64,
        /// What is added after the product.
        shift: f64,
    },
    /// `−x`
    Neg,
    /// `|x|`
    Abs,
    /// −1, 0 or 1; NaN of NaN.
    Sign,
    /// eˣ
    Exp,
    /// eˣ − 1, accurate near 0.
    Expm1,
    /// ln x
    Log,
    /// ln(1 + x), accurate near 0.
    Log1p,
    /// √x
    Sqrt,
    /// 1/√x
    Rsqrt,
    /// 1/x
    Recip,
    /// x²
    Square,
    /// xᵖ for a constant p
    Powf(f64),
    /// sin x, x in radians
    Sin,
    /// cos x, x in radians
    Cos,
    /// tanh x
    Tanh,
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ)
    Softplus,
    /// max(x, 0)
    Relu,
    /// x · Φ(x), with the error function
    Gelu,
    /// x (1 + tanh u) / 2 = x · sigmoid(2u), u = √(2/π) (x + 0.044715 x³): what PyTorch calls `approximate="tanh"`
    GeluTanh,
    /// x · sigmoid(x)
    Silu,
    /// The error function.
    Erf,
    /// min(max(x, low), high)
    Clamp {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// The largest whole number not above x.
    Floor,
    /// The smallest whole number not below x.
    Ceil,
    /// The nearest whole number, halves to even.
    Round,
    /// Logical negation (bool only).
    Not,
}

impl Unary {
    /// Every operation, those with parameters at an example of them.
    pub const ALL: [Unary; 28] = [
        Unary::Affine { scale: 2.5, shift: -0.75 },
        Unary::Neg,
        Unary::Abs,
        Unary::Sign,
        Unary::Exp,
        Unary::Expm1,
        Unary::Log,
        Unary::Log1p,
        Unary::Sqrt,
        Unary::Rsqrt,
        Unary::Recip,
        Unary::Square,
        Unary::Powf(1.7),
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::Relu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Silu,
        Unary::Erf,
        Unary::Clamp { low: -0.5, high: 1.25 },
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Not,
    ];

    /// The operation's name.
    pub const fn name(self) -> &'static str {
        match self {
            Unary::Affine { .. } => "affine",
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Sign => "sign",
            Unary::Exp => "exp",
            Unary::Expm1 => "expm1",
            Unary::Log => "log",
            Unary::Log1p => "log1p",
            Unary::Sqrt => "sqrt",
            Unary::Rsqrt => "rsqrt",
            Unary::Recip => "recip",
            Unary::Square => "square",
            Unary::Powf(_) => "powf",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Softplus => "softplus",
            Unary::Relu => "relu",
            Unary::Gelu => "gelu",
            Unary::GeluTanh => "gelu_tanh",
            Unary::Silu => "silu",
            Unary::Erf => "erf",
            Unary::Clamp { .. } => "clamp",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Round => "round",
            Unary::Not => "not",
        }
    }

    /// True where the operation takes elements of `dtype`: floats take all but `Not`; integers `Affine`, `Neg` (i64), `Abs`,
    /// `Sign`, `Square`, `Clamp`; bool `Not`.
    pub const fn takes(self, dtype: crate::DType) -> bool {
        use crate::DType::*;
        match dtype {
            F32 | F64 | F16 | BF16 => !matches!(self, Unary::Not),
            Bool => matches!(self, Unary::Not),
            I64 => matches!(
                self,
                Unary::Neg | Unary::Abs | Unary::Sign | Unary::Square | Unary::Clamp { .. } | Unary::Affine { .. }
            ),
            U32 => {
                matches!(self, Unary::Abs | Unary::Sign | Unary::Square | Unary::Clamp { .. } | Unary::Affine { .. })
            }
        }
    }
}

/// √(2/π), of [`Unary::GeluTanh`].
pub const GELU_SLOPE: f64 = 0.797_884_560_802_865_4;
/// The factor of x³ in [`Unary::GeluTanh`].
pub const GELU_CUBIC: f64 = 0.044715;

/// A function of two elements of one dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// a + b; integers wrap.
    Add,
    /// a − b; integers wrap.
    Sub,
    /// a · b; integers wrap.
    Mul,
    /// a / b; integers round towards zero, by zero they give 0.
    Div,
    /// aᵇ (floats).
    Pow,
    /// The larger; NaN if either is.
    Maximum,
    /// The smaller; NaN if either is.
    Minimum,
    /// Both (bool).
    And,
    /// Either (bool).
    Or,
    /// One but not both (bool).
    Xor,
}

impl Binary {
    /// Every operation.
    pub const ALL: [Binary; 10] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
        Binary::Maximum,
        Binary::Minimum,
        Binary::And,
        Binary::Or,
        Binary::Xor,
    ];

    /// The operation's name.
    pub const fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Sub => "sub",
            Binary::Mul => "mul",
            Binary::Div => "div",
            Binary::Pow => "pow",
            Binary::Maximum => "maximum",
            Binary::Minimum => "minimum",
            Binary::And => "logical_and",
            Binary::Or => "logical_or",
            Binary::Xor => "logical_xor",
        }
    }

    /// True where the operation takes elements of `dtype`: bool the logical three, integers all others but `Pow`, floats all others.
    pub const fn takes(self, dtype: crate::DType) -> bool {
        let logical = matches!(self, Binary::And | Binary::Or | Binary::Xor);
        match dtype {
            crate::DType::Bool => logical,
            crate::DType::U32 | crate::DType::I64 => !logical && !matches!(self, Binary::Pow),
            _ => !logical,
        }
    }
}

/// A comparison of two elements of one dtype; the answer is bool. Comparisons with NaN are false, `Ne` true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// a = b
    Eq,
    /// a ≠ b
    Ne,
    /// a < b
    Lt,
    /// a ≤ b
    Le,
    /// a > b
    Gt,
    /// a ≥ b
    Ge,
}

impl Compare {
    /// Every comparison.
    pub const ALL: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];

    /// The comparison's name.
    pub const fn name(self) -> &'static str {
        match self {
            Compare::Eq => "eq",
            Compare::Ne => "ne",
            Compare::Lt => "lt",
            Compare::Le => "le",
            Compare::Gt => "gt",
            Compare::Ge => "ge",
        }
    }
}

/// A reduction of many elements to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduce {
    /// The sum; 0 of nothing. For bool: any.
    Sum,
    /// The sum of squares; 0 of nothing.
    SumSquares,
    /// The product; 1 of nothing. For bool: all.
    Prod,
    /// The largest; NaN if any is; nothing to reduce is the caller's mistake.
    Max,
    /// The smallest; NaN if any is.
    Min,
    /// Where the largest stands (u32); of equals the first, of NaNs the first.
    ArgMax,
    /// Where the smallest stands (u32); of equals the first, of NaNs the first.
    ArgMin,
}

impl Reduce {
    /// Every reduction.
    pub const ALL: [Reduce; 7] =
        [Reduce::Sum, Reduce::SumSquares, Reduce::Prod, Reduce::Max, Reduce::Min, Reduce::ArgMax, Reduce::ArgMin];

    /// The reduction's name.
    pub const fn name(self) -> &'static str {
        match self {
            Reduce::Sum => "sum",
            Reduce::SumSquares => "sum_squares",
            Reduce::Prod => "prod",
            Reduce::Max => "max",
            Reduce::Min => "min",
            Reduce::ArgMax => "argmax",
            Reduce::ArgMin => "argmin",
        }
    }

    /// True where the reduction of nothing has a value.
    pub const fn has_identity(self) -> bool {
        matches!(self, Reduce::Sum | Reduce::SumSquares | Reduce::Prod)
    }

    /// The dtype of the result.
    pub const fn output(self, dtype: crate::DType) -> crate::DType {
        match self {
            Reduce::ArgMax | Reduce::ArgMin => crate::DType::U32,
            _ => dtype,
        }
    }
}

/// What a random element is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform in [low, high); `low` where they are equal.
    Uniform {
        /// Lower bound, included.
        low: f64,
        /// Upper bound, excluded.
        high: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        deviation: f64,
    },
    /// `1 / keep` with probability `keep`, else 0: an inverted dropout mask.
    Dropout {
        /// The probability of a nonzero element.
        keep: f64,
    },
}

/// An optimiser's rule; its constants. What changes from step to step is in the `hyper` tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// `p ← p − lr·g`; with momentum `v ← momentum·v + g`, `p ← p − lr·v` (one state tensor).
    Sgd {
        /// 0 for plain SGD, which keeps no state.
        momentum: f64,
    },
    /// Adam (Kingma, Ba 2015); with `decoupled` decay it is AdamW (Loshchilov, Hutter 2019). State: first and second moment.
    /// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `p ← p − lr·(m/c₁)/(√(v/c₂) + ε)`, where c₁ and c₂ are the bias corrections `1 − βᵗ`.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        epsilon: f64,
        /// Weight decay; added to the gradient as `decay·p`, or with `decoupled` subtracted from `p` as `lr·decay·p`.
        weight_decay: f64,
        /// AdamW's way.
        decoupled: bool,
    },
}

/// Marks a place without a row, in an [update](crate::Tensor::update) and among [padded](crate::Tensor::coalesce_padded) sums of rows.
pub const NO_ROW: u32 = u32::MAX;

impl Update {
    /// How many state tensors of the parameter's shape the rule keeps.
    pub fn states(&self) -> usize {
        match self {
            Update::Sgd { momentum } => (*momentum != 0.0) as usize,
            Update::Adam { .. } => 2,
        }
    }
}
