//! A block: its warps in turn.

use super::race::GlobalRaces;
use super::shared::{Shared, Watch};
use super::warp::Warp;
use super::{Fault, Launch, Stats, barrier};
use crate::config::Order;
use crate::lanes::LANES;
use crate::memory::Allocation;

/// What the warps of a block share.
pub struct Env<'a> {
    pub launch: &'a Launch<'a>,
    /// The block's index.
    pub index: [u32; 3],
    /// The same as one number.
    pub linear: u64,
    pub warps: usize,
    pub shared: Shared,
    pub barriers: [barrier::State; 16],
    /// The allocation that each instruction touched last.
    pub cache: Vec<Option<&'a Allocation>>,
    pub races: Option<&'a GlobalRaces>,
    pub stats: Stats,
}

/// Run one block to its end.
pub fn run<'a>(
    launch: &'a Launch<'a>,
    template: &[u32],
    index: [u32; 3],
    linear: u64,
    races: Option<&'a GlobalRaces>,
) -> Result<Stats, Fault> {
    let threads = launch.block.iter().product::<u32>() as usize;
    let count = threads.div_ceil(LANES);
    let watch = Watch { races: launch.strictness.shared_races, uninitialised: launch.strictness.uninitialised };
    let mut env = Env {
        launch,
        index,
        linear,
        warps: count,
        shared: Shared::new(launch.kernel, launch.dynamic_shared, count, watch),
        barriers: Default::default(),
        cache: vec![None; launch.kernel.code.len()],
        races,
        stats: Stats::default(),
    };
    let mut warps: Vec<Warp> = (0..count).map(|w| Warp::new(launch, template, index, w, threads)).collect();
    let mut round = 0;
    loop {
        let mut ran = false;
        for i in 0..count {
            let (number, quantum) = turn(launch.order, round, i as u64, count as u64);
            if warps[number].can_run() {
                let before = warps[number].executed;
                warps[number].run(&mut env, quantum)?;
                ran |= warps[number].executed != before || !warps[number].arrivals.is_empty();
                barrier::arrive(&mut env, &mut warps, number)?;
            }
        }
        if warps.iter().all(Warp::is_done) {
            return Ok(env.stats);
        }
        if !ran && !barrier::recheck(&mut env, &mut warps) {
            return Err(barrier::deadlock(&env, &warps));
        }
        round += 1;
    }
}

/// Which warp is next, and for how many instructions.
fn turn(order: Order, round: u64, i: u64, count: u64) -> (usize, u64) {
    match order {
        Order::Shuffle(seed) => {
            let mixed = seed.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let number = Order::Shuffle(mixed).index(i, count) as usize;
            (number, 1 + (mixed >> 33) % 97 + number as u64)
        }
        // A limit, for lanes may spin on what another warp will write.
        order => (order.index(i, count) as usize, 1 << 16),
    }
}
