//! What every backend must do: each operation, on each dtype that it takes, over strided, flipped and broadcast views, of empty,
//! one-element, long and wide shapes, against slow definitions in plain loops of f64 on the host.
//!
//! The suite knows tensors by their public methods alone, so any [`Backend`](crate::Backend) can be put through it. Truth values,
//! integers, indices, comparisons, casts, random numbers and sums of whole numbers must be exact; the rest must be within a few of
//! the dtype's epsilons. The fused verbs are held to their definitions in [`crate::fused`], computed in f64.
//!
//! ```
//! use unrolled_tensor::{conformance::{self, Part}, Device};
//! let device = Device::cpus(1).remove(0);
//! // `conformance::check(&device)` runs all of it.
//! match conformance::check_parts(&device, &[Part::Joining]) {
//!     Ok(summary) => println!("{summary}"),
//!     Err(failures) => panic!("{failures}"),
//! }
//! ```

mod cross_entropy;
mod elementwise;
mod host;
mod indexing;
mod inputs;
mod joining;
mod linear_top_k;
mod lstm;
mod memory;
mod products;
mod reductions;
mod report;
mod rows;
mod specials;
mod table;
mod update;

pub use report::{Failure, Failures, Summary};

use crate::Device;
use report::Checker;

/// A part of the suite, for whoever works on a few verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes in and out, filling, random numbers, the order of work, the count of bytes.
    Memory,
    /// Unary and binary operations, comparisons, selection, casts, accumulation.
    Elementwise,
    /// Elementwise operations on infinities, NaN and the ends of the integers.
    Specials,
    /// Reductions over axes.
    Reductions,
    /// Running sums, softmax, the largest k.
    Rows,
    /// Matrix products.
    Products,
    /// Gathering, scattering, sums of equal rows.
    Indexing,
    /// Concatenation and stacking.
    Joining,
    /// Optimiser steps.
    Updates,
    /// The LSTM verbs.
    Lstm,
    /// Linear layer, softmax and cross-entropy in one.
    CrossEntropy,
    /// Linear layer, log-softmax and the k best in one.
    LinearTopK,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 12] = [
        Part::Memory,
        Part::Elementwise,
        Part::Specials,
        Part::Reductions,
        Part::Rows,
        Part::Products,
        Part::Indexing,
        Part::Joining,
        Part::Updates,
        Part::Lstm,
        Part::CrossEntropy,
        Part::LinearTopK,
    ];

    fn run(self, checker: &mut Checker) {
        match self {
            Part::Memory => memory::check(checker),
            Part::Elementwise => elementwise::check(checker),
            Part::Specials => specials::check(checker),
            Part::Reductions => reductions::check(checker),
            Part::Rows => rows::check(checker),
            Part::Products => products::check(checker),
            Part::Indexing => indexing::check(checker),
            Part::Joining => joining::check(checker),
            Part::Updates => update::check(checker),
            Part::Lstm => lstm::check(checker),
            Part::CrossEntropy => cross_entropy::check(checker),
            Part::LinearTopK => linear_top_k::check(checker),
        }
    }
}

/// Puts `device` through the suite. Nobody else may use it meanwhile: its count of bytes is checked too.
///
/// # Errors
/// All cases whose answer was wrong or that panicked.
pub fn check(device: &Device) -> Result<Summary, Failures> {
    check_parts(device, &Part::ALL)
}

/// [`check`] of some parts only.
///
/// # Errors
/// As [`check`].
pub fn check_parts(device: &Device, parts: &[Part]) -> Result<Summary, Failures> {
    let mut checker = Checker::new(device);
    for part in parts {
        part.run(&mut checker);
    }
    checker.finish()
}
