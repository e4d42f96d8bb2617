//! The best that a choice from the lists could give.

use super::Candidate;
use crate::bleu::{Bleu, BleuStatistics, Convention};

/// Passes over the lists, at most.
const PASSES: usize = 10;

/// The highest BLEU that choosing one candidate of each list is found to give. To begin with each list's best by sentence BLEU is chosen; then list by
/// list the one with which the whole text's BLEU is highest, until nothing changes: a local maximum, so a lower bound.
///
/// # Panics
/// Where a list is empty.
pub fn oracle(lists: &[Vec<Candidate>], convention: Convention) -> Bleu {
    let alone = |candidate: &Candidate| Convention::WORDS.sentence_score(&candidate.counts).score;
    let mut chosen: Vec<usize> = lists.iter().map(|list| highest(list, alone)).collect();
    let mut total: BleuStatistics = lists.iter().zip(&chosen).map(|(list, &place)| list[place].counts).sum();
    for _ in 0..PASSES {
        let mut changed = false;
        for (list, chosen) in lists.iter().zip(&mut chosen) {
            let mut others = total;
            others -= list[*chosen].counts;
            let whole = |candidate: &Candidate| convention.score(&(others + candidate.counts)).score;
            let place = highest(list, whole);
            if whole(&list[place]) > whole(&list[*chosen]) {
                (*chosen, changed) = (place, true);
                total = others + list[place].counts;
            }
        }
        if !changed {
            break;
        }
    }
    convention.score(&total)
}

/// The first candidate with the highest value.
fn highest(list: &[Candidate], value: impl Fn(&Candidate) -> f64) -> usize {
    let values = list.iter().map(value).enumerate();
    values.fold((0, f64::NEG_INFINITY), |best, (place, value)| if value > best.1 { (place, value) } else { best }).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_best_of_all_choices_where_these_are_few() {
        let references = ["le chat noir dort ici", "il pleut sur la ville", "nous avons mangé du pain"];
        let texts: [&[&str]; 3] = [
            &["le chien noir dort", "le chat noir dort là", "un chat"],
            &["il pleut sur une ville", "la pluie sur la ville", "il pleut"],
            &["nous mangeons du pain", "nous avons du pain", "nous avons mangé"],
        ];
        let convention = Convention::MultiBleu;
        let list = |place: usize| -> Vec<Candidate> {
            let counts = |text: &&str| convention.segment(text, &[references[place]]);
            texts[place].iter().map(|text| Candidate { features: vec![], counts: counts(text) }).collect()
        };
        let lists = [list(0), list(1), list(2)];
        let all = (0..27).map(|i| {
            let chosen = [lists[0][i / 9].counts, lists[1][i / 3 % 3].counts, lists[2][i % 3].counts];
            convention.score(&chosen.into_iter().sum()).score
        });
        let wanted = all.fold(0.0, f64::max);
        assert!(wanted > 0.0);
        assert_eq!(oracle(&lists, convention).score, wanted);
    }
}
