//! What is minimised, with PyTorch's meaning of each option.

use unrolled_tensor::{DType, Tensor};

use super::Var;

/// How the losses of several rows (or elements) become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean over what counts; NaN where nothing does, as in PyTorch.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// One loss for each, 0 for those that do not count.
    None,
}

/// What [`cross_entropy`](Var::cross_entropy) can be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropyOptions<'a> {
    /// The weight of each class `[C]`, 1 by default. A weighted mean is divided by the sum of the targets' weights.
    pub class_weights: Option<&'a Tensor>,
    /// ε: the target becomes (1 − ε) of its class and ε/C of every class (Szegedy et al. 2016); 0 by default.
    pub label_smoothing: f64,
    /// Rows with this target do not count; none by default. It need not be a class.
    pub ignore_index: Option<u32>,
    /// How the rows' losses become one; their mean by default.
    pub reduction: Reduction,
}

/// What [`binary_cross_entropy_with_logits`](Var::binary_cross_entropy_with_logits) can be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryCrossEntropyOptions<'a> {
    /// The weight of each element's loss, broadcast; 1 by default.
    pub weight: Option<&'a Tensor>,
    /// The weight of the true part of each loss, broadcast; 1 by default.
    pub pos_weight: Option<&'a Tensor>,
    /// How the elements' losses become one; their mean by default.
    pub reduction: Reduction,
}

impl Reduction {
    /// `losses` as one; a mean over all of them.
    #[track_caller]
    fn apply(self, losses: &Var) -> Var {
        match self {
            Reduction::None => losses.clone(),
            Reduction::Sum => losses.sum(.., false),
            Reduction::Mean => losses.mean(.., false),
        }
    }
}

impl Var {
    /// The cross-entropy of these logits `[N, C]` and `targets` (u32 `[N]`): −w_t ln softmax(logits)_t for target t, w its class's weight. With
    /// smoothing ε it is (1 − ε) of that and ε/C of −Σ_c w_c ln softmax(logits)_c. A mean is divided by Σ w_t over the rows that count.
    ///
    /// Ignored rows get gradients of exactly 0. Where all rows are ignored, a mean is NaN (0/0), as in PyTorch, and its gradients are 0.
    ///
    /// # Panics
    /// Where the shapes are not these, a target that counts is no class, or ε is outside [0, 1].
    ///
    /// ```
    /// use unrolled_autograd::{CrossEntropyOptions, Var};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let device = Device::cpu();
    /// let logits = Var::leaf(Tensor::zeros([2, 4], DType::F64, &device));
    /// let targets = Tensor::from_slice(&[3u32, 0], [2], &device);
    /// let options = CrossEntropyOptions { ignore_index: Some(0), label_smoothing: 0.1, ..Default::default() };
    /// let loss = logits.cross_entropy(&targets, options);
    /// assert!((loss.tensor().item::<f64>() - 4f64.ln()).abs() < 1e-12);
    /// ```
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Tensor, options: CrossEntropyOptions<'_>) -> Var {
        self.check_classes("cross_entropy", targets, options.class_weights);
        let smoothing = options.label_smoothing;
        if !(0.0..=1.0).contains(&smoothing) {
            panic!("cross_entropy: a label smoothing of {smoothing} is outside [0, 1]");
        }
        let logarithms = self.log_softmax(1);
        let rows = Rows::of("cross_entropy", targets, &options, self);
        let mut losses = rows.of_targets(&logarithms);
        if smoothing > 0.0 {
            let of_all = rows.of_all(&logarithms, options.class_weights);
            losses = losses.affine(1.0 - smoothing, 0.0) + of_all.affine(smoothing / self.dim(1) as f64, 0.0);
        }
        rows.reduce(&losses, options.reduction)
    }

    /// −w_t x_t for target t of these log-probabilities `[N, C]`, `targets` u32 `[N]`, w its class's weight (`[C]`, 1 by default): what
    /// [`cross_entropy`](Var::cross_entropy) does after its softmax. Rows whose target is `ignore_index` do not count and get
    /// gradients of exactly 0.
    ///
    /// # Panics
    /// Where the shapes are not these, or a target that counts is no class.
    ///
    /// ```
    /// use unrolled_autograd::{Reduction, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let x = Var::leaf(Tensor::from_slice(&[-1f64, -2.0, -3.0, -4.0], [2, 2], &device));
    /// let targets = Tensor::from_slice(&[0u32, 1], [2], &device);
    /// assert_eq!(x.nll_loss(&targets, None, None, Reduction::Mean).tensor().item::<f64>(), 2.5);
    /// ```
    #[track_caller]
    pub fn nll_loss(
        &self,
        targets: &Tensor,
        class_weights: Option<&Tensor>,
        ignore_index: Option<u32>,
        reduction: Reduction,
    ) -> Var {
        self.check_classes("nll_loss", targets, class_weights);
        let options = CrossEntropyOptions { class_weights, ignore_index, ..Default::default() };
        let rows = Rows::of("nll_loss", targets, &options, self);
        rows.reduce(&rows.of_targets(self), reduction)
    }

    /// (x − target)² of each element.
    ///
    /// # Panics
    /// Where the shapes differ: broadcasting here is nearly always a mistake.
    ///
    /// ```
    /// use unrolled_autograd::{Reduction, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 4.0], [2], &Device::cpu()));
    /// let zero = Var::constant(x.tensor().zeros_like());
    /// assert_eq!(x.mse_loss(&zero, Reduction::Mean).tensor().item::<f64>(), 8.5);
    /// ```
    #[track_caller]
    pub fn mse_loss(&self, target: &Var, reduction: Reduction) -> Var {
        self.check_target("mse_loss", target);
        reduction.apply(&(self - target).square())
    }

    /// −w (p t ln σ(x) + (1 − t) ln(1 − σ(x))) of each element, for a target t from 0 to 1 and p the `pos_weight`, computed without
    /// overflow from the logits x.
    ///
    /// # Panics
    /// Where the shapes differ, or a weight does not broadcast.
    ///
    /// ```
    /// use unrolled_autograd::{BinaryCrossEntropyOptions, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let x = Var::leaf(Tensor::from_slice(&[0f64, -800.0], [2], &device));
    /// let t = Var::constant(Tensor::from_slice(&[1f64, 0.0], [2], &device));
    /// let loss = x.binary_cross_entropy_with_logits(&t, BinaryCrossEntropyOptions::default());
    /// assert!((loss.tensor().item::<f64>() - 2f64.ln() / 2.0).abs() < 1e-12);
    /// ```
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(&self, target: &Var, options: BinaryCrossEntropyOptions<'_>) -> Var {
        self.check_target("binary_cross_entropy_with_logits", target);
        // Both parts are at least 0, so nothing cancels: of −40 and a target of 0 remains e⁻⁴⁰.
        let mut positive = target * &(-self).softplus();
        if let Some(weight) = options.pos_weight {
            positive *= Var::constant(weight.clone());
        }
        let mut losses = positive + (1.0 - target) * self.softplus();
        if let Some(weight) = options.weight {
            losses *= Var::constant(weight.clone());
        }
        options.reduction.apply(&losses)
    }

    /// t (ln t − x) of each element of these log-probabilities x and a target distribution t: the Kullback–Leibler divergence, by parts. A
    /// target of 0 gives 0. As in PyTorch a mean is over all elements; the divergence of N rows is the sum divided by N.
    ///
    /// # Panics
    /// Where the shapes differ.
    ///
    /// ```
    /// use unrolled_autograd::{Reduction, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let x = Var::leaf(Tensor::from_slice(&[0.5f64.ln(), 0.5f64.ln()], [2], &device));
    /// let t = Var::constant(Tensor::from_slice(&[1f64, 0.0], [2], &device));
    /// let loss = x.kl_div(&t, Reduction::Sum);
    /// assert!((loss.tensor().item::<f64>() - 2f64.ln()).abs() < 1e-12);
    /// ```
    #[track_caller]
    pub fn kl_div(&self, target: &Var, reduction: Reduction) -> Var {
        self.check_target("kl_div", target);
        let positive = target.tensor().gt(&target.tensor().zeros_like());
        let constant = |value: &Tensor| Var::constant(value.clone());
        let (zero, one) = (constant(&target.tensor().zeros_like()), constant(&target.tensor().ones_like()));
        let safe = Var::select(&positive, target, &one);
        let entropy = Var::select(&positive, &(target * &safe.log()), &zero);
        reduction.apply(&(entropy - target * self))
    }

    #[track_caller]
    fn check_target(&self, operation: &str, target: &Var) {
        if self.shape() != target.shape() {
            panic!("{operation}: input of shape {:?} and target of shape {:?} differ", self.shape(), target.shape());
        }
    }

    #[track_caller]
    fn check_classes(&self, operation: &str, targets: &Tensor, weights: Option<&Tensor>) {
        if self.rank() != 2 || targets.shape() != &self.shape()[..1] || targets.dtype() != DType::U32 {
            panic!(
                "{operation}: input of shape {:?} with {} targets of shape {:?}, not [N, C] and u32 [N]",
                self.shape(),
                targets.dtype(),
                targets.shape()
            );
        }
        if let Some(weights) = weights
            && (weights.shape() != &self.shape()[1..] || weights.dtype() != self.dtype())
        {
            panic!(
                "{operation}: {} class weights of shape {:?} for {} of shape {:?}",
                weights.dtype(),
                weights.shape(),
                self.dtype(),
                self.shape()
            );
        }
    }
}

/// Which rows count, where their targets are, and how much each weighs.
struct Rows {
    /// bool `[N]`
    counts: Tensor,
    /// u32 `[N]`; class 0 for rows that do not count, whose target may be no class.
    index: Tensor,
    /// `[N]`, 0 for rows that do not count
    weights: Tensor,
}

impl Rows {
    #[track_caller]
    fn of(operation: &str, targets: &Tensor, options: &CrossEntropyOptions<'_>, input: &Var) -> Rows {
        let counts = match options.ignore_index {
            Some(ignored) => targets.ne(&Tensor::scalar(ignored, targets.device())),
            None => Tensor::ones(targets.shape(), DType::Bool, targets.device()),
        };
        let index = counts.select(targets, &targets.zeros_like());
        index.check_ids(operation, input.dim(1), &"classes");
        let weights = match options.class_weights {
            Some(weights) => counts.select(&weights.index_select(0, &index), &weights.index(0, 0).zeros_like()),
            None => counts.cast(input.dtype()),
        };
        Rows { counts, index, weights }
    }

    /// −w_t x_t of each row.
    #[track_caller]
    fn of_targets(&self, logarithms: &Var) -> Var {
        let chosen = logarithms.gather(1, &self.index.unsqueeze(1)).squeeze(1);
        self.where_counted(&(-chosen * Var::constant(self.weights.clone())))
    }

    /// −Σ_c w_c x_c of each row.
    #[track_caller]
    fn of_all(&self, logarithms: &Var, class_weights: Option<&Tensor>) -> Var {
        let sum = match class_weights {
            Some(weights) => logarithms.mul(&Var::constant(weights.clone())).sum(1, false),
            None => logarithms.sum(1, false),
        };
        self.where_counted(&-sum)
    }

    /// Exactly 0, in value and gradient, where a row does not count.
    #[track_caller]
    fn where_counted(&self, losses: &Var) -> Var {
        Var::select(&self.counts, losses, &Var::constant(losses.tensor().zeros_like()))
    }

    #[track_caller]
    fn reduce(&self, losses: &Var, reduction: Reduction) -> Var {
        match reduction {
            Reduction::Mean => losses.wide(|losses| {
                let weight = self.weights.cast(losses.dtype()).sum(.., false);
                losses.sum(.., false) / Var::constant(weight)
            }),
            other => other.apply(losses),
        }
    }
}
