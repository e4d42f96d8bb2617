//! The CPU's memory: aligned blocks that are kept for reuse, and counted against a budget.
//!
//! A training step asks for the same sizes as the one before, so nearly every block is found again; what is kept idle is bounded, and where
//! sizes have changed idle blocks go back to the system before more is asked of it: the process is hardly larger than its peak in use.

mod block;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::Pod;

use super::kept::Place;
use crate::{DeviceError, Memory};
use block::{ALIGNMENT, Block};

/// Smaller blocks are kept in lists by size, of which there are few, and each list is short: one-element tensors come and go by the
/// thousand, and the system's allocator is slow for aligned ones.
const SMALL: usize = 4096;
/// Bytes in small blocks that are kept of each size.
const KEPT: usize = 512 << 10;
/// What may be kept idle, and be had beyond the peak in use, besides a share of that peak.
const BASE: usize = 64 << 20;

/// No allocation can be larger, and its size class is still a valid one.
const LARGEST: usize = isize::MAX as usize / 2;

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
    /// The others by size; no list is empty.
    large: BTreeMap<usize, Vec<Block>>,
    /// How much memory the idle large blocks are.
    bytes: usize,
    /// How much all large blocks are, in use or idle.
    held: usize,
}

/// A block of bytes that goes back to its pool when dropped. All bytes are initialised, though not to anything in particular.
pub(crate) struct Buffer {
    /// There until it is dropped.
    block: Option<Block>,
    bytes: usize,
    pool: Arc<Pool>,
    /// The elements in another form, for as long as they stay as they are.
    pub(super) kept: Place,
}

/// The size that a request is rounded up to: eighths of a power of two, so little is wasted and most requests find a block again.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 16).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

impl Idle {
    fn new() -> Idle {
        let small = (0..SMALL / ALIGNMENT).map(|_| Vec::new()).collect();
        Idle { small, large: BTreeMap::new(), bytes: 0, held: 0 }
    }

    /// Takes out an idle large block whose size is in this range: the smallest.
    fn large(&mut self, sizes: impl std::ops::RangeBounds<usize>) -> Option<Block> {
        let (&class, blocks) = self.large.range_mut(sizes).next()?;
        let block = blocks.pop().expect("no list is empty");
        if blocks.is_empty() {
            self.large.remove(&class);
        }
        self.bytes -= class;
        Some(block)
    }

    /// Gives the largest idle block back to the system. Says false where there is none.
    fn evict(&mut self) -> bool {
        let Some((&class, _)) = self.large.last_key_value() else { return false };
        drop(self.large(class..));
        self.held -= class;
        true
    }
}

impl Pool {
    pub fn new(device: String, budget: usize) -> Arc<Pool> {
        let idle = Mutex::new(Idle::new());
        Arc::new(Pool { device, budget, in_use: AtomicUsize::new(0), peak: AtomicUsize::new(0), idle })
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
        let peak = self.peak.load(Relaxed).max(before + bytes);
        let block = self.block(size_class(bytes), peak);
        if block.is_none() {
            self.in_use.fetch_sub(bytes, Relaxed);
            return Err(refused(before));
        }
        self.peak.fetch_max(before + bytes, Relaxed);
        Ok(Buffer { block, bytes, pool: self.clone(), kept: Place::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of at least this size: an idle one, else a new one.
    fn block(&self, class: usize, peak: usize) -> Option<Block> {
        let mut idle = self.idle();
        if class <= SMALL {
            let kept = idle.small[class / ALIGNMENT - 1].pop();
            return kept.or_else(|| Block::new(class));
        }
        if let Some(block) = idle.large(class..=class) {
            return Some(block);
        }
        // Size classes are up to an eighth larger than what is asked for.
        let limit = (peak + peak / 8 + BASE).saturating_sub(class);
        while idle.held > limit {
            if let Some(longer) = idle.large(class..=class.saturating_mul(2)) {
                return Some(longer);
            }
            if !idle.evict() {
                break;
            }
        }
        let block = Block::new(class)?;
        idle.held += class;
        Some(block)
    }

    fn give_back(&self, block: Block, bytes: usize) {
        self.in_use.fetch_sub(bytes, Relaxed);
        let (class, mut idle) = (block.size(), self.idle());
        if class <= SMALL {
            let list = &mut idle.small[class / ALIGNMENT - 1];
            if list.len() * class < KEPT {
                list.push(block);
            }
            return;
        }
        // Between two steps all but parameters and optimiser state is idle.
        if idle.bytes + class <= BASE + self.peak.load(Relaxed) / 4 * 3 {
            idle.bytes += class;
            idle.large.entry(class).or_default().push(block);
        } else {
            idle.held -= class;
        }
    }
}

impl Buffer {
    fn block(&self) -> &Block {
        self.block.as_ref().expect("a buffer has its block until it is dropped")
    }

    /// The bytes as elements.
    pub fn elements<T: Pod>(&self) -> &[T] {
        // SAFETY: the block is aligned for any element, initialised, and at least `bytes` long; any bits are a valid `Pod`.
        unsafe { std::slice::from_raw_parts(self.block().start().cast(), self.bytes / size_of::<T>()) }
    }

    /// The bytes as elements, for writing.
    pub fn elements_mut<T: Pod>(&mut self) -> &mut [T] {
        self.kept.clear();
        // SAFETY: as for `elements`; the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.block().start().cast(), self.bytes / size_of::<T>()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give_back(block, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_blocks_reused() {
        let pool = Pool::new("test".into(), 100_000);
        let first = pool.take(40_000).unwrap();
        let address = first.block().start();
        assert_eq!(pool.memory().in_use, 40_000);
        drop(first);
        let second = pool.take(40_500).unwrap();
        assert_eq!(second.block().start(), address, "same size class");
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

    #[test]
    fn where_sizes_change_idle_blocks_make_room() {
        let pool = Pool::new("test".into(), usize::MAX);
        let held = |pool: &Pool| pool.idle().held;
        // Forty times other sizes, 64 MiB at a time: kept blocks alone would be forty times as much.
        for i in 0..40 {
            drop(pool.take((64 << 20) - i * (1 << 20)).unwrap());
            assert!(held(&pool) <= 64 * 9 / 8 * (1 << 20) + BASE, "step {i}: {}", held(&pool));
        }
        let before = held(&pool);
        drop(pool.take(30 << 20).unwrap());
        assert!(held(&pool) <= before, "a longer block served, or one was given back");
    }

    #[test]
    fn large_blocks_are_zero_at_first_and_aligned() {
        let pool = Pool::new("test".into(), usize::MAX);
        for bytes in [100, 5000, 1 << 20, 9 << 20] {
            let buffer = pool.take(bytes).unwrap();
            assert!(buffer.elements::<u8>().iter().all(|&byte| byte == 0), "{bytes}");
            assert!((buffer.block().start() as usize).is_multiple_of(ALIGNMENT), "{bytes}");
        }
    }
}
