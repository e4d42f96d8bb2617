//! Layer normalisation (Ba, Kiros, Hinton 2016).

use unrolled_autograd::Var;
use unrolled_tensor::{DType, Device, Tensor};

use crate::{Parameter, module};

/// `(x − mean)/√(variance + ε) · weight + bias` over the last axis, with the variance divided by n.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// `[D]`, starts as 1
    pub weight: Parameter,
    /// `[D]`, starts as 0
    pub bias: Parameter,
    epsilon: f64,
}

module!(LayerNorm { weight, bias; skip epsilon });

impl LayerNorm {
    /// For a last axis of `width`; ε is 1e-5.
    pub fn new(width: usize, device: &Device) -> LayerNorm {
        LayerNorm {
            weight: Parameter::new(Tensor::ones([width], DType::F32, device)),
            bias: Parameter::new(Tensor::zeros([width], DType::F32, device)),
            epsilon: 1e-5,
        }
    }

    /// `[.., D]` → `[.., D]`
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.layer_norm(Some(self.weight.var()), Some(self.bias.var()), self.epsilon)
    }
}
