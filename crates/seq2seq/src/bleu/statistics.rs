//! Counting the n-grams that a hypothesis shares with its references.

use super::ORDER;
use rustc_hash::FxHashMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// What BLEU needs of a sentence or of a text. The counts of a text are the sum of its sentences', so a resampled text's
/// score needs no second count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BleuStatistics {
    /// The hypothesis's n-grams that a reference has, by order.
    pub matches: [u64; ORDER],
    /// All n-grams of the hypothesis, by order.
    pub totals: [u64; ORDER],
    /// Words in the hypothesis.
    pub hypothesis_length: u64,
    /// Words in the reference that is closest in length.
    pub reference_length: u64,
}

/// An n-gram of numbered words; a shorter one is filled up with [`NONE`].
type NGram = [u32; ORDER];
const NONE: u32 = u32::MAX;

/// Counts a hypothesis against its references, each given as words.
pub(super) fn count<'a, W: Iterator<Item = &'a str>>(
    hypothesis: impl Iterator<Item = &'a str>,
    references: impl Iterator<Item = W>,
) -> BleuStatistics {
    let mut words = FxHashMap::default();
    let hypothesis = number(hypothesis, &mut words);
    let mut most: FxHashMap<NGram, u64> = FxHashMap::default();
    let mut closest: Option<(usize, usize)> = None;
    for reference in references {
        let reference = number(reference, &mut words);
        // By distance first, then by length: of two that are equally close the shorter.
        let length = (reference.len().abs_diff(hypothesis.len()), reference.len());
        closest = Some(closest.map_or(length, |closest| closest.min(length)));
        for (ngram, times) in ngrams(&reference) {
            let most = most.entry(ngram).or_default();
            *most = times.max(*most);
        }
    }
    let mut statistics = BleuStatistics {
        hypothesis_length: hypothesis.len() as u64,
        reference_length: closest.map_or(0, |(_, length)| length as u64),
        ..BleuStatistics::default()
    };
    for (ngram, times) in ngrams(&hypothesis) {
        let order = ngram.iter().filter(|&&word| word != NONE).count() - 1;
        statistics.totals[order] += times;
        statistics.matches[order] += times.min(most.get(&ngram).copied().unwrap_or(0));
    }
    statistics
}

/// Numbers words by their first occurrence.
fn number<'a>(sentence: impl Iterator<Item = &'a str>, words: &mut FxHashMap<&'a str, u32>) -> Vec<u32> {
    sentence
        .map(|word| {
            let next = words.len() as u32;
            *words.entry(word).or_insert(next)
        })
        .collect()
}

fn ngrams(sentence: &[u32]) -> FxHashMap<NGram, u64> {
    let mut counts = FxHashMap::default();
    for order in 1..=ORDER {
        for words in sentence.windows(order) {
            let mut ngram = [NONE; ORDER];
            ngram[..order].copy_from_slice(words);
            *counts.entry(ngram).or_default() += 1;
        }
    }
    counts
}

impl AddAssign for BleuStatistics {
    fn add_assign(&mut self, other: Self) {
        for order in 0..ORDER {
            self.matches[order] += other.matches[order];
            self.totals[order] += other.totals[order];
        }
        self.hypothesis_length += other.hypothesis_length;
        self.reference_length += other.reference_length;
    }
}

impl Add for BleuStatistics {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for BleuStatistics {
    fn sum<I: Iterator<Item = Self>>(statistics: I) -> Self {
        statistics.fold(Self::default(), Add::add)
    }
}
