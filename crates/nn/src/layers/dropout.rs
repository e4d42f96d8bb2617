//! Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so nothing changes when translating.

use unrolled_autograd::Var;
use unrolled_tensor::Tensor;
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;

use crate::module;

/// Zeroes elements with a probability and scales the others by 1/(1 − probability).
///
/// Which elements depends on the key and its step alone: the same mask comes again for a resumed or recomputed step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    probability: f64,
}

// It has no parameters: a module may name it among its modules or skip it.
module!(Dropout { skip probability });

impl Dropout {
    /// # Panics
    /// Where the probability is not in [0, 1).
    #[track_caller]
    pub fn new(probability: f64) -> Dropout {
        if !(0.0..1.0).contains(&probability) {
            panic!("dropout: probability {probability} is not in [0, 1)");
        }
        Dropout { probability }
    }

    /// The probability with which an element is dropped.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// `x` with elements dropped, by the mask of `key`; without a key (translating) `x` itself.
    pub fn forward(&self, x: &Var, key: Option<Key>) -> Var {
        match key {
            Some(key) if self.probability > 0.0 => {
                let distribution = Distribution::Dropout { keep: 1.0 - self.probability };
                x * Var::constant(Tensor::random(distribution, key, x.shape(), x.dtype(), x.device()))
            }
            _ => x.clone(),
        }
    }
}
