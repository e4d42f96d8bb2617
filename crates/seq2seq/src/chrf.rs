//! chrF (Popović 2015): the F-score of character n-grams, as sacreBLEU computes it; chrF++ (Popović 2017) counts n-grams of words too.
//!
//! Over n-grams of 1 to 6 characters (white space left out), and for chrF++ of 1 and 2 words, precision and recall are averaged over the orders that
//! both sides have n-grams of; the score is `100 (1 + β²) P R / (β² P + R)` with β = 2: recall counts twice. Of several references each sentence
//! takes the one that it is most like.

use std::fmt;
use std::str::FromStr;

use rustc_hash::FxHashMap;

use crate::bleu::{UnknownName, python_words};

/// Which chrF.
///
/// ```
/// use unrolled_seq2seq::chrf::ChrF;
///
/// let counts = ChrF::CHRF.segment("the cat sat", &["the cat sits"]);
/// let score = ChrF::CHRF.score(&counts);
/// assert!((60.0..70.0).contains(&score), "{score}");
/// assert!(ChrF::CHRF.signature("1").starts_with("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChrF {
    /// The longest n-grams of characters.
    pub characters: usize,
    /// The longest n-grams of words; 0: none.
    pub words: usize,
    /// How much more recall counts than precision.
    pub beta: u32,
}

/// How often n-grams of one order occur: in the hypothesis, in the reference, and in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matches {
    /// In the hypothesis; 0 where the reference has none of this order.
    pub hypothesis: u64,
    /// In the reference.
    pub reference: u64,
    /// In both.
    pub both: u64,
}

impl ChrF {
    /// sacreBLEU's default, chrF2.
    pub const CHRF: Self = Self { characters: 6, words: 0, beta: 2 };
    /// chrF2++.
    pub const PLUS_PLUS: Self = Self { words: 2, ..Self::CHRF };

    /// Counts one sentence's n-grams, order by order, the characters' before the words'.
    ///
    /// # Panics
    /// Where there is no reference.
    #[track_caller]
    pub fn segment(&self, hypothesis: &str, references: &[impl AsRef<str>]) -> Vec<Matches> {
        assert!(!references.is_empty(), "chrF: a sentence needs at least one reference");
        let hypothesis = Pieces::of(hypothesis);
        let mut best: Option<(f64, Vec<Matches>)> = None;
        for reference in references {
            let counts = self.count(&hypothesis, &Pieces::of(reference.as_ref()));
            let score = self.score(&counts);
            // Of equals the first.
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, counts));
            }
        }
        best.expect("there is a reference").1
    }

    fn count(&self, hypothesis: &Pieces<'_>, reference: &Pieces<'_>) -> Vec<Matches> {
        let characters = (1..=self.characters).map(|n| matches(&hypothesis.characters, &reference.characters, n));
        let words = (1..=self.words).map(|n| matches(&hypothesis.words, &reference.words, n));
        characters.chain(words).collect()
    }

    /// The score of a text from its sentences' counts, added up order by order; 0 to 100.
    pub fn score(&self, counts: &[Matches]) -> f64 {
        let factor = f64::from(self.beta).powi(2);
        let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
        for Matches { hypothesis, reference, both } in counts {
            if *hypothesis > 0 && *reference > 0 {
                precision += *both as f64 / *hypothesis as f64;
                recall += *both as f64 / *reference as f64;
                orders += 1.0;
            }
        }
        if orders == 0.0 || precision + recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / orders, recall / orders);
        // In the order of sacreBLEU's arithmetic.
        let score = (1.0 + factor) * precision * recall / (factor * precision + recall);
        100.0 * score
    }

    /// Which chrF this is, in sacreBLEU's way of saying it; `references` is how many each sentence has.
    pub fn signature(&self, references: &str) -> String {
        let (characters, words, version) = (self.characters, self.words, env!("CARGO_PKG_VERSION"));
        format!("nrefs:{references}|case:mixed|eff:yes|nc:{characters}|nw:{words}|space:no|version:unrolled-{version}")
    }
}

impl fmt::Display for ChrF {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chrF{}{}", self.beta, "+".repeat(self.words))
    }
}

impl FromStr for ChrF {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "chrf" => Ok(Self::CHRF),
            "chrf++" => Ok(Self::PLUS_PLUS),
            _ => Err(UnknownName { name: name.to_owned(), known: "chrf or chrf++" }),
        }
    }
}

/// A sentence cut for counting.
struct Pieces<'a> {
    characters: Vec<char>,
    words: Vec<&'a str>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        python_words(text).for_each(|word| split_punctuation(word, &mut words));
        Self { characters: python_words(text).flat_map(str::chars).collect(), words }
    }
}

/// Cuts off one ASCII punctuation mark at a word's end, or else at its beginning.
fn split_punctuation<'a>(word: &'a str, words: &mut Vec<&'a str>) {
    let is_mark = |character: Option<char>| character.is_some_and(|character| character.is_ascii_punctuation());
    if word.chars().nth(1).is_none() {
        words.push(word);
    } else if is_mark(word.chars().next_back()) {
        let (word, mark) = word.split_at(word.len() - 1);
        words.extend([word, mark]);
    } else if is_mark(word.chars().next()) {
        let (mark, word) = word.split_at(1);
        words.extend([mark, word]);
    } else {
        words.push(word);
    }
}

/// Counts the n-grams of `n` pieces.
fn matches<T: Eq + std::hash::Hash>(hypothesis: &[T], reference: &[T], n: usize) -> Matches {
    let count = |pieces: &[T]| (pieces.len() + 1).saturating_sub(n) as u64;
    if count(reference) == 0 {
        return Matches::default();
    }
    let mut left: FxHashMap<&[T], u64> = FxHashMap::default();
    reference.windows(n).for_each(|ngram| *left.entry(ngram).or_default() += 1);
    let mut both = 0;
    for ngram in hypothesis.windows(n) {
        if let Some(left) = left.get_mut(ngram).filter(|left| **left > 0) {
            *left -= 1;
            both += 1;
        }
    }
    Matches { hypothesis: count(hypothesis), reference: count(reference), both }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_is_cut_off_once_at_one_end() {
        let mut words = Vec::new();
        for word in ["(hi)", "a", ".", "..", "¿qué?", "«x", "#1", "don't"] {
            split_punctuation(word, &mut words);
        }
        assert_eq!(words, ["(hi", ")", "a", ".", ".", ".", "¿qué", "?", "«x", "#", "1", "don't"]);
    }

    #[test]
    fn an_order_that_the_reference_lacks_does_not_count() {
        let counts = ChrF::CHRF.segment("abc", &["a"]);
        assert_eq!(counts[0], Matches { hypothesis: 3, reference: 1, both: 1 });
        assert!(counts[1..].iter().all(|counts| *counts == Matches::default()));
        assert_eq!(ChrF::CHRF.score(&ChrF::CHRF.segment("", &[""])), 0.0);
    }

    #[test]
    fn the_reference_that_is_most_alike_counts() {
        let two = ChrF::PLUS_PLUS.segment("the cat", &["a dog", "the cat ."]);
        assert_eq!(two, ChrF::PLUS_PLUS.segment("the cat", &["the cat ."]));
        assert_eq!((ChrF::PLUS_PLUS.to_string(), ChrF::CHRF.to_string()), ("chrF2++".into(), "chrF2".into()));
    }
}
