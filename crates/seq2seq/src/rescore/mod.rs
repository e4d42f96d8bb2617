//! Rescoring: another system's lists of translations put in the order of several scores together, a model's log-probability among them.
//!
//! The paper takes the 1000-best lists of a phrase-based system and the "even average" of its score and the LSTM's log-probability. Weights can be
//! tuned instead: [`tune`] finds those with the highest BLEU on a set with references, by Och's exact line search (2003).

mod line_search;
mod oracle;
mod tuning;
mod weights;

pub use oracle::oracle;
pub use tuning::{TuneOptions, Tuned, tune};
pub use weights::{MissingFeature, SCORE, WORDS, Weights, WeightsError};

use crate::bleu::{Bleu, BleuStatistics, Convention};

/// A translation as weights see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The features that are weighed.
    pub features: Vec<f64>,
    /// Its counts against the references.
    pub counts: BleuStatistics,
}

/// Σ wᵢ fᵢ
pub(crate) fn weighed(features: &[f64], weights: &[f64]) -> f64 {
    features.iter().zip(weights).map(|(feature, weight)| feature * weight).sum()
}

/// Which candidate of a list weighs most; of equals the first.
fn best(list: &[Candidate], weights: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, candidate) in list.iter().enumerate() {
        let score = weighed(&candidate.features, weights);
        if score > best.1 {
            best = (place, score);
        }
    }
    best.0
}

/// The BLEU of the candidates that weigh most.
///
/// # Panics
/// Where a list is empty.
pub fn bleu_of(lists: &[Vec<Candidate>], weights: &[f64], convention: Convention) -> Bleu {
    convention.score(&lists.iter().map(|list| list[best(list, weights)].counts).sum())
}
