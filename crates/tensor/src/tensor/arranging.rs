//! Cutting, padding, rolling and repeating: made of views and joins.

use super::axes::resolve;
use super::{Tensor, dims};
use crate::Dims;

impl Tensor {
    /// Parts of `axis` of these lengths.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let parts = Tensor::arange(5, DType::U32, &Device::cpu()).split(&[2, 0, 3], 0);
    /// assert_eq!(parts[2].to_vec::<u32>(), [2, 3, 4]);
    /// ```
    ///
    /// # Panics
    /// Where the lengths do not add up to that of the axis.
    #[track_caller]
    pub fn split(&self, lengths: &[usize], axis: isize) -> Vec<Tensor> {
        let at = resolve("split", axis, self.shape());
        if lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) != Some(self.shape()[at]) {
            panic!("split: lengths {lengths:?} do not add up to axis {axis} of shape {:?}", self.shape());
        }
        let mut end = 0;
        lengths.iter().map(|&n| (end += n, self.narrow(at as isize, end - n, n)).1).collect()
    }

    /// Parts of `axis` of `length` each; the last may be shorter, and an empty axis is one part.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let parts = Tensor::arange(5, DType::U32, &Device::cpu()).split_every(2, 0);
    /// assert_eq!((parts.len(), parts[2].to_vec::<u32>()), (3, vec![4]));
    /// ```
    ///
    /// # Panics
    /// Where `length` is 0.
    #[track_caller]
    pub fn split_every(&self, length: usize, axis: isize) -> Vec<Tensor> {
        let n = self.shape()[resolve("split_every", axis, self.shape())];
        if length == 0 {
            panic!("split_every: parts of length 0 of axis {axis} of shape {:?}", self.shape());
        }
        (0..n.max(1)).step_by(length).map(|start| self.narrow(axis, start, length.min(n - start))).collect()
    }

    /// All indices of `axis`, one after another, without that axis.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1u32, 2, 3, 4], [2, 2], &Device::cpu());
    /// assert_eq!(x.unbind(1)[0].to_vec::<u32>(), [1, 3]);
    /// ```
    #[track_caller]
    pub fn unbind(&self, axis: isize) -> Vec<Tensor> {
        (0..self.dim(axis)).map(|i| self.index(axis, i)).collect()
    }

    /// The axes from `first` to `last`, both included, as one.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let x = Tensor::ones([2, 3, 4], DType::F32, &Device::cpu());
    /// assert_eq!(x.flatten_axes(1, -1).shape(), [2, 12]);
    /// ```
    ///
    /// # Panics
    /// Where `last` stands before `first`.
    #[track_caller]
    pub fn flatten_axes(&self, first: isize, last: isize) -> Tensor {
        let at = |axis| resolve("flatten_axes", axis, self.shape());
        let (first, last) = (at(first), at(last));
        if last < first {
            panic!("flatten_axes: axis {last} of shape {:?} stands before axis {first}", self.shape());
        }
        let joined = self.shape()[first..=last].iter().product();
        let shape = [&self.shape()[..first], &[joined], &self.shape()[last + 1..]].concat();
        self.reshape(shape)
    }

    /// `value` around the last axes: of each pair (before, after) that many elements, the last pair for the last axis.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1f32, 2.0], [1, 2], &Device::cpu());
    /// assert_eq!(x.pad(&[(1, 0)], 9.0).to_vec::<f32>(), [9.0, 1.0, 2.0]);
    /// assert_eq!(x.pad(&[(0, 1), (0, 0)], 9.0).to_vec::<f32>(), [1.0, 2.0, 9.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// Where there are more pairs than axes.
    #[track_caller]
    pub fn pad(&self, pairs: &[(usize, usize)], value: f64) -> Tensor {
        let Some(lead) = self.rank().checked_sub(pairs.len()) else {
            panic!("pad: {} pairs for the axes of shape {:?}", pairs.len(), self.shape());
        };
        let mut padded = self.clone();
        for (i, &(before, after)) in pairs.iter().enumerate().filter(|(_, pair)| **pair != (0, 0)) {
            let filled = |n| {
                let mut shape = dims(padded.shape());
                shape[lead + i] = n;
                Tensor::full([], value, self.dtype, &self.device).broadcast_to(&shape)
            };
            padded = Tensor::concat(&[&filled(before), &padded, &filled(after)], (lead + i) as isize);
        }
        padded
    }

    /// Element i of `axis` goes to i + `shift`, and past an end comes in at the other.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let x = Tensor::arange(4, DType::U32, &Device::cpu());
    /// assert_eq!(x.roll(1, 0).to_vec::<u32>(), [3, 0, 1, 2]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Tensor {
        let n = self.shape()[resolve("roll", axis, self.shape())];
        let shift = shift.rem_euclid(n.max(1) as isize) as usize;
        if shift == 0 {
            return self.clone();
        }
        Tensor::concat(&[&self.narrow(axis, n - shift, shift), &self.narrow(axis, 0, n - shift)], axis)
    }

    /// The whole, `times` over along the last axes: `[.., n]` → `[.., times · n]`.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1u32, 2], [2], &Device::cpu());
    /// assert_eq!(x.repeat(&[2, 2]).to_vec::<u32>(), [1, 2, 1, 2, 1, 2, 1, 2]);
    /// assert_eq!(x.repeat(&[2, 2]).shape(), [2, 4]);
    /// ```
    ///
    /// # Panics
    /// Where there are fewer counts than axes.
    #[doc(alias = "tile")]
    #[track_caller]
    pub fn repeat(&self, times: &[usize]) -> Tensor {
        let Some(lead) = times.len().checked_sub(self.rank()) else {
            panic!("repeat: {times:?} times the axes of shape {:?}", self.shape());
        };
        let shape: Dims = std::iter::repeat_n(1, lead).chain(self.shape().iter().copied()).collect();
        let apart: Dims = shape.iter().flat_map(|&n| [1, n]).collect();
        let repeated: Dims = times.iter().zip(&shape).flat_map(|(&times, &n)| [times, n]).collect();
        let joined: Dims = times.iter().zip(&shape).map(|(&times, &n)| times * n).collect();
        self.reshape(&apart).broadcast_to(&repeated).reshape(&joined)
    }

    /// Each element of `axis`, `times` over.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1u32, 2], [2], &Device::cpu());
    /// assert_eq!(x.repeat_interleave(2, 0).to_vec::<u32>(), [1, 1, 2, 2]);
    /// ```
    #[track_caller]
    pub fn repeat_interleave(&self, times: usize, axis: isize) -> Tensor {
        let at = resolve("repeat_interleave", axis, self.shape());
        let mut shape = dims(self.shape());
        shape[at] *= times;
        let mut repeated = dims(self.shape());
        repeated.insert(at + 1, times);
        self.unsqueeze(at as isize + 1).broadcast_to(&repeated).reshape(&shape)
    }

    /// The elements with index i of axis `a` and i + `offset` of axis `b`, along a new last axis.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let x = Tensor::arange(6, DType::U32, &Device::cpu()).reshape([2, 3]);
    /// assert_eq!(x.diagonal(1, 0, 1).to_vec::<u32>(), [1, 5]);
    /// ```
    ///
    /// # Panics
    /// Where `a` and `b` are one axis.
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Tensor {
        let (order, [first, step, len]) = self.diagonal_places(offset, a, b);
        let flat = self.permute(order).flatten_axes(-2, -1);
        let used = if len == 0 { 0 } else { (len - 1) * step + 1 };
        flat.narrow(-1, first, used).step_by(-1, step)
    }

    /// An order of the axes that puts `a` and `b` last; in these two as one, where the diagonal begins, its step and its length.
    #[track_caller]
    fn diagonal_places(&self, offset: isize, a: isize, b: isize) -> (Vec<isize>, [usize; 3]) {
        let (a, b) = (resolve("diagonal", a, self.shape()), resolve("diagonal", b, self.shape()));
        if a == b {
            panic!("diagonal: axis {a} of shape {:?} twice", self.shape());
        }
        let order = (0..self.rank()).filter(|&axis| axis != a && axis != b).chain([a, b]).map(|axis| axis as isize);
        let (rows, columns) = (self.shape()[a], self.shape()[b]);
        let (down, right) = (offset.min(0).unsigned_abs(), offset.max(0) as usize);
        let len = rows.saturating_sub(down).min(columns.saturating_sub(right));
        let first = if len == 0 { 0 } else { down * columns + right };
        (order.collect(), [first, columns + 1, len])
    }
}
