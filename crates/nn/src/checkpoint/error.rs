//! What can be wrong with a checkpoint.

use std::fmt;
use std::path::PathBuf;

use super::Refused;
use crate::disk::DiskError;
use crate::safetensors_file::TensorFileError;

/// A checkpoint could not be written or read, or is not sound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file or folder could not be read or written. [`DiskError::is_full`] tells a full disk. What was there before is untouched.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of tensors is unsound in itself.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    /// The folder is not a checkpoint: it has no list of checksums.
    #[error("{} is not a checkpoint: it has no {}", .folder.display(), super::CHECKSUMS)]
    NotACheckpoint {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the checkpoint is not there.
    #[error("{}: missing from its checkpoint; use another checkpoint", .file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A file of the checkpoint has not the length that was written.
    #[error("{}: {found} bytes, but {} says {expected}: truncated or changed; use another checkpoint", .file.display(), super::CHECKSUMS)]
    Length {
        /// The file.
        file: PathBuf,
        /// Bytes that were written.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A file of the checkpoint has not the content that was written.
    #[error("{}: damaged: its SHA-256 is {found}, but {} says {expected}; use another checkpoint", .file.display(), super::CHECKSUMS)]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The checksum of what was written.
        expected: String,
        /// The checksum of what there is.
        found: String,
    },
    /// The list of checksums is not what was written, so that nothing can be said of the other files.
    #[error("{}: damaged: {problem}; the checkpoint's other files cannot be verified without it: use another checkpoint", .file.display())]
    List {
        /// The list of checksums.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A JSON file does not parse.
    #[error("{}: damaged: not the JSON that was written ({source}); use another checkpoint", .file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The checkpoint was written by a version that this one does not know.
    #[error("{}: format {found}, but this version reads format {}; use the version that wrote it", .file.display(), super::checksums::FORMAT)]
    Format {
        /// The list of checksums.
        file: PathBuf,
        /// The format that it states.
        found: u64,
    },
    /// An extra file has a name that is reserved, or is no plain file name.
    #[error("`{name}` cannot be the name of a file in a checkpoint: {reason}")]
    FileName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// `best` or `latest` does not name a checkpoint of its run.
    #[error("{}: {content:?} names no checkpoint of this run; give a checkpoint's folder instead", .file.display())]
    Pointer {
        /// The file.
        file: PathBuf,
        /// What it holds (its beginning).
        content: String,
    },
    /// Something is in the way that is not a checkpoint and so is not replaced.
    #[error("{} exists and is not a checkpoint: it is not replaced; choose another name or remove it", .folder.display())]
    InTheWay {
        /// The folder or file.
        folder: PathBuf,
    },
    /// Another process is writing to this run.
    #[error("{}: another process is training in this run; stop it, or use another folder", .run.display())]
    InUse {
        /// The run's folder.
        run: PathBuf,
    },
    /// A folder is neither a checkpoint nor a run that has one.
    #[error("{}: no model here: neither a checkpoint (a folder with {}) nor a run with checkpoints", .folder.display(), super::CHECKSUMS)]
    NoModel {
        /// The folder.
        folder: PathBuf,
    },
    /// A run has checkpoints, but not one of them is sound.
    #[error("{}: none of its checkpoints is sound{}", .run.display(), Reasons(.refused))]
    NoneGood {
        /// The run's folder.
        run: PathBuf,
        /// Every checkpoint, newest first, and why it was refused.
        refused: Vec<Refused>,
    },
}

impl CheckpointError {
    /// True where the disk, or the user's quota of it, had no room left.
    pub fn is_full(&self) -> bool {
        match self {
            CheckpointError::Disk(error) | CheckpointError::Tensors(TensorFileError::Disk(error)) => error.is_full(),
            _ => false,
        }
    }
}

struct Reasons<'a>(&'a [Refused]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|refused| write!(f, "; {refused}"))
    }
}
