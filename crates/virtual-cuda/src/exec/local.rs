//! Local memory: a frame for each lane.

use super::fault::{ILLEGAL_ADDRESS, LAUNCH_FAILED};
use super::warp::Problem;
use crate::lanes::LANES;

/// The frames of a warp.
pub struct Local {
    frame: usize,
    bytes: Vec<u8>,
    written: Vec<bool>,
}

impl Local {
    pub fn new(frame: usize) -> Local {
        Local { frame, bytes: vec![0xff; frame * LANES], written: vec![false; frame * LANES] }
    }

    fn place(&self, lane: usize, address: u64, bytes: usize, what: &str) -> Result<usize, Problem> {
        if address.checked_add(bytes as u64).is_none_or(|end| end > self.frame as u64) {
            let message =
                format!("{what} of {bytes} bytes of local memory at {address:#x}: a thread has {} bytes", self.frame);
            return Problem::new(ILLEGAL_ADDRESS, lane, message);
        }
        Ok(lane * self.frame + address as usize)
    }

    pub fn load(&self, lane: usize, address: u64, bytes: usize, strict: bool) -> Result<u64, Problem> {
        let at = self.place(lane, address, bytes, "read")?;
        if strict && !self.written[at..at + bytes].iter().all(|w| *w) {
            let message = format!("read of {bytes} uninitialised bytes of local memory at {address:#x}");
            return Problem::new(LAUNCH_FAILED, lane, message);
        }
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(&self.bytes[at..at + bytes]);
        Ok(u64::from_le_bytes(value))
    }

    pub fn store(&mut self, lane: usize, address: u64, bytes: usize, value: u64) -> Result<(), Problem> {
        let at = self.place(lane, address, bytes, "write")?;
        self.bytes[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        self.written[at..at + bytes].fill(true);
        Ok(())
    }
}
