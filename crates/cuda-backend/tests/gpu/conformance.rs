//! The conformance suite, in parts, each on virtual GPUs of several kinds.

use unrolled_tensor::conformance::{Part, check_parts};

use crate::support::{LAZY, NO_CUBLAS, SHUFFLED, Virtual, on_gpus};

fn passes(test: &str, kinds: &[Virtual], parts: &[Part]) {
    on_gpus(test, kinds, || match check_parts(&unrolled_cuda::device(0).unwrap(), parts) {
        Ok(summary) => println!("{summary}"),
        Err(failures) => panic!("{failures}"),
    });
}

#[test]
fn memory() {
    passes("conformance::memory", &[LAZY], &[Part::Memory]);
}

#[test]
fn elementwise() {
    passes("conformance::elementwise", &[SHUFFLED], &[Part::Elementwise, Part::Specials]);
}

#[test]
fn joining() {
    passes("conformance::joining", &[LAZY], &[Part::Joining]);
}

#[test]
fn reductions() {
    passes("conformance::reductions", &[LAZY], &[Part::Reductions]);
}

#[test]
fn products() {
    passes("conformance::products", &[LAZY, NO_CUBLAS], &[Part::Products]);
}
