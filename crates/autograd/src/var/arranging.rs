//! Cutting, padding, rolling and repeating: made of views and joins.

use unrolled_tensor::{Dims, Tensor};

use super::Var;

impl Var {
    /// Parts of `axis` of these lengths. Gradient: the parts' gradients one after another.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let parts = x.split(&[1, 2], 0);
    /// assert_eq!(parts[1].tensor().to_vec::<f64>(), [2.0, 3.0]);
    /// assert_eq!(parts[1].sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where the lengths do not add up to that of the axis.
    #[track_caller]
    pub fn split(&self, lengths: &[usize], axis: isize) -> Vec<Var> {
        let at = self.axis("split", axis);
        if lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) != Some(self.shape()[at]) {
            panic!("split: lengths {lengths:?} do not add up to axis {axis} of shape {:?}", self.shape());
        }
        let mut end = 0;
        lengths.iter().map(|&n| (end += n, self.narrow(axis, end - n, n)).1).collect()
    }

    /// Parts of `axis` of `length` each; the last may be shorter, and an empty axis is one part. Gradient: the parts' gradients one after another.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let parts = x.split_every(2, 0);
    /// assert_eq!((parts.len(), parts[1].tensor().to_vec::<f64>()), (2, vec![3.0]));
    /// ```
    ///
    /// # Panics
    /// Where `length` is 0.
    #[track_caller]
    pub fn split_every(&self, length: usize, axis: isize) -> Vec<Var> {
        let n = self.shape()[self.axis("split_every", axis)];
        if length == 0 {
            panic!("split_every: parts of length 0 of axis {axis} of shape {:?}", self.shape());
        }
        (0..n.max(1)).step_by(length).map(|start| self.narrow(axis, start, length.min(n - start))).collect()
    }

    /// All indices of `axis`, one after another, without that axis. Gradient: the parts' gradients stacked.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.unbind(1)[0].tensor().to_vec::<f64>(), [1.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn unbind(&self, axis: isize) -> Vec<Var> {
        (0..self.shape()[self.axis("unbind", axis)]).map(|i| self.index(axis, i)).collect()
    }

    /// All elements along one axis. Gradient: under this shape again.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.flatten().shape(), [4]);
    /// ```
    #[doc(alias = "ravel")]
    #[track_caller]
    pub fn flatten(&self) -> Var {
        self.reshape([self.value.elements()])
    }

    /// The axes from `first` to `last`, both included, as one. Gradient: under this shape again.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::leaf(Tensor::ones([2, 3, 4], DType::F32, &Device::cpu()));
    /// assert_eq!(x.flatten_axes(1, -1).shape(), [2, 12]);
    /// ```
    ///
    /// # Panics
    /// Where `last` stands before `first`.
    #[track_caller]
    pub fn flatten_axes(&self, first: isize, last: isize) -> Var {
        let (first, last) = (self.axis("flatten_axes", first), self.axis("flatten_axes", last));
        if last < first {
            panic!("flatten_axes: axis {last} of shape {:?} stands before axis {first}", self.shape());
        }
        let joined = self.shape()[first..=last].iter().product();
        self.reshape([&self.shape()[..first], &[joined], &self.shape()[last + 1..]].concat())
    }

    /// `axis` moved to another place, the others in their order. Gradient: moved back.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let x = Var::leaf(Tensor::ones([2, 3, 4], DType::F32, &Device::cpu()));
    /// assert_eq!(x.move_axis(0, -1).shape(), [3, 4, 2]);
    /// ```
    #[doc(alias = "movedim")]
    #[track_caller]
    pub fn move_axis(&self, from: isize, to: isize) -> Var {
        let (from, to) = (self.axis("move_axis", from), self.axis("move_axis", to));
        let mut order: Vec<isize> = (0..self.rank()).filter(|&axis| axis != from).map(|axis| axis as isize).collect();
        order.insert(to, from as isize);
        self.permute(order)
    }

    /// `value` around the last axes: of each pair (before, after) that many elements, the last pair for the last axis. Gradient: of g what is
    /// not padding.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0], [1, 2], &Device::cpu()));
    /// assert_eq!(x.pad(&[(1, 0)], 9.0).tensor().to_vec::<f64>(), [9.0, 1.0, 2.0]);
    /// let y = x.pad(&[(0, 1), (0, 0)], 9.0);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 2.0, 9.0, 9.0]);
    /// assert_eq!(y.square().sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are more pairs than axes.
    #[track_caller]
    pub fn pad(&self, pairs: &[(usize, usize)], value: f64) -> Var {
        let Some(lead) = self.rank().checked_sub(pairs.len()) else {
            panic!("pad: {} pairs for the axes of shape {:?}", pairs.len(), self.shape());
        };
        pairs.iter().enumerate().fold(self.clone(), |x, (i, &pair)| x.padded("pad", lead + i, pair, value))
    }

    /// `value` before and after along one axis.
    #[track_caller]
    pub(super) fn padded(&self, operation: &str, axis: usize, (before, after): (usize, usize), value: f64) -> Var {
        if (before, after) == (0, 0) {
            return self.clone();
        }
        let filled = |n| {
            let mut shape = Dims::from(self.shape());
            shape[axis] = n;
            Var::constant(Tensor::full([], value, self.dtype(), self.device()).broadcast_to(&shape))
        };
        if before.checked_add(after).is_none() {
            panic!("{operation}: {before} and {after} are more than can be counted");
        }
        Var::concat(&[&filled(before), self, &filled(after)], axis as isize)
    }

    /// Element i of `axis` goes to i + `shift`, and past an end comes in at the other. Gradient: rolled back.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// assert_eq!(x.roll(1, 0).tensor().to_vec::<f64>(), [3.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Var {
        let n = self.shape()[self.axis("roll", axis)];
        let shift = shift.rem_euclid(n.max(1) as isize) as usize;
        if shift == 0 {
            return self.clone();
        }
        Var::concat(&[&self.narrow(axis, n - shift, shift), &self.narrow(axis, 0, n - shift)], axis)
    }

    /// The whole, `times` over along the last axes: `[.., n]` → `[.., times · n]`. Gradient: summed over the repetitions.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0], [2], &Device::cpu()));
    /// let y = x.repeat(&[2]);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer counts than axes.
    #[doc(alias = "tile")]
    #[track_caller]
    pub fn repeat(&self, times: &[usize]) -> Var {
        let Some(lead) = times.len().checked_sub(self.rank()) else {
            panic!("repeat: {times:?} times the axes of shape {:?}", self.shape());
        };
        let shape: Dims = std::iter::repeat_n(1, lead).chain(self.shape().iter().copied()).collect();
        let apart: Dims = shape.iter().flat_map(|&n| [1, n]).collect();
        let repeated: Dims = times.iter().zip(&shape).flat_map(|(&times, &n)| [times, n]).collect();
        let joined: Dims = times.iter().zip(&shape).map(|(&times, &n)| times * n).collect();
        self.reshape(&apart).broadcast_to(&repeated).reshape(&joined)
    }

    /// Each element of `axis`, `times` over. Gradient: summed over the repetitions.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0], [2], &Device::cpu()));
    /// assert_eq!(x.repeat_interleave(2, 0).tensor().to_vec::<f64>(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn repeat_interleave(&self, times: usize, axis: isize) -> Var {
        let at = self.axis("repeat_interleave", axis);
        let (mut shape, mut repeated) = (Dims::from(self.shape()), Dims::from(self.shape()));
        shape[at] *= times;
        repeated.insert(at + 1, times);
        self.unsqueeze(at as isize + 1).broadcast_to(&repeated).reshape(&shape)
    }

    /// The elements with index i of axis `a` and i + `offset` of axis `b`, along a new last axis. Gradient: g on the diagonal, 0 beside it.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.diagonal(0, 0, 1);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [1.0, 4.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where `a` and `b` are one axis.
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Var {
        let (a, b) = (self.axis("diagonal", a), self.axis("diagonal", b));
        if a == b {
            panic!("diagonal: axis {a} of shape {:?} twice", self.shape());
        }
        let (down, right) = (offset.min(0).unsigned_abs(), offset.max(0) as usize);
        let (rows, columns) = (self.shape()[a].saturating_sub(down), self.shape()[b].saturating_sub(right));
        let len = rows.min(columns);
        let others = (0..self.rank()).filter(|&axis| axis != a && axis != b);
        let order: Vec<isize> = others.chain([a, b]).map(|axis| axis as isize).collect();
        let step = self.shape()[b] + 1;
        let (first, used) = if len == 0 { (0, 0) } else { (down * (step - 1) + right, (len - 1) * step + 1) };
        self.permute(order).flatten_axes(-2, -1).narrow(-1, first, used).step_by(-1, step)
    }
}
