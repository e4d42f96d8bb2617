//! What can stop a run.

use std::io;
use std::path::PathBuf;

use unrolled_nn::LoadError;
use unrolled_nn::checkpoint::CheckpointError;
use unrolled_tensor::DeviceError;

use crate::config::ConfigError;
use crate::corpus::CorpusError;
use crate::vocabulary::VocabularyError;

/// Why a run could not begin or go on. Its last checkpoint is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A vocabulary cannot be read or made.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A configuration inside a run or checkpoint is wrong.
    #[error("the configuration in `{path}` cannot be used")]
    Config {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: ConfigError,
    },
    /// A checkpoint's values do not fit the model.
    #[error("the checkpoint `{path}` does not fit its configuration")]
    Model {
        /// The checkpoint.
        path: PathBuf,
        /// What does not fit.
        #[source]
        error: LoadError,
    },
    /// A checkpoint's progress cannot be understood.
    #[error("the state of checkpoint `{path}` cannot be used")]
    State {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
    /// A checkpoint lacks a file.
    #[error("`{path}` is missing: the checkpoint is not a translator's")]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// No run folder was named.
    #[error("no run folder: set `output`")]
    NoOutput,
    /// The folder has a run already.
    #[error("`{path}` has a run already: resume it, overwrite it, or choose another folder")]
    RunExists {
        /// The run folder.
        path: PathBuf,
    },
    /// The folder has something else.
    #[error("`{path}` is not empty and holds no run: choose another folder")]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("`{path}` has no sound checkpoint to resume from{refused}")]
    NothingToResume {
        /// The run folder.
        path: PathBuf,
        /// Checkpoints that were refused, and why.
        refused: String,
    },
    /// No pair is left to train on.
    #[error("no training pairs in {corpus}: {skipped}")]
    NoPairs {
        /// The corpus.
        corpus: String,
        /// How many were left out, and why.
        skipped: String,
    },
    /// The loss stayed infinite or NaN.
    #[error(
        "{count} updates in a row had a loss or gradient that is not finite (the last was update {update}): lower the learning rate"
    )]
    Diverged {
        /// How many.
        count: u64,
        /// The last of them.
        update: u64,
    },
    /// A file of the run cannot be written or read.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
}

impl Error {
    /// For `map_err` on an operation with a file.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::File { action, path, error }
    }
}
