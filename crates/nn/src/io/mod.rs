//! Tensors in files: safetensors, and NumPy's `.npy` and `.npz`.
//!
//! | | one tensor | several, by name |
//! |---|---|---|
//! | this library, PyTorch, JAX | | [`save_tensors`], [`load_tensors`]: `.safetensors` |
//! | NumPy | [`save_npy`], [`load_npy`] | [`save_npz`], [`load_npz`] |
//!
//! A file is written beside its path and renamed, so it is never half there; equal tensors make equal bytes. What is read may be damaged
//! anywhere: that gives an error, never a panic, and no memory is asked for on a header's word alone. Metadata, and a check of what a file
//! should hold, are in [`safetensors_file`].
//!
//! ```
//! use unrolled_nn::{io, Linear, Module};
//! use unrolled_tensor::{random::Key, Device};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("layer.safetensors");
//! let device = Device::cpu();
//! let layer = Linear::new(3, 2, 0.1, Key::new(1), &device);
//! io::save_tensors(&path, &layer.state())?;
//!
//! let mut other = Linear::new(3, 2, 0.1, Key::new(2), &device);
//! other.load(&io::load_tensors(&path, &device)?)?;
//! assert_eq!(other.weight.tensor().to_vec::<f32>(), layer.weight.tensor().to_vec::<f32>());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod header;
mod npy;
mod npz;

use std::collections::BTreeMap;
use std::path::Path;

use unrolled_tensor::{Device, Tensor};

use crate::safetensors_file::{self, TensorFileError};

pub use error::{ArrayPlace, NpyError};
pub use npy::{load_npy, save_npy};
pub use npz::{load_npz, save_npz};

/// Saves named tensors, such as [`Module::state`](crate::Module::state), of any dtype, device and strides in a `.safetensors` file.
///
/// # Errors
/// Where the file cannot be written, a name comes twice, or a device fails.
pub fn save_tensors<'a, N: Into<String>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, &'a Tensor)>,
) -> Result<(), TensorFileError> {
    safetensors_file::save(path, tensors, &BTreeMap::new())
}

/// Loads all tensors of a `.safetensors` file to `device`.
///
/// # Errors
/// Where the file cannot be read, is truncated or damaged, or holds a dtype that tensors do not have; or the device fails.
pub fn load_tensors(path: impl AsRef<Path>, device: &Device) -> Result<BTreeMap<String, Tensor>, TensorFileError> {
    Ok(safetensors_file::load(path, device)?.tensors)
}
