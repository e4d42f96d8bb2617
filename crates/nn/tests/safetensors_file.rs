//! Files of named tensors: round trips, what the reference implementation makes of them, and every kind of damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use safetensors::SafeTensors;
use unrolled_nn::safetensors_file::{TensorFileError, TensorSpec, check, load, load_expected, save};
use unrolled_tensor::{DType, Device, DeviceError, Tensor};

fn cpu() -> Device {
    Device::cpu()
}

fn no_metadata() -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// A folder and the path of a file in it with these bytes.
fn file_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tensors.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// A file with this header and `data` zero bytes.
fn file_with_header(header: &str, data: usize) -> (tempfile::TempDir, PathBuf) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    file_of(&bytes)
}

fn every_dtype() -> Vec<(String, Tensor)> {
    let numbers = Tensor::from_slice(&[0.0f64, 1.0, 2.5, 3.0, 100.0, 65504.0], [2, 3], &cpu());
    let tensors = DType::ALL.into_iter().map(|dtype| (format!("of.{dtype}"), numbers.cast(dtype)));
    tensors.collect()
}

#[test]
fn every_dtype_comes_back_and_the_reference_implementation_agrees() {
    let (_folder, path) = file_of(b"an older file");
    let tensors = every_dtype();
    let metadata: BTreeMap<String, String> = (0..9).map(|i| (format!("key {i}"), format!("\"{i}\" é"))).collect();
    save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &metadata).unwrap();
    let loaded = load(&path, &cpu()).unwrap();
    assert_eq!(loaded.metadata, metadata);
    assert_eq!(loaded.tensors.len(), 7);
    let bytes = fs::read(&path).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    for (name, tensor) in &tensors {
        let back = &loaded.tensors[name];
        assert_eq!((back.dtype(), back.shape(), back.to_bytes()), (tensor.dtype(), tensor.shape(), tensor.to_bytes()));
        let theirs = reference.tensor(name).unwrap();
        assert_eq!((theirs.shape(), theirs.data()), (tensor.shape(), tensor.to_bytes().as_slice()), "{name}");
        assert_eq!(theirs.dtype().to_string().to_lowercase(), tensor.dtype().name());
    }
}

#[test]
fn files_of_the_reference_implementation_are_read() {
    let data: Vec<u8> = [1.5f32, -2.0, 3.25].iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![3], &data).unwrap();
    let (_folder, path) = file_of(&safetensors::serialize([("x", &view)], None).unwrap());
    assert_eq!(load(&path, &cpu()).unwrap().tensors["x"].to_vec::<f32>(), [1.5, -2.0, 3.25]);
}

#[test]
fn equal_content_makes_equal_bytes_in_any_order() {
    let (folder, path) = file_of(b"");
    let other = folder.path().join("other.safetensors");
    let tensors = every_dtype();
    let metadata: BTreeMap<String, String> = (0..20).map(|i| (i.to_string(), "x".into())).collect();
    save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &metadata).unwrap();
    save(&other, tensors.iter().rev().map(|(name, tensor)| (name.as_str(), tensor)), &metadata).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&other).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any shapes, empty ones and views among them.
    #[test]
    fn round_trip(shapes in prop::collection::vec(prop::collection::vec(0usize..4, 0..4), 0..5), seed in any::<u32>()) {
        let (_folder, path) = file_of(b"");
        let tensors: Vec<(String, Tensor)> = shapes.iter().enumerate().map(|(i, shape)| {
            let dtype = DType::ALL[(seed as usize + i) % 7];
            let n = shape.iter().product::<usize>();
            let x = Tensor::arange(n, DType::I64, &cpu()).cast(dtype).reshape(shape);
            (format!("t{i}"), if shape.len() >= 2 { x.transpose(0, -1) } else { x })
        }).collect();
        save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &no_metadata()).unwrap();
        let loaded = load(&path, &cpu()).unwrap().tensors;
        prop_assert_eq!(loaded.len(), tensors.len());
        for (name, tensor) in &tensors {
            prop_assert_eq!(loaded[name].shape(), tensor.shape());
            prop_assert_eq!(loaded[name].to_bytes(), tensor.to_bytes());
        }
    }

    /// No bytes whatever make reading panic or ask for absurd amounts of memory.
    #[test]
    fn damage_is_an_error_or_another_file_but_never_a_panic(at in 0usize..400, to in any::<u8>(), length in 0usize..500) {
        let (_folder, path) = file_of(b"");
        let tensors = every_dtype();
        save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &no_metadata()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = to;
        fs::write(&path, &bytes).unwrap();
        let _ = load(&path, &cpu());
        if length < bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            prop_assert!(load(&path, &cpu()).is_err());
        }
    }
}

#[test]
fn every_truncation_is_refused_by_name() {
    let (_folder, path) = file_of(b"");
    let tensors = every_dtype();
    save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &no_metadata()).unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load(&path, &cpu()).unwrap_err();
        assert!(
            matches!(error, TensorFileError::Truncated { found, .. } if found == length as u64),
            "{length}: {error}"
        );
        assert!(error.to_string().contains("tensors.safetensors: truncated"), "{error}");
    }
    fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
    assert!(load(&path, &cpu()).unwrap_err().to_string().contains("4 bytes follow the last tensor"));
}

#[test]
fn senseless_headers_are_refused() {
    let tensor =
        |shape: &str, offsets: &str| format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
    for (header, data) in [
        ("not json".to_string(), 0),
        ("[]".to_string(), 0),
        (r#"{"x":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#.to_string(), 4),
        (tensor("[2]", "[0,4]"), 4),
        (tensor("[1]", "[4,8]"), 8),
        (tensor("[1]", "[4,0]"), 4),
        (tensor("[-1]", "[0,4]"), 4),
        (tensor("[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0),
        (tensor("[4611686018427387904,4]", "[0,0]"), 0),
    ] {
        let (_folder, path) = file_with_header(&header, data);
        let error = load(&path, &cpu()).unwrap_err();
        assert!(matches!(error, TensorFileError::Header { .. }), "{header}: {error}");
    }
    let (_folder, path) = file_of(b"PK\x03\x04 this is a zip archive");
    assert!(load(&path, &cpu()).unwrap_err().to_string().contains("is it another format?"));
}

#[test]
fn other_dtypes_and_truth_values_are_named() {
    let (_folder, path) = file_with_header(r#"{"some.weight":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}"#, 4);
    let error = load(&path, &cpu()).unwrap_err();
    assert!(
        matches!(&error, TensorFileError::UnsupportedDtype { tensor, dtype, .. } if tensor == "some.weight" && dtype == "I16")
    );
    let (_folder, path) = file_of(b"");
    save(&path, [("mask", &Tensor::zeros([5], DType::Bool, &cpu()))], &no_metadata()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 2;
    bytes[at] = 7;
    fs::write(&path, bytes).unwrap();
    let error = load(&path, &cpu()).unwrap_err();
    assert!(matches!(error, TensorFileError::NotBool { element: 3, byte: 7, .. }), "{error}");
}

#[test]
fn all_differences_from_what_is_expected_are_listed() {
    let (_folder, path) = file_of(b"");
    let tensors = every_dtype();
    save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &no_metadata()).unwrap();
    let mut expected: Vec<TensorSpec> = tensors.iter().map(|(name, tensor)| TensorSpec::of(name, tensor)).collect();
    assert_eq!(load_expected(&path, &cpu(), &expected).unwrap().tensors.len(), 7);
    expected[0].shape = vec![3, 2];
    expected[1].dtype = DType::F32;
    expected[2].name = "z.new".into();
    expected[3].name = "a.new".into();
    let TensorFileError::Mismatch(mismatch) = load_expected(&path, &cpu(), &expected).unwrap_err() else { panic!() };
    assert_eq!(mismatch.missing, ["a.new", "z.new"]);
    assert_eq!(mismatch.unexpected, ["of.bf16", "of.f16"]);
    assert_eq!(mismatch.wrong.iter().map(|w| w.name.as_str()).collect::<Vec<_>>(), ["of.f32", "of.f64"]);
    let text = mismatch.to_string();
    assert!(text.contains("missing: `a.new`, `z.new`; unexpected: `of.bf16`, `of.f16`; different: `of.f32` is f32 [2, 3], not f32 [3, 2]"), "{text}");
    let loaded = load(&path, &cpu()).unwrap().tensors;
    assert!(matches!(check(&path, &loaded, &expected), Err(TensorFileError::Mismatch(other)) if other == mismatch));
}

#[test]
fn long_lists_are_cut() {
    let (_folder, path) = file_of(b"");
    save(&path, std::iter::empty::<(&str, &Tensor)>(), &no_metadata()).unwrap();
    let spec = |i| TensorSpec { name: format!("layer.{i:02}"), shape: vec![], dtype: DType::F32 };
    let expected: Vec<TensorSpec> = (0..25).map(spec).collect();
    let text = load_expected(&path, &cpu(), &expected).unwrap_err().to_string();
    assert!(text.ends_with("`layer.09` and 15 more"), "{text}");
}

#[test]
fn names_that_cannot_be_written_are_refused_before_anything_is() {
    let (_folder, path) = file_of(b"old");
    let x = Tensor::zeros([1], DType::F32, &cpu());
    for (names, reason) in [(["a", "a"], "comes twice"), (["a", "__metadata__"], "is reserved")] {
        let error = save(&path, names.map(|name| (name, &x)), &no_metadata()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_missing_file_and_a_small_device_are_named() {
    let (folder, path) = file_of(b"");
    let error = load(folder.path().join("none.safetensors"), &cpu()).unwrap_err();
    assert!(error.to_string().contains("none.safetensors") && matches!(error, TensorFileError::Disk(_)), "{error}");
    save(&path, [("big", &Tensor::zeros([1000], DType::F32, &cpu()))], &no_metadata()).unwrap();
    let small = Device::cpu_with(1, 1, 100);
    let error = load(&path, &small).unwrap_err();
    assert!(
        matches!(&error, TensorFileError::Device { tensor, source: DeviceError::OutOfMemory { .. }, .. } if tensor == "big"),
        "{error}"
    );
}
