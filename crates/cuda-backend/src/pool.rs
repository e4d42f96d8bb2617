//! Device memory: blocks that are kept for reuse, and counted against a budget.
//!
//! A training step asks for the same sizes as the one before, so nearly every block is found again and the driver, whose allocator stops
//! the device, is seldom called. The order of work in the one compute stream makes reuse safe: see [`crate::storage`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cudarc::driver::{result, result::DriverError, sys};
use unrolled_tensor::{DeviceError, Memory};

use crate::driver::Lost;

/// Blocks begin at multiples of this, and their sizes are such.
pub(crate) const ALIGNMENT: usize = 512;

/// A device's blocks.
#[derive(Debug)]
pub(crate) struct Pool {
    device: String,
    budget: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Addresses by size; no list is empty.
    idle: BTreeMap<usize, Vec<u64>>,
    /// Bytes that the driver has given, in use or idle.
    held: usize,
    /// Bytes that were asked for and not given back.
    in_use: usize,
    peak: usize,
}

/// A piece of device memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub address: u64,
    /// Its size, not less than what was asked for.
    pub size: usize,
    /// Another tensor had it before.
    pub used: bool,
    /// Where it goes back to.
    pub home: Home,
}

/// Who hands out a block and takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The pool of all tensors.
    Pool,
    /// What a captured step works in.
    Arena,
}

/// The size that a request is rounded up to: eighths of a power of two, so little is wasted and most requests find a block again.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 16).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

impl State {
    /// Takes out the smallest idle block of at least `class` that wastes at most a quarter.
    fn idle(&mut self, class: usize) -> Option<Block> {
        let (&size, addresses) = self.idle.range_mut(class..=class + class / 4).next()?;
        let address = addresses.pop().expect("no list is empty");
        if addresses.is_empty() {
            self.idle.remove(&size);
        }
        Some(Block { address, size, used: true, home: Home::Pool })
    }
}

impl Pool {
    /// A pool of at most `budget` bytes.
    pub fn new(device: String, budget: usize) -> Pool {
        Pool { device, budget, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn memory(&self) -> Memory {
        let state = self.state();
        Memory { in_use: state.in_use, peak: state.peak, budget: self.budget }
    }

    pub fn reset_peak(&self) {
        let mut state = self.state();
        state.peak = state.in_use;
    }

    /// A block of at least `bytes`. The device's context is current.
    pub fn take(&self, bytes: usize) -> Result<Block, DeviceError> {
        let mut state = self.state();
        let refused = |state: &State| DeviceError::OutOfMemory {
            device: self.device.clone(),
            requested: bytes,
            in_use: state.in_use,
            budget: self.budget,
        };
        let then = state.in_use.saturating_add(bytes);
        if then > self.budget {
            return Err(refused(&state));
        }
        let class = size_class(bytes);
        let block = match state.idle(class) {
            Some(block) => block,
            None => {
                let new = self.allocate(&mut state, class).lost(&self.device, "cuMemAlloc")?;
                new.ok_or_else(|| refused(&state))?
            }
        };
        state.in_use = then;
        state.peak = state.peak.max(then);
        Ok(block)
    }

    /// A new block; where the driver has no more, after all idle ones went back to it. None where it still has none; what else it says is a failure.
    fn allocate(&self, state: &mut State, class: usize) -> Result<Option<Block>, DriverError> {
        // SAFETY: a context is current; the block is freed by `release` alone, when nobody has it.
        let new = || match unsafe { result::malloc_sync(class) } {
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Ok(None),
            address => address.map(Some),
        };
        let mut address = if state.held + class > self.budget { None } else { new()? };
        if address.is_none() {
            release(state);
            address = new()?;
        }
        state.held += address.map_or(0, |_| class);
        Ok(address.map(|address| Block { address, size: class, used: false, home: Home::Pool }))
    }

    /// Takes back a block that was handed out for `bytes`.
    pub fn give_back(&self, block: Block, bytes: usize) {
        let mut state = self.state();
        state.in_use -= bytes;
        state.idle.entry(block.size).or_default().push(block.address);
    }

    /// Gives all idle blocks to the driver. The device's context is current.
    pub fn trim(&self) {
        release(&mut self.state());
    }
}

/// Gives all idle blocks to the driver, which waits for the work that uses them.
fn release(state: &mut State) {
    for (size, addresses) in std::mem::take(&mut state.idle) {
        for address in addresses {
            // SAFETY: allocated by `allocate`, and idle: no tensor has it.
            if unsafe { result::free_sync(address) }.is_ok() {
                state.held -= size;
            }
        }
    }
}

/// Not CUDA's: the virtual GPU's driver forgets, in the order of a stream, that bytes were written. What a block's last owner left then
/// counts as uninitialised, and a kernel that reads it is found out.
pub(crate) type Forget = unsafe extern "C" fn(u64, usize, sys::CUstream) -> u32;

/// The virtual driver's call; None on hardware.
pub(crate) fn forget() -> Option<Forget> {
    // SAFETY: the driver's library is loaded (a device was made), and only the virtual one has this name, with this type.
    unsafe { sys::culib().get::<Forget>(b"virtualCudaForgetAsync\0").ok().map(|symbol| *symbol) }
}

/// What is left of the device's memory.
pub(crate) fn free_memory() -> Result<usize, DriverError> {
    result::mem_get_info().map(|(free, _)| free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_waste_at_most_an_eighth() {
        for bytes in (1..1_000_000).step_by(777) {
            let class = size_class(bytes);
            assert!(class >= bytes && (class - bytes <= bytes / 8 + ALIGNMENT), "{bytes} {class}");
            assert!(class.is_multiple_of(ALIGNMENT));
        }
    }

    #[test]
    fn idle_blocks_serve_requests_that_waste_little() {
        let pool = Pool::new("test".into(), 1 << 20);
        pool.state().in_use = 5000;
        pool.give_back(Block { address: 4096, size: size_class(5000), used: false, home: Home::Pool }, 5000);
        assert_eq!(pool.memory().in_use, 0);
        assert!(pool.state().idle(size_class(2000)).is_none(), "more than a quarter would be wasted");
        let again = pool.take(4900).unwrap();
        assert!(again.address == 4096 && again.used);
        assert!(matches!(
            pool.take(1 << 20),
            Err(DeviceError::OutOfMemory { requested: 1_048_576, in_use: 4900, budget: 1_048_576, .. })
        ));
    }
}
