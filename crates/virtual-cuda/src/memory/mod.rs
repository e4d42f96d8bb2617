//! The memory of the virtual GPUs: host bytes under device addresses, with what is needed to be strict about them.

mod allocation;
mod heap;

pub use allocation::Allocation;
pub use heap::{Heap, Place};
