//! The tracked tensor and its operations.

use std::fmt;
use std::sync::Arc;

use smallvec::smallvec;
use unrolled_tensor::ops::{Binary, Reduce, Unary};
use unrolled_tensor::{Axes, DType, Device, Dims, Tensor};

use crate::graph::{Edge, Extra, Node, Saved, record_one};
use crate::ops::Op;

/// A tensor that remembers where it came from, if that matters for a gradient.
///
/// A [`leaf`](Var::leaf) is what gradients are asked for; a [`constant`](Var::constant) is not tracked; anything computed from a leaf is. Clones
/// share the node. Graphs are `Send + Sync`: nothing about them belongs to a thread.
#[derive(Clone)]
pub struct Var {
    value: Tensor,
    edge: Option<Edge>,
}

impl Var {
    /// A variable that gradients are asked for.
    ///
    /// # Panics
    /// Where the dtype is not a float.
    #[track_caller]
    pub fn leaf(value: Tensor) -> Var {
        if !value.dtype().is_float() {
            panic!("leaf: {} has no gradients", value.dtype());
        }
        let saved = Saved { inputs: smallvec![], output: None, extra: Extra::None };
        let node = Node::new(Op::Leaf, smallvec![(Dims::from(value.shape()), value.dtype())], saved);
        Var { value, edge: Some(Edge { node, slot: 0 }) }
    }

    /// A variable that is not tracked.
    pub fn constant(value: Tensor) -> Var {
        Var { value, edge: None }
    }

    pub(crate) fn of(value: Tensor, edge: Option<Edge>) -> Var {
        Var { value, edge }
    }

    /// The same value, not tracked: no gradient passes here.
    pub fn detach(&self) -> Var {
        Var::constant(self.value.clone())
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.value
    }

    /// The value, without its graph.
    pub fn into_tensor(self) -> Tensor {
        self.value
    }

    /// The value of a leaf, for an update in place; see [`Tensor::storage_mut`]: whoever else still needs the old value keeps it.
    ///
    /// # Panics
    /// Where this is not a leaf.
    #[track_caller]
    pub fn value_mut(&mut self) -> &mut Tensor {
        if !self.is_leaf() {
            panic!("value_mut: only a leaf may change; this comes from `{}`", self.operation());
        }
        &mut self.value
    }

    /// Whether gradients pass through this.
    pub fn is_tracked(&self) -> bool {
        self.edge.is_some()
    }

    /// Whether this is a leaf.
    pub fn is_leaf(&self) -> bool {
        matches!(&self.edge, Some(edge) if matches!(edge.node.op, Op::Leaf))
    }

    /// The name of the operation that made this; `constant` where it is not tracked.
    pub fn operation(&self) -> &'static str {
        self.edge.as_ref().map_or("constant", |edge| edge.node.op.name())
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        self.edge.as_ref()
    }

    pub(crate) fn key(&self) -> Option<(u64, usize)> {
        self.edge.as_ref().map(|edge| (edge.node.id, edge.slot))
    }

    /// Whether both are the same output of the same node.
    pub fn same(&self, other: &Var) -> bool {
        matches!((&self.edge, &other.edge), (Some(a), Some(b)) if Arc::ptr_eq(&a.node, &b.node) && a.slot == b.slot)
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The length of `axis`; a negative one counts from the end.
    #[track_caller]
    pub fn dim(&self, axis: isize) -> usize {
        self.value.dim(axis)
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.value.dtype()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.value.device()
    }

    fn axis(&self, operation: &str, axis: isize) -> usize {
        axis.of(operation, self.shape())[0]
    }
}

/// The value; `*` before it where it is tracked.
impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var<{}> {:?}", self.operation(), self.value)
    }
}

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

    /// `self` where `condition` (bool) is true, else `other`; broadcast. The gradient goes where the value came from.
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

    // ---- reductions ----

    /// The sum over `axes`. Gradient: g for each element.
    #[track_caller]
    pub fn sum(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("sum", self.shape());
        let value = self.value.sum(&signed(&axes)[..], keep);
        record_one(Op::Sum { axes, keep }, &[self], value)
    }

    /// The mean over `axes`.
    #[track_caller]
    pub fn mean(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("mean", self.shape());
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        self.sum(&signed(&axes)[..], keep).affine(1.0 / count as f64, 0.0)
    }

    /// The variance over `axes`: Σ (x − mean)² / (n − `correction`). PyTorch's default is a correction of 1.
    #[track_caller]
    pub fn var(&self, axes: impl Axes, correction: usize, keep: bool) -> Var {
        let axes = axes.of("var", self.shape());
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        let centred = self - &self.mean(&signed(&axes)[..], true);
        centred.square().sum(&signed(&axes)[..], keep).affine(1.0 / (count as f64 - correction as f64), 0.0)
    }

    /// The largest over `axes`; equals share the gradient evenly.
    #[track_caller]
    pub fn max(&self, axes: impl Axes, keep: bool) -> Var {
        self.extreme(Reduce::Max, axes.of("max", self.shape()), keep)
    }

    /// The smallest over `axes`; equals share the gradient evenly.
    #[track_caller]
    pub fn min(&self, axes: impl Axes, keep: bool) -> Var {
        self.extreme(Reduce::Min, axes.of("min", self.shape()), keep)
    }

    #[track_caller]
    fn extreme(&self, op: Reduce, axes: Dims, keep: bool) -> Var {
        let value = self.value.reduce(op, &signed(&axes)[..], keep);
        record_one(Op::Extreme { axes, keep }, &[self], value)
    }

    /// Running sums along `axis`. Gradient: running sums of g from the other end.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Var {
        let at = self.axis("cumsum", axis);
        record_one(Op::CumulativeSum(at), &[self], self.value.cumsum(axis))
    }

    /// Softmax p along `axis`. Gradient: p (g − Σ g p).
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Var {
        let at = self.axis("softmax", axis);
        record_one(Op::Softmax(at), &[self], self.value.softmax(axis))
    }

    /// The logarithm of the softmax p along `axis`. Gradient: g − p Σ g.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Var {
        let at = self.axis("log_softmax", axis);
        record_one(Op::LogSoftmax(at), &[self], self.value.log_softmax(axis))
    }

    /// ln Σ eˣ over `axis`, without overflow.
    #[track_caller]
    pub fn logsumexp(&self, axis: isize, keep: bool) -> Var {
        // Subtracting a constant leaves value and gradient unchanged, so the largest need not be differentiated.
        let max = Var::constant(self.value.max(axis, true));
        let sum = (self - &max).exp().sum(axis, true).log() + &max;
        if keep { sum } else { sum.squeeze(axis) }
    }

    /// The sum over the axes that broadcasting to this shape would repeat: the transpose of `broadcast_to`.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Var {
        if self.shape() == shape {
            return self.clone();
        }
        let lead = self.rank() - shape.len();
        let axes: Vec<isize> =
            (0..self.rank()).filter(|&a| a < lead || shape[a - lead] != self.shape()[a]).map(|a| a as isize).collect();
        self.sum(&axes[..], true).reshape(shape)
    }

    // ---- products ----

    /// The matrix product `[.., m, k]` × `[.., k, n]`; leading axes broadcast; a vector counts as a row on the left, a column on the right.
    /// Gradients: g bᵀ, aᵀ g.
    #[track_caller]
    pub fn matmul(&self, other: &Var) -> Var {
        if self.rank() == 1 {
            return self.unsqueeze(0).matmul(other).squeeze(if other.rank() == 1 { -1 } else { -2 });
        }
        if other.rank() == 1 {
            return self.matmul(&other.unsqueeze(1)).squeeze(-1);
        }
        record_one(Op::Matmul, &[self, other], self.value.matmul(&other.value))
    }

    /// `x Wᵀ + b`: `[.., i]` with `weight` `[o, i]` and `bias` `[o]` → `[.., o]`.
    #[track_caller]
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Var {
        let rows = self.reshape([unrolled_tensor::INFER, self.dim(-1)]).matmul(&weight.t());
        let rows = bias.map_or(rows.clone(), |bias| &rows + bias);
        let mut shape = Dims::from(self.shape());
        shape[self.rank() - 1] = weight.dim(0);
        rows.reshape(&shape)
    }

    // ---- views ----

    /// The same elements under another shape; one length may be [`INFER`](unrolled_tensor::INFER).
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Var {
        record_one(Op::Reshape, &[self], self.value.reshape(shape))
    }

    /// The axes in another order.
    #[track_caller]
    pub fn permute(&self, order: impl AsRef<[isize]>) -> Var {
        let axes: Dims = order.as_ref().iter().map(|&axis| self.axis("permute", axis)).collect();
        record_one(Op::Permute(axes), &[self], self.value.permute(order))
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Var {
        let (a, b) = (self.axis("transpose", a), self.axis("transpose", b));
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        order.swap(a, b);
        self.permute(order)
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn t(&self) -> Var {
        self.transpose(-2, -1)
    }

    /// `len` indices of `axis` from `start` on.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Var {
        let at = self.axis("narrow", axis);
        record_one(Op::Narrow { axis: at, start }, &[self], self.value.narrow(axis, start, len))
    }

    /// Index `index` of `axis`; the axis goes away.
    #[track_caller]
    pub fn index(&self, axis: isize, index: usize) -> Var {
        self.narrow(axis, index, 1).squeeze(axis)
    }

    /// Every `step`-th index of `axis`.
    #[track_caller]
    pub fn step_by(&self, axis: isize, step: usize) -> Var {
        let at = self.axis("step_by", axis);
        record_one(Op::StepBy { axis: at, step }, &[self], self.value.step_by(axis, step))
    }

    /// The axis in the opposite order.
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Var {
        record_one(Op::Flip(self.axis("flip", axis)), &[self], self.value.flip(axis))
    }

    /// A new axis of length 1 before `axis`; −1 puts it last.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Var {
        self.reshape(self.value.unsqueeze(axis).shape())
    }

    /// Without `axis`, whose length is 1.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Var {
        self.reshape(self.value.squeeze(axis).shape())
    }

    /// Repeated by NumPy's rules. Gradient: summed over what was repeated.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Var {
        record_one(Op::BroadcastTo, &[self], self.value.broadcast_to(shape))
    }

    /// Equal parts of `axis`.
    #[track_caller]
    pub fn chunk(&self, parts: usize, axis: isize) -> Vec<Var> {
        let n = self.dim(axis);
        if parts == 0 || n % parts != 0 {
            panic!("chunk: axis {axis} of shape {:?} cannot be cut into {parts} equal parts", self.shape());
        }
        (0..parts).map(|part| self.narrow(axis, part * (n / parts), n / parts)).collect()
    }

    /// `parts` one after another along `axis`.
    #[track_caller]
    pub fn concat(parts: &[&Var], axis: isize) -> Var {
        let values: Vec<&Tensor> = parts.iter().map(|part| &part.value).collect();
        let value = Tensor::concat(&values, axis);
        record_one(Op::Concat(parts[0].axis("concat", axis)), parts, value)
    }

    /// `parts` of one shape along a new axis.
    #[track_caller]
    pub fn stack(parts: &[&Var], axis: isize) -> Var {
        let parts: Vec<Var> = parts.iter().map(|part| part.unsqueeze(axis)).collect();
        Var::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }

    // ---- indexed ----

    /// `out[.., i, ..] = x[.., index[.., i, ..], ..]` along `axis`. Gradient: added at the index.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor) -> Var {
        let op = Op::Gather { axis: self.axis("gather", axis), index: index.clone() };
        record_one(op, &[self], self.value.gather(axis, index))
    }

    /// This with `source` added at `index` along `axis`. Gradients: g, and g gathered at the index.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor, source: &Var) -> Var {
        let op = Op::ScatterAdd { axis: self.axis("scatter_add", axis), index: index.clone() };
        record_one(op, &[self, source], self.value.scatter_add(axis, index, &source.value))
    }

    /// Rows of this table `[V, D]` for ids (u32, any shape) → `[.., D]`. The gradient is sparse: [`crate::Gradient::Rows`].
    #[track_caller]
    pub fn embedding(&self, ids: &Tensor) -> Var {
        if self.rank() != 2 || ids.dtype() != DType::U32 {
            panic!("embedding: table of shape {:?} with {} ids", self.shape(), ids.dtype());
        }
        let flat = ids.flatten();
        let rows = record_one(Op::Embedding(flat.clone()), &[self], self.value.index_select(0, &flat));
        let mut shape = Dims::from(ids.shape());
        shape.push(self.dim(1));
        rows.reshape(&shape)
    }

    /// The `k` largest along `axis`, descending, and where they stood (u32). Gradient: to those elements.
    #[track_caller]
    pub fn top_k(&self, k: usize, axis: isize) -> (Var, Tensor) {
        let (_, places) = self.value.top_k(k, axis);
        (self.gather(axis, &places), places)
    }
}

/// Axes as the tensor crate takes them.
pub(crate) fn signed(axes: &[usize]) -> Vec<isize> {
    axes.iter().map(|&axis| axis as isize).collect()
}
