//! A linear layer, log-softmax and the k most probable words as one: a step of translating.
//!
//! Of the logits `[N, V]` only k a row and the sum of exponentials are wanted, so a backend never needs to hold them.

use crate::{Result, Tensor};

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

impl Tensor {
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
