//! The operation table: every differentiable operation, what its rule needs, and its rule.

use std::fmt;
use std::sync::Arc;

use smallvec::smallvec;
use unrolled_tensor::ops::{Binary, Unary};
use unrolled_tensor::{Dims, Tensor};

use crate::Var;
use crate::function::Function;
use crate::rules::{self, Answers, Context};

/// A differentiable operation with its constants. A closed set, plus [`Op::Custom`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Op {
    /// A variable that gradients are asked for; nothing comes before it.
    Leaf,
    /// A function of one element.
    Unary(Unary),
    /// A function of two elements, broadcast.
    Binary(Binary),
    /// One of two operands by a condition (bool).
    Select(Arc<Tensor>),
    /// Another dtype.
    Cast,
    /// The sum over axes (ascending), which are kept with length 1 or not.
    Sum {
        /// The axes.
        axes: Dims,
        /// Whether they are kept.
        keep: bool,
    },
    /// The product over axes.
    Prod {
        /// The axes.
        axes: Dims,
        /// Whether they are kept.
        keep: bool,
    },
    /// The largest (or smallest) over axes; equals share the gradient.
    Extreme {
        /// The axes.
        axes: Dims,
        /// Whether they are kept.
        keep: bool,
    },
    /// Running sums along an axis.
    CumulativeSum(usize),
    /// Softmax along an axis.
    Softmax(usize),
    /// Logarithm of the softmax along an axis.
    LogSoftmax(usize),
    /// Matrix product of the last two axes, leading axes broadcast.
    Matmul,
    /// Another shape of the same elements.
    Reshape,
    /// The axes in another order.
    Permute(Dims),
    /// Part of an axis.
    Narrow {
        /// The axis.
        axis: usize,
        /// Its first index.
        start: usize,
    },
    /// Every n-th index of an axis.
    StepBy {
        /// The axis.
        axis: usize,
        /// n
        step: usize,
    },
    /// Sliding windows along an axis.
    Unfold {
        /// The axis.
        axis: usize,
        /// From one window to the next.
        step: usize,
    },
    /// An axis in the opposite order.
    Flip(usize),
    /// Repeated by NumPy's rules.
    BroadcastTo,
    /// Operands one after another along an axis.
    Concat {
        /// The axis.
        axis: usize,
        /// The length of each operand along it.
        lengths: Dims,
    },
    /// Elements at an index along an axis.
    Gather {
        /// The axis.
        axis: usize,
        /// u32, the shape of the result
        index: Arc<Tensor>,
    },
    /// The first operand with the second added at an index along an axis.
    ScatterAdd {
        /// The axis.
        axis: usize,
        /// u32, the shape of the second operand
        index: Arc<Tensor>,
    },
    /// Rows of a table `[V, D]`; the gradient is sparse ([`crate::Gradient::Rows`]).
    Embedding(
        /// u32 `[n]`
        Arc<Tensor>,
    ),
    /// One LSTM layer over a range of time steps.
    Lstm {
        /// u32 `[B]`
        lengths: Option<Arc<Tensor>>,
        /// Where the range begins.
        start: usize,
    },
    /// The sum of the losses of a linear layer under softmax and cross-entropy.
    LinearCrossEntropy,
    /// A user's own function.
    Custom(Arc<dyn Function>),
}

/// Which values a rule asks for.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    inputs: u32,
    pub outputs: bool,
}

impl Needs {
    pub const NOTHING: Needs = Needs { inputs: 0, outputs: false };
    pub const OUTPUT: Needs = Needs { inputs: 0, outputs: true };
    pub const INPUT: Needs = Needs { inputs: 1, outputs: false };
    const ALL_INPUTS: Needs = Needs { inputs: u32::MAX, outputs: false };
    const ALL: Needs = Needs { inputs: u32::MAX, outputs: true };

    /// Of two operands those that are true here.
    pub const fn pair(first: bool, second: bool) -> Needs {
        Needs { inputs: first as u32 | (second as u32) << 1, outputs: false }
    }

    pub const fn and_output(self, outputs: bool) -> Needs {
        Needs { outputs, ..self }
    }

    pub fn input(self, i: usize) -> bool {
        i >= 32 || self.inputs >> i & 1 == 1
    }
}

/// One list of names for [`Op::NAMES`] and [`Op::name`], so that a new operation cannot be missing in either.
macro_rules! names {
    ($($pattern:pat => $name:literal,)*) => {
        /// The name of every operation but those of [`Unary::ALL`] and [`Binary::ALL`] and the users' own.
        pub const NAMES: &[&str] = &[$($name),*];

        /// The operation's name.
        pub fn name(&self) -> &'static str {
            match self {
                Op::Unary(op) => op.name(),
                Op::Binary(op) => op.name(),
                Op::Custom(function) => function.name(),
                $($pattern => $name,)*
            }
        }
    };
}

impl Op {
    names! {
        Op::Leaf => "leaf",
        Op::Select(_) => "select",
        Op::Cast => "cast",
        Op::Sum { .. } => "sum",
        Op::Prod { .. } => "prod",
        Op::Extreme { .. } => "extreme",
        Op::CumulativeSum(_) => "cumsum",
        Op::Softmax(_) => "softmax",
        Op::LogSoftmax(_) => "log_softmax",
        Op::Matmul => "matmul",
        Op::Reshape => "reshape",
        Op::Permute(_) => "permute",
        Op::Narrow { .. } => "narrow",
        Op::StepBy { .. } => "step_by",
        Op::Unfold { .. } => "unfold",
        Op::Flip(_) => "flip",
        Op::BroadcastTo => "broadcast_to",
        Op::Concat { .. } => "concat",
        Op::Gather { .. } => "gather",
        Op::ScatterAdd { .. } => "scatter_add",
        Op::Embedding(_) => "embedding",
        Op::Lstm { .. } => "lstm_sequence",
        Op::LinearCrossEntropy => "linear_cross_entropy",
    }

    /// What to save, given which inputs are tracked: an operand whose only use is the gradient of an untracked one is not kept.
    pub(crate) fn needs(&self, tracked: impl Fn(usize) -> bool) -> Needs {
        match self {
            Op::Unary(op) => rules::elementwise::unary_needs(*op),
            Op::Binary(op) => rules::elementwise::binary_needs(*op, tracked(0), tracked(1)),
            Op::Matmul => Needs::pair(tracked(1), tracked(0)),
            Op::Prod { .. } => Needs::INPUT,
            Op::Extreme { .. } => Needs::INPUT.and_output(true),
            Op::Softmax(_) | Op::LogSoftmax(_) => Needs::OUTPUT,
            Op::Lstm { .. } => Needs::ALL_INPUTS,
            Op::Custom(_) => Needs::ALL,
            _ => Needs::NOTHING,
        }
    }

    /// The gradients of the inputs, one for each, from those of the outputs.
    pub(crate) fn vjp(&self, context: &Context<'_>, gradients: &[Option<Var>]) -> Answers {
        use rules::{dense, elementwise, indexing, lstm, products, reductions, views};
        if let Op::Lstm { lengths, start } = self {
            return lstm::rule(context, gradients, lengths.as_deref(), *start);
        }
        if let Op::Custom(function) = self {
            return rules::custom(context, &**function, gradients);
        }
        let g = gradients[0].as_ref().expect("a node is visited where a gradient arrived");
        let one = match self {
            Op::Leaf | Op::Lstm { .. } | Op::Custom(_) => unreachable!("dealt with before"),
            Op::Embedding(index) => return smallvec![Some(indexing::embedding(context, index, g))],
            Op::Binary(op) => return dense(elementwise::binary(*op, context, g)),
            Op::Select(condition) => return dense(elementwise::select(condition, context, g)),
            Op::Matmul => return dense(products::matmul(context, g)),
            Op::Concat { axis, lengths } => return dense(views::concat(*axis, lengths, context, g)),
            Op::ScatterAdd { axis, index } => return dense(indexing::scatter_add(*axis, index, context, g)),
            Op::LinearCrossEntropy => return dense(products::linear_cross_entropy(context, g)),
            Op::Unary(op) => return dense([elementwise::unary(*op, context, g)]),
            Op::Cast => g.cast(context.dtype(0)),
            Op::Sum { axes, keep } => reductions::sum(axes, *keep, context, g),
            Op::Prod { axes, keep } => reductions::prod(axes, *keep, context, g),
            Op::Extreme { axes, keep } => reductions::extreme(axes, *keep, context, g),
            Op::CumulativeSum(axis) => reductions::cumulative_sum(*axis, g),
            Op::Softmax(axis) => reductions::softmax(*axis, context, g),
            Op::LogSoftmax(axis) => reductions::log_softmax(*axis, context, g),
            Op::Reshape => g.reshape(context.shape(0)),
            Op::Permute(order) => views::permute(order, g),
            Op::Narrow { axis, start } => views::narrow(*axis, *start, context, g),
            Op::StepBy { axis, step } => views::step_by(*axis, *step, context, g),
            Op::Unfold { axis, step } => views::unfold(*axis, *step, context, g),
            Op::Flip(axis) => g.flip(*axis as isize),
            Op::BroadcastTo => g.sum_to(context.shape(0)),
            Op::Gather { axis, index } => indexing::gather(*axis, index, context, g),
        };
        dense([Some(one)])
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
