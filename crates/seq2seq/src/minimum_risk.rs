//! The candidate with the lowest expected risk (Kumar and Byrne 2004), rather than the most probable one: the translation that is most like the
//! other candidates, each by its probability, where likeness is sentence BLEU.

use rustc_hash::FxHashMap;

use crate::bleu::{Convention, Counted};

/// A candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// Its words.
    pub words: &'a [u32],
    /// Its share among the candidates, not negative; the shares need not add up to 1.
    pub weight: f64,
}

/// The expected BLEU of each candidate against all (itself included), 0 to 100: sentence BLEU as sacreBLEU's, on the model's words.
///
/// Equal candidates count each by its weight, so samples need no merging.
///
/// ```
/// use unrolled_seq2seq::minimum_risk::{Candidate, expected_bleu};
///
/// let texts: [&[u32]; 3] = [&[3, 4, 5, 6], &[3, 4, 5, 7], &[8, 9]];
/// let candidates = texts.map(|words| Candidate { words, weight: 1.0 });
/// let scores = expected_bleu(&candidates);
/// assert!(scores[0] > scores[2] && scores[1] > scores[2]);
/// ```
pub fn expected_bleu(candidates: &[Candidate<'_>]) -> Vec<f64> {
    expected_bleu_until(candidates, &|| false).expect("nobody asked to stop")
}

/// [`expected_bleu`] until `stop` says so, which is asked before each candidate's comparisons: then `None`.
pub(crate) fn expected_bleu_until(candidates: &[Candidate<'_>], stop: &dyn Fn() -> bool) -> Option<Vec<f64>> {
    // Samples are often equal: each distinct translation is counted, and compared with each other, once.
    let mut distinct: Vec<(Counted, f64)> = Vec::new();
    let mut places: FxHashMap<&[u32], usize> = FxHashMap::default();
    let place_of: Vec<usize> = candidates
        .iter()
        .map(|candidate| {
            let place = *places.entry(candidate.words).or_insert_with(|| {
                distinct.push((Counted::new(candidate.words.to_vec()), 0.0));
                distinct.len() - 1
            });
            distinct[place].1 += candidate.weight;
            place
        })
        .collect();
    let total: f64 = distinct.iter().map(|(_, weight)| weight).sum();
    let expected = |(candidate, _): &(Counted, f64)| {
        let against = |(other, weight): &(Counted, f64)| {
            weight * Convention::WORDS.sentence_score(&candidate.against([other])).score
        };
        (!stop()).then(|| distinct.iter().map(against).sum::<f64>() / total)
    };
    let expected: Vec<f64> = distinct.iter().map(expected).collect::<Option<_>>()?;
    Some(place_of.into_iter().map(|place| expected[place]).collect())
}

/// The candidates' shares by their scores, e^score, scaled so that the best has 1.
pub fn shares(scores: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let best = scores.clone().fold(f64::NEG_INFINITY, f64::max);
    scores.map(|score| (score - best).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bleu::Scorer;

    fn text(words: &[u32]) -> String {
        words.iter().map(|word| format!("w{word} ")).collect()
    }

    #[test]
    fn it_is_the_mean_of_sentence_bleu_by_weights() {
        let texts: [&[u32]; 5] = [&[3, 4, 5, 6, 7], &[3, 4, 5], &[3, 4, 5, 6, 7], &[7, 6, 5, 4], &[]];
        let weights = [1.0, 0.5, 2.0, 0.25, 0.125];
        let candidates: Vec<Candidate<'_>> =
            texts.iter().zip(weights).map(|(words, weight)| Candidate { words, weight }).collect();
        let found = expected_bleu(&candidates);
        for (hypothesis, found) in texts.iter().zip(found) {
            let bleu = |reference: &[u32]| {
                let counts = Scorer::new(Convention::WORDS).add(&text(hypothesis), &[text(reference)]);
                Convention::WORDS.sentence_score(&counts).score
            };
            let wanted = texts.iter().zip(weights).map(|(reference, weight)| weight * bleu(reference)).sum::<f64>();
            assert!((found - wanted / 3.875).abs() < 1e-9, "{hypothesis:?}: {found} {wanted}");
        }
    }

    #[test]
    fn it_stops_between_two_candidates() {
        use std::cell::Cell;
        let texts: Vec<Vec<u32>> = (0..9).map(|word| vec![word]).collect();
        let candidates: Vec<Candidate<'_>> = texts.iter().map(|words| Candidate { words, weight: 1.0 }).collect();
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        assert_eq!((expected_bleu_until(&candidates, &stop), asked.get()), (None, 3));
        assert_eq!(expected_bleu_until(&candidates, &|| false), Some(expected_bleu(&candidates)));
    }

    #[test]
    fn shares_are_exponentials_without_overflow() {
        let shares = shares([-1000.0, -1001.0, -900.0].into_iter());
        assert_eq!(shares[2], 1.0);
        assert!((shares[1] / shares[0] - (-1f64).exp()).abs() < 1e-9);
    }
}
