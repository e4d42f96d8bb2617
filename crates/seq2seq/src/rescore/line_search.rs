//! The best point on a line through the space of weights, exactly (Och 2003).
//!
//! Along `weights + γ · direction` each candidate's score is a straight line in γ, so the best of a list changes only where the upper envelope of
//! its lines has a corner. Between the corners of all lists BLEU is constant: each interval is tried once.

use super::{Candidate, weighed};
use crate::bleu::{BleuStatistics, Convention};

/// A list's best candidate from γ = `from` on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Corner {
    from: f64,
    candidate: usize,
}

/// How far from the outermost corner the intervals without an end are tried.
const BEYOND: f64 = 1.0;

/// The γ with the highest BLEU, and that BLEU. Of equals the interval nearest to 0, so that nothing moves without a gain.
pub(super) fn line_search(
    lists: &[Vec<Candidate>],
    weights: &[f64],
    direction: &[f64],
    convention: Convention,
) -> (f64, f64) {
    let mut counts = BleuStatistics::default();
    // Where the best of a list changes: γ, the counts that go, those that come.
    let mut changes: Vec<(f64, BleuStatistics, BleuStatistics)> = Vec::new();
    for list in lists {
        let corners = envelope(list, weights, direction);
        counts += list[corners[0].candidate].counts;
        for pair in corners.windows(2) {
            let [old, new] = [pair[0], pair[1]].map(|corner| list[corner.candidate].counts);
            changes.push((pair[1].from, old, new));
        }
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut from = f64::NEG_INFINITY;
    let mut best: Option<(f64, f64)> = None;
    let mut consider = |from: f64, to: f64, counts: &BleuStatistics| {
        if from < to {
            let (gamma, score) = (inside(from, to), convention.score(counts).score);
            let better =
                |(near, highest): (f64, f64)| score > highest || (score == highest && gamma.abs() < near.abs());
            if best.is_none_or(better) {
                best = Some((gamma, score));
            }
        }
    };
    for (to, old, new) in changes {
        consider(from, to, &counts);
        from = to;
        counts += new;
        counts -= old;
    }
    consider(from, f64::INFINITY, &counts);
    best.expect("the line has a point")
}

/// A point well inside an interval; 0 where it is in it.
fn inside(from: f64, to: f64) -> f64 {
    if from < 0.0 && to > 0.0 {
        0.0
    } else if from == f64::NEG_INFINITY {
        to - BEYOND
    } else if to == f64::INFINITY {
        from + BEYOND
    } else {
        from + (to - from) / 2.0
    }
}

/// The upper envelope of a list's lines, from left to right.
fn envelope(list: &[Candidate], weights: &[f64], direction: &[f64]) -> Vec<Corner> {
    let line = |(place, candidate): (usize, &Candidate)| {
        (weighed(&candidate.features, direction), weighed(&candidate.features, weights), place)
    };
    let mut lines: Vec<(f64, f64, usize)> = list.iter().enumerate().map(line).collect();
    // By slope; of equal slopes the highest first, and of equal lines the first of the list.
    lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    lines.dedup_by(|later, first| later.0 == first.0);
    let mut corners: Vec<(Corner, f64, f64)> = Vec::new();
    for (slope, height, candidate) in lines {
        let mut from = f64::NEG_INFINITY;
        while let Some(&(last, last_slope, last_height)) = corners.last() {
            from = (last_height - height) / (slope - last_slope);
            if from > last.from {
                break;
            }
            corners.pop();
            from = f64::NEG_INFINITY;
        }
        corners.push((Corner { from, candidate }, slope, height));
    }
    corners.into_iter().map(|(corner, _, _)| corner).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rescore::{best, bleu_of};

    fn list() -> impl Strategy<Value = Vec<Candidate>> {
        let feature = || (-8i32..8).prop_map(|x| f64::from(x) / 2.0);
        let candidate = (feature(), feature(), 0u64..5).prop_map(|(x, y, matches)| Candidate {
            features: vec![x, y],
            counts: BleuStatistics {
                matches: [matches + 1, matches, matches.saturating_sub(1), matches.saturating_sub(1)],
                totals: [6, 5, 4, 3],
                hypothesis_length: 6,
                reference_length: 6,
            },
        });
        prop::collection::vec(candidate, 1..8)
    }

    proptest! {
        #[test]
        fn the_envelope_has_the_best_everywhere(list in list(), gamma in -20.0..20.0) {
            let corners = envelope(&list, &[1.0, 0.5], &[0.25, -1.0]);
            prop_assert!(corners.windows(2).all(|pair| pair[0].from < pair[1].from));
            let found = corners.iter().rev().find(|corner| corner.from <= gamma).unwrap().candidate;
            let weights = [1.0 + 0.25 * gamma, 0.5 - gamma];
            let (found, wanted) = (&list[found], &list[best(&list, &weights)]);
            let score = |candidate: &Candidate| weighed(&candidate.features, &weights);
            prop_assert!((score(found) - score(wanted)).abs() < 1e-9);
        }

        #[test]
        fn no_point_of_the_line_is_better(lists in prop::collection::vec(list(), 1..6)) {
            let convention = Convention::MultiBleu;
            let (gamma, score) = line_search(&lists, &[1.0, 0.5], &[0.25, -1.0], convention);
            let at = |gamma: f64| bleu_of(&lists, &[1.0 + 0.25 * gamma, 0.5 - gamma], convention).score;
            prop_assert!((at(gamma) - score).abs() < 1e-9, "{} {}", at(gamma), score);
            for step in -300..300 {
                // Not at corners, where two are best at once.
                let gamma = f64::from(step) / 10.0 + 0.012_345;
                prop_assert!(at(gamma) <= score + 1e-9, "{} at {}: {}", score, gamma, at(gamma));
            }
        }
    }
}
