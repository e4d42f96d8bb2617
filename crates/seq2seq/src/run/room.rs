//! Whether a model can be trained in the machine's memory at all, asked before its memory is.

use unrolled_tensor::machine_memory;

use crate::config::{Config, Optimiser, Precision};
use crate::model::Sizes;
use crate::run::Error;
use crate::vocabulary::SPECIALS;

/// Numbers that a layer keeps of each of its cells and of each word until its backward pass: four gates, c and h.
const KEPT: f64 = 6.0;

/// What the text is known to ask for: the least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Words {
    /// Words of both languages in the text, or of a sample of it.
    pub all: u64,
    /// The batches that they make.
    pub batches: usize,
}

/// Refuses a model whose training takes more than the machine's memory at the very least: asked for piece by piece it would be given, until the system ends
/// the process without a word.
///
/// # Errors
/// [`Error::NoRoom`].
pub(crate) fn check(sizes: &Sizes, config: &Config, words: Words) -> Result<(), Error> {
    let needs = if config.plan.is_empty() {
        least(sizes, config, words)
    } else {
        // States, gradients and batches are where the plan's devices are.
        4.0 * sizes.parameters_as_f64()
    };
    fits(sizes.parameters_as_f64(), needs, machine_memory().map(|bytes| bytes as f64))
}

/// [`check`] before anything is read: of the text it is known that it has a word.
///
/// # Errors
/// [`Error::NoRoom`].
pub(crate) fn check_unread(config: &Config) -> Result<(), Error> {
    let words = SPECIALS.len() + 1;
    let Config { embedding_size: embedding, hidden_size: hidden, layers, .. } = *config;
    let sizes = Sizes { source_words: words, target_words: words, embedding, hidden, layers, softmax_slices: 1 };
    check(&sizes, config, Words::default())
}

/// Bytes that a step takes at the very least: parameters and states, and at the end of the forward pass what the layers keep, or at the end of the backward
/// pass the gradients of all weights (those of embeddings have only the rows that occur).
fn least(sizes: &Sizes, config: &Config, words: Words) -> f64 {
    let states = match config.optimiser {
        Optimiser::Sgd => 0.0,
        Optimiser::Momentum => 1.0,
        Optimiser::Adam | Optimiser::AdamW => 2.0,
    };
    let parameters = sizes.parameters_as_f64();
    let embeddings = (sizes.source_words as f64 + sizes.target_words as f64) * sizes.embedding as f64;
    // In half precision a gradient takes half, and as much goes to the parameters' copy.
    let gradients = 4.0 * (parameters - embeddings);
    let number = if config.precision == Precision::F32 { 4.0 } else { 2.0 };
    // The largest batch has as many words as the mean, or more.
    let words = words.all as f64 / words.batches.max(1) as f64 / config.accumulate.max(1) as f64;
    let kept = number * KEPT * words * sizes.layers as f64 * sizes.hidden as f64;
    4.0 * (1.0 + states) * parameters + gradients.max(kept)
}

fn fits(parameters: f64, needs: f64, has: Option<f64>) -> Result<(), Error> {
    match has {
        Some(has) if needs > has => Err(Error::NoRoom { parameters, needs: gib(needs), has: gib(has) }),
        _ => Ok(()),
    }
}

fn gib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(optimiser: Optimiser) -> Config {
        Config { optimiser, embedding_size: 8, hidden_size: 8, layers: 2, ..Config::default() }
    }

    #[test]
    fn states_gradients_and_what_layers_keep_count() {
        let sizes =
            Sizes { source_words: 100, target_words: 100, embedding: 8, hidden: 8, layers: 2, softmax_slices: 1 };
        let (parameters, embeddings) = (sizes.parameters() as f64, 1600.0);
        let none = Words::default();
        let sgd = 4.0 * (2.0 * parameters - embeddings);
        assert_eq!(least(&sizes, &config(Optimiser::Sgd), none), sgd);
        assert_eq!(least(&sizes, &config(Optimiser::Adam), none), sgd + 8.0 * parameters);
        let words = Words { all: 3000, batches: 3 };
        let kept = 4.0 * 6.0 * 1000.0 * 2.0 * 8.0;
        assert_eq!(least(&sizes, &config(Optimiser::Sgd), words), 4.0 * parameters + kept);
        let half = Config { precision: Precision::Bf16, accumulate: 2, ..config(Optimiser::Sgd) };
        assert_eq!(least(&sizes, &half, words), 4.0 * parameters + kept / 4.0);
        assert!(fits(1.0, 5.0, Some(5.0)).is_ok() && fits(1.0, 5.0, None).is_ok());
        assert!(matches!(fits(1.0, 5.1, Some(5.0)), Err(Error::NoRoom { .. })));
    }
}
