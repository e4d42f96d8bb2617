//! Translations that begin with given words: the models read these first, all at once.

use unrolled_autograd::no_grad;
use unrolled_nn::LstmState;
use unrolled_tensor::{DType, Tensor};

use crate::batch::Sources;
use crate::ensemble::Ensemble;
use crate::vocabulary::{EOS, PAD};

/// Where translations begin.
pub(crate) struct Forced {
    /// Each model's state after all words of each sentence's prefix but the last: the search reads that one in its first step, or `<EOS>` where the
    /// prefix is empty.
    pub states: Vec<LstmState>,
    /// The prefix of each sentence.
    pub prefixes: Vec<Vec<u32>>,
    /// ln p(prefix | source)
    pub log_probabilities: Vec<f64>,
}

/// Reads the sentences, and the prefixes where there are some.
#[track_caller]
pub(crate) fn force(models: &Ensemble<'_>, sources: &[Sources], prefixes: &[Vec<u32>]) -> Forced {
    let states = models.encode(sources);
    let b = sources[0].sentences();
    if prefixes.iter().all(Vec::is_empty) {
        return Forced { states, prefixes: vec![Vec::new(); b], log_probabilities: vec![0.0; b] };
    }
    assert!(prefixes.len() == b, "translating: {} prefixes for {b} sentences", prefixes.len());
    let wrong = prefixes.iter().flatten().find(|&&word| word == EOS || word == PAD);
    assert!(wrong.is_none(), "translating: a prefix has the special symbol {wrong:?}");
    let input = Input::of(prefixes, models);
    let each = models.models().iter().zip(&states).map(|(model, state)| no_grad(|| input.read(model, state)));
    let (states, words): (Vec<LstmState>, Vec<Vec<f64>>) = each.unzip();
    let log_probabilities = models.sums(&words, b);
    Forced { states, prefixes: prefixes.to_vec(), log_probabilities }
}

/// The prefixes beside each other, time-major.
struct Input {
    /// `<EOS>` and all words but the last, `[T, B]`
    read: Tensor,
    /// How many of them, `[B]`
    lengths: Tensor,
    /// All words, `[T · B]`
    predicted: Tensor,
    /// 1 at words and 0 at padding, `[T · B]`
    weights: Tensor,
}

impl Input {
    fn of(prefixes: &[Vec<u32>], models: &Ensemble<'_>) -> Input {
        let (steps, b) = (prefixes.iter().map(Vec::len).max().unwrap_or(0), prefixes.len());
        let (mut read, mut predicted) = (vec![PAD; steps * b], vec![PAD; steps * b]);
        for (column, prefix) in prefixes.iter().enumerate() {
            let mut last = EOS;
            for (t, &word) in prefix.iter().enumerate() {
                (read[t * b + column], predicted[t * b + column]) = (last, word);
                last = word;
            }
        }
        let device = models.device();
        let lengths: Vec<u32> = prefixes.iter().map(|prefix| prefix.len() as u32).collect();
        let predicted = Tensor::from_slice(&predicted, [steps * b], device);
        Input {
            read: Tensor::from_slice(&read, [steps, b], device),
            lengths: Tensor::from_slice(&lengths, [b], device),
            weights: unrolled_nn::loss::row_weights(&predicted, Some(PAD), DType::F32),
            predicted,
        }
    }

    /// A model's state after the words, and the log-probability of each, `[T · B]`.
    fn read(&self, model: &crate::model::Model, state: &LstmState) -> (LstmState, Vec<f64>) {
        let (hidden, after) = model.decode(&self.read, Some(&self.lengths), state, None);
        let hidden = hidden.tensor().reshape([self.predicted.elements(), hidden.dim(2)]);
        let words = model.given_words(&hidden, &self.predicted, &self.weights);
        (after, words)
    }
}
