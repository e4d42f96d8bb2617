//! Matrix products, and the linear layer under softmax and cross-entropy.

use unrolled_tensor::fused::cross_entropy::{merge, weighted_losses};
use unrolled_tensor::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients};
use unrolled_tensor::{DType, Tensor};

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

/// Both phases, slice by slice: partials, merge, gradients. The gradients of the hidden state are added in the order of the slices.
#[track_caller]
fn split(args: &CrossEntropyArgs<'_>, slices: usize, gradients: bool) -> CrossEntropy {
    let words = args.weight.dim(0);
    if slices == 0 || slices > words {
        panic!("linear_cross_entropy: {words} words cannot be cut into {slices} slices");
    }
    let cuts: Vec<usize> = (0..=slices).map(|s| s * words / slices).collect();
    let part = |x: &Tensor, s: usize| x.narrow(0, cuts[s], cuts[s + 1] - cuts[s]);
    let parts: Vec<(Tensor, Tensor)> = (0..slices).map(|s| (part(args.weight, s), part(args.bias, s))).collect();
    let slice =
        |s: usize| CrossEntropyArgs { weight: &parts[s].0, bias: &parts[s].1, offset: args.offset + cuts[s], ..*args };
    let partials: Vec<_> = (0..slices).map(|s| Tensor::linear_cross_entropy_partials(&slice(s))).collect();
    let (log_sum, target) = merge(&partials);
    let losses = weighted_losses(&log_sum, &target, args.row_weights);
    let made = gradients.then(|| {
        let made: Vec<_> = (0..slices).map(|s| Tensor::linear_cross_entropy_gradients(&slice(s), &log_sum)).collect();
        let join =
            |of: fn(&CrossEntropyGradients) -> &Tensor| Tensor::concat(&made.iter().map(of).collect::<Vec<_>>(), 0);
        let mut hidden = made[0].hidden.clone();
        made[1..].iter().for_each(|m| hidden.accumulate(&m.hidden, 1.0));
        CrossEntropyGradients { hidden, weight: join(|m| &m.weight), bias: join(|m| &m.bias) }
    });
    CrossEntropy { losses, gradients: made }
}
