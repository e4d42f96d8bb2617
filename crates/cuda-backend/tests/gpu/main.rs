//! The backend on GPUs: virtual ones (crates/virtual-cuda), and hardware where this machine has it.

mod bits;
mod conformance;
mod gradients;
mod memory;
mod support;
mod translator;
