//! Operations that a backend may run as one: their arguments, and their definitions in terms of plain operations.
//!
//! A definition is slow and clear. The backend's own version is tested against it for ever.

pub mod cross_entropy;
pub mod kept_logits;
pub mod lstm;
pub mod rows;
pub mod top_k;

pub use cross_entropy::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials};
pub use kept_logits::{KeptLogits, KeptRows, MergedPartials, merge_partials};
pub use lstm::{
    LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients, LstmWeightArgs, LstmWeightGradients,
};
pub use top_k::{LinearTopK, LinearTopKArgs, LinearTopKPartials, TopKSlice, merge_top_k};
