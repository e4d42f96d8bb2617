//! Views and joins.

use unrolled_tensor::{Dims, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The same elements under another shape; one length may be [`INFER`](unrolled_tensor::INFER).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.reshape([4, 1]).shape(), [4, 1]);
    /// assert_eq!(x.reshape([4]).square().sum(.., false).backward().get(&x).unwrap().shape(), [2, 2]);
    /// ```
    #[doc(alias = "view")]
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Var {
        record_one(Op::Reshape, &[self], self.value.reshape(shape))
    }

    /// The axes in another order: axis i of the result is axis `order[i]` of this. Gradient: in the order before.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::leaf(Tensor::ones([2, 3, 4], DType::F32, &Device::cpu()));
    /// assert_eq!(x.permute([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    #[track_caller]
    pub fn permute(&self, order: impl AsRef<[isize]>) -> Var {
        let axes: Dims = order.as_ref().iter().map(|&axis| self.axis("permute", axis)).collect();
        record_one(Op::Permute(axes), &[self], self.value.permute(order))
    }

    /// Two axes exchanged. Gradient: exchanged back.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::leaf(Tensor::ones([2, 3, 4], DType::F32, &Device::cpu()));
    /// assert_eq!(x.transpose(0, -1).shape(), [4, 3, 2]);
    /// ```
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Var {
        let (a, b) = (self.axis("transpose", a), self.axis("transpose", b));
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        order.swap(a, b);
        self.permute(order)
    }

    /// The last two axes exchanged.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.t().tensor().to_vec::<f64>(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn t(&self) -> Var {
        self.transpose(-2, -1)
    }

    /// `len` indices of `axis` from `start` on. Gradient: g there, 0 elsewhere.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.narrow(0, 1, 2);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [2.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Var {
        let at = self.axis("narrow", axis);
        record_one(Op::Narrow { axis: at, start }, &[self], self.value.narrow(axis, start, len))
    }

    /// Index `index` of `axis`; the axis goes away.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.index(0, 1);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [3.0, 4.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 0.0, 1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn index(&self, axis: isize, index: usize) -> Var {
        self.narrow(axis, index, 1).squeeze(axis)
    }

    /// Every `step`-th index of `axis`. Gradient: g there, 0 between.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.step_by(0, 2);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn step_by(&self, axis: isize, step: usize) -> Var {
        let at = self.axis("step_by", axis);
        record_one(Op::StepBy { axis: at, step }, &[self], self.value.step_by(axis, step))
    }

    /// Sliding windows: `out[.., w, .., i] = x[.., w · step + i, ..]`, `size` neighbours along `axis` in a new last axis, every `step`-th such
    /// window, without a copy. Gradient: overlap-add.
    ///
    /// # Panics
    /// As [`Tensor::unfold`].
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [4], &Device::cpu()));
    /// let windows = x.unfold(0, 2, 1);
    /// assert_eq!(windows.tensor().to_vec::<f64>(), [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
    /// assert_eq!(windows.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 2.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn unfold(&self, axis: isize, size: usize, step: usize) -> Var {
        let at = self.axis("unfold", axis);
        record_one(Op::Unfold { axis: at, step }, &[self], self.value.unfold(axis, size, step))
    }

    /// The axis in the opposite order. Gradient: likewise.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!(x.flip(0).tensor().to_vec::<f64>(), [3.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Var {
        record_one(Op::Flip(self.axis("flip", axis)), &[self], self.value.flip(axis))
    }

    /// A new axis of length 1 before `axis`; −1 puts it last.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!((x.unsqueeze(0).shape(), x.unsqueeze(-1).shape()), (&[1, 3][..], &[3, 1][..]));
    /// ```
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Var {
        self.reshape(self.value.unsqueeze(axis).shape())
    }

    /// Without `axis`, whose length is 1.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!(x.reshape([1, 3]).squeeze(0).shape(), [3]);
    /// ```
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Var {
        self.reshape(self.value.squeeze(axis).shape())
    }

    /// Repeated by NumPy's rules. Gradient: summed over what was repeated.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.broadcast_to([2, 3]);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [2.0; 3]);
    /// ```
    #[doc(alias = "expand")]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Var {
        record_one(Op::BroadcastTo, &[self], self.value.broadcast_to(shape))
    }

    /// Equal parts of `axis`. Other than PyTorch's, which may leave the last one shorter: that is [`split_every`](Var::split_every) of
    /// `n.div_ceil(parts)`.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let halves = x.chunk(2, 0);
    /// assert_eq!(halves[1].tensor().to_vec::<f64>(), [3.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn chunk(&self, parts: usize, axis: isize) -> Vec<Var> {
        let n = self.dim(axis);
        if parts == 0 || !n.is_multiple_of(parts) {
            panic!("chunk: axis {axis} of shape {:?} cannot be cut into {parts} equal parts", self.shape());
        }
        (0..parts).map(|part| self.narrow(axis, part * (n / parts), n / parts)).collect()
    }

    /// `parts` one after another along `axis`. Gradients: the parts of g.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = Var::concat(&[&x, &(&x * 10.0)], 0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [11.0; 3]);
    /// ```
    #[doc(alias = "cat")]
    #[track_caller]
    pub fn concat(parts: &[&Var], axis: isize) -> Var {
        let values: Vec<&Tensor> = parts.iter().map(|part| part.tensor()).collect();
        let value = Tensor::concat(&values, axis);
        let lengths = values.iter().map(|part| part.dim(axis)).collect();
        record_one(Op::Concat { axis: parts[0].axis("concat", axis), lengths }, parts, value)
    }

    /// `parts` of one shape along a new axis.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!(Var::stack(&[&x, &x], 0).shape(), [2, 3]);
    /// assert_eq!(Var::stack(&[&x, &x], -1).shape(), [3, 2]);
    /// ```
    #[track_caller]
    pub fn stack(parts: &[&Var], axis: isize) -> Var {
        let parts: Vec<Var> = parts.iter().map(|part| part.unsqueeze(axis)).collect();
        Var::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }
}
