//! Matrix products.

use unrolled_tensor::Dims;

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The matrix product `[.., m, k]` × `[.., k, n]`; leading axes broadcast; a vector counts as a row on the left, a column on the right.
    /// Gradients: g bᵀ, aᵀ g.
    #[track_caller]
    pub fn matmul(&self, other: &Var) -> Var {
        if self.rank() == 1 {
            return self.unsqueeze(0).matmul(other).squeeze(if other.rank() == 1 { -1 } else { -2 });
        }
        if other.rank() == 1 {
            return self.matmul(&other.unsqueeze(1)).squeeze(-1);
        }
        record_one(Op::Matmul, &[self, other], self.value.matmul(&other.value))
    }

    /// `x Wᵀ + b`: `[.., i]` with `weight` `[o, i]` and `bias` `[o]` → `[.., o]`.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    #[track_caller]
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Var {
        if weight.rank() != 2 || self.rank() == 0 || self.dim(-1) != weight.dim(1) {
            panic!("linear: input of shape {:?} and weight of shape {:?} do not fit", self.shape(), weight.shape());
        }
        let mut shape = Dims::from(self.shape());
        let features = shape.pop().expect("at least one axis");
        let rows = self.reshape([shape.iter().product(), features]).matmul(&weight.t());
        shape.push(weight.dim(0));
        match bias {
            Some(bias) => rows + bias,
            None => rows,
        }
        .reshape(&shape)
    }
}
