//! What can be wrong with preparing a corpus, or with a prepared one.

use std::io;
use std::path::{Path, PathBuf};

use unrolled_nn::disk::DiskError;

use super::manifest::STATE;
use crate::corpus::CorpusError;
use crate::vocabulary::VocabularyError;

/// Why a corpus could not be prepared, or a prepared one not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The text cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A vocabulary cannot be made, read or written.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A file cannot be written or read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A setting makes no sense.
    #[error("{0}")]
    Settings(
        /// What is wrong with it.
        String,
    ),
    /// A file's name is no text.
    #[error("the name `{}` is not UTF-8, so that `{STATE}` cannot say it: rename the file, or give a link to it", path.display())]
    Unnameable {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds a prepared corpus already.
    #[error("`{}` holds a prepared corpus already: overwrite it, or choose another folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something else.
    #[error("`{}` is not empty and holds no prepared corpus: choose another folder", path.display())]
    InTheWay {
        /// The folder.
        path: PathBuf,
    },
    /// A prepared folder that is to be replaced holds something else too.
    #[error("`{}` is to be replaced and holds `{name}`, which is not of a prepared corpus: move that away, or choose another folder", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        name: String,
    },
    /// Another process works in the folder.
    #[error("another process prepares a corpus in `{}`", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds the beginning of other work.
    #[error("`{}` holds the beginning of other work ({what}): overwrite it, or choose another folder", path.display())]
    OtherWork {
        /// The folder.
        path: PathBuf,
        /// The first difference.
        what: String,
    },
    /// The folder is none of a prepared corpus.
    #[error("`{}` holds no prepared corpus (it has no `prepared.json`){}", path.display(), if *unfinished { ": its preparation is unfinished, give the same `unrolled prepare` again to go on" } else { "" })]
    NotPrepared {
        /// The folder.
        path: PathBuf,
        /// True where its preparation was begun.
        unfinished: bool,
    },
    /// The format is of another version.
    #[error("`{}` is of version {found} of the format, this program reads version {known}: prepare the corpus again", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// A file is truncated, damaged, or none of ours.
    #[error("`{}` is damaged: {problem}; prepare the corpus again, or copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// It was asked to stop.
    #[error("stopped; the same command goes on from here")]
    Stopped,
    /// Cleaning left nothing.
    #[error("no pairs are left of {corpus}: {dropped}")]
    NoPairs {
        /// The corpus.
        corpus: String,
        /// How many were dropped, and why.
        dropped: String,
    },
}

impl PrepareError {
    /// True where the disk, or the user's quota of it, had no room left.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_full(),
            Self::Vocabulary(VocabularyError::Write { error, .. }) => error.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }
}

/// For `map_err` on an operation with a file.
pub(super) fn at(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError { action, file: file.to_owned(), source }
}
