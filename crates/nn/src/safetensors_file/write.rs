//! Writing: the header is laid out first, then one tensor at a time goes through the host's memory.
//!
//! The crate `safetensors` could write too, but only to a path (we also sum the bytes, and inject failures in tests), and it keeps the
//! metadata in a hash map, so that equal content would not make equal files. Types and checks of the header are that crate's.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorInfo;
use serde::ser::{Serialize, SerializeMap, Serializer};
use unrolled_tensor::{DType, Tensor, catch_device_error};

use super::read::format_dtype;
use super::{Result, TensorFileError};
use crate::disk::At;

/// The format's key for free text; no tensor may have this name.
pub(super) const METADATA: &str = "__metadata__";

/// A file that is ready to be written: its header, and the tensors in the order of their bytes.
pub(crate) struct Plan<'a> {
    file: PathBuf,
    header: Vec<u8>,
    tensors: Vec<(String, &'a Tensor)>,
}

struct Header<'a> {
    metadata: &'a BTreeMap<String, String>,
    infos: Vec<(&'a str, TensorInfo)>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry(METADATA, self.metadata)?;
        }
        for (name, info) in &self.infos {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

impl<'a> Plan<'a> {
    /// Lays out a file; `file` is only for messages. Wide elements come first, so that all are aligned in a mapped file.
    pub fn new<N: Into<String>>(
        file: &Path,
        tensors: impl IntoIterator<Item = (N, &'a Tensor)>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Plan<'a>> {
        let mut tensors: Vec<(String, &Tensor)> = tensors.into_iter().map(|(name, t)| (name.into(), t)).collect();
        check_names(file, &tensors)?;
        tensors.sort_by(|(a, x), (b, y)| (Reverse(x.dtype().size()), a).cmp(&(Reverse(y.dtype().size()), b)));
        let mut offset = 0;
        let infos = tensors.iter().map(|(name, tensor)| {
            let from = offset;
            offset += tensor.elements() * tensor.dtype().size();
            let dtype = format_dtype(tensor.dtype());
            (name.as_str(), TensorInfo { dtype, shape: tensor.shape().to_vec(), data_offsets: (from, offset) })
        });
        let header = Header { metadata, infos: infos.collect() };
        let mut header = serde_json::to_vec(&header).expect("names, numbers and text are always valid JSON");
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok(Plan { file: file.to_path_buf(), header, tensors })
    }

    /// Writes the file.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        let mut put = |bytes: &[u8]| out.write_all(bytes).at("write", &self.file);
        put(&(self.header.len() as u64).to_le_bytes())?;
        put(&self.header)?;
        for (name, tensor) in &self.tensors {
            let mut bytes = catch_device_error(|| tensor.to_bytes()).map_err(|source| TensorFileError::Device {
                file: self.file.clone(),
                tensor: name.clone(),
                source,
            })?;
            to_little_endian(&mut bytes, tensor.dtype());
            put(&bytes)?;
        }
        Ok(())
    }
}

fn check_names(file: &Path, tensors: &[(String, &Tensor)]) -> Result<()> {
    let mut names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| (pair[0], "comes twice"));
    let reserved = names.binary_search(&METADATA).ok().map(|_| (METADATA, "is reserved by the format"));
    match twice.or(reserved) {
        Some((name, reason)) => Err(TensorFileError::Name { file: file.into(), tensor: name.into(), reason }),
        None => Ok(()),
    }
}

/// The format is little-endian and devices keep the host's order; converts either way.
pub(super) fn to_little_endian(bytes: &mut [u8], dtype: DType) {
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
}
