//! The verbs with kernels of their own, by the conformance suite: each part on virtual GPUs of one or two kinds.

use unrolled_tensor::conformance::{Part, check_parts};

use crate::support::{EAGER, LAZY, SHUFFLED, Virtual, on_gpus};

fn passes(test: &str, kinds: &[Virtual], part: Part) {
    on_gpus(test, kinds, || match check_parts(&unrolled_cuda::device(0).unwrap(), &[part]) {
        Ok(summary) => println!("{summary}"),
        Err(failures) => panic!("{failures}"),
    });
}

#[test]
fn rows() {
    passes("verbs::rows", &[LAZY], Part::Rows);
}

#[test]
fn indexing() {
    passes("verbs::indexing", &[LAZY], Part::Indexing);
}

#[test]
fn updates() {
    passes("verbs::updates", &[EAGER, LAZY], Part::Updates);
}

#[test]
fn lstm() {
    passes("verbs::lstm", &[LAZY], Part::Lstm);
}

#[test]
fn cross_entropy() {
    passes("verbs::cross_entropy", &[SHUFFLED], Part::CrossEntropy);
}

#[test]
fn linear_top_k() {
    passes("verbs::linear_top_k", &[LAZY], Part::LinearTopK);
}
