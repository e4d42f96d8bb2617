//! How a caller names axes: from the front, or negative from the back.

use crate::layout::Dims;

/// In a shape given to [`reshape`](crate::Tensor::reshape): the length that makes the number of elements come out right.
pub const INFER: usize = usize::MAX;

/// One axis, several, or `..` for all. A negative axis counts from the end.
///
/// ```
/// use unrolled_tensor::{Device, DType, Tensor};
/// let x = Tensor::ones([2, 3, 4], DType::F32, &Device::cpu());
/// assert_eq!(x.sum(-1, false).shape(), [2, 3]);
/// assert_eq!(x.sum([0, 2], true).shape(), [1, 3, 1]);
/// assert_eq!(x.sum(.., false).item::<f32>(), 24.0);
/// ```
pub trait Axes {
    /// The axes as indices of `shape`, ascending. `operation` is for the message of a panic.
    fn of(&self, operation: &str, shape: &[usize]) -> Dims;
}

/// The index of one axis.
#[track_caller]
pub(crate) fn resolve(operation: &str, axis: isize, shape: &[usize]) -> usize {
    let rank = shape.len() as isize;
    if axis < -rank || axis >= rank {
        panic!("{operation}: axis {axis} is outside shape {shape:?}");
    }
    axis.rem_euclid(rank) as usize
}

impl Axes for isize {
    #[track_caller]
    fn of(&self, operation: &str, shape: &[usize]) -> Dims {
        Dims::from_elem(resolve(operation, *self, shape), 1)
    }
}

impl Axes for std::ops::RangeFull {
    fn of(&self, _: &str, shape: &[usize]) -> Dims {
        (0..shape.len()).collect()
    }
}

impl Axes for [isize] {
    #[track_caller]
    fn of(&self, operation: &str, shape: &[usize]) -> Dims {
        let mut axes: Dims = self.iter().map(|&axis| resolve(operation, axis, shape)).collect();
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            panic!("{operation}: axes {self:?} name one of shape {shape:?} twice");
        }
        axes
    }
}

impl<const N: usize> Axes for [isize; N] {
    #[track_caller]
    fn of(&self, operation: &str, shape: &[usize]) -> Dims {
        self[..].of(operation, shape)
    }
}

impl<T: Axes + ?Sized> Axes for &T {
    #[track_caller]
    fn of(&self, operation: &str, shape: &[usize]) -> Dims {
        (**self).of(operation, shape)
    }
}
