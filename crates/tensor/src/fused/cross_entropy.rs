//! A linear layer, softmax and cross-entropy as one, over a whole vocabulary or a slice of it.
//!
//! The logits `[N, V]` of a large vocabulary are the largest thing in a translator's step; a backend never needs to hold them whole. In two
//! phases the vocabulary can be split over devices: each slice gives three numbers a row ([`CrossEntropyPartials`]), they merge
//! ([`merge`]), and each slice then makes its own gradients.

use crate::{DType, Result, Tensor};

/// The arguments: `N` rows, `H` features, a slice of `V` words that begins at word `offset`.
///
/// With logits `z = h Wᵀ + b` over the whole vocabulary, the loss of row n is `w_n (ln Σ_v e^{z_nv} − z_{n,target})`.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropyArgs<'a> {
    /// `[N, H]`
    pub hidden: &'a Tensor,
    /// `[V, H]`
    pub weight: &'a Tensor,
    /// `[V]`
    pub bias: &'a Tensor,
    /// u32 `[N]`, counted over the whole vocabulary
    pub targets: &'a Tensor,
    /// The weight of each row's loss, `[N]` of the dtype of `hidden`; 0 for padding, whose gradients are exactly 0.
    pub row_weights: &'a Tensor,
    /// The first word of this slice.
    pub offset: usize,
}

/// What a slice of the vocabulary knows of each row, `[N]` each. Of a row of weight 0, whose loss and gradients are 0 whatever it says, a backend
/// may say 0, 1 and 0 without looking.
#[derive(Clone, Debug)]
pub struct CrossEntropyPartials {
    /// The largest logit of the slice.
    pub max: Tensor,
    /// Σ e^(z − max) over the slice.
    pub sum: Tensor,
    /// The target's logit where the target is in the slice, else 0.
    pub target: Tensor,
}

/// The gradients of the sum of all losses.
#[derive(Clone, Debug)]
pub struct CrossEntropyGradients {
    /// `[N, H]`; of one slice, its share
    pub hidden: Tensor,
    /// `[V, H]`
    pub weight: Tensor,
    /// `[V]`
    pub bias: Tensor,
}

/// Losses of all rows, and their gradients where asked for.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// `[N]`, each times its row's weight
    pub losses: Tensor,
    /// Of the sum of `losses`.
    pub gradients: Option<CrossEntropyGradients>,
}

impl CrossEntropyArgs<'_> {
    /// `(N, H, V)`.
    ///
    /// # Panics
    /// Where the shapes do not fit together.
    #[track_caller]
    pub fn sizes(&self) -> (usize, usize, usize) {
        let (hidden, weight) = (self.hidden.shape(), self.weight.shape());
        if hidden.len() != 2 || weight.len() != 2 || hidden[1] != weight[1] {
            panic!("linear_cross_entropy: hidden {hidden:?} and weight {weight:?} do not fit");
        }
        let (n, h, v) = (hidden[0], hidden[1], weight[0]);
        for (name, tensor, length) in [("bias", self.bias, v), ("row_weights", self.row_weights, n)] {
            self.hidden.check_same("linear_cross_entropy", tensor);
            if tensor.shape() != [length] {
                panic!("linear_cross_entropy: {name} of shape {:?}, not [{length}]", tensor.shape());
            }
        }
        self.hidden.check_same("linear_cross_entropy", self.weight);
        self.hidden.check_float("linear_cross_entropy");
        self.hidden.check_device("linear_cross_entropy", self.targets);
        if self.targets.shape() != [n] || self.targets.dtype() != DType::U32 {
            panic!(
                "linear_cross_entropy: targets are {} of shape {:?}, not u32 [{n}]",
                self.targets.dtype(),
                self.targets.shape()
            );
        }
        (n, h, v)
    }

    /// 1 at each row's target where it is in the slice, `[N, V]`.
    fn one_hot(&self) -> Tensor {
        let (_, _, v) = self.sizes();
        let words = Tensor::arange(v, DType::I64, self.hidden.device()).affine(1.0, self.offset as f64);
        self.targets.cast(DType::I64).unsqueeze(1).eq(&words).cast(self.hidden.dtype())
    }

    fn logits(&self) -> Tensor {
        self.hidden.linear(self.weight, Some(self.bias))
    }
}

/// First phase.
pub fn partials_definition(args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
    let logits = args.logits();
    let max = logits.max(1, false);
    Ok(CrossEntropyPartials {
        sum: (&logits - max.unsqueeze(1)).exp().sum(1, false),
        target: (logits * args.one_hot()).sum(1, false),
        max,
    })
}

/// The slices' partials as `(log_sum, target)`, `[N]` each: ln Σ_v e^{z_v} and the target's logit over the whole vocabulary. The order of the slices
/// is the order of the sums.
pub fn merge(slices: &[CrossEntropyPartials]) -> (Tensor, Tensor) {
    let stack =
        |part: fn(&CrossEntropyPartials) -> &Tensor| Tensor::stack(&slices.iter().map(part).collect::<Vec<_>>(), 0);
    let (maxima, sums) = (stack(|s| &s.max), stack(|s| &s.sum));
    let max = maxima.max(0, false);
    let total = (sums * (maxima - &max).exp()).sum(0, false);
    (max + total.log(), stack(|s| &s.target).sum(0, false))
}

/// Second phase: with p the softmax and y the one-hot target, δz = w (p − y), δh = δz W, δW = δzᵀ h, δb = Σ δz.
pub fn gradients_definition(args: &CrossEntropyArgs<'_>, log_sum: &Tensor) -> Result<CrossEntropyGradients> {
    let dz = logit_gradients(args, &(args.logits() - log_sum.unsqueeze(1)).exp());
    Ok(CrossEntropyGradients {
        hidden: dz.matmul(args.weight),
        weight: dz.t().matmul(args.hidden),
        bias: dz.sum(0, false),
    })
}

/// δz = w (p − y) for the probabilities p of the slice's words, `[N, V]`.
pub(super) fn logit_gradients(args: &CrossEntropyArgs<'_>, p: &Tensor) -> Tensor {
    let weights = args.row_weights.unsqueeze(1);
    // A row of weight 0 gets exactly 0, also where its logits are infinite.
    let ignored = weights.eq(&weights.zeros_like());
    let dz = (p - args.one_hot()) * weights;
    ignored.select(&dz.zeros_like(), &dz)
}

/// Both phases over one slice.
pub fn definition(args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
    let (log_sum, target) = merge(&[partials_definition(args)?]);
    Ok(CrossEntropy {
        losses: weighted_losses(&log_sum, &target, args.row_weights),
        gradients: if gradients { Some(gradients_definition(args, &log_sum)?) } else { None },
    })
}

/// `w (log_sum − target)`, exactly 0 where w is 0.
pub fn weighted_losses(log_sum: &Tensor, target: &Tensor, row_weights: &Tensor) -> Tensor {
    let losses = (log_sum - target) * row_weights;
    row_weights.eq(&row_weights.zeros_like()).select(&losses.zeros_like(), &losses)
}

impl Tensor {
    /// Losses of a linear layer under softmax and cross-entropy, and the gradients of their sum where asked for; see
    /// [`CrossEntropyArgs`]. The slice is the whole vocabulary.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy(args: &CrossEntropyArgs<'_>, gradients: bool) -> CrossEntropy {
        use crate::error::OrRaise;
        args.sizes();
        args.hidden.backend().linear_cross_entropy(args, gradients).or_raise()
    }

    /// First phase over a slice of the vocabulary.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy_partials(args: &CrossEntropyArgs<'_>) -> CrossEntropyPartials {
        use crate::error::OrRaise;
        args.sizes();
        args.hidden.backend().linear_cross_entropy_partials(args).or_raise()
    }

    /// Second phase over a slice, with the merged `log_sum` `[N]`.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy_gradients(args: &CrossEntropyArgs<'_>, log_sum: &Tensor) -> CrossEntropyGradients {
        use crate::error::OrRaise;
        let (n, _, _) = args.sizes();
        args.hidden.check_same("linear_cross_entropy", log_sum);
        if log_sum.shape() != [n] {
            panic!("linear_cross_entropy: log_sum of shape {:?}, not [{n}]", log_sum.shape());
        }
        args.hidden.backend().linear_cross_entropy_gradients(args, log_sum).or_raise()
    }
}
