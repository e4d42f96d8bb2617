//! The kept inputs: hand-written ones, those made by the readers' own writers, and every input that ever crashed a reader.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use unrolled_nn::io;
use unrolled_tensor::{DType, Device, Tensor};

use crate::scratch;
use crate::targets::{checkpoint, prepared};

/// The folder of a target's seeds, in this crate.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}

/// Seeds of binary formats, made by the writers: target, name, bytes. `fuzz --write-seeds` puts them into their folders.
///
/// # Panics
/// Where the scratch folder cannot be written.
pub fn made() -> Vec<(&'static str, String, Vec<u8>)> {
    let device = Device::cpu();
    let matrix = Tensor::from_slice(&[1f32, -2.5, 3.0, 0.0, f32::INFINITY, 1e-40], [2, 3], &device);
    let bits = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0, 1.0, 0.0], [2, 3], &device);
    let named = |dtype: DType| if dtype.is_float() { &matrix } else { &bits }.cast(dtype);
    let tensors: BTreeMap<String, Tensor> = DType::ALL.map(|dtype| (format!("layer.{dtype}"), named(dtype))).into();
    let numpy: BTreeMap<String, Tensor> = tensors
        .iter()
        .filter(|(_, tensor)| tensor.dtype() != DType::BF16)
        .map(|(name, t)| (name.clone(), t.clone()))
        .collect();
    let path = scratch::path("seed");
    let bytes = |saved: Result<(), Box<dyn Error>>| {
        saved.expect("the scratch folder can be written");
        fs::read(&path).expect("written just before")
    };
    let mut made = vec![
        ("safetensors", "all-dtypes".to_owned(), bytes(io::save_tensors(&path, &tensors).map_err(Into::into))),
        ("npz", "all-dtypes".to_owned(), bytes(io::save_npz(&path, &numpy).map_err(Into::into))),
    ];
    for (name, tensor) in &numpy {
        made.push(("npy", name.clone(), bytes(io::save_npy(&path, tensor).map_err(Into::into))));
    }
    for (index, name) in checkpoint::FILES.iter().enumerate() {
        made.push(("checkpoint", (*name).to_owned(), [&[index as u8][..], &checkpoint::sound_file(name)].concat()));
    }
    for (index, name) in prepared::FILES.iter().enumerate() {
        let file = [&[index as u8][..], &prepared::sound_file(name)].concat();
        made.push(("prepared", name.replace('/', "-"), file));
    }
    made.push(("prepared", "resealed".to_owned(), [&[0x80][..], &prepared::sound_file(prepared::FILES[0])].concat()));
    made
}

/// All seeds of a target, in the order of their names.
///
/// # Errors
/// Where the folder or a file in it cannot be read.
pub fn load(target: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(folder(target))? {
        let entry = entry?;
        seeds.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    seeds.sort();
    Ok(seeds)
}
