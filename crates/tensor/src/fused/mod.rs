//! Operations that a backend may run as one: their arguments, and their definitions in terms of plain operations.
//!
//! A definition is slow and clear. The backend's own version is tested against it for ever.

pub mod cross_entropy;
pub mod lstm;
pub mod rows;
pub mod top_k;

pub use cross_entropy::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials};
pub use lstm::{LstmArgs, LstmGradients, LstmOutput, LstmOutputGradients};
pub use top_k::{LinearTopK, LinearTopKArgs};
