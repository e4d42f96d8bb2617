//! Batches of sentence pairs: which pairs go together, and how they are laid out.
//!
//! A [`BatchPlan`] puts pairs of roughly equal length together, which the paper found to be twice as fast, and shuffles
//! the batches; [`Batch::of`] lays one out.

mod layout;
mod plan;

pub use layout::{Batch, Sources};
pub use plan::{BatchPlan, BatchSize, Lengths};
