//! Sentence pairs and sentences from files: streamed, one at a time, never a whole file in memory.
//!
//! Pairs come from two parallel files (`train.en`, `train.fr`), from one TSV file (source, TAB, target, further columns
//! ignored), or from WMT's `.sgm` files; each may be compressed with gzip, which is recognised by content. Files are
//! read rather than mapped into memory: a pass is sequential, reading is as fast, and it needs no unsafe code and also
//! takes pipes.

mod error;
mod input;
mod lines;
mod pairs;
mod sgm;
mod wmt14;

pub use error::CorpusError;
pub use lines::Lines;
pub(crate) use lines::unequal;
pub use pairs::{Pair, Pairs};
pub use wmt14::{FilePair, MissingFiles, Wmt14};

use crate::wording::counted;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where sentence pairs are: a description, cheap to clone, that opens nothing until it is read.
///
/// ```
/// use unrolled_seq2seq::corpus::Corpus;
///
/// let folder = tempfile::tempdir()?;
/// let (english, french) = (folder.path().join("train.en"), folder.path().join("train.fr"));
/// std::fs::write(&english, "Hello.\nThank you.\n")?;
/// std::fs::write(&french, "Bonjour.\nMerci.\n")?;
///
/// let corpus = Corpus::parallel(&english, &french);
/// for pair in corpus.pairs()? {
///     let pair = pair?;
///     println!("{}: {} = {}", pair.line, pair.source, pair.target);
/// }
/// # assert_eq!(corpus.pairs()?.count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Parallel(PathBuf, PathBuf),
    Tsv(PathBuf),
}

impl Corpus {
    /// Two files that correspond line by line, or two `.sgm` files, whose segments are matched by document and id.
    pub fn parallel(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        Self { parts: vec![Part::Parallel(source.as_ref().to_owned(), target.as_ref().to_owned())] }
    }

    /// One file of lines `source TAB target`; what follows a second TAB is ignored.
    pub fn tsv(path: impl AsRef<Path>) -> Self {
        Self { parts: vec![Part::Tsv(path.as_ref().to_owned())] }
    }

    /// Several corpora, one after the other.
    pub fn concat(corpora: impl IntoIterator<Item = Corpus>) -> Self {
        Self { parts: corpora.into_iter().flat_map(|corpus| corpus.parts).collect() }
    }

    /// With a target, two parallel files; without, a TSV file. Whether a file is `.sgm` or compressed is seen from its
    /// content when it is read.
    pub fn from_paths(source: impl AsRef<Path>, target: Option<impl AsRef<Path>>) -> Self {
        match target {
            Some(target) => Self::parallel(source, target),
            None => Self::tsv(source),
        }
    }

    /// Opens all files, and reads the pairs in order.
    ///
    /// # Errors
    /// When a file cannot be opened, or its beginning cannot be read. What is wrong further down is found when it is
    /// read: nothing is dropped silently, pairs with an empty side are returned as such.
    pub fn pairs(&self) -> Result<Pairs, CorpusError> {
        Pairs::open(self)
    }

    /// [`Corpus::pairs`] of what is read more than once.
    ///
    /// # Errors
    /// As there; and where a file is a pipe, which would be empty, or wait forever, the second time.
    pub fn pairs_again_and_again(&self) -> Result<Pairs, CorpusError> {
        #[cfg(unix)]
        for path in self.paths() {
            use std::os::unix::fs::FileTypeExt;
            if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
                return Err(CorpusError::Pipe { path: path.to_owned() });
            }
        }
        self.pairs()
    }

    /// Every file of the corpus, the source before the target.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().flat_map(|part| match part {
            Part::Parallel(source, target) => vec![source.as_path(), target.as_path()],
            Part::Tsv(path) => vec![path.as_path()],
        })
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            match part {
                Part::Parallel(source, target) => write!(f, "{} / {}", source.display(), target.display())?,
                Part::Tsv(path) => write!(f, "{}", path.display())?,
            }
        }
        Ok(())
    }
}

/// How many pairs were left out of training, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Pairs with a side that has no words.
    pub empty: u64,
    /// Pairs with a side longer than the limit.
    pub too_long: u64,
}

impl Skipped {
    /// All pairs left out.
    pub fn total(&self) -> u64 {
        self.empty + self.too_long
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = counted(self.total(), "pair");
        write!(f, "{pairs} skipped: {} with an empty side, {} too long", self.empty, self.too_long)
    }
}
