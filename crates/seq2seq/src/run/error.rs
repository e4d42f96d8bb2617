//! What can stop a run.

use std::io;
use std::path::PathBuf;

use unrolled_nn::LoadError;
use unrolled_nn::checkpoint::CheckpointError;
use unrolled_nn::disk::DiskError;
use unrolled_tensor::DeviceError;

use crate::config::ConfigError;
use crate::corpus::CorpusError;
use crate::executor::StepError;
use crate::prepare::PrepareError;
use crate::vocabulary::VocabularyError;
use crate::wording::counted;

/// Why a run could not begin or go on. Its last checkpoint is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The prepared corpus cannot be read.
    #[error(transparent)]
    Prepared(#[from] PrepareError),
    /// A vocabulary cannot be read or made.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A step over several devices failed, or their plan does not fit.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A file of the run cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The configuration is wrong, lacks what training needs, or does not fit the run that it resumes.
    #[error(transparent)]
    Settings(#[from] ConfigError),
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
    /// A run's vocabulary is not the one that its checkpoint was trained with: words would have the numbers of others.
    #[error(
        "`{vocabulary}` is not the vocabulary that the checkpoint `{checkpoint}` was trained with: copy that of its folder over it"
    )]
    OtherVocabulary {
        /// The run's file.
        vocabulary: PathBuf,
        /// The checkpoint.
        checkpoint: PathBuf,
    },
    /// A checkpoint's configuration is of a model of quite another size.
    #[error("the configuration in `{path}` asks for a model of {wanted:.3e} parameters, but its values are {found}")]
    Size {
        /// The checkpoint.
        path: PathBuf,
        /// Parameters of the model.
        wanted: f64,
        /// Numbers in the checkpoint.
        found: usize,
    },
    /// The machine's memory is too small for the model.
    #[error(
        "a model of {parameters:.3e} parameters takes at least {needs:.1} GiB to train (parameters, the optimiser's states, gradients, what the layers keep of a \
         batch), and this machine has {has:.1}: fewer `layers`, a smaller `hidden-size`, smaller vocabularies or batches"
    )]
    NoRoom {
        /// Parameters of the model.
        parameters: f64,
        /// GiB that its training takes at the very least.
        needs: f64,
        /// GiB of the machine.
        has: f64,
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
    /// Checkpoints are not of the same model.
    #[error("`{folder}` cannot be averaged with `{first}`: {reason}")]
    UnlikeCheckpoints {
        /// The checkpoint.
        folder: PathBuf,
        /// The first, which it does not go with.
        first: PathBuf,
        /// What it differs in.
        reason: String,
    },
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
    /// The folder has no run.
    #[error("`{path}` holds no run: it has no `config.toml`")]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("`{path}` has no run to resume: it lacks its configuration or a checkpoint")]
    NothingToResume {
        /// The run folder.
        path: PathBuf,
    },
    /// Products in TF32 are asked of a device without tensor cores.
    #[error("{device} has no products in TF32, which CUDA devices have: choose another `matmul-precision`")]
    NoTf32 {
        /// The device.
        device: String,
    },
    /// No pair is left to train on, or to validate on.
    #[error("no {purpose} pairs in {corpus}: {skipped}")]
    NoPairs {
        /// `training`, `validation` or `test`.
        purpose: &'static str,
        /// The corpus.
        corpus: String,
        /// How many were left out, and why.
        skipped: String,
    },
    /// The loss stayed infinite, NaN, or beyond all bounds.
    #[error(
        "{} in a row had a loss or gradient beyond all bounds (the last was update {update}): lower the learning rate, and resume from the last checkpoint or begin again",
        counted(*count, "update")
    )]
    Diverged {
        /// How many.
        count: u64,
        /// The last of them.
        update: u64,
    },
    /// A parameter has overflowed.
    #[error(
        "after update {update}, parameter `{parameter}` is no longer finite and is not saved: lower the learning rate, and resume from the last checkpoint or begin again"
    )]
    NotFinite {
        /// Updates made.
        update: u64,
        /// The parameter's path.
        parameter: String,
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
    /// True where the disk, or the user's quota of it, had no room left.
    pub fn is_full(&self) -> bool {
        match self {
            Error::Checkpoint(error) => error.is_full(),
            Error::Disk(error) => error.is_full(),
            Error::File { error, .. } => error.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// The message with those of its causes.
    pub(crate) fn with_causes(&self) -> String {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        message
    }

    /// For `map_err` on an operation with a file.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::File { action, path, error }
    }
}
