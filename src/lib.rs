//! Tensors, reverse-mode autodiff, and the LSTM translator of 2014.
