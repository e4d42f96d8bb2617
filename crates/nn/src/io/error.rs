//! What can be wrong with a file of NumPy's.

use std::fmt;
use std::path::{Path, PathBuf};

use unrolled_tensor::DeviceError;

use crate::disk::DiskError;

/// An array in a file: the file, and in a `.npz` the array's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayPlace {
    /// The file.
    pub file: PathBuf,
    /// The array's name, where the file can hold several.
    pub array: Option<String>,
}

impl ArrayPlace {
    pub(super) fn file(file: &Path) -> ArrayPlace {
        ArrayPlace { file: file.to_path_buf(), array: None }
    }

    pub(super) fn array(file: &Path, name: &str) -> ArrayPlace {
        ArrayPlace { file: file.to_path_buf(), array: Some(name.to_owned()) }
    }
}

impl fmt::Display for ArrayPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.array.as_ref().map_or(Ok(()), |array| write!(f, ": array `{array}`"))
    }
}

/// A `.npy` or `.npz` file could not be written, read, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file could not be opened, read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The array ends too early.
    #[error("{place}: truncated: {found} bytes of elements where {expected} are needed; fetch or write it again")]
    Truncated {
        /// Where.
        place: ArrayPlace,
        /// The bytes that its header asks for.
        expected: u64,
        /// Those that are there.
        found: u64,
    },
    /// The header makes no sense: another format, or damage.
    #[error("{place}: not a sound array of NumPy's: {reason}")]
    Header {
        /// Where.
        place: ArrayPlace,
        /// What is wrong.
        reason: String,
    },
    /// The elements are of a type that tensors, or the format, do not have.
    #[error("{place}: elements of {dtype} are not supported; {advice}")]
    UnsupportedDtype {
        /// Where.
        place: ArrayPlace,
        /// The type, as NumPy or this library calls it.
        dtype: String,
        /// What to do.
        advice: &'static str,
    },
    /// An array of truth values holds a byte that is neither 0 nor 1.
    #[error("{place}: of bool, holds the byte {byte} at element {element}; only 0 and 1 are truth values")]
    NotBool {
        /// Where.
        place: ArrayPlace,
        /// Which element, in the file's order.
        element: usize,
        /// What it holds.
        byte: u8,
    },
    /// A `.npz` that is no sound zip archive, or holds something else than arrays.
    #[error("{place}: not a sound .npz archive: {reason}")]
    Archive {
        /// Where.
        place: ArrayPlace,
        /// What is wrong.
        reason: String,
    },
    /// The device failed while the array was moved to or from it.
    #[error("{place}: {source}")]
    Device {
        /// Where.
        place: ArrayPlace,
        /// The device's failure.
        source: DeviceError,
    },
}
