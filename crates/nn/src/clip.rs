//! Clipping by the global norm (Pascanu, Mikolov, Bengio 2013), in the paper's form.

use unrolled_autograd::{Gradient, Gradients};
use unrolled_tensor::{DType, Tensor};

use crate::{Module, Parameter};

/// ‖g‖₂ over the gradients of all parameters of `module`. Sums of squares are taken tensor by tensor, in the parameters' order; of f16 and bf16 in
/// f32. It is not finite where a gradient is not.
pub fn global_norm(module: &dyn Module, gradients: &Gradients) -> f64 {
    let of = |(_, parameter): (String, &Parameter)| match gradients.gradient(parameter.var())? {
        Gradient::Dense(gradient) => Some(sum_squares(gradient.tensor())),
        Gradient::Rows(rows) => Some(sum_squares(&rows.values)),
    };
    // All are asked for before the first is read: a device is waited for once.
    let squares: Vec<Tensor> = module.parameters().into_iter().filter_map(of).collect();
    squares.iter().map(|square| square.to_f64_vec()[0]).fold(0.0, |sum, square| sum + square).sqrt()
}

fn sum_squares(x: &Tensor) -> Tensor {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(DType::F32).sum_squares(.., false),
        _ => x.sum_squares(.., false),
    }
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
