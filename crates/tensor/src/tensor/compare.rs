//! Comparisons, and what is chosen by truth values.

use super::Tensor;
use crate::layout::broadcast_dims;
use crate::ops::Compare;
use crate::{DType, Dims};

/// What a tensor is compared with: a tensor, or a number, which is first converted to the tensor's dtype as by [`Tensor::cast`].
///
/// ```
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[-1f32, 0.0, 2.0], [3], &Device::cpu());
/// assert_eq!(x.gt(0.0).to_vec::<bool>(), [false, false, true]);
/// assert_eq!(x.eq(2).to_vec::<bool>(), [false, false, true]);
/// assert_eq!(x.le(&x.neg()).to_vec::<bool>(), [true, true, false]);
/// ```
pub trait Comparand {
    /// The other side of a comparison with `x`: of its dtype, on its device.
    fn beside(&self, x: &Tensor) -> Tensor;
}

impl Comparand for &Tensor {
    fn beside(&self, _: &Tensor) -> Tensor {
        Tensor::clone(self)
    }
}

impl Comparand for f64 {
    #[track_caller]
    fn beside(&self, x: &Tensor) -> Tensor {
        Tensor::full([], *self, x.dtype(), x.device())
    }
}

impl Comparand for i64 {
    #[track_caller]
    fn beside(&self, x: &Tensor) -> Tensor {
        Tensor::scalar(*self, x.device()).cast(x.dtype())
    }
}

macro_rules! compare_methods {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// Where the shapes do not broadcast, or dtypes or devices differ.
            #[track_caller]
            pub fn $name(&self, other: impl Comparand) -> Tensor {
                self.compare(Compare::$op, &other.beside(self))
            }
        )*}
    };
}

compare_methods! {
    /// a = b as bool, broadcast; `b` a tensor or a number ([`Comparand`]).
    eq => Eq;
    /// a ≠ b as bool, broadcast; `b` a tensor or a number.
    ne => Ne;
    /// a < b as bool, broadcast; `b` a tensor or a number.
    lt => Lt;
    /// a ≤ b as bool, broadcast; `b` a tensor or a number.
    le => Le;
    /// a > b as bool, broadcast; `b` a tensor or a number.
    gt => Gt;
    /// a ≥ b as bool, broadcast; `b` a tensor or a number.
    ge => Ge;
}

impl Tensor {
    /// Truth values of a comparison, broadcast. Comparisons with NaN are false, [`Compare::Ne`] true.
    ///
    /// # Panics
    /// Where the shapes do not broadcast, or dtypes or devices differ.
    #[track_caller]
    pub fn compare(&self, op: Compare, other: &Tensor) -> Tensor {
        let (a, b, shape) = self.broadcast_with(op.name(), other);
        self.answer(self.backend().compare(op, &a, &b), &shape, DType::Bool)
    }

    /// `a` where this condition (bool) is true, else `b`; all three broadcast.
    ///
    /// # Panics
    /// Where this is not bool, shapes do not broadcast, or dtypes or devices of `a` and `b` differ.
    #[doc(alias = "where")]
    #[track_caller]
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Tensor {
        if self.dtype != DType::Bool {
            panic!("select: the condition is {}, not bool", self.dtype);
        }
        self.check_device("select", a);
        let (a, b, shape) = a.broadcast_with("select", b);
        let Some(shape) = broadcast_dims(self.shape(), &shape) else {
            panic!("select: condition of shape {:?} does not broadcast with {shape:?}", self.shape());
        };
        let (condition, a, b) = (self.broadcast_to(&shape), a.broadcast_to(&shape), b.broadcast_to(&shape));
        self.answer(self.backend().select(&condition, &a, &b), &shape, a.dtype)
    }

    /// `value` where `mask` (bool) is true, else this; the mask broadcasts to this shape.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1f32, 2.0, 3.0], [3], &Device::cpu());
    /// assert_eq!(x.masked_fill(&x.gt(1.5), -1.0).to_vec::<f32>(), [1.0, -1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// Where the mask is not bool or does not broadcast to this shape.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor, value: f64) -> Tensor {
        if mask.dtype != DType::Bool {
            panic!("masked_fill: the mask is {}, not bool", mask.dtype);
        }
        if broadcast_dims(mask.shape(), self.shape()).as_deref() != Some(self.shape()) {
            panic!("masked_fill: mask of shape {:?} does not broadcast to {:?}", mask.shape(), self.shape());
        }
        mask.select(&value.beside(self), self)
    }

    /// The lower triangle of the last two axes, 0 elsewhere: kept is where column − row ≤ `diagonal`.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let causal = Tensor::ones([2, 3], DType::Bool, &Device::cpu()).tril(0);
    /// assert_eq!(causal.to_vec::<bool>(), [true, false, false, true, true, false]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer than two axes.
    #[track_caller]
    pub fn tril(&self, diagonal: i64) -> Tensor {
        self.triangle("tril", Compare::Le, diagonal)
    }

    /// The upper triangle of the last two axes, 0 elsewhere: kept is where column − row ≥ `diagonal`.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Tensor::ones([2, 3], DType::F32, &Device::cpu());
    /// assert_eq!(x.triu(1).to_vec::<f32>(), [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer than two axes.
    #[track_caller]
    pub fn triu(&self, diagonal: i64) -> Tensor {
        self.triangle("triu", Compare::Ge, diagonal)
    }

    #[track_caller]
    fn triangle(&self, operation: &str, kept: Compare, diagonal: i64) -> Tensor {
        if self.rank() < 2 {
            panic!("{operation}: shape {:?} has not two axes", self.shape());
        }
        let places = |axis| Tensor::arange(self.dim(axis), DType::I64, &self.device);
        let offsets = places(-1).sub(&places(-2).unsqueeze(1));
        let kept = offsets.compare(kept, &diagonal.beside(&offsets));
        kept.select(self, &0.0.beside(self))
    }

    /// Class numbers (u32, any shape) as rows with a 1 at the class and 0 elsewhere: `[..]` → `[.., classes]`.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let ids = Tensor::from_slice(&[2u32, 0], [2], &Device::cpu());
    /// assert_eq!(ids.one_hot(3, DType::F32).to_vec::<f32>(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// Where this is not u32, or an element is `classes` or more.
    #[track_caller]
    pub fn one_hot(&self, classes: usize, dtype: DType) -> Tensor {
        if self.dtype != DType::U32 {
            panic!("one_hot: class numbers are u32, not {}", self.dtype);
        }
        let mut shape = Dims::from(self.shape());
        shape.push(classes);
        let places = self.unsqueeze(-1);
        // Added, not compared: a class that there is not panics, where the device can tell.
        Tensor::zeros(&shape, DType::U32, &self.device).scatter_add(-1, &places, &places.ones_like()).cast(dtype)
    }
}
