//! A corpus as word ids, in memory: what training reads.

use crate::corpus::{Corpus, CorpusError, Pair, Skipped};
use crate::tokenise::{Language, Tokeniser};
use crate::vocabulary::{Coverage, Vocabulary};

/// How one side's text becomes ids.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// How it is cut into words.
    pub tokeniser: Tokeniser,
    /// Its language.
    pub language: Language,
    /// The ids of its words.
    pub vocabulary: &'a Vocabulary,
}

impl Side<'_> {
    /// Replaces `ids` by those of a sentence, without `<EOS>`.
    pub fn number(&self, text: &str, ids: &mut Vec<u32>) {
        ids.clear();
        self.tokeniser.for_each_token(text, self.language, |token| ids.push(self.vocabulary.id(token)));
    }
}

/// The longest sentences that are kept, in words without `<EOS>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest source.
    pub source: usize,
    /// The longest target.
    pub target: usize,
}

impl Limits {
    /// Keeps sentences of any length.
    pub const NONE: Self = Self { source: usize::MAX, target: usize::MAX };
}

/// Sentence pairs as ids, flat: four bytes a word and sixteen a pair, so twelve million pairs of 25 and 29 words take
/// 2.8 GB.
///
/// ```
/// use unrolled_seq2seq::numbered::{Limits, NumberedCorpus};
///
/// let mut corpus = NumberedCorpus::new();
/// corpus.push(&[3, 4, 5], &[3, 7]);
/// assert_eq!((corpus.len(), corpus.source(0), corpus.target(0)), (1, &[3, 4, 5][..], &[3, 7][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberedCorpus {
    source: Flat,
    target: Flat,
    skipped: Skipped,
    source_coverage: Coverage,
    target_coverage: Coverage,
}

/// Sentences one after the other, and where each ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Flat {
    ids: Vec<u32>,
    ends: Vec<u64>,
}

impl Flat {
    fn push(&mut self, sentence: &[u32]) {
        self.ids.extend_from_slice(sentence);
        self.ends.push(self.ids.len() as u64);
    }

    #[track_caller]
    fn get(&self, index: usize) -> &[u32] {
        assert!(index < self.ends.len(), "corpus: there is no pair {index}, there are {}", self.ends.len());
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ids[start as usize..self.ends[index] as usize]
    }

    fn length(&self, index: usize) -> usize {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        (self.ends[index] - start) as usize
    }
}

impl NumberedCorpus {
    /// A corpus without pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a corpus's pairs, one at a time, and keeps their ids. Pairs with a side that is empty (or nothing but
    /// white space) or longer than its limit are left out and counted: see [`NumberedCorpus::skipped`].
    ///
    /// # Errors
    /// Whatever is wrong with the corpus's files.
    pub fn read(corpus: &Corpus, source: Side<'_>, target: Side<'_>, limits: Limits) -> Result<Self, CorpusError> {
        let mut numbered = Self::new();
        let mut pairs = corpus.pairs()?;
        let mut pair = Pair::default();
        let (mut source_ids, mut target_ids) = (Vec::new(), Vec::new());
        while pairs.read(&mut pair)? {
            source.number(&pair.source, &mut source_ids);
            target.number(&pair.target, &mut target_ids);
            if source_ids.is_empty() || target_ids.is_empty() {
                numbered.skipped.empty += 1;
            } else if source_ids.len() > limits.source || target_ids.len() > limits.target {
                numbered.skipped.too_long += 1;
            } else {
                numbered.push(&source_ids, &target_ids);
            }
        }
        Ok(numbered)
    }

    /// Appends a pair, whatever its length.
    pub fn push(&mut self, source: &[u32], target: &[u32]) {
        self.source.push(source);
        self.target.push(target);
        self.source_coverage.add(source);
        self.target_coverage.add(target);
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.source.ends.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The source's ids of pair `index`, in the text's order and without `<EOS>`.
    ///
    /// # Panics
    /// Where `index` is not smaller than [`NumberedCorpus::len`].
    #[track_caller]
    pub fn source(&self, index: usize) -> &[u32] {
        self.source.get(index)
    }

    /// The target's ids of pair `index`, without `<EOS>`.
    ///
    /// # Panics
    /// Where `index` is not smaller than [`NumberedCorpus::len`].
    #[track_caller]
    pub fn target(&self, index: usize) -> &[u32] {
        self.target.get(index)
    }

    /// The lengths of pair `index`, source and target.
    pub(crate) fn lengths(&self, index: usize) -> (usize, usize) {
        (self.source.length(index), self.target.length(index))
    }

    /// All source words.
    pub fn source_words(&self) -> u64 {
        self.source.ids.len() as u64
    }

    /// All target words.
    pub fn target_words(&self) -> u64 {
        self.target.ids.len() as u64
    }

    /// The pairs that were left out when reading.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// How many source words are known.
    pub fn source_coverage(&self) -> Coverage {
        self.source_coverage
    }

    /// How many target words are known.
    pub fn target_coverage(&self) -> Coverage {
        self.target_coverage
    }
}
