//! Page-locked memory of the host: what a device copies from and to while the program goes on.

use cudarc::driver::{result, result::DriverError};

/// So many page-locked bytes.
#[derive(Debug)]
pub(crate) struct Pinned {
    start: *mut u8,
    len: usize,
}

// SAFETY: memory like any other, owned by this value.
unsafe impl Send for Pinned {}

impl Pinned {
    pub fn new(len: usize) -> Result<Pinned, DriverError> {
        // SAFETY: a context is current, and `Drop` frees it.
        let start = unsafe { result::malloc_host(len, 0) }?.cast::<u8>();
        // SAFETY: the driver gave so many bytes; as a slice they must be initialised.
        unsafe { start.write_bytes(0, len) };
        Ok(Pinned { start, len })
    }

    /// The bytes. The caller knows that no copy is under way.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: initialised in `new`, borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` and not freed before.
        let _ = unsafe { result::free_host(self.start.cast()) };
    }
}
