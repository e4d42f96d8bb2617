//! What can be wrong with a vocabulary.

use crate::corpus::CorpusError;
use std::io;
use std::path::PathBuf;

/// Why a vocabulary could not be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The size leaves no room for words.
    #[error("a vocabulary of {size} has no room for words: three places are for <pad>, <EOS> and UNK")]
    TooSmall {
        /// The size asked for.
        size: usize,
    },
    /// The text has no words.
    #[error("there is no word to make a vocabulary of: the text is empty")]
    NoWords,
    /// The file cannot be read, or is not UTF-8.
    #[error("cannot read the vocabulary: {0}")]
    Read(
        /// The file, the line and the reason.
        #[from]
        CorpusError,
    ),
    /// The file cannot be written.
    #[error("cannot write the vocabulary `{}`: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The first three lines are not the specials.
    #[error("`{name}`, line {line}: `{expected}` should stand here; is this a vocabulary made by this program?")]
    MissingSpecial {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The special that belongs there.
        expected: &'static str,
    },
    /// A word occurs twice.
    #[error("`{name}`, line {line}: `{word}` is already on line {first}; remove one of the two")]
    Duplicate {
        /// The file.
        name: String,
        /// The second line.
        line: u64,
        /// The first line.
        first: u64,
        /// The word.
        word: String,
    },
    /// A line has no word.
    #[error("`{name}`, line {line}: no word; each line must be a word, a TAB and its count")]
    EmptyLine {
        /// The file.
        name: String,
        /// The line.
        line: u64,
    },
    /// A line does not end in a TAB and a number.
    #[error("`{name}`, line {line}: `{text}` does not end in a TAB and a count")]
    MissingCount {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The line's text.
        text: String,
    },
}
