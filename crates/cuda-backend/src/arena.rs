//! The memory that captured work lives in: its addresses are in the graph, so they must be there again at each replay.
//!
//! All graphs of a device share it, for one runs after the other and nothing of a run is left when the next begins, its answers included: whoever still holds
//! one keeps the arena busy, and the next run does without. So it is as large as the largest step needs. Blocks are cut off the first gap that has room, by
//! address: the same requests in the same order get the same addresses.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use unrolled_tensor::Result;

use crate::pool::{ALIGNMENT, Block, Home, Pool};

/// The least that the arena grows by, and the most that it grows by beyond what is asked for.
const LEAST: usize = 2 << 20;
const MOST: usize = 256 << 20;

#[derive(Debug, Default)]
pub(crate) struct Arena(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What the pool has given, and the bytes that it was asked for.
    segments: Vec<(Block, usize)>,
    /// Lengths of the gaps by their addresses.
    gaps: BTreeMap<u64, usize>,
    /// Blocks that somebody has.
    out: usize,
}

impl State {
    /// Cuts `size` bytes off the first gap that has room.
    fn cut(&mut self, size: usize) -> Option<u64> {
        let (&address, &len) = self.gaps.iter().find(|(_, len)| **len >= size)?;
        self.gaps.remove(&address);
        if len > size {
            self.gaps.insert(address + size as u64, len - size);
        }
        self.out += 1;
        Some(address)
    }

    /// Puts a gap back, in one with its neighbours of the same segment.
    fn fill_in(&mut self, mut address: u64, mut len: usize) {
        if let Some((&before, &length)) = self.gaps.range(..address).next_back()
            && before + length as u64 == address
            && !self.begins(address)
        {
            self.gaps.remove(&before);
            (address, len) = (before, length + len);
        }
        let end = address + len as u64;
        if !self.begins(end)
            && let Some(length) = self.gaps.remove(&end)
        {
            len += length;
        }
        self.gaps.insert(address, len);
    }

    /// Whether a segment begins here: what lies before it is another allocation, even where the two touch.
    fn begins(&self, address: u64) -> bool {
        self.segments.iter().any(|(segment, _)| segment.address == address)
    }

    fn total(&self) -> usize {
        self.segments.iter().map(|(segment, _)| segment.size).sum()
    }
}

/// What a request takes up.
fn rounded(bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(ALIGNMENT)
}

impl Arena {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of at least `bytes`; None where it has no room.
    pub fn take(&self, bytes: usize) -> Option<Block> {
        let size = rounded(bytes);
        let address = self.state().cut(size)?;
        Some(Block { address, size, used: true, home: Home::Arena })
    }

    /// Makes room for `bytes` with memory of the pool.
    ///
    /// # Errors
    /// Where the device has no more.
    pub fn grow(&self, pool: &Pool, bytes: usize) -> Result<()> {
        let mut state = self.state();
        let (needed, more) = (rounded(bytes), (state.total() / 2).clamp(LEAST, MOST));
        let generous = needed.max(more);
        let (segment, asked) = match pool.take(generous) {
            Ok(segment) => (segment, generous),
            Err(_) => (pool.take(needed)?, needed),
        };
        state.segments.push((segment, asked));
        state.fill_in(segment.address, segment.size);
        Ok(())
    }

    /// The block that a graph has made an answer in: nobody has it now.
    pub fn retake(&self, block: Block) -> Block {
        let mut state = self.state();
        let (&gap, &len) = state.gaps.range(..=block.address).next_back().expect("an answer lies in the arena");
        let (before, end) = ((block.address - gap) as usize, block.address + block.size as u64);
        assert!(before + block.size <= len, "somebody has a part of a graph's answer");
        state.gaps.remove(&gap);
        if before > 0 {
            state.gaps.insert(gap, before);
        }
        if before + block.size < len {
            state.gaps.insert(end, len - before - block.size);
        }
        state.out += 1;
        block
    }

    pub fn give_back(&self, block: Block) {
        let mut state = self.state();
        state.out -= 1;
        state.fill_in(block.address, block.size);
    }

    /// Whether nobody has any of it.
    pub fn is_idle(&self) -> bool {
        self.state().out == 0
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: u64) -> bool {
        let state = self.state();
        state
            .segments
            .iter()
            .any(|(segment, _)| (segment.address..segment.address + segment.size as u64).contains(&address))
    }

    /// Gives all of it to the pool; nobody has any of it, and no graph knows it any more.
    pub fn clear(&self, pool: &Pool) {
        let mut state = self.state();
        state.gaps.clear();
        for (segment, asked) in std::mem::take(&mut state.segments) {
            pool.give_back(segment, asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An arena over memory that nobody touches.
    fn arena(segments: &[(u64, usize)]) -> Arena {
        let arena = Arena::default();
        for &(address, size) in segments {
            let mut state = arena.state();
            state.segments.push((Block { address, size, used: false, home: Home::Pool }, size));
            state.fill_in(address, size);
        }
        arena
    }

    #[test]
    fn the_same_requests_get_the_same_addresses() {
        let arena = arena(&[(1 << 20, 8 << 10), (4 << 20, 64 << 10)]);
        let step = || {
            let [a, b] = [3000, 5000].map(|bytes| arena.take(bytes).unwrap());
            arena.give_back(a);
            let [c, d] = [100, 9000].map(|bytes| arena.take(bytes).unwrap());
            let found = [a, b, c, d].map(|block| block.address);
            [b, c, d].into_iter().for_each(|block| arena.give_back(block));
            found
        };
        let first = step();
        assert_eq!(first, [1 << 20, (1 << 20) + 3072, 1 << 20, 4 << 20]);
        assert!(arena.is_idle() && step() == first);
        assert!(arena.take(128 << 10).is_none());
        assert!(arena.holds((1 << 20) + 8191) && !arena.holds((1 << 20) + 8192));
    }

    #[test]
    fn no_block_lies_in_two_segments() {
        let arena = arena(&[(1 << 20, 4096), ((1 << 20) + 4096, 4096)]);
        let blocks = [4096, 4096].map(|bytes| arena.take(bytes).unwrap());
        blocks.into_iter().for_each(|block| arena.give_back(block));
        assert!(arena.take(8192).is_none());
    }

    #[test]
    fn an_answers_block_is_found_again() {
        let arena = arena(&[(1 << 20, 8 << 10)]);
        let blocks = [512, 1024, 512].map(|bytes| arena.take(bytes).unwrap());
        blocks.into_iter().for_each(|block| arena.give_back(block));
        let middle = arena.retake(blocks[1]);
        assert!(!arena.is_idle() && arena.take(7 << 10).is_none());
        assert_eq!(arena.take(512).unwrap().address, blocks[0].address);
        arena.give_back(middle);
        assert_eq!(arena.take(1024).unwrap().address, middle.address);
    }
}
