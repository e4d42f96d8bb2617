//! Named tensors in a `.safetensors` file (the format of <https://github.com/huggingface/safetensors>): saved, loaded, checked.
//!
//! ```
//! use std::collections::BTreeMap;
//! use unrolled_nn::safetensors_file;
//! use unrolled_tensor::{Device, Tensor};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.safetensors");
//! let device = Device::cpu();
//! let weight = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0], [2, 2], &device);
//! let metadata = BTreeMap::from([("origin".to_string(), "an example".to_string())]);
//! safetensors_file::save(&path, [("output.weight", &weight.t())], &metadata)?;
//!
//! let file = safetensors_file::load(&path, &device)?;
//! assert_eq!(file.tensors["output.weight"].to_vec::<f32>(), [1.0, 3.0, 2.0, 4.0]);
//! assert_eq!(file.metadata, metadata);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A file is read tensor by tensor through one buffer rather than mapped to memory: a mapping would need `unsafe`, and a file that
//! somebody cuts short meanwhile would kill the process instead of giving an error. It is written tensor by tensor too. The bytes depend
//! on the tensors and the metadata alone: names and keys are sorted, so that equal models make equal files.

mod error;
mod read;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use unrolled_tensor::{DType, Device, Tensor};

use crate::disk::{At, FileSystem, replace_file};

pub use error::{Mismatch, TensorFileError, WrongTensor};
pub use read::check;
pub(crate) use read::read_from;
pub(crate) use write::Plan;

type Result<T> = std::result::Result<T, TensorFileError>;

/// What a file of tensors holds.
#[derive(Clone, Debug, Default)]
pub struct TensorFile {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
}

/// The name, shape and dtype of a tensor that a file should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its dtype.
    pub dtype: DType,
}

impl TensorSpec {
    /// What `tensor` looks like, under `name`.
    pub fn of(name: impl Into<String>, tensor: &Tensor) -> TensorSpec {
        TensorSpec { name: name.into(), shape: tensor.shape().to_vec(), dtype: tensor.dtype() }
    }
}

/// Saves named tensors of any dtype, device and strides. The file is written beside `path` and renamed: it is never half there.
///
/// # Errors
/// Where the file cannot be written, a name comes twice, or a device fails.
pub fn save<'a, N: Into<String>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, &'a Tensor)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    let plan = Plan::new(path, tensors, metadata)?;
    replace_file(&FileSystem, path, |out: &mut dyn Write| plan.write(out))
}

/// Loads all tensors of a file to `device`.
///
/// # Errors
/// Where the file cannot be read, is truncated or damaged, or holds a dtype that tensors do not have; or the device fails.
pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<TensorFile> {
    load_with(path.as_ref(), device, None)
}

/// Loads a file that must hold exactly the `expected` tensors; this is checked before any of them is read.
///
/// # Errors
/// As [`load`], and [`TensorFileError::Mismatch`] with every missing, unexpected and different tensor.
///
/// ```
/// use std::collections::BTreeMap;
/// use unrolled_nn::safetensors_file::{load_expected, save, TensorFileError, TensorSpec};
/// use unrolled_tensor::{Device, DType, Tensor};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// let device = Device::cpu();
/// save(&path, [("bias", &Tensor::zeros([3], DType::F32, &device))], &BTreeMap::new())?;
/// let expected = [TensorSpec { name: "bias".into(), shape: vec![4], dtype: DType::F32 }];
/// let error = load_expected(&path, &device, &expected).unwrap_err();
/// assert!(error.to_string().ends_with("different: `bias` is f32 [3], not f32 [4]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_expected(path: impl AsRef<Path>, device: &Device, expected: &[TensorSpec]) -> Result<TensorFile> {
    load_with(path.as_ref(), device, Some(expected))
}

fn load_with(path: &Path, device: &Device, expected: Option<&[TensorSpec]>) -> Result<TensorFile> {
    let mut file = File::open(path).at("open", path)?;
    let length = file.metadata().at("read", path)?.len();
    read_from(path, &mut file, length, device, expected)
}
