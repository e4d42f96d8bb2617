//! A linear layer, log-softmax and the k most probable words as one: a step of translating.
//!
//! Of the logits `[N, V]` only k a row and the sum of exponentials are wanted, so a backend never needs to hold them.

use crate::{DType, Result, Tensor};

/// The arguments: `N` rows, `H` features, `V` words.
#[derive(Clone, Copy, Debug)]
pub struct LinearTopKArgs<'a> {
    /// `[N, H]`
    pub hidden: &'a Tensor,
    /// `[V, H]`
    pub weight: &'a Tensor,
    /// `[V]`
    pub bias: &'a Tensor,
    /// How many words of each row, at most V.
    pub k: usize,
    /// A word whose log-probability is wanted whether or not it is among the k, below V.
    pub watched: usize,
}

/// The most probable words of each row.
#[derive(Clone, Debug)]
pub struct LinearTopK {
    /// Log-probabilities `[N, k]`, descending by logit.
    pub values: Tensor,
    /// Which words they are, u32 `[N, k]`; of words with equal logits the first comes first, and NaN counts as larger than any number.
    pub words: Tensor,
    /// The watched word's log-probability `[N]`.
    pub watched: Tensor,
}

/// What a slice of the vocabulary knows of each row.
#[derive(Clone, Debug)]
pub struct LinearTopKPartials {
    /// The largest logits of the slice `[N, k]`, descending.
    pub logits: Tensor,
    /// Which words of the slice they are, u32 `[N, k]`.
    pub words: Tensor,
    /// The watched word's logit `[N]`.
    pub watched: Tensor,
    /// The largest logit of the slice `[N]`.
    pub max: Tensor,
    /// Σ e^(z − max) over the slice `[N]`.
    pub sum: Tensor,
}

/// A slice's partials on the device where they are merged, with the words before the slice.
#[derive(Clone, Copy, Debug)]
pub struct TopKSlice<'a> {
    /// Of this slice.
    pub partials: &'a LinearTopKPartials,
    /// The first word of this slice.
    pub offset: usize,
}

/// The `k` most probable words of the whole vocabulary, from those of its slices in their order, of which each has `k` or all its words; `watching` is the slice whose
/// watched word is meant. Of one slice it has the bits of [`Tensor::linear_top_k`].
///
/// # Panics
/// Where there are not so many words, or the slices' rows differ.
#[track_caller]
pub fn merge_top_k(slices: &[TopKSlice<'_>], k: usize, watching: usize) -> LinearTopK {
    let join = |of: fn(&TopKSlice<'_>) -> Tensor| {
        let parts: Vec<Tensor> = slices.iter().map(of).collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1)
    };
    let maxima = join(|slice| slice.partials.max.unsqueeze(1));
    let sums = join(|slice| slice.partials.sum.unsqueeze(1));
    let words = join(|slice| slice.partials.words.cast(DType::I64).affine(1.0, slice.offset as f64).cast(DType::U32));
    let max = maxima.max(1, true);
    let log_sum = (sums * (maxima - &max).exp()).sum(1, true).log();
    // The first of equals is of the first slice, and there it is the first word.
    let (logits, places) = join(|slice| slice.partials.logits.clone()).top_k(k, 1);
    let watched = slices[watching].partials.watched.unsqueeze(1) - &max - &log_sum;
    LinearTopK { values: logits - &max - &log_sum, words: words.gather(1, &places), watched: watched.squeeze(1) }
}

impl LinearTopKArgs<'_> {
    /// `(N, H, V)`.
    ///
    /// # Panics
    /// Where the shapes do not fit together.
    #[track_caller]
    pub fn sizes(&self) -> (usize, usize, usize) {
        let (hidden, weight) = (self.hidden.shape(), self.weight.shape());
        if hidden.len() != 2 || weight.len() != 2 || hidden[1] != weight[1] {
            panic!("linear_top_k: hidden {hidden:?} and weight {weight:?} do not fit");
        }
        let (n, h, v) = (hidden[0], hidden[1], weight[0]);
        self.hidden.check_same("linear_top_k", self.weight);
        self.hidden.check_same("linear_top_k", self.bias);
        self.hidden.check_float("linear_top_k");
        if self.bias.shape() != [v] {
            panic!("linear_top_k: bias of shape {:?}, not [{v}]", self.bias.shape());
        }
        if self.k > v || self.watched >= v {
            panic!("linear_top_k: {} words and word {} of a vocabulary of {v}", self.k, self.watched);
        }
        (n, h, v)
    }
}

/// In plain operations.
pub fn definition(args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
    let logits = args.hidden.linear(args.weight, Some(args.bias));
    let (_, words) = logits.top_k(args.k, 1);
    let all = logits.log_softmax(1);
    Ok(LinearTopK { values: all.gather(1, &words), words, watched: all.index(1, args.watched).contiguous() })
}

/// A slice's partials in plain operations.
pub fn partials_definition(args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
    let all = args.hidden.linear(args.weight, Some(args.bias));
    let (logits, words) = all.top_k(args.k, 1);
    let max = all.max(1, false);
    // Of −∞ alone the differences would be NaN.
    let nothing = max.eq(f64::NEG_INFINITY);
    let shift = nothing.select(&max.zeros_like(), &max);
    let sum = (&all - shift.unsqueeze(1)).exp().sum(1, false);
    Ok(LinearTopKPartials { logits, words, watched: all.index(1, args.watched).contiguous(), max, sum })
}

impl Tensor {
    /// What a slice of the vocabulary knows of its most probable words, to be [merged](merge_top_k) with the others'.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor, fused::{LinearTopKArgs, TopKSlice, merge_top_k}};
    /// let tensor = |x: &[f32], shape: &[usize]| Tensor::from_slice(x, shape, &Device::cpu());
    /// let hidden = tensor(&[1.0], &[1, 1]);
    /// let slice = |weight: &[f32]| {
    ///     let (weight, bias) = (tensor(weight, &[2, 1]), tensor(&[0.0; 2], &[2]));
    ///     Tensor::linear_top_k_partials(&LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &bias, k: 2, watched: 0 })
    /// };
    /// let (a, b) = (slice(&[1.0, 3.0]), slice(&[2.0, 4.0]));
    /// let slices = [TopKSlice { partials: &a, offset: 0 }, TopKSlice { partials: &b, offset: 2 }];
    /// assert_eq!(merge_top_k(&slices, 3, 0).words.to_vec::<u32>(), [3, 1, 2]);
    /// ```
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_top_k_partials(args: &LinearTopKArgs<'_>) -> LinearTopKPartials {
        use crate::error::OrRaise;
        args.sizes();
        args.hidden.backend().linear_top_k_partials(args).or_raise()
    }

    /// The `k` largest logits `h Wᵀ + b` of each row, as log-probabilities ln softmax(h Wᵀ + b); see [`LinearTopKArgs`]. A row's answer has the
    /// same bits whatever the other rows are.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor, fused::LinearTopKArgs};
    /// let tensor = |x: &[f32], shape: &[usize]| Tensor::from_slice(x, shape, &Device::cpu());
    /// let (hidden, weight) = (tensor(&[1.0], &[1, 1]), tensor(&[1.0, 3.0, 2.0], &[3, 1]));
    /// let args = LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &tensor(&[0.0; 3], &[3]), k: 2, watched: 0 };
    /// let best = Tensor::linear_top_k(&args);
    /// assert_eq!(best.words.to_vec::<u32>(), [1, 2]);
    /// let difference = best.values.index(1, 0) - best.watched;
    /// assert!((difference.item::<f32>() - 2.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_top_k(args: &LinearTopKArgs<'_>) -> LinearTopK {
        use crate::error::OrRaise;
        args.sizes();
        args.hidden.backend().linear_top_k(args).or_raise()
    }
}
