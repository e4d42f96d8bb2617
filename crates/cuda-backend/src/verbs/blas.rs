//! cuBLAS: loaded when first wanted, and not needed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cudarc::cublas::{result, sys};

use crate::gpu::Gpu;

/// A handle of cuBLAS that works in a device's compute stream. One thread at a time may use it.
#[derive(Debug)]
pub(crate) struct Blas(Mutex<Handle>);

#[derive(Debug)]
struct Handle(sys::cublasHandle_t);

// SAFETY: cuBLAS takes a handle from any thread, one at a time.
unsafe impl Send for Handle {}

/// Whether its library can be loaded.
pub(crate) fn is_present() -> bool {
    // SAFETY: loads the library, if it is there; its start-up code is as trusted as the driver.
    unsafe { sys::is_culib_present() }
}

impl Blas {
    /// A handle for `gpu`, whose context is current; None where cuBLAS is missing or does not start.
    pub fn new(gpu: &Gpu) -> Option<Blas> {
        if !is_present() {
            return None;
        }
        let handle = Handle(result::create_handle().ok()?);
        // SAFETY: handle and stream are both of the current device; the stream outlives the handle.
        unsafe { result::set_stream(handle.0, gpu.compute.handle().cast()) }.ok()?;
        Some(Blas(Mutex::new(handle)))
    }

    /// The handle, for one call.
    fn handle(&self) -> MutexGuard<'_, Handle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: created in `Blas::new` and not destroyed before.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}
