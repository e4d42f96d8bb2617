//! Standard deviations, norms and products.

use unrolled_tensor::Axes;

use super::{Var, signed};
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The standard deviation over `axes`, √(Σ (x − mean)² / (n − `correction`)); f16 and bf16 are computed in f32. Gradient:
    /// g (x − mean) / ((n − correction) std), and 0 where the deviation is 0. PyTorch's default is a correction of 1.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 5.0], [2], &Device::cpu()));
    /// let y = x.std(0, 0, false);
    /// assert_eq!(y.tensor().item::<f64>(), 2.0);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f64>(), [-0.5, 0.5]);
    /// ```
    #[track_caller]
    pub fn std(&self, axes: impl Axes, correction: usize, keep: bool) -> Var {
        let axes = axes.of("std", self.shape());
        self.wide(|x| x.var(&signed(&axes)[..], correction, keep).root())
    }

    /// The p-norm over `axes`, (Σ |x|ᵖ)^(1/p): for p = ∞ the largest |x|, for −∞ the smallest, for 0 the number of elements that are not 0
    /// (which has no gradient); f16 and bf16 are computed in f32. Gradient: g sign(x) (|x| / norm)ᵖ⁻¹, and 0 where the norm is 0; for ±∞ equals
    /// share it evenly.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[3f64, -4.0], [2], &Device::cpu()));
    /// let y = x.norm(2.0, .., false);
    /// assert_eq!(y.tensor().item::<f64>(), 5.0);
    /// assert_eq!(format!("{:.3}", y.backward().get(&x).unwrap()), "[0.600, -0.800]");
    /// ```
    ///
    /// # Panics
    /// For p = ±∞ where nothing is reduced.
    #[track_caller]
    pub fn norm(&self, p: f64, axes: impl Axes, keep: bool) -> Var {
        let axes = signed(&axes.of("norm", self.shape()));
        if p == 0.0 {
            return Var::constant(self.value.norm(p, &axes[..], keep));
        }
        self.wide(|x| match p {
            1.0 => x.abs().sum(&axes[..], keep),
            2.0 => x.square().sum(&axes[..], keep).root(),
            f64::INFINITY => x.abs().max(&axes[..], keep),
            f64::NEG_INFINITY => x.abs().min(&axes[..], keep),
            p => x.abs().power(p).sum(&axes[..], keep).power(1.0 / p),
        })
    }

    /// √x with the gradient 0 at 0, where it is infinite.
    #[track_caller]
    fn root(&self) -> Var {
        let zero = self.eq(0.0);
        self.masked_fill(&zero, 1.0).sqrt().masked_fill(&zero, 0.0)
    }

    /// xᵖ of x ≥ 0 with the gradient 0 at 0 where it is infinite, and where the gradient's own is.
    #[track_caller]
    fn power(&self, p: f64) -> Var {
        if !(0.0..2.0).contains(&p) {
            return self.powf(p);
        }
        let zero = self.eq(0.0);
        self.masked_fill(&zero, 1.0).powf(p).masked_fill(&zero, 0.0)
    }

    /// The product over `axes`, 1 of nothing. Gradient: g times the product of all other elements, not found by division, so right beside
    /// zeros, also of second order.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[2f64, 0.0, 3.0], [3], &Device::cpu()));
    /// let y = x.prod(.., false);
    /// assert_eq!(y.tensor().item::<f64>(), 0.0);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 6.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn prod(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("prod", self.shape());
        let value = self.value.prod(&signed(&axes)[..], keep);
        record_one(Op::Prod { axes, keep }, &[self], value)
    }

    /// Running products along `axis`, in log₂ n steps; f16 and bf16 are computed in f32. The gradient is right beside zeros.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[2f64, 0.0, 3.0], [3], &Device::cpu()));
    /// let y = x.cumprod(0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [2.0, 0.0, 0.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 8.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Var {
        let at = self.axis("cumprod", axis);
        let n = self.shape()[at];
        self.wide(|x| {
            // After each step an element is the product of itself and up to `reach` − 1 before it.
            let (mut products, mut reach) = (x.clone(), 1);
            while reach < n {
                let before = products.narrow(axis, 0, n - reach).padded("cumprod", at, (reach, 0), 1.0);
                products *= before;
                reach *= 2;
            }
            products
        })
    }
}
