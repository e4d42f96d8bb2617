//! Convolution along one axis.

use super::Var;

/// How a [`conv1d`](Var::conv1d) goes over its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1dOptions {
    /// From one place to the next; 1 by default.
    pub stride: usize,
    /// Zeros before and after; 0 by default.
    pub padding: usize,
    /// From one tap of the kernel to the next; 1 by default.
    pub dilation: usize,
    /// Into how many groups the channels are cut, each of which sees only its own; 1 by default.
    pub groups: usize,
}

impl Default for Conv1dOptions {
    fn default() -> Conv1dOptions {
        Conv1dOptions { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

impl Var {
    /// `out[b, o, l] = bias[o] + Σ_{c, k} weight[o, c, k] · x[b, c + first(o), l · stride + k · dilation − padding]`: `[B, Cin, L]` with `weight`
    /// `[Cout, Cin/groups, K]` and `bias` `[Cout]` → `[B, Cout, (L + 2 padding − dilation (K − 1) − 1)/stride + 1]`. As in PyTorch
    /// the kernel is not flipped.
    ///
    /// # Panics
    /// Where the shapes do not fit, `groups` does not divide the channels, or the kernel is longer than the padded input.
    ///
    /// ```
    /// use unrolled_autograd::{Conv1dOptions, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 4.0, 8.0], [1, 1, 4], &device));
    /// let weight = Var::leaf(Tensor::from_slice(&[-1f64, 1.0], [1, 1, 2], &device));
    /// let steps = x.conv1d(&weight, None, Conv1dOptions::default());
    /// assert_eq!(steps.tensor().to_vec::<f64>(), [1.0, 2.0, 4.0]);
    /// let padded = x.conv1d(&weight, None, Conv1dOptions { padding: 1, stride: 2, ..Default::default() });
    /// assert_eq!(padded.tensor().to_vec::<f64>(), [1.0, 2.0, -8.0]);
    /// ```
    #[track_caller]
    pub fn conv1d(&self, weight: &Var, bias: Option<&Var>, options: Conv1dOptions) -> Var {
        self.check_conv1d(weight, bias, &options);
        let Conv1dOptions { stride, padding, dilation, groups } = options;
        let (batch, channels, outputs, taps) = (self.dim(0), weight.dim(1), weight.dim(0), weight.dim(2));
        let mut windows = self.pad(&[(padding, padding)], 0.0).unfold(2, dilation * (taps - 1) + 1, stride);
        if dilation > 1 {
            windows = windows.step_by(3, dilation);
        }
        let places = windows.dim(2);
        // [B, G · C, P, K] → [G, C · K, B · P]: one product for each group, in which the whole batch gives the columns.
        let columns = windows.reshape([batch, groups, channels, places, taps]).permute([1, 2, 4, 0, 3]);
        let columns = columns.reshape([groups, channels * taps, batch * places]);
        let product = weight.reshape([groups, outputs / groups, channels * taps]).matmul(&columns);
        let output = product.reshape([outputs, batch, places]).permute([1, 0, 2]);
        bias.map_or_else(|| output.clone(), |bias| &output + &bias.unsqueeze(1))
    }

    #[track_caller]
    fn check_conv1d(&self, weight: &Var, bias: Option<&Var>, options: &Conv1dOptions) {
        let Conv1dOptions { stride, padding, dilation, groups } = *options;
        let (x, w) = (self.shape(), weight.shape());
        let reason = if x.len() != 3 || w.len() != 3 {
            "the input has three axes [B, Cin, L], the weight three [Cout, Cin/groups, K]"
        } else if stride == 0 || dilation == 0 || groups == 0 || w[2] == 0 {
            "stride, dilation, groups and the kernel's length are at least 1"
        } else if w[1] * groups != x[1] || !w[0].is_multiple_of(groups) {
            "the weight is [Cout, Cin/groups, K], and groups divide Cout"
        } else if dilation * (w[2] - 1) + 1 > x[2] + 2 * padding {
            "the kernel is longer than the padded input"
        } else if bias.is_some_and(|bias| bias.shape() != &w[..1]) {
            "the bias is [Cout]"
        } else {
            return;
        };
        let bias = bias.map(|bias| format!(", bias of shape {:?}", bias.shape())).unwrap_or_default();
        panic!("conv1d: input of shape {x:?}, weight of shape {w:?}{bias}, {options:?}: {reason}");
    }
}
