//! Optimiser steps: the one thing that changes parameters in place.

use super::Tensor;
use crate::DType;
use crate::error::OrRaise;
use crate::ops::Update;

impl Tensor {
    /// One optimiser step on this parameter and its `state`, in place where nobody else holds their storage, else on copies.
    ///
    /// `hyper` (f32 or f64) is `[learning rate, gradient scale, bias correction 1, bias correction 2]`; the gradient is multiplied by its scale first.
    /// With `rows` (u32 `[n]`, distinct) the `gradient` `[n, ..]` is that of these rows alone, and only they and their state change; those that are
    /// [`NO_ROW`](crate::ops::NO_ROW) are left out. Where the gradient's scale is NaN nothing changes: so whoever computes it on the device can call a step off.
    ///
    /// ```
    /// use unrolled_tensor::{ops::Update, Device, Tensor};
    /// let device = Device::cpu();
    /// let mut parameter = Tensor::from_slice(&[1f32, 2.0], [2], &device);
    /// let gradient = Tensor::from_slice(&[10f32, 20.0], [2], &device);
    /// let hyper = Tensor::from_slice(&[0.1f32, 0.5, 1.0, 1.0], [4], &device);
    /// parameter.update(&Update::Sgd { momentum: 0.0 }, &gradient, None, &mut [], &hyper);
    /// assert_eq!(parameter.to_vec::<f32>(), [0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// Where the dtype is not a float, shapes, dtypes or devices do not fit together, or `state` is not what the rule keeps.
    #[track_caller]
    pub fn update(
        &mut self,
        rule: &Update,
        gradient: &Tensor,
        rows: Option<&Tensor>,
        state: &mut [Tensor],
        hyper: &Tensor,
    ) {
        self.check_float("update");
        self.check_same("update", gradient);
        self.check_device("update", hyper);
        if hyper.shape() != [4] || !matches!(hyper.dtype, DType::F32 | DType::F64) {
            panic!("update: hyper is {} of shape {:?}, not f32 or f64 [4]", hyper.dtype, hyper.shape());
        }
        if state.len() != rule.states() {
            panic!("update: {} state tensors for a rule that keeps {}", state.len(), rule.states());
        }
        for state in state.iter() {
            self.check_same("update", state);
            if state.shape() != self.shape() {
                panic!("update: state of shape {:?} for a parameter of shape {:?}", state.shape(), self.shape());
            }
        }
        let fits = match rows {
            None => gradient.shape() == self.shape(),
            Some(rows) => {
                self.check_device("update", rows);
                if rows.rank() != 1 || rows.dtype != DType::U32 {
                    panic!("update: rows are {} of shape {:?}, not u32 [n]", rows.dtype, rows.shape());
                }
                let of_rows = gradient.shape().split_first();
                self.rank() > 0 && of_rows == Some((&rows.elements(), &self.shape()[1..]))
            }
        };
        if !fits {
            panic!(
                "update: gradient of shape {:?} for {} of a parameter of shape {:?}",
                gradient.shape(),
                rows.map_or("all".to_owned(), |rows| format!("{} rows", rows.elements())),
                self.shape()
            );
        }
        let device = self.device.clone();
        device.backend().update(rule, self, gradient, rows, state, hyper).or_raise();
    }
}
