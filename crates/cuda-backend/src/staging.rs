//! Copies to and from the host, through page-locked memory.
//!
//! A copy from ordinary memory makes the driver stage it itself and the program wait. A few page-locked buffers in turn let an upload
//! return as soon as its bytes are in one of them.

use std::sync::{Mutex, PoisonError};

use cudarc::driver::{result, result::DriverError};

use crate::driver::{Event, Pinned, Stream};

/// Bytes of a buffer: what is longer goes in pieces.
const SIZE: usize = 2 << 20;
/// How many there are.
const COUNT: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Staging(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// Made when first wanted.
    slots: Vec<Slot>,
    next: usize,
}

#[derive(Debug)]
struct Slot {
    memory: Pinned,
    /// After the last copy from or to it.
    copied: Event,
}

impl Ring {
    /// The next buffer, when its last copy is done.
    fn slot(&mut self) -> Result<&mut Slot, DriverError> {
        if self.slots.len() < COUNT {
            self.slots.push(Slot { memory: Pinned::new(SIZE)?, copied: Event::new()? });
        }
        self.next = (self.next + 1) % self.slots.len();
        let slot = &mut self.slots[self.next];
        slot.copied.synchronize()?;
        Ok(slot)
    }
}

impl Staging {
    /// Copies `bytes` to `address` in the order of `stream`. Returns when they are read, which is before they are there.
    pub fn upload(&self, bytes: &[u8], address: u64, stream: &Stream) -> Result<(), DriverError> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, piece) in bytes.chunks(SIZE).enumerate() {
            let slot = ring.slot()?;
            let staged = &mut slot.memory.bytes()[..piece.len()];
            staged.copy_from_slice(piece);
            // SAFETY: the caller owns so many bytes at `address`; the staged ones are left alone until the event after the copy.
            unsafe { result::memcpy_htod_async(address + (i * SIZE) as u64, staged, stream.handle()) }?;
            slot.copied.record(stream)?;
        }
        Ok(())
    }

    /// Copies from `address` to `bytes` in the order of `stream`, and returns when they are there.
    pub fn download(&self, address: u64, bytes: &mut [u8], stream: &Stream) -> Result<(), DriverError> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, piece) in bytes.chunks_mut(SIZE).enumerate() {
            let slot = ring.slot()?;
            let staged = &mut slot.memory.bytes()[..piece.len()];
            // SAFETY: as above; nobody reads the staged bytes before the event.
            unsafe { result::memcpy_dtoh_async(staged, address + (i * SIZE) as u64, stream.handle()) }?;
            slot.copied.record(stream)?;
            slot.copied.synchronize()?;
            piece.copy_from_slice(&slot.memory.bytes()[..piece.len()]);
        }
        Ok(())
    }
}
