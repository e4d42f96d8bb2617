//! How graphs are recorded, gone through and freed.

mod accumulation;
mod anomalies;
mod checkpoints;
mod custom;
mod edges;
mod gradients;
mod hooks;
mod jacobians;
mod memory;
mod padding;
mod recording;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_autograd::{Backward, Var};
use unrolled_tensor::{Device, Tensor};

pub(crate) const KEEP: Backward = Backward { keep_graph: true, create_graph: false, raw_rows: false };
pub(crate) const CREATE: Backward = Backward { keep_graph: false, create_graph: true, raw_rows: false };

pub(crate) fn tensor(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, [values.len()], &Device::cpu())
}

pub(crate) fn leaf(values: &[f64]) -> Var {
    Var::leaf(tensor(values))
}

pub(crate) fn values(x: &Tensor) -> Vec<f64> {
    x.to_vec()
}

/// What `work` panics with.
pub(crate) fn message<T: std::fmt::Debug>(work: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("a panic");
    match payload.downcast::<String>() {
        Ok(said) => *said,
        Err(payload) => payload.downcast_ref::<&str>().expect("a message").to_string(),
    }
}
