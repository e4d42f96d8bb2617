//! Comparisons, whose answers are truth values without a gradient, and what is chosen by truth values.

use std::sync::Arc;

use unrolled_tensor::{Comparand, DType, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Comparand for &Var {
    fn beside(&self, x: &Tensor) -> Tensor {
        (&*self.value).beside(x)
    }
}

/// Each line gives its example, which runs as a doctest: what [1, 2, 3] answers beside 2.
macro_rules! compare {
    ($($(#[$doc:meta])* $name:ident => $y:tt;)*) => {
        impl Var {$(
            $(#[$doc])*
            ///
            /// ```
            /// use unrolled_autograd::Var;
            /// use unrolled_tensor::{Device, Tensor};
            /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
            #[doc = concat!("assert_eq!(x.", stringify!($name), "(2.0).to_vec::<bool>(), ", stringify!($y), ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($name), "(&x.index(0, 1)).to_vec::<bool>(), ", stringify!($y), ");")]
            /// ```
            ///
            /// # Panics
            /// Where the shapes do not broadcast, or dtypes or devices differ.
            #[track_caller]
            pub fn $name(&self, other: impl Comparand) -> Tensor {
                self.value.$name(other)
            }
        )*}
    };
}

compare! {
    /// a = b as bool, broadcast; `b` a variable, a tensor or a number ([`Comparand`]).
    eq => [false, true, false];
    /// a ≠ b as bool, broadcast; `b` a variable, a tensor or a number.
    ne => [true, false, true];
    /// a < b as bool, broadcast; `b` a variable, a tensor or a number.
    lt => [true, false, false];
    /// a ≤ b as bool, broadcast; `b` a variable, a tensor or a number.
    le => [true, true, false];
    /// a > b as bool, broadcast; `b` a variable, a tensor or a number.
    gt => [false, false, true];
    /// a ≥ b as bool, broadcast; `b` a variable, a tensor or a number.
    ge => [false, true, true];
}

impl Var {
    /// `a` where `condition` (bool) is true, else `b`; all three broadcast. The gradient goes where the value came from.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = Var::select(&x.gt(1.5), &x.square(), &x);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 4.0, 9.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Tensor::select`].
    #[track_caller]
    pub fn select(condition: &Tensor, a: &Var, b: &Var) -> Var {
        record_one(Op::Select(Arc::new(condition.clone())), &[a, b], condition.select(&a.value, &b.value))
    }

    /// This where `condition` (bool) is true, else `other`: [`select`](Var::select) as PyTorch's `x.where(condition, other)` reads.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!(x.where_(&x.lt(2.5), &-&x).tensor().to_vec::<f64>(), [1.0, 2.0, -3.0]);
    /// ```
    ///
    /// # Panics
    /// As [`Tensor::select`].
    #[doc(alias = "where")]
    #[track_caller]
    pub fn where_(&self, condition: &Tensor, other: &Var) -> Var {
        Var::select(condition, self, other)
    }

    /// `value` where `mask` (bool) is true, else this; the mask broadcasts to this shape. Gradient: g where the mask is false, and exactly 0
    /// where it is true, even of a g that is infinite or no number.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.masked_fill(&x.eq(2.0), f64::NEG_INFINITY);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, f64::NEG_INFINITY, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where the mask is not bool or does not broadcast to this shape.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor, value: f64) -> Var {
        let filled = self.value.masked_fill(mask, value);
        // Not tracked, so never looked at by the rule.
        let value = Var::constant(value.beside(&self.value));
        record_one(Op::Select(Arc::new(mask.clone())), &[&value, self], filled)
    }

    /// The lower triangle of the last two axes, 0 elsewhere: kept is where column − row ≤ `diagonal`. Gradient: the same triangle of g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.tril(0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 0.0, 3.0, 4.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer than two axes.
    #[track_caller]
    pub fn tril(&self, diagonal: i64) -> Var {
        self.triangle(self.value.tril(diagonal), |ones| ones.tril(diagonal))
    }

    /// The upper triangle of the last two axes, 0 elsewhere: kept is where column − row ≥ `diagonal`. Gradient: the same triangle of g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.triu(1);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [0.0, 2.0, 0.0, 0.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer than two axes.
    #[track_caller]
    pub fn triu(&self, diagonal: i64) -> Var {
        self.triangle(self.value.triu(diagonal), |ones| ones.triu(diagonal))
    }

    fn triangle(&self, value: Tensor, of: impl FnOnce(&Tensor) -> Tensor) -> Var {
        let kept = of(&Tensor::ones([self.dim(-2), self.dim(-1)], DType::Bool, self.device()));
        let zero = Var::constant(0.0.beside(&self.value));
        record_one(Op::Select(Arc::new(kept)), &[self, &zero], value)
    }
}
