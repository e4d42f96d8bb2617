//! Counting words, and keeping the most frequent.

use super::{SPECIALS, Vocabulary, VocabularyError};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

/// Counts the words of a text; the memory grows with the distinct words alone.
#[derive(Debug, Clone, Default)]
pub struct VocabularyBuilder {
    counts: FxHashMap<Arc<str>, u64>,
    sentences: u64,
    running: u64,
}

impl VocabularyBuilder {
    /// A count of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one sentence's tokens.
    pub fn add_sentence<'a>(&mut self, tokens: impl IntoIterator<Item = &'a str>) {
        tokens.into_iter().for_each(|token| self.add_token(token));
        self.end_sentence();
    }

    /// Counts one token. One that cannot be in a vocabulary (a special's name, an empty one, one with a TAB or a line
    /// end in it) is counted as unknown.
    pub fn add_token(&mut self, token: &str) {
        self.running += 1;
        if let Some(count) = self.counts.get_mut(token) {
            *count += 1;
        } else if can_be_word(token) {
            self.counts.insert(Arc::from(token), 1);
        }
    }

    /// Ends a sentence whose tokens were given to [`VocabularyBuilder::add_token`].
    pub fn end_sentence(&mut self) {
        self.sentences += 1;
    }

    /// Counts a token that occurs `count` times.
    pub(crate) fn add_count(&mut self, token: &str, count: u64) {
        self.running += count;
        if let Some(sum) = self.counts.get_mut(token) {
            *sum += count;
        } else if can_be_word(token) {
            self.counts.insert(Arc::from(token), count);
        }
    }

    /// All words with their counts, in the order of their bytes.
    pub(crate) fn into_sorted(self) -> Vec<(Arc<str>, u64)> {
        let mut words: Vec<_> = self.counts.into_iter().collect();
        words.sort_unstable();
        words
    }

    /// The count of a text of which only the most frequent words are known, and how many sentences and running words it has.
    pub(crate) fn from_counts(words: Vec<(Arc<str>, u64)>, sentences: u64, running: u64) -> Self {
        Self { counts: words.into_iter().collect(), sentences, running }
    }

    /// How many distinct words were seen.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// How many running words were seen.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// The vocabulary of the three specials and the `size` − 3 most frequent words; of equally frequent words, the
    /// first in the order of their bytes. Where there are not so many words, all of them, and a [`Shortfall`] to show.
    ///
    /// # Errors
    /// Where `size` leaves no room for a word, or there is none.
    pub fn build(&self, size: usize) -> Result<(Vocabulary, Option<Shortfall>), VocabularyError> {
        if size <= SPECIALS.len() {
            return Err(VocabularyError::TooSmall { size });
        }
        if self.counts.is_empty() {
            return Err(VocabularyError::NoWords);
        }
        let mut words: Vec<(&Arc<str>, u64)> = self.counts.iter().map(|(word, &count)| (word, count)).collect();
        words.sort_unstable_by_key(|&(word, count)| (Reverse(count), word));
        words.truncate(size - SPECIALS.len());
        let known: u64 = words.iter().map(|&(_, count)| count).sum();
        let counts = [0, self.sentences, self.running - known];
        let specials = SPECIALS.iter().zip(counts).map(|(&word, count)| (Arc::from(word), count));
        let vocabulary =
            Vocabulary::from_entries(specials.chain(words.into_iter().map(|(word, count)| (word.clone(), count))));
        let available = vocabulary.len();
        let shortfall = (available < size).then_some(Shortfall { requested: size, available });
        Ok((vocabulary, shortfall))
    }
}

/// True where a token can be a word of a vocabulary and a line of its file.
pub(super) fn can_be_word(token: &str) -> bool {
    !token.is_empty() && !token.contains(['\t', '\n']) && !SPECIALS.contains(&token)
}

/// A text has fewer distinct words than a vocabulary was to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The size asked for.
    pub requested: usize,
    /// The size that the text gives, the three specials included.
    pub available: usize,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, available } = self;
        write!(f, "a vocabulary of {requested} was asked for, but the data give {available}, the specials included")
    }
}
