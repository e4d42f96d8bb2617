//! Matrix products, and the linear layer under softmax and cross-entropy.

use std::ops::Range;

use unrolled_tensor::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, KeptRows, merge_partials};
use unrolled_tensor::{DType, SUM_BLOCK, Tensor};

use super::Context;
use crate::Var;
use crate::graph::{Extra, record};
use crate::ops::Op;

pub(crate) fn matmul(context: &Context<'_>, g: &Var) -> [Option<Var>; 2] {
    [context.reduced(0, || g.matmul(&context.input(1).t())), context.reduced(1, || context.input(0).t().matmul(g))]
}

/// Gradients that the forward pass has made, times the gradient that arrived. That of a loss itself is 1, and they are moved as they are: the weight's is
/// the largest gradient of a step.
pub(crate) fn linear_cross_entropy(context: &Context<'_>, g: &Var) -> [Option<Var>; 3] {
    if context.tracked {
        panic!(
            "linear_cross_entropy has no second derivative; write it as `hidden.linear(weight, bias).log_softmax(-1)` \
             and a gather where one is needed"
        );
    }
    let Extra::CrossEntropy(made) = &context.saved.extra else { unreachable!("recorded with its gradients") };
    let times = |i: usize, made: &Tensor| {
        let gradient = || if context.unit { made.clone() } else { made.mul(g.tensor()) };
        context.wants(i).then(|| Var::constant(gradient()))
    };
    [times(0, &made.hidden), times(1, &made.weight), times(2, &made.bias)]
}

impl Var {
    /// Σ_n w_n (ln Σ_v e^{z_nv} − z_{n,target}) with logits z = h Wᵀ + b, as one operation that never holds all logits: `self` is the
    /// hidden state `[N, H]`, `weight` `[V, H]`, `bias` `[V]`, `targets` u32 `[N]`, `row_weights` `[N]` (0 for padding, whose
    /// gradients are exactly 0). The answer has one element; of f16 and bf16 it is computed in f32, and is f32. First derivatives only.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let zeros = |shape: &[usize]| Var::leaf(Tensor::zeros(shape, DType::F64, &Device::cpu()));
    /// let (hidden, weight, bias) = (zeros(&[2, 3]), zeros(&[5, 3]), zeros(&[5]));
    /// let targets = Tensor::from_slice(&[4u32, 0], [2], &Device::cpu());
    /// let counted = Tensor::from_slice(&[1f64, 0.0], [2], &Device::cpu());
    /// let loss = hidden.linear_cross_entropy(&weight, &bias, &targets, &counted);
    /// assert_eq!(format!("{:.4}", loss.tensor()), "1.6094"); // ln 5: of five equal words one is right
    /// ```
    ///
    /// # Panics
    /// Where the shapes do not fit, or a target is outside the vocabulary.
    #[track_caller]
    pub fn linear_cross_entropy(&self, weight: &Var, bias: &Var, targets: &Tensor, row_weights: &Tensor) -> Var {
        self.linear_cross_entropy_split(weight, bias, targets, row_weights, 1)
    }

    /// [`linear_cross_entropy`](Var::linear_cross_entropy) with the vocabulary in `slices` parts of nearly equal size, as several devices would
    /// share it: the number of slices belongs to the model, so that one device and several compute the same bits.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let zeros = |shape: &[usize]| Var::leaf(Tensor::zeros(shape, DType::F64, &Device::cpu()));
    /// let (hidden, weight, bias) = (zeros(&[2, 3]), zeros(&[5, 3]), zeros(&[5]));
    /// let targets = Tensor::from_slice(&[4u32, 0], [2], &Device::cpu());
    /// let counted = Tensor::from_slice(&[1f64, 0.0], [2], &Device::cpu());
    /// let loss = hidden.linear_cross_entropy_split(&weight, &bias, &targets, &counted, 2);
    /// assert_eq!(format!("{:.4}", loss.tensor()), "1.6094"); // ln 5: of five equal words one is right
    /// ```
    ///
    /// # Panics
    /// As above, or where there are no slices or more than words.
    #[track_caller]
    pub fn linear_cross_entropy_split(
        &self,
        weight: &Var,
        bias: &Var,
        targets: &Tensor,
        row_weights: &Tensor,
        slices: usize,
    ) -> Var {
        let args = CrossEntropyArgs {
            hidden: self.tensor(),
            weight: weight.tensor(),
            bias: bias.tensor(),
            targets,
            row_weights,
            offset: 0,
        };
        if matches!(self.dtype(), DType::F16 | DType::BF16) {
            args.sizes();
            let [hidden, weight, bias] = [self, weight, bias].map(|x| x.cast(DType::F32));
            let row_weights = row_weights.cast(DType::F32);
            return hidden.linear_cross_entropy_split(&weight, &bias, targets, &row_weights, slices);
        }
        let inputs = [self, weight, bias];
        let tracked = crate::is_recording() && inputs.iter().any(|input| input.is_tracked());
        let made =
            if slices == 1 { Tensor::linear_cross_entropy(&args, tracked) } else { split(&args, slices, tracked) };
        let loss = made.losses.sum(.., false);
        let extra = made.gradients.map_or(Extra::None, |gradients| Extra::CrossEntropy(gradients.into()));
        record(Op::LinearCrossEntropy, &inputs, vec![loss], extra).remove(0)
    }
}

/// Rows whose logits are held at a time; a multiple of the sums' block, so that it shows in no bit.
const ROWS: usize = 2 * SUM_BLOCK;

/// Some rows at a time, slice by slice: partials, merge, gradients. The gradients of the hidden state are added in the order of the slices. An executor
/// with a slice on each device does the same, in the same order.
#[track_caller]
fn split(args: &CrossEntropyArgs<'_>, slices: usize, gradients: bool) -> CrossEntropy {
    let words = args.weight.dim(0);
    if slices == 0 || slices > words {
        panic!("linear_cross_entropy: {words} words cannot be cut into {slices} slices");
    }
    let mut offset = 0;
    let slices: Vec<Slice> =
        (0..slices).map(|s| Slice::cut(args, &mut offset, words / slices + usize::from(s < words % slices))).collect();
    let live: Vec<bool> = args.row_weights.to_f64_vec().iter().map(|&weight| weight != 0.0).collect();
    let ignored = args.row_weights.eq(&args.row_weights.zeros_like());
    ignored.select(&args.targets.zeros_like(), args.targets).check_ids("linear_cross_entropy", words, &"words");
    let mut made = Pieces { weights: vec![None; slices.len()], ..Pieces::default() };
    for piece in pieces(&live) {
        made.add(args, &slices, &live, piece, gradients);
    }
    made.finish(gradients)
}

/// Rows, cut behind every [`ROWS`] that count; at least one piece.
fn pieces(live: &[bool]) -> Vec<Range<usize>> {
    let (mut pieces, mut first, mut count) = (Vec::new(), 0, 0);
    for (row, &live) in live.iter().enumerate() {
        if live && count == ROWS {
            pieces.push(first..row);
            (first, count) = (row, 0);
        }
        count += usize::from(live);
    }
    pieces.push(first..live.len());
    pieces
}

/// Words in a row of the vocabulary.
struct Slice {
    weight: Tensor,
    bias: Tensor,
    offset: usize,
}

impl Slice {
    fn cut(args: &CrossEntropyArgs<'_>, offset: &mut usize, words: usize) -> Slice {
        let part = |x: &Tensor| x.narrow(0, *offset, words);
        let slice = Slice { weight: part(args.weight), bias: part(args.bias), offset: args.offset + *offset };
        *offset += words;
        slice
    }

    fn args<'a>(&'a self, [hidden, targets, row_weights]: [&'a Tensor; 3]) -> CrossEntropyArgs<'a> {
        CrossEntropyArgs { hidden, weight: &self.weight, bias: &self.bias, targets, row_weights, offset: self.offset }
    }
}

/// What is made of the pieces so far.
#[derive(Default)]
struct Pieces {
    losses: Vec<Tensor>,
    hidden: Vec<Tensor>,
    /// Of each slice: the gradients of weight and bias.
    weights: Vec<Option<(Tensor, Tensor)>>,
}

impl Pieces {
    fn add(
        &mut self,
        args: &CrossEntropyArgs<'_>,
        slices: &[Slice],
        live: &[bool],
        piece: Range<usize>,
        gradients: bool,
    ) {
        let rows = |x: &Tensor| x.narrow(0, piece.start, piece.len());
        let (hidden, targets, row_weights) = (rows(args.hidden), rows(args.targets), rows(args.row_weights));
        let of_rows = [&hidden, &targets, &row_weights];
        let args: Vec<CrossEntropyArgs<'_>> = slices.iter().map(|slice| slice.args(of_rows)).collect();
        if !gradients {
            let partials: Vec<_> = args.iter().map(Tensor::linear_cross_entropy_partials).collect();
            self.losses.push(merge_partials(&partials).losses(&row_weights));
            return;
        }
        let (partials, kept): (Vec<_>, Vec<_>) = args.iter().map(Tensor::linear_cross_entropy_begin).unzip();
        let merged = merge_partials(&partials);
        self.losses.push(merged.losses(&row_weights));
        let counted: Vec<(u32, u32)> =
            piece.clone().filter(|&row| live[row]).map(|row| (0, (row - piece.start) as u32)).collect();
        let mut sum: Option<Tensor> = None;
        for ((args, kept), weights) in args.iter().zip(kept).zip(&mut self.weights) {
            let (part, kept) = Tensor::linear_cross_entropy_hidden(args, kept, &merged);
            match &mut sum {
                None => sum = Some(part),
                Some(sum) => sum.accumulate(&part, 1.0),
            }
            let rows = KeptRows { kept: &kept, hidden: &hidden };
            *weights = Some(Tensor::linear_cross_entropy_weights(&[rows], &counted, weights.take()));
        }
        self.hidden.extend(sum);
    }

    fn finish(self, gradients: bool) -> CrossEntropy {
        let join = |parts: Vec<&Tensor>| Tensor::concat(&parts, 0);
        let made = || {
            let (weights, biases): (Vec<Tensor>, Vec<Tensor>) = self.weights.into_iter().flatten().unzip();
            CrossEntropyGradients {
                hidden: join(self.hidden.iter().collect()),
                weight: join(weights.iter().collect()),
                bias: join(biases.iter().collect()),
            }
        };
        CrossEntropy { losses: join(self.losses.iter().collect()), gradients: gradients.then(made) }
    }
}
