//! The CPU's memory: aligned blocks that are kept for reuse, and counted against a budget.

use std::alloc::{Layout as Allocation, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::Pod;

use super::kept::Place;
use crate::{DeviceError, Memory};

/// A cache line, and the widest vector register.
const ALIGNMENT: usize = 64;
/// Smaller blocks are kept in lists by size, of which there are few, and each list is short: one-element tensors come and go by the
/// thousand, and the system's allocator is slow for aligned ones.
const SMALL: usize = 4096;
/// Bytes in small blocks that are kept of each size.
const KEPT: usize = 512 << 10;

/// No allocation can be larger, and its size class is still a valid one.
const LARGEST: usize = isize::MAX as usize / 2;

struct Block(NonNull<u8>);

// SAFETY: a block is plain memory with one owner; nothing in it belongs to a thread.
unsafe impl Send for Block {}

/// A device's blocks: those in use are counted, those given back are kept by size.
pub(crate) struct Pool {
    device: String,
    budget: usize,
    in_use: AtomicUsize,
    peak: AtomicUsize,
    idle: Mutex<Idle>,
}

struct Idle {
    /// Small blocks: those of `(i + 1) · ALIGNMENT` bytes at `i`.
    small: Vec<Vec<Block>>,
    /// The others, and how much memory they are.
    large: BTreeMap<usize, Vec<Block>>,
    bytes: usize,
}

/// A block of bytes that goes back to its pool when dropped. All bytes are initialised, though not to anything in particular.
pub(crate) struct Buffer {
    block: NonNull<u8>,
    bytes: usize,
    pool: Arc<Pool>,
    /// The elements in another form, for as long as they stay as they are.
    pub(super) kept: Place,
}

// SAFETY: a buffer owns its memory alone, and gives out references by the usual borrowing rules.
unsafe impl Send for Buffer {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for Buffer {}

/// The size that a request is rounded up to: eighths of a power of two, so little is wasted and most requests find a block again.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 16).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

fn allocation(class: usize) -> Allocation {
    Allocation::from_size_align(class, ALIGNMENT).expect("a size class is a valid allocation")
}

impl Pool {
    pub fn new(device: String, budget: usize) -> Arc<Pool> {
        Arc::new(Pool {
            device,
            budget,
            in_use: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            idle: Mutex::new(Idle {
                small: (0..SMALL / ALIGNMENT).map(|_| Vec::new()).collect(),
                large: BTreeMap::new(),
                bytes: 0,
            }),
        })
    }

    pub fn memory(&self) -> Memory {
        Memory { in_use: self.in_use.load(Relaxed), peak: self.peak.load(Relaxed), budget: self.budget }
    }

    pub fn reset_peak(&self) {
        self.peak.store(self.in_use.load(Relaxed), Relaxed);
    }

    /// A buffer of `len` elements.
    pub fn take_elements<T>(self: &Arc<Pool>, len: usize) -> Result<Buffer, DeviceError> {
        self.take(len.saturating_mul(size_of::<T>()))
    }

    /// A buffer of `bytes`, or the error that the budget or the system does not allow it.
    pub fn take(self: &Arc<Pool>, bytes: usize) -> Result<Buffer, DeviceError> {
        let refused = |in_use| {
            let device = self.device.clone();
            DeviceError::OutOfMemory { device, requested: bytes, in_use, budget: self.budget }
        };
        let fits = |now: usize| now.checked_add(bytes).filter(|&then| then <= self.budget && then <= LARGEST);
        let before = self.in_use.fetch_update(Relaxed, Relaxed, fits).map_err(refused)?;
        let class = size_class(bytes);
        let block = self.reuse(class).or_else(|| {
            // SAFETY: the class is not zero.
            NonNull::new(unsafe { alloc_zeroed(allocation(class)) })
        });
        let Some(block) = block else {
            self.in_use.fetch_sub(bytes, Relaxed);
            return Err(refused(before));
        };
        self.peak.fetch_max(before + bytes, Relaxed);
        Ok(Buffer { block, bytes, pool: self.clone(), kept: Place::default() })
    }

    fn reuse(&self, class: usize) -> Option<NonNull<u8>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if class <= SMALL {
            return Some(idle.small[class / ALIGNMENT - 1].pop()?.0);
        }
        let block = idle.large.get_mut(&class)?.pop()?;
        idle.bytes -= class;
        Some(block.0)
    }

    fn give_back(&self, block: NonNull<u8>, bytes: usize) {
        self.in_use.fetch_sub(bytes, Relaxed);
        let class = size_class(bytes);
        if !self.keep(Block(block), class) {
            // SAFETY: the block was allocated with this very size class and alignment, and has no owner any more.
            unsafe { dealloc(block.as_ptr(), allocation(class)) }
        }
    }

    /// Keeps a block for later. Says false where enough are kept.
    fn keep(&self, block: Block, class: usize) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if class <= SMALL {
            let list = &mut idle.small[class / ALIGNMENT - 1];
            let room = list.len() * class < KEPT;
            if room {
                list.push(block);
            }
            return room;
        }
        // Keep a quarter of the peak beside a base; what lengths come along changes from batch to batch.
        let room = idle.bytes + class <= (128 << 20) + self.peak.load(Relaxed) / 4;
        if room {
            idle.bytes += class;
            idle.large.entry(class).or_default().push(block);
        }
        room
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        let small = idle.small.iter().enumerate().map(|(i, blocks)| ((i + 1) * ALIGNMENT, blocks));
        for (class, blocks) in small.chain(idle.large.iter().map(|(&class, blocks)| (class, blocks))) {
            for block in blocks {
                // SAFETY: idle blocks have no owner, and each is listed under its size class.
                unsafe { dealloc(block.0.as_ptr(), allocation(class)) }
            }
        }
    }
}

impl Buffer {
    /// The bytes as elements.
    pub fn elements<T: Pod>(&self) -> &[T] {
        // SAFETY: the block is aligned for any element, initialised, and `bytes` long; any bits are a valid `Pod`.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }

    /// The bytes as elements, for writing.
    pub fn elements_mut<T: Pod>(&mut self) -> &mut [T] {
        self.kept.clear();
        // SAFETY: as for `elements`; the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give_back(self.block, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_blocks_reused() {
        let pool = Pool::new("test".into(), 100_000);
        let first = pool.take(40_000).unwrap();
        let address = first.block;
        assert_eq!(pool.memory().in_use, 40_000);
        drop(first);
        let second = pool.take(40_500).unwrap();
        assert_eq!(second.block, address, "same size class");
        assert!(matches!(pool.take(60_000), Err(DeviceError::OutOfMemory { in_use: 40_500, .. })));
        drop(second);
        assert_eq!(pool.memory(), Memory { in_use: 0, peak: 40_500, budget: 100_000 });
    }

    #[test]
    fn what_no_machine_has_is_an_error_and_not_an_abort() {
        let pool = Pool::new("test".into(), usize::MAX);
        for bytes in [usize::MAX, isize::MAX as usize / 2, 1 << 60] {
            assert!(matches!(pool.take(bytes), Err(DeviceError::OutOfMemory { in_use: 0, .. })), "{bytes}");
        }
        assert!(pool.take_elements::<u64>(usize::MAX / 4).is_err());
        assert_eq!(pool.memory().in_use, 0);
    }

    #[test]
    fn classes_waste_at_most_an_eighth() {
        for bytes in (1..1_000_000).step_by(777) {
            let class = size_class(bytes);
            assert!(class >= bytes && (class - bytes <= bytes / 8 + ALIGNMENT), "{bytes} {class}");
        }
    }
}
