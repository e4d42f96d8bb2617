//! `y = x Wᵀ + b`.

use unrolled_autograd::Var;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use super::uniform;
use crate::{Parameter, module};

/// A linear layer: `[.., I]` → `[.., O]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[O, I]`
    pub weight: Parameter,
    /// `[O]`
    pub bias: Parameter,
}

module!(Linear { weight, bias });

impl Linear {
    /// A layer whose parameters start uniform in [−range, range).
    pub fn new(inputs: usize, outputs: usize, range: f64, key: Key, device: &Device) -> Linear {
        Linear {
            weight: uniform(&[outputs, inputs], range, key.purpose("weight"), device),
            bias: uniform(&[outputs], range, key.purpose("bias"), device),
        }
    }

    /// `x Wᵀ + b`
    ///
    /// # Panics
    /// Where the last axis of `x` is not I.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.linear(self.weight.var(), Some(self.bias.var()))
    }
}
