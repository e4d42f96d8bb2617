//! Normalisation over the last axis.

use super::Var;

impl Var {
    /// `(x − mean)/√(variance + ε) · weight + bias` over the last axis `D`, with the variance divided by D (Ba, Kiros, Hinton 2016): `[.., D]` with
    /// `weight` and `bias` `[D]` → `[.., D]`. f16 and bf16 are normalised in f32.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 3.0, -5.0, 5.0], [2, 2], &Device::cpu()));
    /// let y = x.layer_norm(None, None, 0.0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn layer_norm(&self, weight: Option<&Var>, bias: Option<&Var>, epsilon: f64) -> Var {
        self.check_features("layer_norm", weight);
        self.check_features("layer_norm", bias);
        let normal = self.wide(|x| {
            let centred = x - &x.mean(-1, true);
            let deviation = centred.square().mean(-1, true).affine(1.0, epsilon).sqrt();
            centred / deviation
        });
        let scaled = weight.map_or_else(|| normal.clone(), |weight| &normal * weight);
        bias.map_or_else(|| scaled.clone(), |bias| &scaled + bias)
    }

    /// `x/√(mean x² + ε) · weight` over the last axis `D` (Zhang, Sennrich 2019): `[.., D]` with `weight` `[D]` → `[.., D]`. f16 and bf16 are
    /// normalised in f32.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[3f64, 3.0, -5.0, 5.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.rms_norm(None, 0.0).tensor().to_vec::<f64>(), [1.0, 1.0, -1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn rms_norm(&self, weight: Option<&Var>, epsilon: f64) -> Var {
        self.check_features("rms_norm", weight);
        let normal = self.wide(|x| x / &x.square().mean(-1, true).affine(1.0, epsilon).sqrt());
        weight.map_or_else(|| normal.clone(), |weight| &normal * weight)
    }

    /// Whether `parameter` has one element for each feature of this.
    #[track_caller]
    fn check_features(&self, operation: &str, parameter: Option<&Var>) {
        if self.rank() == 0 {
            panic!("{operation}: a shape of no axes has no last one");
        }
        if let Some(parameter) = parameter
            && parameter.shape() != &self.shape()[self.rank() - 1..]
        {
            panic!("{operation}: a parameter of shape {:?} does not fit shape {:?}", parameter.shape(), self.shape());
        }
    }
}
