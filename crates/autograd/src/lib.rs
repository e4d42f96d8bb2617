//! Reverse-mode automatic differentiation over unrolled-tensor.
