//! The backend on GPUs: virtual ones (crates/virtual-cuda), and hardware where this machine has it.

mod conformance;
mod memory;
mod models;
mod rows;
mod support;
mod verbs;
