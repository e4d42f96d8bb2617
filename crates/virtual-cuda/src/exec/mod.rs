//! Runs a kernel: blocks, their warps, the lanes of a warp.
//!
//! Within a block everything is sequential: a warp runs until it waits at a barrier (or its turn ends, where warps are shuffled),
//! then the next. Blocks run in the order that is asked for, or on several threads where their order cannot matter.

mod access;
mod alu;
mod atomic;
mod barrier;
mod block;
mod fault;
mod local;
mod race;
mod shared;
mod step;
mod together;
mod warp;
pub mod window;

pub use atomic::exists as atomic_exists;
pub use fault::Fault;

use crate::config::{Order, Strictness};
use crate::memory::Heap;
use crate::ptx::Kernel;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A launch.
#[derive(Clone, Copy)]
pub struct Launch<'a> {
    /// What runs.
    pub kernel: &'a Kernel,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads a block.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub dynamic_shared: usize,
    /// The parameters, laid out as the kernel declares them.
    pub parameters: &'a [u8],
    /// Addresses of the module's variables.
    pub globals: &'a [u64],
    /// Device memory.
    pub heap: &'a Heap,
    /// The device on which it runs.
    pub device: usize,
    /// Order of blocks and warps.
    pub order: Order,
    /// What is an error.
    pub strictness: Strictness,
}

/// What was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Instructions of warps.
    pub warp_instructions: u64,
    /// Instructions of single lanes.
    pub lane_instructions: u64,
}

impl Stats {
    /// Both together.
    pub fn and(self, other: Stats) -> Stats {
        Stats {
            warp_instructions: self.warp_instructions + other.warp_instructions,
            lane_instructions: self.lane_instructions + other.lane_instructions,
        }
    }
}

/// Run a launch to its end.
///
/// # Errors
/// The first fault, with kernel, line, block, thread and what is wrong. Memory written before it stays written.
pub fn launch(launch: &Launch<'_>) -> Result<Stats, Fault> {
    let blocks: u64 = launch.grid.iter().map(|&n| u64::from(n)).product();
    let template = template(launch);
    let races = launch.strictness.global_races.then(race::GlobalRaces::default);
    let index = |linear: u64| {
        let (x, y) = (u64::from(launch.grid[0]), u64::from(launch.grid[1]));
        [(linear % x) as u32, (linear / x % y) as u32, (linear / (x * y)) as u32]
    };
    let run = |linear: u64| block::run(launch, &template, index(linear), linear, races.as_ref());
    // Sums by atomics depend on the order of blocks, and so would the report of a race.
    let alone = launch.kernel.global_atomics || races.is_some() || blocks < 2 || launch.order != Order::Forward;
    if alone || rayon::current_num_threads() == 1 {
        let mut stats = Stats::default();
        for i in 0..blocks {
            stats = stats.and(run(launch.order.index(i, blocks))?);
        }
        return Ok(stats);
    }
    // The fault of the first block that fails, on any number of threads: blocks before one that has failed still run.
    let failed = AtomicU64::new(u64::MAX);
    (0..blocks)
        .into_par_iter()
        .map(|i| {
            if i > failed.load(Relaxed) {
                return Ok(Stats::default());
            }
            run(i).inspect_err(|_| {
                failed.fetch_min(i, Relaxed);
            })
        })
        .reduce(|| Ok(Stats::default()), |a, b| Ok(a?.and(b?)))
}

/// The register file with which every warp of the launch begins.
fn template(launch: &Launch<'_>) -> Vec<u32> {
    let mut words = launch.kernel.template.clone();
    for &(slot, global, offset) in &launch.kernel.relocations {
        let address = launch.globals[global].wrapping_add_signed(offset);
        for pair in words[slot as usize..][..64].chunks_exact_mut(2) {
            pair.copy_from_slice(&[address as u32, (address >> 32) as u32]);
        }
    }
    words
}
