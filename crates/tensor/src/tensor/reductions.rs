//! Reductions over any axes, and what works along one.

use super::axes::{Axes, resolve};
use super::{Tensor, dims};
use crate::DType;
use crate::error::OrRaise;
use crate::layout::Dims;
use crate::ops::{Reduce, Unary};

impl Tensor {
    /// A reduction over `axes`, which stay with length 1 if `keep`, else go away. The position that [`Reduce::ArgMax`] answers
    /// counts row-major over the reduced axes.
    ///
    /// # Panics
    /// Where an axis is outside the shape, nothing is reduced by a reduction that has no value for it, or the dtype is bool and the reduction
    /// neither sum (any) nor product (all).
    #[track_caller]
    pub fn reduce(&self, op: Reduce, axes: impl Axes, keep: bool) -> Tensor {
        let axes = axes.of(op.name(), self.shape());
        let reduced: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        if reduced == 0 && !op.has_identity() {
            panic!("{}: nothing to reduce over axes {axes:?} of shape {:?}", op.name(), self.shape());
        }
        if self.dtype == DType::Bool && !matches!(op, Reduce::Sum | Reduce::Prod) {
            panic!("{}: does not take bool", op.name());
        }
        let kept: Dims = (0..self.rank()).filter(|axis| !axes.contains(axis)).collect();
        let order: Dims = kept.iter().chain(&axes).copied().collect();
        let mut rows: Dims = kept.iter().map(|&axis| self.shape()[axis]).collect();
        rows.push(reduced);
        let last = self.with_layout(self.layout.permute(&order)).reshape(&rows);
        let mut shape = dims(self.shape());
        axes.iter().for_each(|&axis| shape[axis] = 1);
        if !keep {
            shape = kept.iter().map(|&axis| self.shape()[axis]).collect();
        }
        self.answer(self.backend().reduce(op, &last), &shape, op.output(self.dtype))
    }

    /// The sum over `axes`. Of bool: whether any is true.
    #[track_caller]
    pub fn sum(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::Sum, axes, keep)
    }

    /// The sum of squares over `axes`.
    #[track_caller]
    pub fn sum_squares(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::SumSquares, axes, keep)
    }

    /// The product over `axes`. Of bool: whether all are true.
    #[track_caller]
    pub fn prod(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::Prod, axes, keep)
    }

    /// The largest over `axes`; NaN if any is.
    #[track_caller]
    pub fn max(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::Max, axes, keep)
    }

    /// The smallest over `axes`; NaN if any is.
    #[track_caller]
    pub fn min(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::Min, axes, keep)
    }

    /// Where the largest stands (u32), counted row-major over `axes`; of equals the first, of NaNs the first.
    #[track_caller]
    pub fn argmax(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::ArgMax, axes, keep)
    }

    /// Where the smallest stands (u32), counted row-major over `axes`; of equals the first, of NaNs the first.
    #[track_caller]
    pub fn argmin(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.reduce(Reduce::ArgMin, axes, keep)
    }

    /// Whether any element over `axes` is not 0, as bool; of nothing, false.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[0f32, 2.0, 0.0, 0.0], [2, 2], &Device::cpu());
    /// assert_eq!(x.any(1, false).to_vec::<bool>(), [true, false]);
    /// ```
    #[track_caller]
    pub fn any(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.cast(DType::Bool).sum(axes, keep)
    }

    /// Whether all elements over `axes` are not 0, as bool; of nothing, true.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1f32, 2.0, 0.0, 3.0], [2, 2], &Device::cpu());
    /// assert_eq!(x.all(1, false).to_vec::<bool>(), [true, false]);
    /// ```
    #[track_caller]
    pub fn all(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.cast(DType::Bool).prod(axes, keep)
    }

    /// The mean over `axes` (floats), NaN of nothing; f16 and bf16 are summed and divided in f32.
    #[track_caller]
    pub fn mean(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.check_float("mean");
        let count: usize = axes.of("mean", self.shape()).iter().map(|&axis| self.shape()[axis]).product();
        let wide = if self.dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let sum = self.cast(wide).sum(axes, keep);
        sum.unary(Unary::Affine { scale: 1.0 / count as f64, shift: 0.0 }).cast(self.dtype)
    }

    /// The variance over `axes`: Σ (x − mean)² / (n − `correction`), NaN or infinite where that divides by 0; f16 and bf16 are computed in f32.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1f32, 3.0], [2], &Device::cpu());
    /// assert_eq!((x.var(0, 0, false).item::<f32>(), x.var(0, 1, false).item::<f32>()), (1.0, 2.0));
    /// ```
    #[track_caller]
    pub fn var(&self, axes: impl Axes, correction: usize, keep: bool) -> Tensor {
        self.wide_variance("var", axes, correction, keep).cast(self.dtype)
    }

    /// The standard deviation over `axes`: the root of [`var`](Tensor::var).
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1f32, 5.0], [2], &Device::cpu());
    /// assert_eq!(x.std(0, 0, false).item::<f32>(), 2.0);
    /// ```
    #[track_caller]
    pub fn std(&self, axes: impl Axes, correction: usize, keep: bool) -> Tensor {
        self.wide_variance("std", axes, correction, keep).sqrt().cast(self.dtype)
    }

    #[track_caller]
    fn wide_variance(&self, operation: &str, axes: impl Axes, correction: usize, keep: bool) -> Tensor {
        self.check_float(operation);
        let resolved = axes.of(operation, self.shape());
        let axes: Vec<isize> = resolved.iter().map(|&axis| axis as isize).collect();
        let count: usize = resolved.iter().map(|&axis| self.shape()[axis]).product();
        let wide = self.cast(if self.dtype == DType::F64 { DType::F64 } else { DType::F32 });
        let centred = wide.sub(&wide.mean(&axes[..], true));
        centred.square().sum(&axes[..], keep).affine(1.0 / count.saturating_sub(correction) as f64, 0.0)
    }

    /// The p-norm over `axes`, (Σ |x|ᵖ)^(1/p): for p = ∞ the largest |x|, for −∞ the smallest, for 0 the number of elements that are not 0;
    /// f16 and bf16 are computed in f32.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[3f32, -4.0], [2], &Device::cpu());
    /// let norm = |p: f64| x.norm(p, .., false).item::<f32>();
    /// assert_eq!([0.0, 1.0, 2.0, f64::INFINITY].map(norm), [2.0, 7.0, 5.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn norm(&self, p: f64, axes: impl Axes, keep: bool) -> Tensor {
        self.check_float("norm");
        let wide = self.cast(if self.dtype == DType::F64 { DType::F64 } else { DType::F32 });
        let norm = match p {
            0.0 => wide.ne(0.0).cast(wide.dtype).sum(axes, keep),
            1.0 => wide.abs().sum(axes, keep),
            2.0 => wide.square().sum(axes, keep).sqrt(),
            f64::INFINITY => wide.abs().max(axes, keep),
            f64::NEG_INFINITY => wide.abs().min(axes, keep),
            p => wide.abs().powf(p).sum(axes, keep).powf(1.0 / p),
        };
        norm.cast(self.dtype)
    }

    /// Softmax along `axis`: e^(x − max) / Σ e^(x − max).
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor {
        self.softmax_along("softmax", axis, false)
    }

    /// The logarithm of the softmax along `axis`: x − max − ln Σ e^(x − max).
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        self.softmax_along("log_softmax", axis, true)
    }

    #[track_caller]
    fn softmax_along(&self, operation: &str, axis: isize, logarithm: bool) -> Tensor {
        self.check_float(operation);
        let at = resolve(operation, axis, self.shape()) as isize;
        let last = self.move_axis(at, -1);
        last.answer(self.backend().softmax(&last, logarithm), last.shape(), self.dtype).move_axis(-1, at)
    }

    /// Running sums along `axis`.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Tensor {
        let at = resolve("cumsum", axis, self.shape()) as isize;
        if self.dtype == DType::Bool {
            panic!("cumsum: does not take bool");
        }
        let last = self.move_axis(at, -1);
        last.answer(self.backend().cumulative_sum(&last), last.shape(), self.dtype).move_axis(-1, at)
    }

    /// The `k` largest along `axis` in descending order, and where they stood (u32); of equals the first comes first. NaN counts as larger
    /// than any number.
    ///
    /// # Panics
    /// Where `k` is larger than the axis, or the dtype is bool.
    #[track_caller]
    pub fn top_k(&self, k: usize, axis: isize) -> (Tensor, Tensor) {
        let at = resolve("top_k", axis, self.shape()) as isize;
        if k > self.dim(at) || self.dtype == DType::Bool {
            panic!("top_k: {k} largest of axis {axis} of {} of shape {:?}", self.dtype, self.shape());
        }
        let last = self.move_axis(at, -1);
        let mut shape = dims(last.shape());
        shape[self.rank() - 1] = k;
        let (values, places) = self.backend().top_k(&last, k).or_raise();
        let back = |storage, dtype| Tensor::of(storage, &shape, dtype, &self.device).move_axis(-1, at);
        (back(values, self.dtype), back(places, DType::U32))
    }

    /// All axes but the last as one: `[rows, n]`.
    ///
    /// # Panics
    /// Where there is no axis.
    #[track_caller]
    pub fn rows(&self) -> Tensor {
        let n = self.dim(-1);
        // Not inferred: of rows of length 0 the number is known all the same.
        self.reshape([self.shape()[..self.rank() - 1].iter().product(), n])
    }
}
