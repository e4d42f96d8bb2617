//! Reductions over any axes, and what works along one.

use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{Axes, DType, Dims, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The sum over `axes`. Gradient: g for each element.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.sum(1, false).tensor().to_vec::<f64>(), [3.0, 7.0]);
    /// assert_eq!(x.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0; 4]);
    /// ```
    #[track_caller]
    pub fn sum(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("sum", self.shape());
        let value = self.value.sum(&signed(&axes)[..], keep);
        record_one(Op::Sum { axes, keep }, &[self], value)
    }

    /// The mean over `axes`; f16 and bf16 are summed and divided in f32.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.mean(0, true).tensor().to_vec::<f64>(), [2.0, 3.0]);
    /// assert_eq!(x.mean(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.25; 4]);
    /// ```
    #[track_caller]
    pub fn mean(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("mean", self.shape());
        self.wide(|x| x.sum(&signed(&axes)[..], keep).affine(1.0 / x.count(&axes), 0.0))
    }

    /// The variance over `axes`: Σ (x − mean)² / (n − `correction`); f16 and bf16 are summed and
    /// divided in f32. PyTorch's default is a correction of 1.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.var(0, 1, false);
    /// assert_eq!(y.tensor().item::<f64>(), 1.0);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f64>(), [-1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn var(&self, axes: impl Axes, correction: usize, keep: bool) -> Var {
        let axes = axes.of("var", self.shape());
        self.wide(|x| {
            let centred = x - &x.mean(&signed(&axes)[..], true);
            let divisor = (x.count(&axes) - correction as f64).max(0.0);
            centred.square().sum(&signed(&axes)[..], keep).affine(1.0 / divisor, 0.0)
        })
    }

    /// `work` in f32 where this is f16 or bf16: a sum of many elements would lose its last places there, or pass 65504.
    #[track_caller]
    pub(crate) fn wide(&self, work: impl FnOnce(&Var) -> Var) -> Var {
        match self.dtype() {
            DType::F16 | DType::BF16 => work(&self.cast(DType::F32)).cast(self.dtype()),
            _ => work(self),
        }
    }

    /// How many elements a reduction over `axes` joins.
    fn count(&self, axes: &[usize]) -> f64 {
        axes.iter().map(|&axis| self.shape()[axis]).product::<usize>() as f64
    }

    /// The largest over `axes`; equals share the gradient evenly.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.max(.., false);
    /// assert_eq!(y.tensor().item::<f64>(), 4.0);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn max(&self, axes: impl Axes, keep: bool) -> Var {
        self.extreme(Reduce::Max, axes.of("max", self.shape()), keep)
    }

    /// The smallest over `axes`; equals share the gradient evenly.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.min(.., false);
    /// assert_eq!(y.tensor().item::<f64>(), 1.0);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn min(&self, axes: impl Axes, keep: bool) -> Var {
        self.extreme(Reduce::Min, axes.of("min", self.shape()), keep)
    }

    #[track_caller]
    fn extreme(&self, op: Reduce, axes: Dims, keep: bool) -> Var {
        let value = self.value.reduce(op, &signed(&axes)[..], keep);
        record_one(Op::Extreme { axes, keep }, &[self], value)
    }

    /// Running sums along `axis`. Gradient: running sums of g from the other end.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.cumsum(0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 3.0, 6.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [3.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Var {
        let at = self.axis("cumsum", axis);
        record_one(Op::CumulativeSum(at), &[self], self.value.cumsum(axis))
    }

    /// Softmax p along `axis`. Gradient: p (g − Σ g p).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.softmax(0);
    /// assert_eq!(format!("{:.3}", y.tensor()), "[0.090, 0.245, 0.665]");
    /// let gradients = y.index(0, 2).backward();
    /// assert_eq!(format!("{:.3}", gradients.get(&x).unwrap()), "[-0.060, -0.163, 0.223]");
    /// ```
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Var {
        let at = self.axis("softmax", axis);
        record_one(Op::Softmax(at), &[self], self.value.softmax(axis))
    }

    /// The logarithm of the softmax p along `axis`. Gradient: g − p Σ g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.log_softmax(0);
    /// assert_eq!(format!("{:.3}", y.tensor()), "[-2.408, -1.408, -0.408]");
    /// let gradients = y.index(0, 2).backward();
    /// assert_eq!(format!("{:.3}", gradients.get(&x).unwrap()), "[-0.090, -0.245, 0.335]");
    /// ```
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Var {
        let at = self.axis("log_softmax", axis);
        record_one(Op::LogSoftmax(at), &[self], self.value.log_softmax(axis))
    }

    /// ln Σ eˣ over `axes`, without overflow. Gradient: g times the softmax.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::constant(Tensor::full([2, 3, 4], 1000.0, DType::F64, &Device::cpu()));
    /// let y = x.logsumexp([0, 2], false);
    /// assert_eq!(y.shape(), [3]);
    /// assert!((y.tensor().to_vec::<f64>()[0] - (1000.0 + 8f64.ln())).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// Where there is nothing to sum.
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Axes, keep: bool) -> Var {
        let axes = axes.of("logsumexp", self.shape());
        let shape: Dims = (0..self.rank()).filter(|axis| !axes.contains(axis)).map(|axis| self.shape()[axis]).collect();
        let axes = &signed(&axes)[..];
        // Subtracting a constant leaves value and gradient unchanged, so the largest need not be differentiated. An infinite one is not
        // subtracted: ∞ − ∞ is no number.
        let max = self.value.max(axes, true);
        let finite = max.abs().lt(&Tensor::full([], f64::INFINITY, max.dtype(), max.device()));
        let max = Var::constant(finite.select(&max, &max.zeros_like()));
        let sum = (self - &max).exp().sum(axes, true).log() + &max;
        if keep { sum } else { sum.reshape(&shape) }
    }

    /// The sum over the axes that broadcasting to this shape would repeat: the transpose of `broadcast_to`.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.sum_to(&[1, 2]).tensor().to_vec::<f64>(), [4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// Where `shape` does not broadcast to this shape.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Var {
        if self.shape() == shape {
            return self.clone();
        }
        if !shape_broadcasts(shape, self.shape()) {
            panic!("sum_to: shape {shape:?} does not broadcast to {:?}", self.shape());
        }
        let lead = self.rank() - shape.len();
        let axes: Vec<isize> =
            (0..self.rank()).filter(|&a| a < lead || shape[a - lead] != self.shape()[a]).map(|a| a as isize).collect();
        self.sum(&axes[..], true).reshape(shape)
    }
}

fn shape_broadcasts(from: &[usize], to: &[usize]) -> bool {
    from.len() <= to.len() && from.iter().rev().zip(to.iter().rev()).all(|(&a, &b)| a == b || a == 1)
}

/// Axes as the tensor crate takes them.
pub(crate) fn signed(axes: &[usize]) -> Vec<isize> {
    axes.iter().map(|&axis| axis as isize).collect()
}
