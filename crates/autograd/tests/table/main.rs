//! Every operation's derivatives against finite differences: one row for each operation and for each composition of the public interface.

mod activations;
mod arranging;
mod attention;
mod convolution;
mod einsum;
mod elementwise;
mod flow;
mod fused;
mod indexing;
mod losses;
mod normalisation;
mod norms;
mod precision;
mod products;
mod reductions;
mod row;
mod sample;
mod views;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use row::Row;
use unrolled_autograd::Op;
use unrolled_tensor::DType;
use unrolled_tensor::ops::{Binary, Unary};

/// Cases of each row.
const CASES: u32 = 32;

fn rows() -> Vec<Row> {
    let all = [
        elementwise::rows(),
        activations::rows(),
        reductions::rows(),
        norms::rows(),
        products::rows(),
        views::rows(),
        arranging::rows(),
        indexing::rows(),
        fused::rows(),
        einsum::rows(),
        convolution::rows(),
        normalisation::rows(),
        losses::rows(),
        attention::rows(),
        flow::rows(),
    ];
    all.into_iter().flatten().collect()
}

/// Sees that `work` panics with this message.
#[track_caller]
fn refused<T: Debug>(message: &str, work: impl FnOnce() -> T) {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err(message);
    assert_eq!(payload.downcast_ref::<String>().expect("a message"), message);
}

#[test]
fn every_operation_has_a_row() {
    let covered: BTreeSet<&str> = rows().iter().map(|row| row.operation).collect();
    // What takes no floats has no derivative.
    let unary = Unary::ALL.into_iter().filter(|op| op.takes(DType::F64)).map(Unary::name);
    let binary = Binary::ALL.into_iter().filter(|op| op.takes(DType::F64)).map(Binary::name);
    let missing: Vec<&str> =
        Op::NAMES.iter().copied().chain(unary).chain(binary).filter(|name| !covered.contains(name)).collect();
    assert!(missing.is_empty(), "no row checks {missing:?}");
}

#[test]
fn names_of_rows_differ() {
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn elementwise_derivatives() {
    elementwise::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn activation_derivatives() {
    activations::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn reduction_derivatives() {
    reductions::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn norm_derivatives() {
    norms::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn product_derivatives() {
    products::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn view_derivatives() {
    views::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn arranging_derivatives() {
    arranging::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn indexing_derivatives() {
    indexing::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn fused_derivatives() {
    fused::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn einsum_derivatives() {
    einsum::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn convolution_derivatives() {
    convolution::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn normalisation_derivatives() {
    normalisation::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn loss_derivatives() {
    losses::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn attention_derivatives() {
    attention::rows().iter().for_each(|row| row.check(CASES));
}

#[test]
fn flow_derivatives() {
    flow::rows().iter().for_each(|row| row.check(CASES));
}

/// An operation knows where its user called it, not where the library made it of others.
#[test]
fn every_operation_knows_its_caller() {
    let strangers: Vec<String> = rows().iter().flat_map(|row| row.strangers(8)).collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
}

#[test]
fn gradients_in_smaller_dtypes() {
    rows().iter().for_each(|row| precision::check(row, 12));
}
