//! The backend on GPUs: virtual ones (crates/virtual-cuda), and hardware where this machine has it.

mod bits;
mod conformance;
mod executor;
mod functions;
mod gradients;
mod graphs;
mod memory;
mod models;
mod rows;
mod short;
mod support;
mod translator;
mod verbs;
mod wave;
