//! Matrix products, and the linear layer under softmax and cross-entropy.

use smallvec::smallvec;
use unrolled_tensor::Tensor;
use unrolled_tensor::fused::CrossEntropyArgs;

use super::Context;
use crate::Var;
use crate::graph::{Extra, record};
use crate::ops::Op;

pub(crate) fn matmul(context: &Context<'_>, g: &Var) -> Vec<Option<Var>> {
    vec![context.reduced(0, || g.matmul(&context.input(1).t())), context.reduced(1, || context.input(0).t().matmul(g))]
}

/// Gradients that the forward pass has made, times the gradient that arrived.
pub(crate) fn linear_cross_entropy(context: &Context<'_>, g: &Var) -> Vec<Option<Var>> {
    if context.tracked {
        panic!(
            "linear_cross_entropy has no second derivative; write it as `hidden.linear(weight, bias).log_softmax(-1)` \
             and a gather where one is needed"
        );
    }
    let Extra::CrossEntropy(made) = &context.saved.extra else { unreachable!("recorded with its gradients") };
    [&made.hidden, &made.weight, &made.bias]
        .into_iter()
        .enumerate()
        .map(|(i, gradient)| context.wants(i).then(|| Var::constant(gradient.mul(g.tensor()))))
        .collect()
}

impl Var {
    /// Σ_n w_n (ln Σ_v e^{z_nv} − z_{n,target}) with logits z = h Wᵀ + b, as one operation that never holds all logits: `self` is the
    /// hidden state `[N, H]`, `weight` `[V, H]`, `bias` `[V]`, `targets` u32 `[N]`, `row_weights` `[N]` (0 for padding, whose
    /// gradients are exactly 0). The answer has one element. First derivatives only.
    ///
    /// # Panics
    /// Where the shapes do not fit, or a target is outside the vocabulary.
    #[track_caller]
    pub fn linear_cross_entropy(&self, weight: &Var, bias: &Var, targets: &Tensor, row_weights: &Tensor) -> Var {
        let args = CrossEntropyArgs {
            hidden: self.tensor(),
            weight: weight.tensor(),
            bias: bias.tensor(),
            targets,
            row_weights,
            offset: 0,
        };
        let inputs = [self, weight, bias];
        let tracked = crate::is_recording() && inputs.iter().any(|input| input.is_tracked());
        let made = Tensor::linear_cross_entropy(&args, tracked);
        let loss = made.losses.sum(.., false);
        let extra = made.gradients.map_or(Extra::None, |gradients| Extra::CrossEntropy(gradients.into()));
        record(Op::LinearCrossEntropy, &inputs, smallvec![loss], extra).remove(0)
    }
}
