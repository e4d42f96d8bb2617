//! Matrix products.

use unrolled_tensor::Dims;

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The matrix product `[.., m, k]` × `[.., k, n]`; leading axes broadcast; a vector counts as a row on the left, a column on the right.
    /// Gradients: g bᵀ, aᵀ g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let leaf = |x: [f64; 4]| Var::leaf(Tensor::from_slice(&x, [2, 2], &Device::cpu()));
    /// let (a, b) = (leaf([1.0, 2.0, 3.0, 4.0]), leaf([0.0, 1.0, 1.0, 0.0]));
    /// let y = a.matmul(&b);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [2.0, 1.0, 4.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&b).unwrap().to_vec::<f64>(), [4.0, 4.0, 6.0, 6.0]);
    /// ```
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
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let tensor = |x: &[f64], shape: &[usize]| Var::leaf(Tensor::from_slice(x, shape, &Device::cpu()));
    /// let (x, weight, bias) = (tensor(&[1.0, 2.0], &[1, 2]), tensor(&[3.0, 4.0], &[1, 2]), tensor(&[0.5], &[1]));
    /// assert_eq!(x.linear(&weight, Some(&bias)).tensor().to_vec::<f64>(), [11.5]);
    /// ```
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
