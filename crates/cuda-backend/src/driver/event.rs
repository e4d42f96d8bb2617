//! An event: a mark in a stream.

use cudarc::driver::{result, result::DriverError, sys};

use super::Stream;

/// A mark in a stream's work. It takes no time: that is what makes it cheap.
#[derive(Debug)]
pub(crate) struct Event(sys::CUevent);

// SAFETY: the driver takes an event from any thread.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    pub fn new() -> Result<Event, DriverError> {
        result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING).map(Event)
    }

    /// A mark after what is in `stream` now.
    pub fn after(stream: &Stream) -> Result<Event, DriverError> {
        let event = Event::new()?;
        event.record(stream)?;
        Ok(event)
    }

    pub fn handle(&self) -> sys::CUevent {
        self.0
    }

    /// Moves the mark to after what is in `stream` now.
    pub fn record(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: both live as long as their values.
        unsafe { result::event::record(self.0, stream.handle()) }
    }

    /// Returns when the work before the mark is done; at once where nothing was marked.
    pub fn synchronize(&self) -> Result<(), DriverError> {
        // SAFETY: the event lives as long as this value.
        unsafe { result::event::synchronize(self.0) }
    }

    /// Whether the work before the mark is done.
    pub fn is_done(&self) -> Result<bool, DriverError> {
        // SAFETY: as above.
        match unsafe { result::event::query(self.0) } {
            Ok(()) => Ok(true),
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: created in `new` and not destroyed before.
        let _ = unsafe { result::event::destroy(self.0) };
    }
}
