//! Clipping by the global norm (Pascanu, Mikolov, Bengio 2013), in the paper's form.

use unrolled_autograd::{Gradient, Gradients};
use unrolled_tensor::Tensor;

use crate::Module;

/// ‖g‖₂ over the gradients of all parameters of `module`. Sums of squares are taken tensor by tensor, in the parameters' order.
pub fn global_norm(module: &dyn Module, gradients: &Gradients) -> f64 {
    let mut squares = 0.0;
    for (_, parameter) in module.parameters() {
        squares += match gradients.gradient(parameter.var()) {
            Some(Gradient::Dense(gradient)) => sum_squares(gradient.tensor()),
            Some(Gradient::Rows(rows)) => sum_squares(&rows.values),
            None => 0.0,
        };
    }
    squares.sqrt()
}

fn sum_squares(x: &Tensor) -> f64 {
    x.sum_squares(.., false).to_f64_vec()[0]
}

/// What a gradient of norm `norm` is multiplied by so that its norm is at most `limit`: `limit/norm` where norm > limit, else 1. A `limit` of 0 means
/// no clipping.
///
/// ```
/// assert_eq!(unrolled_nn::clip_factor(10.0, 5.0), 0.5);
/// assert_eq!(unrolled_nn::clip_factor(4.0, 5.0), 1.0);
/// ```
pub fn clip_factor(norm: f64, limit: f64) -> f64 {
    if limit > 0.0 && norm > limit { limit / norm } else { 1.0 }
}
