//! Every operation against PyTorch, whose values and gradients in f64 `scripts/pytorch_parity.py` has recorded.

mod coverage;
mod golden;
mod operations;

use std::collections::BTreeSet;

use golden::Golden;
use operations::OPERATIONS;

#[test]
fn operations_agree_with_pytorch() {
    let golden = Golden::load();
    let mut failures = Vec::new();
    for case in golden.cases() {
        match OPERATIONS.iter().find(|(name, _)| *name == case.operation()) {
            Some((_, run)) => failures.extend(golden.compare(&case, *run)),
            None => failures.push(format!("{}: no such operation is known here", case.name)),
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn each_operation_that_is_known_here_has_a_recorded_case() {
    let golden = Golden::load();
    let recorded: BTreeSet<String> = golden.cases().map(|case| case.operation().to_owned()).collect();
    let missing: Vec<&str> =
        OPERATIONS.iter().map(|(name, _)| *name).filter(|&name| !recorded.contains(name)).collect();
    assert!(missing.is_empty(), "not recorded: {missing:?}");
}
