//! Arrays on a device: strided views, seven dtypes, the CPU backend, and the [`Backend`] trait that any other device fills.
//!
//! A [`Tensor`] is an immutable view of a device's memory: shape, strides, offset, dtype. Views (reshape, transpose, narrow, broadcast,
//! flip) never copy. Nothing here knows of gradients, of text, or of a particular accelerator.
//!
//! ```
//! use unrolled_tensor::{Device, Tensor};
//!
//! let device = Device::cpu();
//! let a = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3], &device);
//! let row = Tensor::from_slice(&[10f32, 20.0, 30.0], [3], &device);
//! assert_eq!((&a + &row).to_vec::<f32>(), [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
//! assert_eq!(a.matmul(&a.t()).to_vec::<f32>(), [14.0, 32.0, 32.0, 77.0]);
//! assert_eq!(a.sum(1, false).to_vec::<f32>(), [6.0, 15.0]);
//! ```
//!
//! A wrong shape, dtype or device is a mistake in the caller's program and panics, naming the operation and both shapes. What a device
//! can run into by itself (memory) panics with a typed error that [`catch_device_error`] turns into a `Result`.

mod backend;
mod capture;
pub mod conformance;
mod cpu;
mod device;
mod dtype;
mod error;
pub mod fused;
mod layout;
mod modes;
pub mod ops;
pub mod profile;
pub mod random;
mod tensor;

pub use backend::{Backend, Event, MatmulPrecision, Memory, Result, Rounding, Storage};
pub use capture::{Captured, Reading, Recorder, Work};
pub use cpu::{CpuBackend, SUM_BLOCK, peak_flops};
pub use device::{Device, machine_memory, memory_in_use, peak_memory, reset_peak_memory};
pub use dtype::{DType, Element};
pub use error::{Bytes, DeviceError, catch_device_error};
pub use half::{bf16, f16};
pub use layout::{Dims, Layout, Strides, broadcast_dims};
pub use modes::Modes;
pub use tensor::{
    Axes, AxisIndex, Comparand, Ellipsis, INFER, Indices, IntoIndex, NewAxis, Tensor, ViewStep, view_steps,
};
