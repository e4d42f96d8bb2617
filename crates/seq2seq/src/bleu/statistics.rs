//! Counting the n-grams that a hypothesis shares with its references.

use super::ORDER;
use rustc_hash::FxHashMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign, SubAssign};

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

/// A sentence's n-grams, counted once to be compared with many others.
///
/// ```
/// use unrolled_seq2seq::bleu::Counted;
///
/// let (hypothesis, reference) = (Counted::new(vec![3, 4, 5]), Counted::new(vec![3, 4, 6]));
/// assert_eq!(hypothesis.against([&reference]).matches, [2, 1, 0, 0]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counted {
    ngrams: FxHashMap<NGram, u64>,
    length: usize,
}

impl Counted {
    /// Counts a sentence of numbered words; no number is `u32::MAX`.
    pub fn new(words: Vec<u32>) -> Self {
        Self { ngrams: ngrams(&words), length: words.len() }
    }

    /// The sentence's counts as a hypothesis against references.
    pub fn against<'a>(&self, references: impl IntoIterator<Item = &'a Counted>) -> BleuStatistics {
        let mut references = references.into_iter();
        let Some(first) = references.next() else { return self.counts(&FxHashMap::default(), 0) };
        // By distance first, then by length: of two that are equally close the shorter.
        let distance = |reference: &Counted| (reference.length.abs_diff(self.length), reference.length);
        let mut closest = distance(first);
        let mut most: Option<FxHashMap<NGram, u64>> = None;
        for reference in references {
            closest = closest.min(distance(reference));
            let most = most.get_or_insert_with(|| first.ngrams.clone());
            for (ngram, &times) in &reference.ngrams {
                let most = most.entry(*ngram).or_default();
                *most = times.max(*most);
            }
        }
        self.counts(most.as_ref().unwrap_or(&first.ngrams), closest.1)
    }

    fn counts(&self, most: &FxHashMap<NGram, u64>, reference_length: usize) -> BleuStatistics {
        let mut statistics = BleuStatistics {
            hypothesis_length: self.length as u64,
            reference_length: reference_length as u64,
            ..BleuStatistics::default()
        };
        for (ngram, &times) in &self.ngrams {
            let order = ngram.iter().filter(|&&word| word != NONE).count() - 1;
            statistics.totals[order] += times;
            statistics.matches[order] += times.min(most.get(ngram).copied().unwrap_or(0));
        }
        statistics
    }
}

/// Counts a hypothesis against its references, each given as words.
pub(super) fn count<'a, W: Iterator<Item = &'a str>>(
    hypothesis: impl Iterator<Item = &'a str>,
    references: impl Iterator<Item = W>,
) -> BleuStatistics {
    let mut words = FxHashMap::default();
    let hypothesis = Counted::new(number(hypothesis, &mut words));
    let references: Vec<Counted> = references.map(|words_of| Counted::new(number(words_of, &mut words))).collect();
    hypothesis.against(&references)
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

impl SubAssign for BleuStatistics {
    /// Takes a sentence's counts out of a text's.
    fn sub_assign(&mut self, other: Self) {
        for order in 0..ORDER {
            self.matches[order] -= other.matches[order];
            self.totals[order] -= other.totals[order];
        }
        self.hypothesis_length -= other.hypothesis_length;
        self.reference_length -= other.reference_length;
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
