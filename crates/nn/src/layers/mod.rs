//! Layers. Shapes: `T` time, `B` batch, `I` inputs, `O` outputs, `H` hidden, `V` vocabulary; time comes first.

pub mod dropout;
pub mod embedding;
pub mod layer_norm;
pub mod linear;
pub mod lstm;

use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::Parameter;

/// A parameter uniform in [−range, range).
pub(crate) fn uniform(shape: &[usize], range: f64, key: Key, device: &Device) -> Parameter {
    let distribution = Distribution::Uniform { low: -range, high: range };
    Parameter::new(Tensor::random(distribution, key, shape, DType::F32, device))
}
