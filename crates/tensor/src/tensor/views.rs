//! Views: other shapes of the same storage.

use super::axes::{INFER, resolve};
use super::{Tensor, dims, elements_of};
use crate::error::OrRaise;
use crate::layout::{Dims, Layout, count};
use crate::{DType, Device, Event};

impl Tensor {
    /// The same elements, row-major, under another shape. Copies only where no strides can say it. One length may be [`INFER`].
    ///
    /// # Panics
    /// Where the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Tensor {
        let mut wanted = dims(shape.as_ref());
        if let Some(unknown) = wanted.iter().position(|&n| n == INFER) {
            wanted[unknown] = 1;
            let known = count(&wanted).unwrap_or(usize::MAX);
            wanted[unknown] = self.elements().checked_div(known).unwrap_or(0);
        }
        if count(&wanted) != Some(self.elements()) {
            let named: Vec<String> =
                shape.as_ref().iter().map(|&n| if n == INFER { "_".into() } else { n.to_string() }).collect();
            panic!(
                "reshape: shape {:?} of {} elements cannot become [{}]",
                self.shape(),
                self.elements(),
                named.join(", ")
            );
        }
        match self.layout.reshape(&wanted) {
            Some(layout) => self.with_layout(layout),
            None => self.contiguous().with_layout(Layout::contiguous(&wanted)),
        }
    }

    /// All elements along one axis.
    #[track_caller]
    pub fn flatten(&self) -> Tensor {
        self.reshape([self.elements()])
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    ///
    /// # Panics
    /// Where `order` is not a permutation of the axes.
    #[track_caller]
    pub fn permute(&self, order: impl AsRef<[isize]>) -> Tensor {
        let order = order.as_ref();
        let axes: Dims = order.iter().map(|&axis| resolve("permute", axis, self.shape())).collect();
        let mut seen = axes.clone();
        seen.sort_unstable();
        if !seen.iter().copied().eq(0..self.rank()) {
            panic!("permute: {order:?} is not an order of the axes of shape {:?}", self.shape());
        }
        self.with_layout(self.layout.permute(&axes))
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor {
        let (a, b) = (resolve("transpose", a, self.shape()), resolve("transpose", b, self.shape()));
        let mut order: Dims = (0..self.rank()).collect();
        order.swap(a, b);
        self.with_layout(self.layout.permute(&order))
    }

    /// The last two axes exchanged: of a matrix, its transpose.
    ///
    /// # Panics
    /// Where there are fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        self.transpose(-2, -1)
    }

    /// `axis` moved to another place, the others in their order.
    #[track_caller]
    pub fn move_axis(&self, from: isize, to: isize) -> Tensor {
        let (from, to) = (resolve("move_axis", from, self.shape()), resolve("move_axis", to, self.shape()));
        let mut order: Dims = (0..self.rank()).filter(|&axis| axis != from).collect();
        order.insert(to, from);
        self.with_layout(self.layout.permute(&order))
    }

    /// `len` indices of `axis` from `start` on.
    ///
    /// # Panics
    /// Where they reach past the axis.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Tensor {
        let at = resolve("narrow", axis, self.shape());
        if start.checked_add(len).is_none_or(|end| end > self.shape()[at]) {
            panic!("narrow: {len} from {start} reach past axis {axis} of shape {:?}", self.shape());
        }
        self.with_layout(self.layout.narrow(at, start, len))
    }

    /// Index `index` of `axis`; the axis goes away.
    ///
    /// # Panics
    /// Where the index is outside the axis.
    #[track_caller]
    pub fn index(&self, axis: isize, index: usize) -> Tensor {
        let at = resolve("index", axis, self.shape());
        if index >= self.shape()[at] {
            panic!("index: {index} is outside axis {axis} of shape {:?}", self.shape());
        }
        self.with_layout(self.layout.narrow(at, index, 1).squeeze(at))
    }

    /// Every `step`-th index of `axis`.
    ///
    /// # Panics
    /// Where `step` is 0.
    #[track_caller]
    pub fn step_by(&self, axis: isize, step: usize) -> Tensor {
        let at = resolve("step_by", axis, self.shape());
        if step == 0 {
            panic!("step_by: a step of 0 goes nowhere");
        }
        self.with_layout(self.layout.step(at, step))
    }

    /// Sliding windows: `size` neighbours along `axis`, every `step`-th such window, without a copy. `axis` becomes the number of windows,
    /// (n − size) / step + 1, and a new last axis goes through each: `out[.., w, .., i] = x[.., w · step + i, ..]`.
    ///
    /// # Panics
    /// Where `step` or `size` is 0, or `size` is longer than the axis.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let windows = Tensor::arange(6, DType::F32, &Device::cpu()).unfold(0, 3, 2);
    /// assert_eq!(windows.shape(), [2, 3]);
    /// assert_eq!(windows.to_vec::<f32>(), [0.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn unfold(&self, axis: isize, size: usize, step: usize) -> Tensor {
        let at = resolve("unfold", axis, self.shape());
        if step == 0 || size == 0 || size > self.shape()[at] {
            panic!("unfold: windows of {size} by steps of {step} do not fit axis {axis} of shape {:?}", self.shape());
        }
        self.with_layout(self.layout.unfold(at, size, step))
    }

    /// The axis in the opposite order.
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Tensor {
        self.with_layout(self.layout.flip(resolve("flip", axis, self.shape())))
    }

    /// A new axis of length 1 before `axis`; −1 puts it last.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Tensor {
        let rank = self.rank() as isize;
        if axis < -rank - 1 || axis > rank {
            panic!("unsqueeze: no place {axis} in shape {:?}", self.shape());
        }
        self.with_layout(self.layout.unsqueeze(axis.rem_euclid(rank + 1) as usize))
    }

    /// Without `axis`.
    ///
    /// # Panics
    /// Where its length is not 1.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Tensor {
        let at = resolve("squeeze", axis, self.shape());
        if self.shape()[at] != 1 {
            panic!("squeeze: axis {axis} of shape {:?} is not of length 1", self.shape());
        }
        self.with_layout(self.layout.squeeze(at))
    }

    /// Repeated along axes of length 1 and along new leading axes, by NumPy's rules, without a copy.
    ///
    /// # Panics
    /// Where the shapes do not broadcast.
    #[doc(alias = "expand")]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Tensor {
        let shape = shape.as_ref();
        elements_of("broadcast_to", shape);
        match self.layout.broadcast_to(shape) {
            Some(layout) => self.with_layout(layout),
            None => panic!("broadcast_to: shape {:?} does not broadcast to {shape:?}", self.shape()),
        }
    }

    /// Equal parts of `axis`; where they may be unequal, [`split`](Tensor::split) and [`split_every`](Tensor::split_every).
    ///
    /// # Panics
    /// Where `parts` does not divide the axis.
    #[track_caller]
    pub fn chunk(&self, parts: usize, axis: isize) -> Vec<Tensor> {
        let n = self.dim(axis);
        if parts == 0 || !n.is_multiple_of(parts) {
            panic!("chunk: axis {axis} of shape {:?} cannot be cut into {parts} equal parts", self.shape());
        }
        (0..parts).map(|part| self.narrow(axis, part * (n / parts), n / parts)).collect()
    }

    /// The same elements in row-major order without gaps: itself where it already is so, else a copy.
    #[track_caller]
    pub fn contiguous(&self) -> Tensor {
        if self.is_contiguous() { self.clone() } else { self.copy() }
    }

    /// A contiguous copy in storage of its own.
    #[track_caller]
    pub fn copy(&self) -> Tensor {
        self.answer(self.backend().cast(self, self.dtype), self.shape(), self.dtype)
    }

    /// The elements converted to `dtype`: to floats rounded to nearest even, to integers towards zero and saturating, to bool as
    /// `x ≠ 0`. Itself where it has that dtype.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype {
            return self.clone();
        }
        self.answer(self.backend().cast(self, dtype), self.shape(), dtype)
    }

    /// The same elements on another device; itself where it is there.
    #[track_caller]
    pub fn to_device(&self, device: &Device) -> Tensor {
        self.sent(device, None)
    }

    /// [`to_device`](Tensor::to_device) of a tensor without gaps, behind `made`: its device's mark after the work that makes it. Whatever that device was
    /// given to do since is not waited for.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let pair = Device::cpus(2);
    /// let x = Tensor::from_slice(&[1.0f32, 2.0], [2], &pair[0]);
    /// let made = pair[0].backend().record()?;
    /// assert_eq!(x.to_device_after(&pair[1], &made).to_vec::<f32>(), [1.0, 2.0]);
    /// # Ok::<(), unrolled_tensor::DeviceError>(())
    /// ```
    #[track_caller]
    pub fn to_device_after(&self, device: &Device, made: &Event) -> Tensor {
        // What closes gaps comes after the mark.
        self.sent(device, Some(made).filter(|_| self.is_contiguous()))
    }

    #[track_caller]
    fn sent(&self, device: &Device, made: Option<&Event>) -> Tensor {
        if *device == self.device {
            return self.clone();
        }
        let whole = self.contiguous();
        let storage = match device.backend().copy_from(&whole, made).or_raise() {
            Some(storage) => storage,
            None => device.backend().upload(&whole.to_bytes(), self.dtype).or_raise(),
        };
        Tensor::of(storage, self.shape(), self.dtype, device)
    }
}
