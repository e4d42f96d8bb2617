//! The LSTM translator of "Sequence to Sequence Learning with Neural Networks".

pub mod grammar;
