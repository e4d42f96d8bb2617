//! Words as numbers.

mod builder;
mod error;
mod file;

pub use builder::{Shortfall, VocabularyBuilder};
pub use error::VocabularyError;

use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// The id of `<pad>`, which fills up sequences shorter than their batch.
pub const PAD: u32 = 0;
/// The id of `<EOS>`, which ends every sentence and is the decoder's first input.
pub const EOS: u32 = 1;
/// The id of `UNK`, which stands for every word that is not in the vocabulary.
pub const UNK: u32 = 2;
/// The words of the first ids: the same in every vocabulary.
pub const SPECIALS: [&str; 3] = ["<pad>", "<EOS>", "UNK"];

/// The words that a model knows, numbered: the three specials, then by falling frequency.
///
/// A special cannot be written in text: where a corpus has the token `<EOS>`, `<pad>` or `UNK`, it is unknown like any
/// other word that is not in the vocabulary, so no text can end a sentence or pad one.
///
/// ```
/// use unrolled_seq2seq::vocabulary::{UNK, VocabularyBuilder};
///
/// let mut builder = VocabularyBuilder::new();
/// builder.add_sentence("the cat sees the dog".split(' '));
/// let (vocabulary, shortfall) = builder.build(5)?;
/// assert!(shortfall.is_none());
/// assert_eq!(vocabulary.encode("the cat sleeps".split(' ')), [3, 4, UNK]);
/// assert_eq!(vocabulary.decode(&[3, 4, UNK, 1]).collect::<Vec<_>>(), ["the", "cat", "UNK"]);
/// # Ok::<(), unrolled_seq2seq::vocabulary::VocabularyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<Arc<str>>,
    counts: Vec<u64>,
    /// Ids of the words; the specials are not in it.
    ids: FxHashMap<Arc<str>, u32>,
}

impl Vocabulary {
    /// From words with their counts, the specials first and no word twice: the caller has made sure of it.
    fn from_entries(entries: impl Iterator<Item = (Arc<str>, u64)>) -> Self {
        let (words, counts): (Vec<Arc<str>>, Vec<u64>) = entries.unzip();
        let numbered = words.iter().cloned().zip(0..).skip(SPECIALS.len());
        let ids = numbered.collect();
        Self { words, counts, ids }
    }

    /// How many words there are, the specials included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// True where there is no word beside the specials.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of a word, [`UNK`] for one that is not in the vocabulary.
    pub fn id(&self, word: &str) -> u32 {
        self.ids.get(word).copied().unwrap_or(UNK)
    }

    /// The word of an id, or a special's name.
    ///
    /// # Panics
    /// Where the id is not smaller than [`Vocabulary::len`].
    #[track_caller]
    pub fn word(&self, id: u32) -> &str {
        match self.words.get(id as usize) {
            Some(word) => word,
            None => panic!("vocabulary: there is no word {id}, the ids are 0 to {}", self.len() - 1),
        }
    }

    /// How often a word was in the text that the vocabulary was made from. For [`UNK`]: all words that are not in it;
    /// for [`EOS`]: the sentences.
    ///
    /// # Panics
    /// Where the id is not smaller than [`Vocabulary::len`].
    #[track_caller]
    pub fn count(&self, id: u32) -> u64 {
        match self.counts.get(id as usize) {
            Some(&count) => count,
            None => panic!("vocabulary: there is no word {id}, the ids are 0 to {}", self.len() - 1),
        }
    }

    /// The ids of tokens, without `<EOS>`.
    pub fn encode<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        tokens.into_iter().map(|token| self.id(token)).collect()
    }

    /// The words of ids up to the first [`EOS`], without padding.
    ///
    /// # Panics
    /// Where an id is not smaller than [`Vocabulary::len`].
    pub fn decode<'a>(&'a self, ids: &'a [u32]) -> impl Iterator<Item = &'a str> {
        ids.iter().take_while(|&&id| id != EOS).filter(|&&id| id != PAD).map(|&id| self.word(id))
    }

    /// The share of the running words that the vocabulary covers in the text that it was made from.
    pub fn coverage(&self) -> Coverage {
        let known: u64 = self.counts[SPECIALS.len()..].iter().sum();
        Coverage { known, total: known + self.counts[UNK as usize] }
    }
}

/// How many of a text's running words a vocabulary has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Running words that are in the vocabulary.
    pub known: u64,
    /// All running words.
    pub total: u64,
}

impl Coverage {
    /// Counts the words of one more sentence.
    pub fn add(&mut self, ids: &[u32]) {
        self.known += ids.iter().filter(|&&id| id != UNK).count() as u64;
        self.total += ids.len() as u64;
    }

    /// The share of known words, from 0 to 1; 1 for an empty text.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.known as f64 / self.total as f64 }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}% of {} running words", 100.0 * self.share(), self.total)
    }
}
