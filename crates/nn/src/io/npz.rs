//! Several arrays, by name: a zip archive of `.npy` files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use unrolled_tensor::{Device, Tensor};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::error::{ArrayPlace, NpyError};
use super::npy::{parts, read};
use crate::disk::{At, DiskError, FileSystem, replace_file};

/// What NumPy adds to each name.
const EXTENSION: &str = ".npy";

/// Saves tensors by name as `numpy.savez` does: `.npz`, not compressed, in ascending order of names.
///
/// # Errors
/// Where a tensor is bf16, which NumPy does not have, or a name comes twice; the file cannot be written; or a device fails.
///
/// ```
/// use unrolled_nn::io::{load_npz, save_npz};
/// use unrolled_tensor::{DType, Device, Tensor};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("arrays.npz");
/// let device = Device::cpu();
/// let (x, y) = (Tensor::arange(3, DType::I64, &device), Tensor::ones([2, 2], DType::F32, &device));
/// save_npz(&path, [("x", &x), ("y", &y)])?;
/// assert_eq!(load_npz(&path, &device)?["x"].to_vec::<i64>(), [0, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_npz<'a, N: Into<String>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, &'a Tensor)>,
) -> Result<(), NpyError> {
    let path = path.as_ref();
    let mut named = BTreeMap::new();
    for (name, tensor) in tensors {
        let name = name.into();
        if named.contains_key(&name) {
            return Err(archive(&ArrayPlace::array(path, &name), "the name comes twice"));
        }
        named.insert(name, tensor);
    }
    replace_file(&FileSystem, path, |out: &mut dyn Write| write(path, &named, out))
}

fn write(path: &Path, tensors: &BTreeMap<String, &Tensor>, out: &mut dyn Write) -> Result<(), NpyError> {
    let mut archive = ZipWriter::new_stream(out);
    for (name, tensor) in tensors {
        let place = ArrayPlace::array(path, name);
        let [header, elements] = parts(&place, tensor)?;
        // The time is always the same, so that equal arrays make equal files.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(elements.len() + header.len() > u32::MAX as usize);
        archive.start_file(format!("{name}{EXTENSION}"), options).map_err(|error| failed("write", &place, error))?;
        for bytes in [&header, &elements] {
            archive.write_all(bytes).at("write", path)?;
        }
    }
    archive.finish().map_err(|error| failed("write", &ArrayPlace::file(path), error))?;
    Ok(())
}

/// Loads all arrays of a `.npz` file, compressed or not, to `device`.
///
/// # Errors
/// Where the file cannot be read, is no zip archive of arrays, or is damaged; as [`load_npy`](super::load_npy) for each array.
pub fn load_npz(path: impl AsRef<Path>, device: &Device) -> Result<BTreeMap<String, Tensor>, NpyError> {
    let path = path.as_ref();
    let file = File::open(path).at("open", path)?;
    let whole = ArrayPlace::file(path);
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| failed("read", &whole, error))?;
    let mut tensors = BTreeMap::new();
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).map_err(|error| failed("read", &whole, error))?;
        let name = entry.name().map_err(|error| failed("read", &whole, error))?.into_owned();
        let Some(name) = name.strip_suffix(EXTENSION) else {
            return Err(archive(&whole, format!("its entry `{name}` is no {EXTENSION} file")));
        };
        let place = ArrayPlace::array(path, name);
        let tensor = read(&place, &mut entry, device)?;
        if tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(archive(&place, "the name comes twice"));
        }
    }
    Ok(tensors)
}

fn archive(place: &ArrayPlace, reason: impl Into<String>) -> NpyError {
    NpyError::Archive { place: place.clone(), reason: reason.into() }
}

/// What the system said stays apart from what the archive's bytes say.
fn failed(action: &'static str, place: &ArrayPlace, error: ZipError) -> NpyError {
    match error {
        ZipError::Io(source) if damaged(&source) => archive(place, source.to_string()),
        ZipError::Io(source) => DiskError { action, file: place.file.clone(), source }.into(),
        other => archive(place, other.to_string()),
    }
}

fn damaged(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}
