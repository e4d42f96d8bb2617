//! The [`Tensor`]: an immutable, strided view of a device's memory.

mod arranging;
mod at;
mod axes;
mod compare;
mod display;
mod elementwise;
mod indexing;
mod operators;
mod products;
mod reductions;
mod sorting;
mod update;
mod views;

pub use at::{AxisIndex, Ellipsis, Indices, IntoIndex, NewAxis, ViewStep, view_steps};
pub use axes::{Axes, INFER};
pub use compare::Comparand;

use std::sync::Arc;

use crate::error::OrRaise;
use crate::layout::{Dims, Layout, count};
use crate::ops::Distribution;
use crate::random::Key;
use crate::{Backend, DType, Device, Element, Storage};

/// An n-dimensional array on a device.
///
/// A tensor is a value: no operation changes it. Clones and views share one storage. Its dtype and device are known at run time.
#[derive(Clone)]
pub struct Tensor {
    storage: Storage,
    layout: Layout,
    dtype: DType,
    device: Device,
}

impl Tensor {
    // ---- from and to the host ----

    /// A tensor with a copy of `elements`, row-major.
    ///
    /// # Panics
    /// Where `elements` are not as many as `shape` says.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4], [2, 2], &Device::cpu());
    /// assert_eq!(x.shape(), [2, 2]);
    /// ```
    #[track_caller]
    pub fn from_slice<T: Element>(elements: &[T], shape: impl AsRef<[usize]>, device: &Device) -> Tensor {
        let shape = shape.as_ref();
        let wanted = elements_of("from_slice", shape);
        if wanted != elements.len() {
            panic!("from_slice: {} elements cannot fill shape {shape:?}, which has {wanted}", elements.len());
        }
        Tensor::from_bytes(&T::to_bytes(elements), T::DTYPE, shape, device)
    }

    /// A tensor from raw elements of `dtype`: row-major, native byte order. Of bool any byte but 0 is true.
    ///
    /// # Panics
    /// Where the number of bytes is not the shape's.
    #[track_caller]
    pub fn from_bytes(bytes: &[u8], dtype: DType, shape: impl AsRef<[usize]>, device: &Device) -> Tensor {
        let shape = shape.as_ref();
        let wanted = elements_of("from_bytes", shape).saturating_mul(dtype.size());
        if wanted != bytes.len() {
            panic!("from_bytes: {} bytes cannot fill {dtype} of shape {shape:?}, which has {wanted}", bytes.len());
        }
        if dtype == DType::Bool && bytes.iter().any(|&byte| byte > 1) {
            // Kernels rely on 0 and 1.
            let truths = <bool as Element>::from_bytes(bytes);
            return Tensor::from_slice(&truths, shape, device);
        }
        Tensor::of(device.backend().upload(bytes, dtype).or_raise(), shape, dtype, device)
    }

    /// A tensor of no axes with one element.
    #[track_caller]
    pub fn scalar<T: Element>(value: T, device: &Device) -> Tensor {
        Tensor::from_slice(&[value], [], device)
    }

    /// The elements, row-major.
    ///
    /// # Panics
    /// Where `T` is not the tensor's dtype.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        if T::DTYPE != self.dtype {
            panic!("to_vec: a tensor of {} cannot be read as {}; cast it first", self.dtype, T::DTYPE);
        }
        T::from_bytes(&self.to_bytes())
    }

    /// The elements as raw bytes, row-major, native byte order.
    #[track_caller]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.elements() * self.dtype.size()];
        self.backend().download(&self.contiguous(), &mut bytes).or_raise();
        bytes
    }

    /// The only element.
    ///
    /// # Panics
    /// Where there is not exactly one, or `T` is not the tensor's dtype.
    #[track_caller]
    pub fn item<T: Element>(&self) -> T {
        if self.elements() != 1 {
            panic!("item: shape {:?} has {} elements, not one", self.shape(), self.elements());
        }
        self.to_vec::<T>()[0]
    }

    /// The elements as f64, whatever the dtype.
    #[track_caller]
    pub fn to_f64_vec(&self) -> Vec<f64> {
        self.cast(DType::F64).to_vec()
    }

    // ---- made on the device ----

    /// All elements `value`, converted to `dtype`.
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, value: f64, dtype: DType, device: &Device) -> Tensor {
        let shape = shape.as_ref();
        let len = elements_of("full", shape);
        Tensor::of(device.backend().fill(value, len, dtype).or_raise(), shape, dtype, device)
    }

    /// All elements 0.
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[usize]>, dtype: DType, device: &Device) -> Tensor {
        Tensor::full(shape, 0.0, dtype, device)
    }

    /// All elements 1.
    #[track_caller]
    pub fn ones(shape: impl AsRef<[usize]>, dtype: DType, device: &Device) -> Tensor {
        Tensor::full(shape, 1.0, dtype, device)
    }

    /// 0 everywhere, in this tensor's shape, dtype and device, without its storage: one stored element, broadcast.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        Tensor::zeros([], self.dtype, &self.device).broadcast_to(self.shape())
    }

    /// 1 everywhere, in this tensor's shape, dtype and device: one stored element, broadcast.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        Tensor::ones([], self.dtype, &self.device).broadcast_to(self.shape())
    }

    /// 0, 1, …, n − 1.
    ///
    /// # Panics
    /// Where the host has no memory for them.
    #[track_caller]
    pub fn arange(n: usize, dtype: DType, device: &Device) -> Tensor {
        let mut counted: Vec<i64> = Vec::new();
        if counted.try_reserve_exact(n).is_err() {
            panic!("arange: there is no memory for {n} numbers");
        }
        counted.extend(0..n as i64);
        Tensor::from_slice(&counted, [n], device).cast(dtype)
    }

    /// Random elements of the stream `key`: the same key gives the same elements on any device and any number of threads.
    ///
    /// ```
    /// use unrolled_tensor::{random::Key, ops::Distribution, Device, DType, Tensor};
    /// let key = Key::new(1).purpose("example");
    /// let x = Tensor::random(Distribution::Uniform { low: -0.08, high: 0.08 }, key, [3, 5], DType::F32, &Device::cpu());
    /// assert!(x.to_vec::<f32>().iter().all(|v| v.abs() <= 0.08));
    /// ```
    #[track_caller]
    pub fn random(
        distribution: Distribution,
        key: Key,
        shape: impl AsRef<[usize]>,
        dtype: DType,
        device: &Device,
    ) -> Tensor {
        Tensor::random_at(distribution, key, None, shape, dtype, device)
    }

    /// [`random`](Tensor::random) at the step that `step` (one i64 on the device) holds when the work runs.
    ///
    /// # Panics
    /// Where `dtype` is not a float, or `step` is not one i64 on this device.
    #[track_caller]
    pub fn random_at(
        distribution: Distribution,
        key: Key,
        step: Option<&Tensor>,
        shape: impl AsRef<[usize]>,
        dtype: DType,
        device: &Device,
    ) -> Tensor {
        let shape = shape.as_ref();
        if !dtype.is_float() {
            panic!("random: {dtype} is not a float dtype");
        }
        if let Some(step) = step
            && (step.dtype != DType::I64 || step.elements() != 1 || step.device != *device)
        {
            panic!(
                "random: the step is {} of shape {:?} on {}, not one i64 on {device}",
                step.dtype,
                step.shape(),
                step.device
            );
        }
        let len = elements_of("random", shape);
        let storage = device.backend().random(distribution, key, step, len, dtype).or_raise();
        Tensor::of(storage, shape, dtype, device)
    }

    // ---- what it is ----

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        self.layout.dims()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// The length of `axis`; a negative one counts from the end.
    #[track_caller]
    pub fn dim(&self, axis: isize) -> usize {
        self.shape()[axes::resolve("dim", axis, self.shape())]
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.layout.elements()
    }

    /// The dtype of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that holds the elements.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Shape, strides and offset.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// True where the elements follow one another in row-major order.
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// True where both are views of one storage.
    pub fn shares_storage(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    // ---- for backends ----

    /// A contiguous tensor over `storage`, as a backend's verb answers it.
    pub fn of(storage: Storage, shape: impl AsRef<[usize]>, dtype: DType, device: &Device) -> Tensor {
        Tensor { storage, layout: Layout::contiguous(shape.as_ref()), dtype, device: device.clone() }
    }

    /// The storage, for the backend that made it.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The storage for writing: of a contiguous whole that nobody else holds. Where that is not so, the tensor first becomes a copy,
    /// so whoever else holds the old storage (a graph that still needs it) never sees a change. The storage may be longer than the tensor,
    /// whose elements come first.
    pub fn storage_mut(&mut self) -> crate::Result<&mut (dyn std::any::Any + Send + Sync)> {
        let whole = self.layout.offset() == 0 && self.is_contiguous();
        if !whole || Arc::get_mut(&mut self.storage).is_none() {
            let storage = self.backend().cast(self, self.dtype)?;
            *self = Tensor::of(storage, self.shape(), self.dtype, &self.device);
        }
        Ok(Arc::get_mut(&mut self.storage).expect("fresh storage has one owner"))
    }

    /// Becomes a copy unless this is a contiguous whole that nobody else holds. From then on, as long as nobody else holds it, updates in place leave it where
    /// it is, which work that a device [replays](crate::Device::captured) relies on.
    ///
    /// ```
    /// use unrolled_tensor::{Device, Tensor};
    /// let old = Tensor::from_slice(&[1f32, 2.0], [2], &Device::cpu());
    /// let mut own = old.clone();
    /// own.make_unique();
    /// assert!(own.is_unique() && old.is_unique());
    /// ```
    ///
    /// # Panics
    /// With a [`DeviceError`](crate::DeviceError) where the device has no room for a copy.
    #[track_caller]
    pub fn make_unique(&mut self) {
        self.storage_mut().map(drop).or_raise();
    }

    /// True where an update in place would need no copy.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.storage) == 1
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.device.backend()
    }

    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor {
        Tensor { storage: self.storage.clone(), layout, dtype: self.dtype, device: self.device.clone() }
    }

    /// A fresh tensor of this device from a verb's answer.
    #[track_caller]
    pub(crate) fn answer(&self, storage: crate::Result<Storage>, shape: &[usize], dtype: DType) -> Tensor {
        Tensor::of(storage.or_raise(), shape, dtype, &self.device)
    }

    #[track_caller]
    pub(crate) fn check_same(&self, operation: &str, other: &Tensor) {
        if self.dtype != other.dtype {
            panic!("{operation}: dtypes {} and {} differ; cast one of them", self.dtype, other.dtype);
        }
        self.check_device(operation, other);
    }

    #[track_caller]
    pub(crate) fn check_device(&self, operation: &str, other: &Tensor) {
        if self.device != other.device {
            panic!(
                "{operation}: operands are on {} and on {}; move one of them with to_device",
                self.device, other.device
            );
        }
    }

    #[track_caller]
    pub(crate) fn check_float(&self, operation: &str) {
        if !self.dtype.is_float() {
            panic!("{operation}: {} is not a float dtype", self.dtype);
        }
    }
}

/// The number of elements of `shape`.
#[track_caller]
pub(crate) fn elements_of(operation: &str, shape: &[usize]) -> usize {
    count(shape).unwrap_or_else(|| panic!("{operation}: shape {shape:?} has more elements than can be counted"))
}

/// Dims from a slice; shorter to write than the conversion.
pub(crate) fn dims(from: &[usize]) -> Dims {
    from.into()
}
