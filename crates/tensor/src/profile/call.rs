//! What a call is named, and how many additions and multiplications it takes.

use crate::fused::{CrossEntropyArgs, LinearTopKArgs, LstmArgs, LstmWeightArgs};
use crate::ops::Update;
use crate::{DType, Tensor};

/// A verb with the sizes that it was called with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The operation: a verb of the seam, or which elementwise operation.
    pub verb: &'static str,
    /// Shapes and dtype, for a person to read.
    pub sizes: String,
    /// Additions and multiplications that the matrix products in it cannot do without: rows of padding, work that is done again and
    /// elementwise work do not count. 0 for what is no product.
    pub flops: u64,
}

impl Call {
    /// A call whose work is not counted.
    pub(super) fn of(verb: &'static str, sizes: String) -> Call {
        Call { verb, sizes, flops: 0 }
    }

    /// On one or several tensors.
    pub(super) fn on(verb: &'static str, tensors: &[&Tensor]) -> Call {
        Call::of(verb, shapes(tensors, ", "))
    }

    pub(super) fn elements(verb: &'static str, len: usize, dtype: DType) -> Call {
        Call::of(verb, format!("[{len}] {}", dtype.name()))
    }

    pub(super) fn matmul(a: &Tensor, b: &Tensor) -> Call {
        let flops = 2 * (a.elements() * b.dim(-1)) as u64;
        Call { verb: "matmul", sizes: shapes(&[a, b], " × "), flops }
    }

    /// `passes` times the products of the forward: 1, or 2 for the backward, which multiplies by the weights and by the inputs.
    pub(super) fn lstm(verb: &'static str, args: &LstmArgs<'_>, passes: u64) -> Call {
        let (steps, batch, inputs, hidden) = args.sizes();
        let sizes = format!("T {steps}, B {batch}, I {inputs}, H {hidden} {}", args.input.dtype().name());
        Call { verb, sizes, flops: passes * 8 * lstm_rows(args) * (hidden * (inputs + hidden)) as u64 }
    }

    /// The weight gradients of all steps, padding included.
    pub(super) fn lstm_weights(args: &LstmWeightArgs<'_>) -> Call {
        let (steps, batch, inputs, hidden) = args.sizes();
        let sizes = format!("T {steps}, B {batch}, I {inputs}, H {hidden} {}", args.input.dtype().name());
        let flops = 8 * (steps * batch * hidden * (inputs + hidden)) as u64;
        Call { verb: "lstm_weight_gradients", sizes, flops }
    }

    /// Some rows of `hidden`; how many words there are the call does not say, so its work is not counted.
    pub(super) fn rows(verb: &'static str, rows: usize, hidden: &Tensor) -> Call {
        Call::of(verb, format!("N {rows}, H {} {}", hidden.dim(1), hidden.dtype().name()))
    }

    /// `products` of all rows that count with the whole weight.
    pub(super) fn cross_entropy(verb: &'static str, args: &CrossEntropyArgs<'_>, products: u64) -> Call {
        let (rows, hidden, words) = args.sizes();
        let sizes = format!("N {rows}, H {hidden}, V {words} {}", args.hidden.dtype().name());
        let counted = args.row_weights.to_f64_vec().iter().filter(|&&weight| weight != 0.0).count() as u64;
        Call { verb, sizes, flops: products * 2 * counted * (hidden * words) as u64 }
    }

    pub(super) fn linear_top_k(args: &LinearTopKArgs<'_>) -> Call {
        let (rows, hidden, words) = (args.hidden.dim(0), args.hidden.dim(1), args.weight.dim(0));
        let sizes = format!("N {rows}, H {hidden}, V {words}, k {} {}", args.k, args.hidden.dtype().name());
        Call { verb: "linear_top_k", sizes, flops: 2 * (rows * hidden * words) as u64 }
    }

    pub(super) fn update(rule: &Update, parameter: &Tensor, rows: Option<&Tensor>) -> Call {
        let verb = match rule {
            Update::Sgd { momentum: 0.0 } => "update by sgd",
            Update::Sgd { .. } => "update by momentum",
            Update::Adam { .. } => "update by adam",
        };
        let rows = rows.map_or(String::new(), |rows| format!(", {} rows", rows.elements()));
        Call::of(verb, shapes(&[parameter], "") + &rows)
    }
}

/// Steps of all sequences within this range: what has ended takes no work.
fn lstm_rows(args: &LstmArgs<'_>) -> u64 {
    let (steps, batch, ..) = args.sizes();
    let Some(lengths) = args.lengths else { return (steps * batch) as u64 };
    let within = |length: u32| (length as usize).saturating_sub(args.start).min(steps) as u64;
    lengths.to_vec::<u32>().into_iter().map(within).sum()
}

fn shapes(tensors: &[&Tensor], between: &str) -> String {
    let shapes: Vec<String> = tensors.iter().map(|tensor| format!("{:?}", tensor.shape())).collect();
    let dtype = tensors.first().map_or("", |tensor| tensor.dtype().name());
    format!("{} {dtype}", shapes.join(between))
}
