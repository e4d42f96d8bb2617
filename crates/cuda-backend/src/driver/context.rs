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
