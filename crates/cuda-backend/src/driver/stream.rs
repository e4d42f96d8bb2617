//! A stream: work in order.

use cudarc::driver::{result, result::DriverError, sys};

use super::Event;

/// A stream of the context that was current when it was made. It is a non-blocking one: nothing in the default stream holds it up.
#[derive(Debug)]
pub(crate) struct Stream(sys::CUstream);

// SAFETY: the driver takes work for a stream from any thread.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    pub fn new() -> Result<Stream, DriverError> {
        result::stream::create(result::stream::StreamKind::NonBlocking).map(Stream)
    }

    pub fn handle(&self) -> sys::CUstream {
        self.0
    }

    /// Returns when all its work is done.
    pub fn synchronize(&self) -> Result<(), DriverError> {
        // SAFETY: the stream lives as long as this value.
        unsafe { result::stream::synchronize(self.0) }
    }

    /// Later work of this stream starts after `event`, which may be another device's.
    pub fn wait(&self, event: &Event) -> Result<(), DriverError> {
        // SAFETY: both live as long as their values; the driver keeps what it needs of an event that goes.
        unsafe { result::stream::wait_event(self.0, event.handle(), sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: created in `new` and not destroyed before. Queued work is finished by the driver.
        let _ = unsafe { result::stream::destroy(self.0) };
    }
}
