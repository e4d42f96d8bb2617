//! Reverse-mode automatic differentiation over [`unrolled_tensor`].
//!
//! A [`Var`] wraps a tensor and, where it is tracked, a node of a graph that is held by ownership: dropping the last handle frees it.
//! Every operation is a row of one table: its forward, and its vector–Jacobian product written in terms of `Var` operations, so that
//! second derivatives come by themselves. [`Gradients`] are a value, not state inside the variables.
//!
//! ```
//! use unrolled_autograd::Var;
//! use unrolled_tensor::{Device, Tensor};
//!
//! let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
//! let y = x.square().sum(.., false);
//! let gradients = y.backward();
//! assert_eq!(gradients.get(&x).unwrap().to_vec::<f64>(), [2.0, 4.0, 6.0]);
//! ```
//!
//! What has no gradient says so. Comparisons, `argmax`, casts to integers and the like answer with plain tensors or variables that are not tracked. `sign`, `floor`,
//! `ceil` and `round` are constant between their steps: their gradient is 0, as in PyTorch. A user's [`Function`] without a backward refuses a tracked
//! input when it is applied.
//!
//! How to trust a gradient: [`gradcheck`] and [`gradgradcheck`] compare it with finite differences, and [`detect_anomaly`] finds where
//! a value first became NaN or infinite. For what does not fit into memory: [`checkpoint`], and [`Gradients::accumulate`] over parts of a batch.

mod anomaly;
mod backward;
mod check;
mod checkpoint;
mod function;
mod functional;
mod gradient;
mod graph;
mod hook;
mod ops;
mod recording;
mod rules;
mod var;

pub use anomaly::{Anomaly, Fault, Pass, detect_anomaly};
pub use backward::{Backward, grad};
pub use check::{CheckError, Tolerance, gradcheck, gradcheck_with, gradgradcheck, gradgradcheck_with};
pub use checkpoint::checkpoint;
pub use function::Function;
pub use functional::{hessian, hvp, jacobian, jvp, vjp};
pub use gradient::{Gradient, Gradients, Rows};
pub use graph::live_nodes;
pub use ops::Op;
pub use recording::{NoGrad, is_recording, is_watched, no_grad};
pub use rules::lstm::{LstmStates, LstmWeights};
pub use var::{
    AttentionMask, AttentionOptions, BinaryCrossEntropyOptions, Conv1dOptions, CrossEntropyOptions, Reduction, Var,
};
