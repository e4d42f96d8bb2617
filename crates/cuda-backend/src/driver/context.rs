//! A device's context.

use cudarc::driver::{result, result::DriverError, sys};

/// The primary context of a device: the one that every library of the process shares.
#[derive(Debug)]
pub(crate) struct Context {
    device: sys::CUdevice,
    handle: sys::CUcontext,
}

// SAFETY: a context may be current to any number of threads, and its handle is only a name.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// The context of device `index`, current to this thread from now on.
    pub fn new(index: usize) -> Result<Context, DriverError> {
        let device = result::device::get(index as i32)?;
        // SAFETY: the driver has just named the device; `Drop` releases what is retained here.
        let handle = unsafe { result::primary_ctx::retain(device) }?;
        let context = Context { device, handle };
        context.bind()?;
        Ok(context)
    }

    /// Makes it current to this thread: what each call of the driver below goes by.
    pub fn bind(&self) -> Result<(), DriverError> {
        // SAFETY: the context is alive as long as this value.
        unsafe { result::ctx::set_current(self.handle) }
    }

    /// Lets its work read another device's memory where it lies, if the two can: copies between them then do not go by way of the host.
    pub fn reach(&self, other: &Context) -> Result<(), DriverError> {
        let mut can = 0;
        // SAFETY: both devices are the driver's, and the answer has a place.
        unsafe { sys::cuDeviceCanAccessPeer(&mut can, self.device, other.device) }.result()?;
        if can == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: both contexts are alive.
        match unsafe { sys::cuCtxEnablePeerAccess(other.handle, 0) }.result() {
            // Another library of the process has been here before.
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED => Ok(()),
            outcome => outcome,
        }
    }

    pub fn handle(&self) -> sys::CUcontext {
        self.handle
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // An error here could help nobody.
        // SAFETY: retained once, in `new`.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}
