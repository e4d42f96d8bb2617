//! Whether a model can fit the machine at all, asked before its memory is.

use unrolled_tensor::machine_memory;

use crate::config::{Config, Optimiser};
use crate::model::Sizes;
use crate::run::Error;

/// Refuses a model whose parameters and optimiser states alone, in f32, are more than the machine's memory: asked for piece by piece it would be given, until
/// the system ends the process without a word.
///
/// # Errors
/// [`Error::NoRoom`].
pub(super) fn check(sizes: &Sizes, config: &Config) -> Result<(), Error> {
    // With a plan the states are where its devices are.
    let optimiser = if config.plan.is_empty() { config.optimiser } else { Optimiser::Sgd };
    fits(sizes, optimiser, machine_memory().map(|bytes| bytes as f64))
}

fn fits(sizes: &Sizes, optimiser: Optimiser, has: Option<f64>) -> Result<(), Error> {
    let states = match optimiser {
        Optimiser::Sgd => 0.0,
        Optimiser::Momentum => 1.0,
        Optimiser::Adam | Optimiser::AdamW => 2.0,
    };
    let parameters = sizes.parameters_as_f64();
    let needs = 4.0 * (1.0 + states) * parameters;
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

    #[test]
    fn states_of_the_optimiser_count() {
        let sizes =
            Sizes { source_words: 100, target_words: 100, embedding: 8, hidden: 8, layers: 2, softmax_slices: 1 };
        let bytes = 4.0 * sizes.parameters() as f64;
        assert!(fits(&sizes, Optimiser::Sgd, Some(bytes)).is_ok() && fits(&sizes, Optimiser::Adam, None).is_ok());
        assert!(fits(&sizes, Optimiser::Adam, Some(3.0 * bytes)).is_ok());
        assert!(matches!(fits(&sizes, Optimiser::Adam, Some(2.9 * bytes)), Err(Error::NoRoom { .. })));
    }
}
