//! Gathering, scattering and sorting.

use std::sync::Arc;

use unrolled_tensor::{Axes, DType, Dims, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// `out[.., i, ..] = x[.., index[.., i, ..], ..]` along `axis`. Gradient: added at the index.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let index = Tensor::from_slice(&[1u32, 0], [2, 1], &Device::cpu());
    /// let y = x.gather(1, &index);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [2.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 1.0, 0.0]);
    /// ```
    #[doc(alias = "take_along_dim")]
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor) -> Var {
        let op = Op::Gather { axis: self.axis("gather", axis), index: Arc::new(index.clone()) };
        record_one(op, &[self], self.value.gather(axis, index))
    }

    /// This with `source` added at `index` along `axis`. Gradients: g, and g gathered at the index.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let (index, source) = (Tensor::from_slice(&[2u32, 2], [2], &Device::cpu()), x.narrow(0, 0, 2));
    /// assert_eq!(x.scatter_add(0, &index, &source).tensor().to_vec::<f64>(), [1.0, 2.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor, source: &Var) -> Var {
        let op = Op::ScatterAdd { axis: self.axis("scatter_add", axis), index: Arc::new(index.clone()) };
        record_one(op, &[self, source], self.value.scatter_add(axis, index, &source.value))
    }

    /// Rows of this table `[V, D]` for ids (u32, any shape) → `[.., D]`. The gradient is sparse: [`crate::Gradient::Rows`].
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let ids = Tensor::from_slice(&[1u32, 0, 1], [3], &Device::cpu());
    /// let y = x.embedding(&ids);
    /// assert_eq!(y.tensor().to_vec::<f64>(), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// Where this has not two axes, the ids are not u32, or one is outside the table.
    #[track_caller]
    pub fn embedding(&self, ids: &Tensor) -> Var {
        if self.rank() != 2 || ids.dtype() != DType::U32 {
            panic!("embedding: table of shape {:?} with {} ids", self.shape(), ids.dtype());
        }
        ids.check_ids("embedding", self.dim(0), &"rows of the table");
        let flat = ids.flatten();
        let rows = record_one(Op::Embedding(Arc::new(flat.clone())), &[self], self.value.index_select(0, &flat));
        let mut shape = Dims::from(ids.shape());
        shape.push(self.dim(1));
        rows.reshape(&shape)
    }

    /// The `k` largest along `axis`, descending, and where they stood (u32). Gradient: to those elements.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let (values, places) = x.top_k(2, 0);
    /// assert_eq!((values.tensor().to_vec::<f64>(), places.to_vec::<u32>()), (vec![3.0, 2.0], vec![2, 1]));
    /// ```
    #[track_caller]
    pub fn top_k(&self, k: usize, axis: isize) -> (Var, Tensor) {
        let (values, places) = self.value.top_k(k, axis);
        let op = Op::Gather { axis: self.axis("top_k", axis), index: Arc::new(places.clone()) };
        (record_one(op, &[self], values), places)
    }

    /// Whole slices of `axis`, in the order of `index` (u32 `[n]`), which may repeat. Gradient: added at the index.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0, 4.0], [2, 2], &Device::cpu()));
    /// let y = x.index_select(1, &Tensor::from_slice(&[1u32, 1, 0], [3], &Device::cpu()));
    /// assert_eq!(y.tensor().to_vec::<f64>(), [2.0, 2.0, 1.0, 4.0, 4.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 2.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// Where the index has not one axis, is not u32, or names what is outside the axis.
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor) -> Var {
        self.gather(axis, &self.value.index_along("index_select", axis, index))
    }

    /// This with the slices of `source` added at `index` (u32 `[n]`, which may repeat) along `axis`: the transpose of `index_select`. Gradients: g,
    /// and the slices of g at the index.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &Device::cpu()));
    /// let y = x.index_add(0, &Tensor::from_slice(&[0u32, 0], [2], &Device::cpu()), &x.narrow(0, 1, 2));
    /// assert_eq!(y.tensor().to_vec::<f64>(), [6.0, 2.0, 3.0]);
    /// assert_eq!(y.sum(.., false).backward().get(&x).unwrap().to_vec::<f64>(), [1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// As `index_select`, or where `source` has not the shape of what `index_select` would answer.
    #[track_caller]
    pub fn index_add(&self, axis: isize, index: &Tensor, source: &Var) -> Var {
        self.scatter_add(axis, &self.value.index_along("index_add", axis, index), source)
    }

    /// The elements along `axis` in order, and where they stood (u32). Equals keep their order; NaN counts as larger than any number.
    /// Gradient: to where the elements stood.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[3f64, 1.0, 2.0], [3], &Device::cpu()));
    /// let (values, places) = x.sort(0, false);
    /// assert_eq!((values.tensor().to_vec::<f64>(), places.to_vec::<u32>()), (vec![1.0, 2.0, 3.0], vec![1, 2, 0]));
    /// assert_eq!(values.index(0, 0).backward().get(&x).unwrap().to_vec::<f64>(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// Where the dtype is bool.
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Var, Tensor) {
        let (values, places) = self.value.sort(axis, descending);
        let op = Op::Gather { axis: self.axis("sort", axis), index: Arc::new(places.clone()) };
        (record_one(op, &[self], values), places)
    }

    /// Where the elements along `axis` stand in order (u32): the second answer of [`sort`](Var::sort).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[3f64, 1.0, 2.0], [3], &Device::cpu()));
    /// assert_eq!(x.argsort(0, true).to_vec::<u32>(), [0, 2, 1]);
    /// ```
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor {
        self.value.argsort(axis, descending)
    }

    /// Where the largest stands (u32), counted row-major over `axes`; of equals the first.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 5.0, 3.0, 2.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.argmax(1, false).to_vec::<u32>(), [1, 0]);
    /// assert_eq!(x.argmax(.., false).item::<u32>(), 1);
    /// ```
    #[track_caller]
    pub fn argmax(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.value.argmax(axes, keep)
    }

    /// Where the smallest stands (u32), counted row-major over `axes`; of equals the first.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f64, 5.0, 3.0, 2.0], [2, 2], &Device::cpu()));
    /// assert_eq!(x.argmin(1, false).to_vec::<u32>(), [0, 1]);
    /// ```
    #[track_caller]
    pub fn argmin(&self, axes: impl Axes, keep: bool) -> Tensor {
        self.value.argmin(axes, keep)
    }
}
