//! The backend on GPUs: virtual ones (crates/virtual-cuda), and hardware where this machine has it.

mod memory;
mod support;
