//! Gathering, scattering and joining.

use std::fmt::Display;

use super::axes::resolve;
use super::{Tensor, dims};
use crate::error::OrRaise;
use crate::{DType, cpu};

impl Tensor {
    /// `out[.., i, ..] = x[.., index[.., i, ..], ..]` along `axis`. `index` (u32) has the shape of the result and agrees with this on
    /// every other axis.
    ///
    /// # Panics
    /// Where the shapes do not fit so, `index` is not u32, or an index is outside the axis.
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor) -> Tensor {
        let at = self.check_index("gather", axis, index);
        self.answer(self.backend().gather(self, at, index), index.shape(), self.dtype)
    }

    /// A copy of this with `source` added at `index` along `axis`: the transpose of [`gather`](Tensor::gather). Sums run in the order
    /// of `source`, so they are the same on any number of threads.
    ///
    /// # Panics
    /// As `gather`, or where `source` has not the shape of `index`, or the dtype is bool.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor, source: &Tensor) -> Tensor {
        let at = self.check_index("scatter_add", axis, index);
        self.check_same("scatter_add", source);
        if source.shape() != index.shape() || self.dtype == DType::Bool {
            panic!("scatter_add: source of shape {:?} at index of shape {:?}", source.shape(), index.shape());
        }
        self.answer(self.backend().scatter_add(self.clone(), at, index, source), self.shape(), self.dtype)
    }

    /// Whole slices of `axis`, in the order of `index` (u32 `[n]`), which may repeat.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let table = Tensor::from_slice(&[0f32, 1.0, 10.0, 11.0, 20.0, 21.0], [3, 2], &device);
    /// let rows = Tensor::from_slice(&[2u32, 0, 2], [3], &device);
    /// assert_eq!(table.index_select(0, &rows).to_vec::<f32>(), [20.0, 21.0, 0.0, 1.0, 20.0, 21.0]);
    /// ```
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor) -> Tensor {
        self.gather(axis, &self.index_along("index_select", axis, index))
    }

    /// A copy of this with the slices of `source` added at `index` (u32 `[n]`) along `axis`: the transpose of `index_select`.
    #[track_caller]
    pub fn index_add(&self, axis: isize, index: &Tensor, source: &Tensor) -> Tensor {
        self.scatter_add(axis, &self.index_along("index_add", axis, index), source)
    }

    /// `parts` one after another along `axis`.
    ///
    /// # Panics
    /// Where there are none, or they differ in anything but the length of that axis.
    #[track_caller]
    pub fn concat(parts: &[&Tensor], axis: isize) -> Tensor {
        let Some(first) = parts.first() else { panic!("concat: no parts") };
        let at = resolve("concat", axis, first.shape());
        let mut shape = dims(first.shape());
        shape[at] = 0;
        for part in parts {
            first.check_same("concat", part);
            let fits = part.rank() == first.rank()
                && (0..first.rank()).all(|a| a == at || part.shape()[a] == first.shape()[a]);
            if !fits {
                panic!("concat: shapes {:?} and {:?} differ beside axis {axis}", first.shape(), part.shape());
            }
            shape[at] += part.shape()[at];
        }
        first.answer(first.backend().concat(parts, at), &shape, first.dtype)
    }

    /// `parts` of one shape along a new axis.
    #[track_caller]
    pub fn stack(parts: &[&Tensor], axis: isize) -> Tensor {
        let parts: Vec<Tensor> = parts.iter().map(|part| part.unsqueeze(axis)).collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }

    /// Distinct rows of `index` (u32 `[n]`) in ascending order, and for each the sum of its rows of this `[n, d]`, in order.
    ///
    /// # Panics
    /// Where the shapes are not these.
    #[track_caller]
    pub fn coalesce(&self, index: &Tensor) -> (Tensor, Tensor) {
        self.coalesced(index, false)
    }

    /// As [`coalesce`](Tensor::coalesce), in shapes that do not depend on how many rows are distinct: behind them stands [`NO_ROW`](crate::ops::NO_ROW) with a
    /// sum of 0, n rows in all, which is what [`update`](Tensor::update) leaves out.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor, ops::NO_ROW};
    /// let device = Device::cpu();
    /// let values = Tensor::from_slice(&[1f32, 2.0, 4.0], [3, 1], &device);
    /// let (rows, sums) = values.coalesce_padded(&Tensor::from_slice(&[7u32, 0, 7], [3], &device));
    /// assert_eq!(rows.to_vec::<u32>(), [0, 7, NO_ROW]);
    /// assert_eq!(sums.to_vec::<f32>(), [2.0, 5.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`coalesce`](Tensor::coalesce).
    #[track_caller]
    pub fn coalesce_padded(&self, index: &Tensor) -> (Tensor, Tensor) {
        self.coalesced(index, true)
    }

    #[track_caller]
    fn coalesced(&self, index: &Tensor, padded: bool) -> (Tensor, Tensor) {
        self.check_device("coalesce", index);
        if index.dtype != DType::U32 || self.rank() != 2 || index.shape() != &self.shape()[..1] {
            panic!("coalesce: values of shape {:?} at {} of shape {:?}", self.shape(), index.dtype, index.shape());
        }
        self.backend().coalesce(index, self, padded).or_raise()
    }

    /// `index` `[n]` repeated over every axis of this but `axis`: as [`gather`](Tensor::gather) takes it to take whole slices. `operation` is for
    /// the message of a panic.
    ///
    /// ```
    /// use unrolled_tensor::{Device, DType, Tensor};
    /// let (table, rows) = (Tensor::ones([3, 2], DType::F32, &Device::cpu()), Tensor::arange(2, DType::U32, &Device::cpu()));
    /// assert_eq!(table.index_along("mine", 0, &rows).to_vec::<u32>(), [0, 0, 1, 1]);
    /// ```
    ///
    /// # Panics
    /// Where the index has not one axis, or is outside `axis` as [`check_ids`](Tensor::check_ids) sees it.
    #[track_caller]
    pub fn index_along(&self, operation: &str, axis: isize, index: &Tensor) -> Tensor {
        let at = resolve(operation, axis, self.shape());
        if index.rank() != 1 {
            panic!("{operation}: index of shape {:?} has not one axis", index.shape());
        }
        index.check_ids(operation, self.shape()[at], &format_args!("places of axis {at}"));
        let mut shape = dims(self.shape());
        shape[at] = index.elements();
        let mut column = dims(&vec![1; self.rank()]);
        column[at] = index.elements();
        index.reshape(&column).broadcast_to(&shape)
    }

    /// Sees that these ids (u32) are all below `count`, the number of what they choose from (`things`), before an `operation` uses them. Only ids in this
    /// machine's memory are looked at: asking a GPU would make the host wait for it, and its kernels stop at such an id by themselves.
    ///
    /// ```should_panic
    /// use unrolled_tensor::{Device, Tensor};
    /// let ids = Tensor::from_slice(&[0u32, 1, 7, 2], [2, 2], &Device::cpu());
    /// ids.check_ids("embedding", 3, &"rows of the table"); // embedding: id 7 at [1, 0] is outside the 3 rows of the table
    /// ```
    ///
    /// # Panics
    /// Where one is not, naming the operation, the id, where it stands, and `count`.
    #[track_caller]
    pub fn check_ids(&self, operation: &str, count: usize, things: &dyn Display) {
        if self.dtype != DType::U32 {
            return;
        }
        let ids = self.contiguous();
        let Some(place) =
            cpu::host_elements::<u32>(&ids).and_then(|ids| ids.iter().position(|&id| id as usize >= count))
        else {
            return;
        };
        let (mut rest, mut at) = (place, vec![0; self.rank()]);
        for axis in (0..self.rank()).rev() {
            (rest, at[axis]) = (rest / self.shape()[axis], rest % self.shape()[axis]);
        }
        panic!(
            "{operation}: id {} at {at:?} is outside the {count} {things}",
            cpu::contiguous_elements::<u32>(&ids)[place]
        );
    }

    #[track_caller]
    fn check_index(&self, operation: &str, axis: isize, index: &Tensor) -> usize {
        self.check_device(operation, index);
        let at = resolve(operation, axis, self.shape());
        if index.dtype != DType::U32 {
            panic!("{operation}: the index is {}, not u32", index.dtype);
        }
        let fits =
            index.rank() == self.rank() && (0..self.rank()).all(|a| a == at || index.shape()[a] == self.shape()[a]);
        if !fits {
            panic!(
                "{operation}: index of shape {:?} does not fit shape {:?} beside axis {axis}",
                index.shape(),
                self.shape()
            );
        }
        at
    }
}
