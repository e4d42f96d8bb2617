//! What every backend must do: each operation, on each dtype that it takes, over strided, flipped and broadcast views, of empty,
//! one-element, long and wide shapes, against slow definitions in plain loops of f64 on the host.
//!
//! The suite knows tensors by their public methods alone, so any [`Backend`](crate::Backend) can be put through it. Truth values,
//! integers, indices, comparisons, casts, random numbers and sums of whole numbers must be exact; the rest must be within a few of
//! the dtype's epsilons. The fused verbs are held to their definitions in [`crate::fused`], computed in f64.
//!
//! ```
//! use unrolled_tensor::{conformance, Device};
//! let device = Device::cpus(1).remove(0);
//! match conformance::check(&device) {
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

/// Every part of the suite.
const PARTS: [fn(&mut Checker); 11] = [
    memory::check,
    elementwise::check,
    specials::check,
    reductions::check,
    rows::check,
    products::check,
    indexing::check,
    joining::check,
    update::check,
    lstm::check,
    cross_entropy::check,
];

/// Puts `device` through the suite. Nobody else may use it meanwhile: its count of bytes is checked too.
///
/// # Errors
/// All cases whose answer was wrong or that panicked.
pub fn check(device: &Device) -> Result<Summary, Failures> {
    let mut checker = Checker::new(device);
    for part in PARTS {
        part(&mut checker);
    }
    checker.finish()
}
