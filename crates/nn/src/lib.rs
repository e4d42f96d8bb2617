//! Neural networks over [`unrolled_autograd`]: parameters, layers, losses, optimisers.
//!
//! ```
//! use unrolled_autograd::Var;
//! use unrolled_nn::{Linear, Module, Optimiser, loss};
//! use unrolled_tensor::{random::Key, Device, Tensor};
//!
//! // Learn y = 2x + 1.
//! let device = Device::cpu();
//! let mut layer = Linear::new(1, 1, 0.1, Key::new(1), &device);
//! let x = Var::constant(Tensor::from_slice(&[-1f32, 0.0, 1.0, 2.0], [4, 1], &device));
//! let y = Var::constant(Tensor::from_slice(&[-1f32, 1.0, 3.0, 5.0], [4, 1], &device));
//! let mut optimiser = Optimiser::sgd();
//! for _ in 0..200 {
//!     let error = loss::mean_squared_error(&layer.forward(&x), &y);
//!     let mut gradients = error.backward();
//!     optimiser.step(&mut layer, &mut gradients, 0.1, 1.0);
//! }
//! assert!((layer.weight.tensor().item::<f32>() - 2.0).abs() < 1e-3);
//! ```

pub mod checkpoint;
mod clip;
mod containers;
pub mod disk;
mod groups;
pub mod initialise;
pub mod io;
mod layers;
pub mod loss;
mod loss_scaler;
mod module;
mod optimiser;
mod parameter;
mod pattern;
pub mod safetensors_file;
pub mod schedule;

pub use clip::{clip_factor, global_norm};
pub use groups::GroupOptions;
pub use layers::dropout::Dropout;
pub use layers::embedding::Embedding;
pub use layers::layer_norm::LayerNorm;
pub use layers::linear::Linear;
pub use layers::lstm::{Lstm, LstmLayer, LstmState};
pub use loss_scaler::{LossScaler, ScalerOptions, ScalerState, StepOutcome};
#[doc(hidden)]
pub use module::join as path;
pub use module::{LoadError, Module};
pub use optimiser::Optimiser;
pub use parameter::Parameter;
pub use pattern::{UnmatchedPattern, path_matches};
