//! Functions of single elements that are made of the table's.

use super::Var;

impl Var {
    /// x where x > 0, else `slope` · x. Gradient: g, or slope · g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[-2f64, 0.0, 3.0], [3], &Device::cpu()));
    /// let y = x.leaky_relu(0.5);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [-1.0, 0.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.5, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Var {
        Var::select(&self.gt(0.0), self, &(self * slope))
    }

    /// x where x > 0, else `alpha` (eˣ − 1). Gradient: g, or g · alpha · eˣ.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[-1f64, 0.0, 3.0], [3], &Device::cpu()));
    /// let y = x.elu(1.0);
    /// assert_eq!(format!("{:.3}", y.tensor()), "[-0.632, 0.000, 3.000]");
    /// assert_eq!(format!("{:.3}", y.sum(.., false).backward().get(&x).unwrap()), "[0.368, 1.000, 1.000]");
    /// ```
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Var {
        // Of a large x the other branch would be infinite, and its gradient 0 · ∞.
        let below = self.clamp(f64::NEG_INFINITY, 0.0).expm1() * alpha;
        Var::select(&self.gt(0.0), self, &below)
    }

    /// ln σ(x) = −ln(1 + e⁻ˣ), without overflow. Gradient: g (1 − σ(x)).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[-800f64, 0.0], [2], &Device::cpu()));
    /// let y = x.log_sigmoid();
    /// assert_eq!(format!("{:.3}", y.tensor()), "[-800.000, -0.693]");
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.5]);
    /// ```
    #[doc(alias = "logsigmoid")]
    #[track_caller]
    pub fn log_sigmoid(&self) -> Var {
        -(-self).softplus()
    }

    /// log₂ x; f16 and bf16 are computed in f32. Gradient: g / (x ln 2).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[0.5f64, 8.0], [2], &Device::cpu()));
    /// assert_eq!(format!("{:.3}", x.log2().tensor()), "[-1.000, 3.000]");
    /// ```
    #[track_caller]
    pub fn log2(&self) -> Var {
        self.wide(|x| x.log() * std::f64::consts::LOG2_E)
    }

    /// log₁₀ x; f16 and bf16 are computed in f32. Gradient: g / (x ln 10).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[0.1f64, 1000.0], [2], &Device::cpu()));
    /// assert_eq!(format!("{:.3}", x.log10().tensor()), "[-1.000, 3.000]");
    /// ```
    #[track_caller]
    pub fn log10(&self) -> Var {
        self.wide(|x| x.log() * std::f64::consts::LOG10_E)
    }
}
