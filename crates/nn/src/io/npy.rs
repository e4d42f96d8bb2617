//! One array in a file.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use unrolled_tensor::{DType, Device, Tensor, catch_device_error};

use super::error::{ArrayPlace, NpyError};
use super::header::{Header, descr};
use crate::disk::{At, FileSystem, replace_file};

/// Saves a tensor of f16, f32, f64, u32, i64 or bool as `numpy.save` does, to the byte: `.npy`, row-major, little-endian.
///
/// # Errors
/// Where the tensor is bf16, which NumPy does not have; the file cannot be written; or the device fails.
///
/// ```
/// use unrolled_nn::io::{load_npy, save_npy};
/// use unrolled_tensor::{Device, Tensor};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// let x = Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu());
/// save_npy(&path, &x)?;
/// assert_eq!(load_npy(&path, &Device::cpu())?.to_vec::<f64>(), x.to_vec::<f64>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_npy(path: impl AsRef<Path>, tensor: &Tensor) -> Result<(), NpyError> {
    let path = path.as_ref();
    let place = ArrayPlace::file(path);
    let [header, elements] = parts(&place, tensor)?;
    replace_file(&FileSystem, path, |out: &mut dyn Write| {
        out.write_all(&header).at("write", path)?;
        Ok(out.write_all(&elements).at("write", path)?)
    })
}

/// Loads a `.npy` file of version 1, 2 or 3 to `device`: elements of either byte order, row-major or in Fortran's order (which becomes strides).
///
/// # Errors
/// Where the file cannot be read, is truncated or damaged, or holds elements of another type; or the device fails.
pub fn load_npy(path: impl AsRef<Path>, device: &Device) -> Result<Tensor, NpyError> {
    let path = path.as_ref();
    let file = File::open(path).at("open", path)?;
    read(&ArrayPlace::file(path), &mut BufReader::new(file), device)
}

/// The bytes before the elements, and those of the elements.
pub(super) fn parts(place: &ArrayPlace, tensor: &Tensor) -> Result<[Vec<u8>; 2], NpyError> {
    let dtype = tensor.dtype();
    if descr(dtype).is_none() {
        let (place, dtype) = (place.clone(), dtype.to_string());
        let advice = "NumPy has none; cast the tensor to f32, or save it as safetensors";
        return Err(NpyError::UnsupportedDtype { place, dtype, advice });
    }
    let header = Header { dtype, big_endian: false, fortran_order: false, shape: tensor.shape().to_vec() };
    let mut elements =
        catch_device_error(|| tensor.to_bytes()).map_err(|source| NpyError::Device { place: place.clone(), source })?;
    reorder(&mut elements, dtype, cfg!(target_endian = "big"));
    Ok([header.to_bytes(), elements])
}

/// Reads an array that takes all of `input`.
pub(super) fn read(place: &ArrayPlace, input: &mut dyn Read, device: &Device) -> Result<Tensor, NpyError> {
    let header = Header::read(place, input)?;
    let expected = header.data_bytes();
    // One byte more, to see the end; the memory grows with what is there, whatever the header says.
    let mut bytes = Vec::new();
    input.take(expected + 1).read_to_end(&mut bytes).at("read", &place.file)?;
    let found = bytes.len() as u64;
    if found < expected {
        return Err(NpyError::Truncated { place: place.clone(), expected, found });
    }
    if found > expected {
        let reason = format!("more than the {expected} bytes of its shape {:?} follow the header", header.shape);
        return Err(NpyError::Header { place: place.clone(), reason });
    }
    if header.dtype == DType::Bool
        && let Some(element) = bytes.iter().position(|&byte| byte > 1)
    {
        return Err(NpyError::NotBool { place: place.clone(), element, byte: bytes[element] });
    }
    reorder(&mut bytes, header.dtype, header.big_endian != cfg!(target_endian = "big"));
    catch_device_error(|| tensor_of(&header, &bytes, device))
        .map_err(|source| NpyError::Device { place: place.clone(), source })
}

fn tensor_of(header: &Header, bytes: &[u8], device: &Device) -> Tensor {
    if !header.fortran_order {
        return Tensor::from_bytes(bytes, header.dtype, &header.shape, device);
    }
    // The first axis is the fastest: row-major with the axes the other way round.
    let reversed: Vec<usize> = header.shape.iter().rev().copied().collect();
    let back: Vec<isize> = (0..reversed.len() as isize).rev().collect();
    Tensor::from_bytes(bytes, header.dtype, reversed, device).permute(back)
}

fn reorder(bytes: &mut [u8], dtype: DType, swap: bool) {
    if swap {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
}
