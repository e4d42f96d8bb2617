//! How a corpus is prepared.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::PrepareError;
use crate::tokenise::{Language, Tokeniser};

/// The longest sentence that a shard can hold: lengths are 16 bits.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// What becomes of the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How a line becomes words.
    pub tokeniser: Tokeniser,
    /// The source's language code.
    pub source_language: String,
    /// The target's language code.
    pub target_language: String,
    /// Source words to keep, the special symbols included.
    pub source_vocabulary_size: usize,
    /// Target words to keep.
    pub target_vocabulary_size: usize,
    /// A vocabulary made before; then the source's words are not counted.
    pub source_vocabulary: Option<PathBuf>,
    /// The same for the target.
    pub target_vocabulary: Option<PathBuf>,
    /// Pairs with a shorter side are dropped; in words. Sides without words are dropped always.
    pub min_length: usize,
    /// Pairs with a longer side are dropped; in words. 0: no limit but that of the format, 65,535.
    pub max_length: usize,
    /// Pairs whose sides' lengths have a larger ratio, either way, are dropped. 0: no limit.
    pub max_ratio: f64,
    /// Pairs whose two lines were there before are dropped. They are compared by a hash of 64 bits: of 12 million different pairs one is
    /// taken for another with a probability of 1 in 250,000.
    pub deduplicate: bool,
}

impl Default for Settings {
    /// The paper's vocabularies, and what training reads from text files by default.
    fn default() -> Self {
        Self {
            tokeniser: Tokeniser::Moses,
            source_language: "en".into(),
            target_language: "fr".into(),
            source_vocabulary_size: 160_000,
            target_vocabulary_size: 80_000,
            source_vocabulary: None,
            target_vocabulary: None,
            min_length: 1,
            max_length: 100,
            max_ratio: 0.0,
            deduplicate: false,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), PrepareError> {
        let wrong = |text: String| Err(PrepareError::Settings(text));
        let longest = self.longest();
        if self.min_length > longest {
            return wrong(format!("the shortest length to keep, {}, is above the longest, {longest}", self.min_length));
        }
        if self.max_length > LONGEST {
            return wrong(format!(
                "the longest length to keep, {}, is above {LONGEST}, which the format can hold",
                self.max_length
            ));
        }
        if !self.max_ratio.is_finite() || (self.max_ratio != 0.0 && self.max_ratio < 1.0) {
            return wrong(format!(
                "the largest ratio of lengths, {}, must be 1 or more, or 0 for no limit",
                self.max_ratio
            ));
        }
        Ok(())
    }

    pub(super) fn longest(&self) -> usize {
        if self.max_length == 0 { LONGEST } else { self.max_length }
    }

    pub(super) fn languages(&self) -> [Language; 2] {
        [self.source_language.as_str().into(), self.target_language.as_str().into()]
    }
}

/// In which pieces the work is done: what bounds its memory. The defaults suit any corpus; tests take smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    /// Lines in a block, and so in a shard.
    pub block_pairs: usize,
    /// Bytes of text at which a block ends, however few its lines are.
    pub block_bytes: usize,
    /// Different words of a side at which counts are written as a run.
    pub run_words: usize,
    /// Lines after which counts are written as a run, so that a kill costs no more.
    pub run_pairs: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { block_pairs: 1 << 17, block_bytes: 1 << 26, run_words: 1 << 22, run_pairs: 1 << 21 }
    }
}
