//! Reading: every claim of the header is checked before memory is asked for on its word.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use unrolled_tensor::{DType, Device, Tensor, catch_device_error};

use super::write::to_little_endian;
use super::{Mismatch, Result, TensorFile, TensorFileError, TensorSpec, WrongTensor};
use crate::disk::At;

/// The length of a header that no real file exceeds (the same bound as in the reference implementation).
const LONGEST_HEADER: u64 = 100_000_000;

/// Reads a file of `length` bytes from `input`; `file` is its name in messages.
pub(crate) fn read_from(
    file: &Path,
    input: &mut dyn Read,
    length: u64,
    device: &Device,
    expected: Option<&[TensorSpec]>,
) -> Result<TensorFile> {
    let header = read_header(file, input, length)?;
    let infos = tensor_infos(file, &header)?;
    if let Some(expected) = expected {
        let found = infos.iter().map(|(name, dtype, info)| (name.as_str(), *dtype, info.shape.as_slice()));
        compare(file, found, expected)?;
    }
    let mut tensors = BTreeMap::new();
    let mut bytes = Vec::new();
    for (name, dtype, info) in infos {
        bytes.resize(info.data_offsets.1 - info.data_offsets.0, 0);
        input.read_exact(&mut bytes).at("read", file)?;
        check_bools(file, &name, dtype, &bytes)?;
        to_little_endian(&mut bytes, dtype);
        let tensor = catch_device_error(|| Tensor::from_bytes(&bytes, dtype, &info.shape, device))
            .map_err(|source| TensorFileError::Device { file: file.to_path_buf(), tensor: name.clone(), source })?;
        tensors.insert(name, tensor);
    }
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(TensorFile { tensors, metadata })
}

fn unsound(file: &Path, reason: impl Into<String>) -> TensorFileError {
    TensorFileError::Header { file: file.to_path_buf(), reason: reason.into() }
}

/// Reads the header and checks that the file is exactly as long as it says.
fn read_header(file: &Path, input: &mut dyn Read, length: u64) -> Result<Metadata> {
    let needs = |expected: u64| {
        let truncated = TensorFileError::Truncated { file: file.to_path_buf(), expected, found: length };
        if length < expected { Err(truncated) } else { Ok(()) }
    };
    needs(8)?;
    let mut prefix = [0; 8];
    input.read_exact(&mut prefix).at("read", file)?;
    let header = u64::from_le_bytes(prefix);
    if header > LONGEST_HEADER {
        return Err(unsound(file, format!("its header would be {header} bytes long; is it another format?")));
    }
    needs(8 + header)?;
    let mut text = vec![0; header as usize];
    input.read_exact(&mut text).at("read", file)?;
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| unsound(file, format!("its header: {error}")))?;
    let end = (8 + header).saturating_add(metadata.data_len() as u64);
    needs(end)?;
    if length > end {
        return Err(unsound(file, format!("{} bytes follow the last tensor", length - end)));
    }
    Ok(metadata)
}

/// The tensors in the order of their bytes. The reference implementation has checked that offsets follow one another and fit the shapes.
fn tensor_infos<'a>(file: &Path, header: &'a Metadata) -> Result<Vec<(String, DType, &'a TensorInfo)>> {
    let mut infos = Vec::new();
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        // An axis of length 0 hides absurd others from a check of the size alone.
        let strides_fit = info.shape.iter().try_fold(1isize, |n, &d| n.checked_mul(isize::try_from(d.max(1)).ok()?));
        if strides_fit.is_none() {
            return Err(unsound(file, format!("tensor `{name}` has the impossible shape {:?}", info.shape)));
        }
        let dtype = our_dtype(info.dtype).ok_or_else(|| TensorFileError::UnsupportedDtype {
            file: file.to_path_buf(),
            tensor: name.clone(),
            dtype: info.dtype.to_string(),
        })?;
        infos.push((name, dtype, info));
    }
    Ok(infos)
}

fn check_bools(file: &Path, name: &str, dtype: DType, bytes: &[u8]) -> Result<()> {
    if dtype != DType::Bool {
        return Ok(());
    }
    match bytes.iter().position(|&byte| byte > 1) {
        None => Ok(()),
        Some(element) => {
            let (file, tensor) = (file.to_path_buf(), name.to_string());
            Err(TensorFileError::NotBool { file, tensor, element, byte: bytes[element] })
        }
    }
}

/// Checks that `tensors`, which came from `file`, are exactly the `expected` ones: names, shapes, dtypes.
///
/// # Errors
/// [`TensorFileError::Mismatch`] with every difference.
pub fn check(file: &Path, tensors: &BTreeMap<String, Tensor>, expected: &[TensorSpec]) -> Result<()> {
    compare(file, tensors.iter().map(|(name, t)| (name.as_str(), t.dtype(), t.shape())), expected)
}

fn compare<'a>(
    file: &Path,
    found: impl Iterator<Item = (&'a str, DType, &'a [usize])>,
    expected: &[TensorSpec],
) -> Result<()> {
    let mut found: BTreeMap<&str, (DType, &[usize])> =
        found.map(|(name, dtype, shape)| (name, (dtype, shape))).collect();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for spec in expected {
        match found.remove(spec.name.as_str()) {
            None => missing.push(spec.name.clone()),
            Some((dtype, shape)) if dtype != spec.dtype || shape != spec.shape => wrong.push(WrongTensor {
                name: spec.name.clone(),
                expected: (spec.dtype, spec.shape.clone()),
                found: (dtype, shape.to_vec()),
            }),
            Some(_) => {}
        }
    }
    let unexpected: Vec<String> = found.into_keys().map(str::to_string).collect();
    if missing.is_empty() && wrong.is_empty() && unexpected.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    wrong.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Err(TensorFileError::Mismatch(Box::new(Mismatch { file: file.to_path_buf(), missing, unexpected, wrong })))
}

/// The format's name for a dtype.
pub(super) fn format_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::U32 => Dtype::U32,
        DType::I64 => Dtype::I64,
        DType::Bool => Dtype::BOOL,
    }
}

fn our_dtype(format: Dtype) -> Option<DType> {
    DType::ALL.into_iter().find(|&dtype| format_dtype(dtype) == format)
}
