//! The CUDA backend: [`CudaBackend`] fills the seam of [`unrolled_tensor`] with kernels of our own and cuBLAS.
//!
//! Nothing of CUDA is needed to build it: the kernels (`kernels/*.cu`) are embedded as PTX, made ahead of time by
//! `scripts/compile_kernels.py`, and driver and cuBLAS are loaded when a device is first asked for. Where they are missing, [`Unusable`]
//! says what; where only cuBLAS is, products run in a kernel of our own.
//!
//! **This backend has been run on virtual GPUs only** (`crates/virtual-cuda`, which interprets PTX), never on real hardware yet.
//!
//! # How it works
//! A [`Device`] of this backend is one GPU: its primary context, one compute stream, lanes for overlapped LSTM layers, one copy stream between
//! devices, and a pool that keeps freed memory for reuse. All verbs enqueue work into the compute stream and return; a block that goes
//! back to the pool may be handed out at once, for whatever is written to it next is behind its last reader in that stream. Only
//! `download`, `synchronize` and running out of memory wait.
//!
//! A training step is thousands of small launches. From the second batch of a shape on they are one CUDA graph, and the layers of an LSTM work at once,
//! each a little behind the one below. [`Options`] says how to do without.
//!
//! The same seed gives the same bits on one kind of GPU: no kernel adds in an order that chance decides. Random numbers, optimiser steps and
//! whatever moves elements have the CPU's bits; sums and functions are within the conformance suite's bounds of it. For products see
//! [`MatmulPrecision`](unrolled_tensor::MatmulPrecision): `F32` and `Bf16` are cuBLAS's, whose order of a sum depends on all sizes, `F32Fma` is our own
//! kernel's, which has the CPU's bits; `Tf32` is cuBLAS's, on tensor cores.
//!
//! | module | what it has |
//! |---|---|
//! | `driver` | presence, context, stream, event, pinned memory: owners of the driver's handles |
//! | `gpu` | a device made ready for work |
//! | `pool`, `staging`, `storage` | device memory; pinned memory that copies to and from the host go through; a tensor's storage |
//! | `view` | strided views as kernels take them |
//! | `order`, `wave` | whose turn it is to enqueue, and in which stream; layers overlapped along the diagonal |
//! | `graphs`, `recording`, `arena` | work that is captured and replayed, what it must not do, and the memory that it lives in |
//! | `kernels` | the embedded PTX, loaded when first used, and how a kernel is launched |
//! | `verbs` | the seam's verbs in groups; `backend` sends each to its own |
//!
//! ```
//! match unrolled_cuda::device(0) {
//!     Ok(device) => assert_eq!(device.name(), "cuda:0"),
//!     Err(why) => println!("{why}"),
//! }
//! ```

mod arena;
mod backend;
mod driver;
mod gpu;
mod graphs;
mod kernels;
mod options;
mod order;
mod pool;
mod recording;
mod staging;
mod storage;
mod verbs;
mod view;
mod wave;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use unrolled_tensor::Device;

pub use backend::CudaBackend;
pub use driver::{DeviceInfo, Driver, Unusable, probe};
pub use graphs::GraphCounts;
pub use options::Options;

/// GPU number `index`, made ready when it is first asked for: the same device each time.
///
/// # Errors
/// Where there is no driver, no such device, or one that cannot be used; the error says which.
///
/// ```
/// if let Err(why) = unrolled_cuda::device(1000) {
///     assert!(!why.to_string().is_empty());
/// }
/// ```
pub fn device(index: usize) -> Result<Device, Unusable> {
    static DEVICES: Mutex<BTreeMap<usize, Device>> = Mutex::new(BTreeMap::new());
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = devices.get(&index) {
        return Ok(device.clone());
    }
    let device = Device::new(Arc::new(CudaBackend::new(index)?));
    devices.insert(index, device.clone());
    Ok(device)
}

/// Whether cuBLAS can be loaded; without it products run in a slower kernel of our own.
pub fn has_cublas() -> bool {
    probe().is_ok() && verbs::blas::is_present()
}
