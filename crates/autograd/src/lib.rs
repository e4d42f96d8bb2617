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
//! How to trust a gradient: [`gradcheck`] and [`gradgradcheck`] compare it with finite differences.

mod backward;
mod check;
mod function;
mod functional;
mod gradient;
mod graph;
mod ops;
mod rules;
mod var;

pub use backward::{Backward, grad};
pub use check::{CheckError, Tolerance, gradcheck, gradcheck_with, gradgradcheck, gradgradcheck_with};
pub use function::Function;
pub use functional::{jvp, vjp};
pub use gradient::{Gradient, Gradients, Rows};
pub use graph::{NoGrad, is_recording, live_nodes, no_grad};
pub use ops::Op;
pub use rules::lstm::{LstmStates, LstmWeights};
pub use var::{
    AttentionMask, AttentionOptions, BinaryCrossEntropyOptions, Conv1dOptions, CrossEntropyOptions, Reduction, Var,
};
