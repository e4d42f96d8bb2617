//! A table of vectors, one for each word.

use unrolled_autograd::Var;
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

use super::uniform;
use crate::{Parameter, module};

/// Ids → rows of a table. The gradient is sparse: only the rows that occurred have one.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[V, D]`
    pub weight: Parameter,
}

module!(Embedding { weight });

impl Embedding {
    /// A table of `words` rows of `width` numbers, uniform in [−range, range).
    pub fn new(words: usize, width: usize, range: f64, key: Key, device: &Device) -> Embedding {
        Embedding { weight: uniform(&[words, width], range, key.purpose("weight"), device) }
    }

    /// Ids (u32, any shape) → `[.., D]`.
    ///
    /// # Panics
    /// Where an id is outside the table.
    #[track_caller]
    pub fn forward(&self, ids: &Tensor) -> Var {
        self.weight.embedding(ids)
    }
}
