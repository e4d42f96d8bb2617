//! Files of tensors.

use std::collections::BTreeMap;

use unrolled_nn::io;
use unrolled_tensor::{Device, Tensor};

use super::{Target, told};
use crate::scratch;

pub const SAFETENSORS: Target = Target {
    name: "safetensors",
    about: "a safetensors file: what was read is written and read again",
    words: &[
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "\"dtype\":\"BF16\"",
        "\"BOOL\"",
        "\"U32\"",
        "\"I64\"",
        "\"F64\"",
        "\"F8_E4M3\"",
        "\"shape\":[0]",
        "\"shape\":[]",
        "\"shape\":[9223372036854775807,0]",
        "\"data_offsets\":[0,0]",
        "\"__metadata__\":{\"k\":\"v\"}",
        ",",
        "{",
        "}",
        "[",
        "]",
        "18446744073709551615",
        "4294967296",
        "-1",
    ],
    run: safetensors,
};

pub const NPY: Target = Target {
    name: "npy",
    about: "a NumPy array",
    words: &[
        "\u{1}NUMPY",
        "'descr': '<f4'",
        "'descr': '>f8'",
        "'|b1'",
        "'<U3'",
        "'fortran_order': True",
        "'shape': (2, 3), ",
        "'shape': ()",
        "(0,)",
        "(1L,)",
        "{",
        "}",
        ",",
        "9223372036854775807",
        "4294967296",
        "(",
    ],
    run: npy,
};

pub const NPZ: Target = Target {
    name: "npz",
    about: "NumPy arrays in a zip archive",
    words: &["PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", ".npy", "../a.npy", "\0\0", "a.npy"],
    run: npz,
};

fn shapes(tensors: &BTreeMap<String, Tensor>) -> String {
    format!("{:?}", tensors.values().map(|tensor| (tensor.dtype(), tensor.shape().len())).collect::<Vec<_>>())
}

fn bytes_of(tensor: &Tensor) -> Vec<u64> {
    if tensor.dtype().is_float() {
        tensor.to_f64_vec().iter().map(|number| number.to_bits()).collect()
    } else {
        Vec::new()
    }
}

fn safetensors(input: &[u8]) -> String {
    let device = Device::cpu();
    let read = io::load_tensors(scratch::write("a.safetensors", input), &device);
    told(read, |tensors| {
        let path = scratch::path("again.safetensors");
        io::save_tensors(&path, &tensors).unwrap_or_else(|error| panic!("what was read cannot be written: {error}"));
        let again =
            io::load_tensors(&path, &device).unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
        assert!(tensors.keys().eq(again.keys()), "names change when they are written");
        for (name, tensor) in &tensors {
            assert_eq!((tensor.shape(), tensor.dtype()), (again[name].shape(), again[name].dtype()), "{name:?}");
            assert!(bytes_of(tensor) == bytes_of(&again[name]), "{name:?} changes when it is written");
        }
        shapes(&tensors)
    })
}

fn npy(input: &[u8]) -> String {
    let read = io::load_npy(scratch::write("a.npy", input), &Device::cpu());
    told(read, |tensor| format!("{} {:?}", tensor.dtype(), tensor.shape().len()))
}

fn npz(input: &[u8]) -> String {
    told(io::load_npz(scratch::write("a.npz", input), &Device::cpu()), |tensors| shapes(&tensors))
}
