//! Sorting along an axis.

use super::Tensor;
use super::axes::resolve;

impl Tensor {
    /// The elements along `axis` in order, and where they stood (u32). Equals keep their order; NaN counts as larger than any number.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[3f32, 1.0, 2.0], [3], &Device::cpu());
    /// let (values, places) = x.sort(0, false);
    /// assert_eq!((values.to_vec::<f32>(), places.to_vec::<u32>()), (vec![1.0, 2.0, 3.0], vec![1, 2, 0]));
    /// ```
    ///
    /// # Panics
    /// Where the dtype is bool.
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Tensor, Tensor) {
        let n = self.shape()[resolve("sort", axis, self.shape())];
        if self.dtype == crate::DType::Bool {
            panic!("sort: does not take bool");
        }
        if descending {
            return self.top_k(n, axis);
        }
        // Both reversed, so that equals keep their order.
        let (values, places) = self.flip(axis).top_k(n, axis);
        (values.flip(axis), places.flip(axis).affine(-1.0, n as f64 - 1.0))
    }

    /// Where the elements along `axis` stand in order (u32): the second answer of [`sort`](Tensor::sort).
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[3f32, 1.0, 2.0], [3], &Device::cpu());
    /// assert_eq!(x.argsort(0, true).to_vec::<u32>(), [0, 2, 1]);
    /// ```
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor {
        self.sort(axis, descending).1
    }
}
