//! The weights with the highest BLEU: line searches along the axes and along random directions, from several points.

use unrolled_tensor::random::Key;

use super::line_search::line_search;
use super::{Candidate, bleu_of};
use crate::bleu::Convention;

/// How weights are tuned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneOptions {
    /// What BLEU.
    pub convention: Convention,
    /// Random points from which the search begins again, besides the point given.
    pub restarts: usize,
    /// What random points and directions come from.
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self { convention: Convention::MultiBleu, restarts: 20, seed: 1 }
    }
}

/// Tuned weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The weights; their magnitudes add up to 1.
    pub weights: Vec<f64>,
    /// Their BLEU on the lists.
    pub bleu: f64,
}

/// A gain that is worth another round, in BLEU.
const WORTH_IT: f64 = 1e-4;
/// Rounds from one point, at most.
const ROUNDS: usize = 50;

/// The weights with which the best candidates of `lists` have the highest BLEU that is found; never lower than with `start`.
///
/// ```
/// use unrolled_seq2seq::bleu::Convention;
/// use unrolled_seq2seq::rescore::{Candidate, TuneOptions, tune};
///
/// // The second feature knows which translation is right, the first does not.
/// let candidate = |features: [f64; 2], text: &str| Candidate {
///     features: features.to_vec(),
///     counts: Convention::MultiBleu.segment(text, &["un chat est ici"]),
/// };
/// let lists = vec![vec![candidate([3.0, 0.0], "une chose"), candidate([0.0, 1.0], "un chat est ici")]];
/// let tuned = tune(&lists, &[0.5, 0.5], &TuneOptions::default());
/// assert!(tuned.bleu > 99.9 && tuned.weights[1] > 3.0 * tuned.weights[0]);
/// ```
///
/// # Panics
/// Where a list is empty.
pub fn tune(lists: &[Vec<Candidate>], start: &[f64], options: &TuneOptions) -> Tuned {
    let key = Key::new(options.seed).purpose("tuning");
    let mut best = climb(lists, start.to_vec(), key.at(0), options);
    for restart in 1..=options.restarts as u64 {
        let begin = key.purpose("start").at(restart);
        let point = (0..start.len() as u64).map(|i| 2.0 * begin.uniform(i) - 1.0).collect();
        let found = climb(lists, point, key.at(restart), options);
        if found.bleu > best.bleu + WORTH_IT {
            best = found;
        }
    }
    best
}

/// Line searches until a round brings nothing.
fn climb(lists: &[Vec<Candidate>], mut weights: Vec<f64>, key: Key, options: &TuneOptions) -> Tuned {
    let n = weights.len();
    let score = |weights: &[f64]| bleu_of(lists, weights, options.convention).score;
    let mut bleu = score(&weights);
    for round in 0..ROUNDS {
        let before = bleu;
        // Along each axis, and as often at random: corners of BLEU do not lie along the axes.
        for i in 0..2 * n {
            let random = |j: usize| key.purpose("direction").normal((((round * n) + i) * n + j) as u64);
            let direction: Vec<f64> =
                (0..n).map(|j| if i < n { f64::from(u8::from(i == j)) } else { random(j) }).collect();
            let (gamma, _) = line_search(lists, &weights, &direction, options.convention);
            let moved: Vec<f64> = weights.iter().zip(&direction).map(|(w, d)| w + gamma * d).collect();
            let moved = scaled(moved);
            // Scored again: where two candidates are equal, rounding may choose the other.
            let found = score(&moved);
            if found > bleu {
                (weights, bleu) = (moved, found);
            }
        }
        if bleu - before < WORTH_IT {
            break;
        }
    }
    Tuned { weights: scaled(weights), bleu }
}

/// Weights whose magnitudes add up to 1: the order of candidates stays as it is.
fn scaled(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().map(|weight| weight.abs()).sum();
    if sum > 0.0 { weights.into_iter().map(|weight| weight / sum).collect() } else { weights }
}
