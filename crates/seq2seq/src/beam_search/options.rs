//! How a beam search goes, and what it finds.

use crate::vocabulary::{PAD, UNK};

/// How sentences are translated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeOptions {
    /// Hypotheses kept at each step; 1 is greedy.
    pub beam_size: usize,
    /// Translations answered for each sentence, at most the beam.
    pub n_best: usize,
    /// Sentences translated together. The translations do not depend on it.
    pub batch_size: usize,
    /// Longest translation in words; 0: twice the source's words and ten.
    pub max_length: usize,
    /// Power of the length (with `<EOS>`) that a log-probability is divided by, so that long translations gain; 0: none, as in the paper.
    /// Not negative.
    pub length_normalisation: f64,
    /// α of Wu et al. (2016): a log-probability is divided by ((5 + length) / 6)^α, a gentler rule; 0: none. Not negative. Where both are given,
    /// both divide.
    ///
    /// Their coverage penalty is not offered: it counts how much attention each source word has had, and this model has no attention.
    pub length_penalty: f64,
    /// Whether a translation may have `UNK`, as the paper's have.
    pub allow_unknown: bool,
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions {
            beam_size: 12,
            n_best: 1,
            batch_size: 32,
            max_length: 0,
            length_normalisation: 0.0,
            length_penalty: 0.0,
            allow_unknown: true,
        }
    }
}

impl DecodeOptions {
    #[track_caller]
    pub(super) fn check(&self) {
        for (name, power) in [("normalisation", self.length_normalisation), ("penalty", self.length_penalty)] {
            assert!(power >= 0.0, "beam search: the length {name} must be at least 0, found {power}");
        }
    }

    /// What the log-probability of a translation of so many words (with `<EOS>`) is divided by. Never falls with the length.
    pub(super) fn divisor(&self, length: usize) -> f64 {
        let length = length as f64;
        length.powf(self.length_normalisation) * ((5.0 + length) / 6.0).powf(self.length_penalty)
    }

    /// The most words of a translation of so many words.
    pub(super) fn longest(&self, source_words: usize) -> usize {
        longest(self.max_length, source_words)
    }

    /// Whether a word may stand in a translation, or end it.
    pub(super) fn allows(&self, word: u32) -> bool {
        word != PAD && (self.allow_unknown || word != UNK)
    }

    /// How many of the best next words are enough for a beam, whichever of them are not allowed.
    pub(super) fn words_wanted(&self) -> usize {
        let never = if self.allow_unknown { 1 } else { 2 };
        self.beam_size.max(1).saturating_add(never)
    }
}

/// The most words of a translation, where the limit 0 stands for twice the source's words and ten.
pub(crate) fn longest(limit: usize, source_words: usize) -> usize {
    if limit == 0 { 2 * source_words + 10 } else { limit }
}

/// A complete translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its words, without `<EOS>`.
    pub words: Vec<u32>,
    /// ln p(words, `<EOS>` | source)
    pub log_probability: f64,
    /// What the beam ranks by: the log-probability over a function of the length.
    pub score: f64,
}
