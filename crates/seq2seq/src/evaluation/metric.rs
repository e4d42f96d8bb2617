//! Metrics as one: what a sentence counts, and what a text's counts score.

use std::fmt;
use std::str::FromStr;

use crate::bleu::{BleuStatistics, Convention, ORDER, UnknownName};
use crate::chrf::{ChrF, Matches};

/// A metric of translations, 0 to 100, higher is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// BLEU.
    Bleu(Convention),
    /// chrF.
    ChrF(ChrF),
}

/// What a metric counts in a sentence; a text's counts are the sum of its sentences'.
pub type Counts = Vec<u64>;

impl Metric {
    /// Counts a sentence.
    ///
    /// ```
    /// use unrolled_seq2seq::chrf::ChrF;
    /// use unrolled_seq2seq::evaluation::Metric;
    ///
    /// let metric = Metric::ChrF(ChrF::CHRF);
    /// assert!((metric.score(&metric.counts("oui .", &["oui ."])) - 100.0).abs() < 1e-9);
    /// ```
    ///
    /// # Panics
    /// Where there is no reference.
    #[track_caller]
    pub fn counts(&self, hypothesis: &str, references: &[impl AsRef<str>]) -> Counts {
        match self {
            Self::Bleu(convention) => {
                let counts = convention.segment(hypothesis, references);
                let lengths = [counts.hypothesis_length, counts.reference_length];
                counts.matches.into_iter().chain(counts.totals).chain(lengths).collect()
            }
            Self::ChrF(chrf) => {
                let orders = chrf.segment(hypothesis, references).into_iter();
                orders.flat_map(|order| [order.hypothesis, order.reference, order.both]).collect()
            }
        }
    }

    /// The score of a text from the sum of its sentences' counts.
    ///
    /// # Panics
    /// Where the counts are another metric's.
    pub fn score(&self, counts: &[u64]) -> f64 {
        match self {
            Self::Bleu(convention) => convention.score(&bleu_statistics(counts)).score,
            Self::ChrF(chrf) => chrf.score(&matches(counts)),
        }
    }

    /// The score of a text from its sentences' counts.
    ///
    /// # Panics
    /// Where the counts are another metric's, or there is no sentence.
    #[track_caller]
    pub fn text_score(&self, sentences: &[Counts]) -> f64 {
        assert!(!sentences.is_empty(), "a text's score: there is no sentence");
        self.score(&sum(sentences))
    }

    /// The score of a sentence by itself: BLEU then leaves out orders of which there are no n-grams.
    ///
    /// # Panics
    /// Where the counts are another metric's.
    pub fn sentence_score(&self, counts: &[u64]) -> f64 {
        match self {
            Self::Bleu(convention) => convention.sentence_score(&bleu_statistics(counts)).score,
            Self::ChrF(chrf) => chrf.score(&matches(counts)),
        }
    }

    /// Which metric exactly, in sacreBLEU's way of saying it, where each sentence has so many references.
    pub fn signature(&self, references: usize) -> String {
        match self {
            Self::Bleu(convention) => convention.signature(&references.to_string()),
            Self::ChrF(chrf) => chrf.signature(&references.to_string()),
        }
    }
}

/// The sum of sentences' counts.
pub(super) fn sum<'a>(sentences: impl IntoIterator<Item = &'a Counts>) -> Counts {
    let mut sum = Vec::new();
    for counts in sentences {
        sum.resize(counts.len(), 0);
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    sum
}

/// BLEU's counts, as [`Metric::counts`] wrote them.
pub(crate) fn bleu_statistics(counts: &[u64]) -> BleuStatistics {
    let four = |from: usize| -> [u64; ORDER] { counts[from..from + ORDER].try_into().expect("four of them") };
    BleuStatistics {
        matches: four(0),
        totals: four(ORDER),
        hypothesis_length: counts[2 * ORDER],
        reference_length: counts[2 * ORDER + 1],
    }
}

fn matches(counts: &[u64]) -> Vec<Matches> {
    let orders = counts.chunks_exact(3);
    orders.map(|order| Matches { hypothesis: order[0], reference: order[1], both: order[2] }).collect()
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bleu(Convention::MultiBleu) => f.pad("multi-bleu"),
            Self::Bleu(_) => f.pad("BLEU"),
            Self::ChrF(chrf) => f.pad(&chrf.to_string()),
        }
    }
}

impl FromStr for Metric {
    type Err = UnknownName;

    /// `bleu` (sacreBLEU's defaults), `multi-bleu`, `chrf` or `chrf++`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "bleu" => Ok(Self::Bleu(Convention::SACREBLEU)),
            "multi-bleu" => Ok(Self::Bleu(Convention::MultiBleu)),
            "chrf" => Ok(Self::ChrF(ChrF::CHRF)),
            "chrf++" => Ok(Self::ChrF(ChrF::PLUS_PLUS)),
            _ => Err(UnknownName { name: name.to_owned(), known: "bleu, multi-bleu, chrf or chrf++" }),
        }
    }
}
