//! Gathering and scattering.

use unrolled_tensor::{DType, Dims, Tensor};

use super::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// `out[.., i, ..] = x[.., index[.., i, ..], ..]` along `axis`. Gradient: added at the index.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor) -> Var {
        let op = Op::Gather { axis: self.axis("gather", axis), index: index.clone() };
        record_one(op, &[self], self.value.gather(axis, index))
    }

    /// This with `source` added at `index` along `axis`. Gradients: g, and g gathered at the index.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor, source: &Var) -> Var {
        let op = Op::ScatterAdd { axis: self.axis("scatter_add", axis), index: index.clone() };
        record_one(op, &[self, source], self.value.scatter_add(axis, index, &source.value))
    }

    /// Rows of this table `[V, D]` for ids (u32, any shape) → `[.., D]`. The gradient is sparse: [`crate::Gradient::Rows`].
    ///
    /// # Panics
    /// Where this has not two axes, the ids are not u32, or one is outside the table.
    #[track_caller]
    pub fn embedding(&self, ids: &Tensor) -> Var {
        if self.rank() != 2 || ids.dtype() != DType::U32 {
            panic!("embedding: table of shape {:?} with {} ids", self.shape(), ids.dtype());
        }
        let flat = ids.flatten();
        let rows = record_one(Op::Embedding(flat.clone()), &[self], self.value.index_select(0, &flat));
        let mut shape = Dims::from(ids.shape());
        shape.push(self.dim(1));
        rows.reshape(&shape)
    }

    /// The `k` largest along `axis`, descending, and where they stood (u32). Gradient: to those elements.
    #[track_caller]
    pub fn top_k(&self, k: usize, axis: isize) -> (Var, Tensor) {
        let (values, places) = self.value.top_k(k, axis);
        let op = Op::Gather { axis: self.axis("top_k", axis), index: places.clone() };
        (record_one(op, &[self], values), places)
    }
}
