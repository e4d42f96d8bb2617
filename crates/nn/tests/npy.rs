//! NumPy's files: those that NumPy wrote (scripts/numpy_golden.py), our own, and every kind of damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use unrolled_nn::io::{NpyError, load_npy, load_npz, save_npy, save_npz};
use unrolled_tensor::{DType, Device, Tensor};

fn cpu() -> Device {
    Device::cpu()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/numpy").join(name)
}

/// What most of the golden files hold.
fn numbers(dtype: DType) -> Tensor {
    Tensor::from_slice(&[0.0f64, 1.0, 2.5, 3.0, 100.0, 65504.0], [2, 3], &cpu()).cast(dtype)
}

fn of_numpy() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|&dtype| dtype != DType::BF16)
}

#[track_caller]
fn same(a: &Tensor, b: &Tensor) {
    assert_eq!((a.dtype(), a.shape(), a.to_bytes()), (b.dtype(), b.shape(), b.to_bytes()));
}

#[test]
fn files_of_numpy_are_read() {
    let load = |name: &str| load_npy(golden(name), &cpu()).unwrap();
    for dtype in of_numpy() {
        same(&load(&format!("{dtype}.npy")), &numbers(dtype));
        if dtype != DType::Bool {
            same(&load(&format!("{dtype}_big_endian.npy")), &numbers(dtype));
        }
    }
    same(&load("version_2.npy"), &numbers(DType::F32));
    same(&load("version_3.npy"), &numbers(DType::F32));
    same(&load("fortran.npy"), &Tensor::arange(24, DType::I64, &cpu()).reshape([2, 3, 4]));
    same(&load("scalar.npy"), &Tensor::scalar(1.5f32, &cpu()));
    same(&load("empty.npy"), &Tensor::zeros([0, 3], DType::F32, &cpu()));
    for name in ["plain.npz", "compressed.npz"] {
        let mut arrays = load_npz(golden(name), &cpu()).unwrap();
        same(&arrays["weight"], &numbers(DType::F32));
        same(&arrays["layer.0/bias"], &Tensor::arange(3, DType::I64, &cpu()));
        same(&arrays["é"], &Tensor::scalar(true, &cpu()));
        let zeros = arrays.remove("zeros");
        assert_eq!(zeros.is_some(), name == "compressed.npz");
        zeros.iter().for_each(|zeros| same(zeros, &Tensor::zeros([50, 50], DType::F64, &cpu())));
        assert_eq!(arrays.len(), 3);
    }
}

#[test]
fn our_files_are_numpys_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let bytes = |tensor: &Tensor| {
        save_npy(&path, tensor).unwrap();
        fs::read(&path).unwrap()
    };
    for dtype in of_numpy() {
        // Transposed twice: from a strided view.
        let written = bytes(&numbers(dtype).t().contiguous().t());
        assert_eq!(written, fs::read(golden(&format!("{dtype}.npy"))).unwrap(), "{dtype}");
    }
    assert_eq!(bytes(&Tensor::scalar(1.5f32, &cpu())), fs::read(golden("scalar.npy")).unwrap());
    assert_eq!(bytes(&Tensor::zeros([0, 3], DType::F32, &cpu())), fs::read(golden("empty.npy")).unwrap());
}

#[test]
fn an_archive_comes_back_and_its_bytes_do_not_depend_on_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.npz", "b.npz"].map(|name| folder.path().join(name));
    let tensors: BTreeMap<String, Tensor> =
        of_numpy().map(|dtype| (format!("of/{dtype}"), numbers(dtype).t())).collect();
    save_npz(&a, &tensors).unwrap();
    save_npz(&b, tensors.iter().rev()).unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    let loaded = load_npz(&a, &cpu()).unwrap();
    assert_eq!(loaded.len(), tensors.len());
    tensors.iter().for_each(|(name, tensor)| same(&loaded[name], tensor));
    save_npz::<String>(&a, []).unwrap();
    assert!(load_npz(&a, &cpu()).unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_names_the_file_and_what_to_do() {
    for (name, parts) in [
        ("int32.npy", ["`<i4`", "astype('int64')"]),
        ("complex.npy", ["`<c8`", "x.real"]),
        ("structure.npy", ["[(", "each field"]),
        ("plain.npz", ["begin with", "another format"]),
        ("no-such-file.npy", ["cannot open", "check the path"]),
    ] {
        let error = load_npy(golden(name), &cpu()).unwrap_err().to_string();
        assert!(error.contains(name) && parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let error = load_npz(golden("f32.npy"), &cpu()).unwrap_err().to_string();
    assert!(error.contains("f32.npy") && error.contains("archive"), "{error}");
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    fs::write(&path, b"an older file").unwrap();
    let (good, short) = (numbers(DType::F32), numbers(DType::BF16));
    let error = save_npz(&path, [("good", &good), ("short", &short)]).unwrap_err();
    assert!(matches!(error, NpyError::UnsupportedDtype { .. }));
    let text = error.to_string();
    assert!(text.contains("x.npz: array `short`") && text.contains("bf16") && text.contains("cast"), "{text}");
    let text = save_npz(&path, [("good", &good), ("good", &good)]).unwrap_err().to_string();
    assert!(text.contains("`good`") && text.contains("twice"), "{text}");
    let text = save_npy(&path, &short).unwrap_err().to_string();
    assert!(text.contains("bf16"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), b"an older file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damage_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let sound = fs::read(golden("bool.npy")).unwrap();
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        load_npy(&path, &cpu()).unwrap_err()
    };
    let cut = error(&sound[..sound.len() - 2]);
    assert!(matches!(cut, NpyError::Truncated { expected: 6, found: 4, .. }), "{cut}");
    let long = error(&[&sound[..], &[0]].concat()).to_string();
    assert!(long.contains("more than the 6 bytes"), "{long}");
    let mut untrue = sound.clone();
    *untrue.last_mut().unwrap() = 7;
    let untrue = error(&untrue);
    assert!(matches!(untrue, NpyError::NotBool { element: 5, byte: 7, .. }), "{untrue}");
    let mut newer = sound.clone();
    newer[6] = 9;
    assert!(error(&newer).to_string().contains("version 9"));
    // A header that promises more than any memory holds.
    let text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,)}";
    let huge = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text].concat();
    assert!(matches!(error(&huge), NpyError::Truncated { found: 0, .. }));
}

proptest! {
    #[test]
    fn files_cut_or_changed_anywhere_never_panic(
        which in 0usize..3,
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u32..8), 0..4),
    ) {
        let name = ["fortran.npy", "plain.npz", "compressed.npz"][which];
        let sound = fs::read(golden(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut bytes = sound.clone();
        flips.iter().for_each(|(at, bit)| bytes[at.index(sound.len())] ^= 1 << bit);
        if flips.is_empty() {
            bytes.truncate(cut.index(sound.len()));
        }
        fs::write(&path, &bytes).unwrap();
        if which == 0 {
            let loaded = load_npy(&path, &cpu());
            prop_assert!(loaded.is_err() || !flips.is_empty(), "a truncated file was read");
            return Ok(());
        }
        // An archive has check sums: what is read at all is what was written.
        if let Ok(loaded) = load_npz(&path, &cpu()) {
            prop_assert!(!flips.is_empty(), "a truncated file was read");
            let original = load_npz(golden(name), &cpu()).unwrap();
            for (name, tensor) in &loaded {
                if let Some(original) = original.get(name) {
                    prop_assert_eq!(tensor.to_bytes(), original.to_bytes());
                }
            }
        }
    }
}
