//! That no operation lacks a comparison: those of the tables, and every public method of [`Var`](unrolled_autograd::Var) that computes.

use std::collections::BTreeSet;
use std::path::Path;

use unrolled_autograd::Op;
use unrolled_tensor::ops::{Binary, Compare, Unary};

use crate::operations::OPERATIONS;

/// Why some names have no case of their own.
const REASONS: &[(&str, &str)] = &[
    ("leaf", "computes nothing"),
    ("extreme", "is recorded by max and min"),
    ("lstm_sequence", "is compared with torch.nn.LSTM by the tests of unrolled-nn"),
    ("unary", "is the general form of its names"),
];

/// Every public method of the files of operations; what is not an operation is beside them, in mod.rs.
fn methods() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/var");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name != "mod.rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let name =
                |line: &str| Some(line.trim_start().strip_prefix("pub fn ")?.split(['(', '<']).next()?.to_owned());
            names.extend(text.lines().filter_map(name).filter(|name| !name.starts_with('$')));
        }
    }
    names
}

#[test]
fn every_operation_is_compared_with_pytorch() {
    let methods = methods();
    assert!(methods.len() > 40, "the methods were not found: {methods:?}");
    let known: BTreeSet<&str> =
        OPERATIONS.iter().map(|(name, _)| *name).chain(REASONS.iter().map(|(n, _)| *n)).collect();
    let tables = Op::NAMES.iter().copied().chain(Unary::ALL.map(Unary::name)).chain(Binary::ALL.map(Binary::name));
    let all = tables.chain(Compare::ALL.map(Compare::name)).chain(methods.iter().map(String::as_str));
    let missing: BTreeSet<&str> = all.filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty(), "neither compared with PyTorch nor excused: {missing:?}");
}

#[test]
fn nothing_is_both_compared_and_excused() {
    let names: BTreeSet<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
    let both: Vec<&str> = REASONS.iter().map(|(name, _)| *name).filter(|name| names.contains(name)).collect();
    assert!(both.is_empty(), "{both:?}");
}
