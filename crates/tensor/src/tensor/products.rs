//! Matrix products.

use super::{Tensor, dims, elements_of};
use crate::error::OrRaise;
use crate::layout::broadcast_dims;
use crate::{DType, Rounding};

impl Tensor {
    /// The matrix product `[.., m, k]` × `[.., k, n]` → `[.., m, n]`; leading axes broadcast. A vector counts as a row on the left and as a
    /// column on the right, and that axis goes away.
    ///
    /// The order of each sum depends on `k` alone: not on the other lengths, the strides, or the number of threads.
    ///
    /// # Panics
    /// Where the inner lengths differ, the leading axes do not broadcast, or dtypes or devices differ, or the dtype is not a float.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        if self.rank() == 1 {
            return self.unsqueeze(0).matmul(other).squeeze(if other.rank() == 1 { -1 } else { -2 });
        }
        if other.rank() == 1 {
            return self.matmul(&other.unsqueeze(1)).squeeze(-1);
        }
        self.matmul_with(other, None, self.dtype)
    }

    /// [`matmul`](Tensor::matmul) of tensors of at least two axes, with a result of dtype `out`, added to `onto` where given; its storage
    /// is reused if nobody else holds it.
    #[track_caller]
    pub fn matmul_with(&self, other: &Tensor, onto: Option<Tensor>, out: DType) -> Tensor {
        self.check_same("matmul", other);
        self.check_float("matmul");
        if self.rank() < 2 || other.rank() < 2 || self.dim(-1) != other.dim(-2) {
            panic!("matmul: shapes {:?} and {:?} do not fit", self.shape(), other.shape());
        }
        let (lead_a, matrix_a) = self.shape().split_at(self.rank() - 2);
        let (lead_b, matrix_b) = other.shape().split_at(other.rank() - 2);
        let Some(lead) = broadcast_dims(lead_a, lead_b) else {
            panic!("matmul: leading axes of {:?} and {:?} do not broadcast", self.shape(), other.shape());
        };
        let with = |tail: &[usize]| {
            let mut shape = dims(&lead);
            shape.extend_from_slice(tail);
            shape
        };
        let shape = with(&[matrix_a[0], matrix_b[1]]);
        elements_of("matmul", &shape);
        if let Some(onto) = &onto {
            self.check_device("matmul", onto);
            if onto.shape() != &shape[..] || onto.dtype != out {
                panic!(
                    "matmul: {out} product of shape {:?} onto {} of shape {:?}",
                    &shape[..],
                    onto.dtype,
                    onto.shape()
                );
            }
        }
        let (a, b) = (self.broadcast_to(with(matrix_a)), other.broadcast_to(with(matrix_b)));
        self.answer(self.backend().matmul(&a, &b, onto, out), &shape, out)
    }

    /// A hint that this weight `[n, k]` will be used again and again, unchanged, in `x Wᵀ` of fused operations with the device's present
    /// [`matmul_precision`](crate::Device::matmul_precision): whole, or in so many equal blocks of rows (4 for an LSTM's recurrent weight). The device may
    /// keep it in the order that its products like, which takes as much memory again, until it changes or goes. No answer changes.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let weight = Tensor::ones([8, 3], DType::F32, &Device::cpu());
    /// weight.keep_packed(4);
    /// ```
    ///
    /// # Panics
    /// Where there are not two axes, the first is no multiple of `blocks`, or the dtype is not a float; and with a
    /// [`DeviceError`](crate::DeviceError) where the device has no room.
    #[track_caller]
    pub fn keep_packed(&self, blocks: usize) {
        self.check_blocks("keep_packed", blocks);
        self.backend().keep_packed(self, blocks).or_raise();
    }

    /// From now on this weight `[n, k]` counts as rounded where it is used in `x Wᵀ` of [`matmul`](Tensor::matmul), [`linear`](Tensor::linear) and fused
    /// operations forward, whole or in so many equal blocks of rows, until it changes or goes. The tensor itself and other uses of it stay as they are. For
    /// translating: less memory is read, and whole numbers are multiplied faster. Says false, and does nothing, where the device has no such
    /// products, the tensor is a part of another, or (as [`Rounding::Int8`]) k is above 133,000.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Rounding, Tensor};
    /// let device = Device::cpu();
    /// let (x, weight) = (Tensor::from_slice(&[1.0f32, 0.5], [1, 2], &device), Tensor::from_slice(&[0.3f32, -0.1], [1, 2], &device));
    /// assert!(weight.keep_rounded(1, Rounding::Int8));
    /// // 127 and 64 (halves to the even side) times 127 and −42: 13,441 of 127².
    /// assert!((x.linear(&weight, None).item::<f32>() - 13_441.0 * 0.3 / 16_129.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// As [`keep_packed`](Tensor::keep_packed).
    #[track_caller]
    pub fn keep_rounded(&self, blocks: usize, to: Rounding) -> bool {
        self.check_blocks("keep_rounded", blocks);
        self.backend().keep_rounded(self, blocks, to).or_raise()
    }

    #[track_caller]
    fn check_blocks(&self, operation: &str, blocks: usize) {
        self.check_float(operation);
        if self.rank() != 2 || blocks == 0 || !self.dim(0).is_multiple_of(blocks) {
            panic!("{operation}: shape {:?} in {blocks} blocks of rows", self.shape());
        }
    }

    /// `x Wᵀ + b`: `[.., i]` with `weight` `[o, i]` and `bias` `[o]` → `[.., o]`.
    #[track_caller]
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        if weight.rank() != 2 || self.rank() == 0 || self.dim(-1) != weight.dim(1) {
            panic!("linear: input of shape {:?} and weight of shape {:?} do not fit", self.shape(), weight.shape());
        }
        let rows = self.rows();
        let onto = bias.map(|bias| bias.broadcast_to([rows.dim(0), weight.dim(0)]).copy());
        let mut shape = dims(self.shape());
        shape[self.rank() - 1] = weight.dim(0);
        rows.matmul_with(&weight.t(), onto, self.dtype).reshape(&shape)
    }
}
