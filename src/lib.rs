//! Tensors, reverse-mode autodiff, and the LSTM translator of "Sequence to Sequence Learning with Neural Networks" (Sutskever, Vinyals,
//! Le, 2014), from scratch.
//!
//! ```
//! use unrolled::prelude::*;
//!
//! let device = unrolled::device("cpu")?;
//! let x = Var::leaf(Tensor::from_slice(&[1f32, 2.0, 3.0], [3], &device));
//! let loss = (&x * &x).sum(.., false);
//! let gradients = loss.backward();
//! assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>(), [2.0, 4.0, 6.0]);
//! # Ok::<(), unrolled::DeviceNameError>(())
//! ```
//!
//! - [`tensor`]: arrays on a device, and the seam that a backend fills.
//! - [`autograd`]: gradients of any order, gradient checkers.
//! - [`nn`]: layers, losses, optimisers, checkpoints.
//! - [`io`]: tensors in files, safetensors and NumPy's.
//! - [`device`]: devices by name, `cpu` or `cuda:0` (feature `cuda`); [`found_devices`] lists what this machine has.
//! - [`seq2seq`] (feature `seq2seq`): corpus, translator, training, beam search, BLEU.
//!
//! Without the default features only the library for tensors and gradients is built.

mod device;
#[cfg(feature = "cli")]
pub mod display;

pub use device::{DeviceNameError, FoundDevice, device, devices, found_devices};
pub use unrolled_autograd as autograd;
pub use unrolled_nn as nn;
pub use unrolled_nn::io;
#[cfg(feature = "seq2seq")]
pub use unrolled_seq2seq as seq2seq;
pub use unrolled_tensor as tensor;

/// What most programs use.
///
/// ```
/// use unrolled::prelude::*;
///
/// let x = Var::leaf(Tensor::arange(6, DType::F64, &Device::cpu()).reshape([2, 3]));
/// let last = x.at((.., -1)).square().sum(.., false);
/// assert_eq!(last.backward().get(&x).unwrap().at(0).to_vec::<f64>(), [0.0, 0.0, 4.0]);
/// ```
pub mod prelude {
    pub use unrolled_autograd::{
        Backward, CrossEntropyOptions, Function, Gradients, Reduction, Var, grad, gradcheck, gradgradcheck, jvp,
        no_grad, vjp,
    };
    pub use unrolled_nn::{
        Dropout, Embedding, GroupOptions, LayerNorm, Linear, LossScaler, Lstm, LstmState, Module, Optimiser, Parameter,
        StepOutcome, module,
    };
    pub use unrolled_tensor::ops::Distribution;
    pub use unrolled_tensor::random::Key;
    pub use unrolled_tensor::{DType, Device, Ellipsis, INFER, IntoIndex, NewAxis, Tensor};
}

/// The Rust of the guide for people who come from PyTorch runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-pytorch.md")]
struct FromPyTorch;

/// The README's Rust runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
