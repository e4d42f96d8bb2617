//! What can be wrong with a file of tensors.

use std::fmt;
use std::path::PathBuf;

use unrolled_tensor::{DType, DeviceError};

use crate::disk::DiskError;

/// A file of tensors could not be written, read, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFileError {
    /// The file could not be opened, read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file ends too early.
    #[error("{}: truncated: {found} bytes where {expected} are needed; fetch or write it again", .file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The length that its header asks for, in bytes.
        expected: u64,
        /// The length that it has.
        found: u64,
    },
    /// The header makes no sense: another format, or damage.
    #[error("{}: not a sound safetensors file: {reason}", .file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor's dtype is none of those in [`DType::ALL`].
    #[error("{}: tensor `{tensor}` has dtype {dtype}, which is not supported; convert it to one of {}", .file.display(), Names(&DType::ALL))]
    UnsupportedDtype {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The dtype, as the format calls it.
        dtype: String,
    },
    /// A tensor of truth values holds a byte that is neither 0 nor 1.
    #[error("{}: tensor `{tensor}` of bool holds the byte {byte} at element {element}; only 0 and 1 are truth values", .file.display())]
    NotBool {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Which element, row-major.
        element: usize,
        /// What it holds.
        byte: u8,
    },
    /// A name that cannot be written: used twice, or reserved by the format.
    #[error("{}: the name `{tensor}` {reason}", .file.display())]
    Name {
        /// The file.
        file: PathBuf,
        /// The name.
        tensor: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// The file is sound but holds other tensors than were expected.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// The device failed while a tensor was moved to or from it.
    #[error("{}: tensor `{tensor}`: {source}", .file.display())]
    Device {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The device's failure.
        source: DeviceError,
    },
}

/// All differences between the tensors of a file and those that were expected. Names are in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mismatch {
    /// The file.
    pub file: PathBuf,
    /// Expected, but not in the file.
    pub missing: Vec<String>,
    /// In the file, but not expected.
    pub unexpected: Vec<String>,
    /// In the file with another shape or dtype.
    pub wrong: Vec<WrongTensor>,
}

/// A tensor whose shape or dtype is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTensor {
    /// Its name.
    pub name: String,
    /// The expected dtype and shape.
    pub expected: (DType, Vec<usize>),
    /// The file's dtype and shape.
    pub found: (DType, Vec<usize>),
}

impl fmt::Display for WrongTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((dtype, shape), (found_dtype, found_shape)) = (&self.expected, &self.found);
        write!(f, "`{}` is {found_dtype} {found_shape:?}, not {dtype} {shape:?}", self.name)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        write!(f, "{}: does not fit this model's configuration", self.file.display())?;
        for (title, items) in [
            ("missing", quoted(&self.missing)),
            ("unexpected", quoted(&self.unexpected)),
            ("different", self.wrong.iter().map(WrongTensor::to_string).collect()),
        ] {
            if !items.is_empty() {
                write!(f, "; {title}: {}", Names(&items))?;
            }
        }
        Ok(())
    }
}

/// At most ten items, with commas.
struct Names<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Names<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (i, item) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
        }
        if self.0.len() > SHOWN { write!(f, " and {} more", self.0.len() - SHOWN) } else { Ok(()) }
    }
}
