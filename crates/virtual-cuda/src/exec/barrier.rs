//! The sixteen barriers of a block.

use super::block::Env;
use super::fault::{Fault, ILLEGAL_INSTRUCTION};
use super::warp::{Group, Problem, Warp, lanes};
use crate::lanes::LANES;
use crate::ptx::{Barrier, Logic, Op};

/// The code of a barrier that is used against its rules.
pub const CODE: u32 = ILLEGAL_INSTRUCTION;

/// One barrier.
#[derive(Clone, Default)]
pub struct State {
    /// Lanes of each warp that have arrived.
    arrived: Vec<u32>,
    /// Lanes of each warp whose predicate holds (`bar.red`).
    holds: Vec<u32>,
    /// Threads that it waits for; `None` for all of the block.
    threads: Option<u32>,
}

/// Enter what a warp has reached since the last look; the barriers that are complete let their warps go.
pub fn arrive(env: &mut Env<'_>, warps: &mut [Warp], number: usize) -> Result<(), Fault> {
    for group in std::mem::take(&mut warps[number].arrivals) {
        let result = enter(env, warps, number, group);
        result.map_err(|problem| warps[number].fault(env.launch, env.index, group.pc, problem))?;
    }
    Ok(())
}

fn enter(env: &mut Env<'_>, warps: &mut [Warp], number: usize, group: Group) -> Result<(), Problem> {
    let Op::Barrier { kind, id, threads, .. } = &env.launch.kernel.code[group.pc as usize].op else {
        unreachable!("only barriers block")
    };
    let lane = group.mask.trailing_zeros() as usize;
    let warp = &mut warps[number];
    let id = warp.registers.narrow(*id)[lane] as usize;
    let threads = threads.map(|slot| warp.registers.narrow(slot)[lane]);
    if id >= env.barriers.len() {
        return Problem::new(CODE, lane, format!("there is no barrier {id}: they are numbered 0 to 15"));
    }
    if threads.is_some_and(|t| t == 0 || !t.is_multiple_of(LANES as u32)) {
        return Problem::new(CODE, lane, format!("a barrier of {threads:?} threads: no positive multiple of 32"));
    }
    let holds = match kind {
        Barrier::Count(p, _) | Barrier::Fold(_, p, _) => warp.holds(*p) & group.mask,
        _ => 0,
    };
    if *kind == Barrier::Arrive {
        // Goes on without waiting.
        warp.blocked.retain(|g| *g != group);
        warp.ready.push(Group { pc: group.pc + 1, mask: group.mask });
    }
    let count = env.warps;
    let state = &mut env.barriers[id];
    if state.arrived.iter().all(|m| *m == 0) {
        *state = State { arrived: vec![0; count], holds: vec![0; count], threads };
    } else if state.threads != threads {
        let message = format!("barrier {id} waits for {:?} threads, this says {threads:?}", state.threads);
        return Problem::new(CODE, lane, message);
    }
    if state.arrived[number] & group.mask != 0 {
        return Problem::new(CODE, lane, format!("a thread arrives at barrier {id} twice"));
    }
    state.arrived[number] |= group.mask;
    state.holds[number] |= holds;
    if complete(env, warps, id) {
        release(env, warps, id);
    }
    Ok(())
}

fn complete(env: &Env<'_>, warps: &[Warp], id: usize) -> bool {
    let state = &env.barriers[id];
    let expected = |warp: &Warp| if env.launch.strictness.exited { warp.all } else { warp.alive };
    match state.threads {
        None => warps.iter().zip(&state.arrived).all(|(w, m)| expected(w) & !m == 0),
        Some(threads) => {
            let arrived: u32 = warps
                .iter()
                .zip(&state.arrived)
                .map(|(w, m)| if *m != 0 && expected(w) & !m == 0 { LANES as u32 } else { m.count_ones() })
                .sum();
            arrived >= threads
        }
    }
}

/// Warps that have exited may complete a barrier (where that is allowed).
pub fn recheck(env: &mut Env<'_>, warps: &mut [Warp]) -> bool {
    let open = |s: &State| s.arrived.iter().any(|m| *m != 0);
    match (0..env.barriers.len()).find(|&id| open(&env.barriers[id]) && complete(env, warps, id)) {
        Some(id) => {
            release(env, warps, id);
            true
        }
        None => false,
    }
}

fn release(env: &mut Env<'_>, warps: &mut [Warp], id: usize) {
    let state = std::mem::take(&mut env.barriers[id]);
    let met: Vec<usize> = (0..warps.len()).filter(|&w| state.arrived[w] != 0).collect();
    env.shared.meet(&met);
    let total: u32 = state.holds.iter().map(|m| m.count_ones()).sum();
    let arrived: u32 = state.arrived.iter().map(|m| m.count_ones()).sum();
    for &number in &met {
        let warp = &mut warps[number];
        for group in std::mem::take(&mut warp.blocked) {
            if group.mask & state.arrived[number] == 0 {
                warp.blocked.push(group);
                continue;
            }
            if let Op::Barrier { kind, .. } = &env.launch.kernel.code[group.pc as usize].op {
                match *kind {
                    Barrier::Count(_, to) => {
                        for lane in lanes(group.mask) {
                            warp.registers.set(to, lane, u64::from(total));
                        }
                    }
                    Barrier::Fold(logic, _, to) => {
                        let holds = if logic == Logic::And { total == arrived } else { total > 0 };
                        warp.set_predicate(to, if holds { u32::MAX } else { 0 }, group.mask);
                    }
                    Barrier::Sync | Barrier::Arrive => {}
                }
            }
            warp.ready.push(Group { pc: group.pc + 1, mask: group.mask });
        }
    }
}

/// The report of a block in which nobody can go on.
pub fn deadlock(env: &Env<'_>, warps: &[Warp]) -> Fault {
    if let Some((warp, group)) = warps.iter().find_map(|w| Some((w, *w.waiting.first()?))) {
        return warp.stuck(env, group);
    }
    let (warp, group) =
        warps.iter().find_map(|w| Some((w, *w.blocked.first()?))).expect("somebody waits, or the block would be done");
    let line = env.launch.kernel.code[group.pc as usize].line;
    let missing: Vec<String> = warps
        .iter()
        .filter_map(|other| {
            let there: u32 = other.blocked.iter().filter(|g| g.pc == group.pc).fold(0, |m, g| m | g.mask);
            let exited = other.all & !other.alive;
            let elsewhere = other.all & !there & !exited;
            let lines: Vec<String> = (other.blocked.iter().filter(|g| g.pc != group.pc))
                .map(|g| env.launch.kernel.code[g.pc as usize].line.to_string())
                .collect();
            match (exited, elsewhere) {
                (0, 0) => None,
                (0, _) => {
                    Some(format!("lanes {elsewhere:#010x} of warp {} wait at line {}", other.number, lines.join(", ")))
                }
                (_, _) => Some(format!("lanes {exited:#010x} of warp {} have exited", other.number)),
            }
        })
        .collect();
    let message = format!("barrier with missing threads: the barrier of line {line} waits; {}", missing.join("; "));
    let lane = group.mask.trailing_zeros() as usize;
    warp.fault(env.launch, env.index, group.pc, Problem { code: CODE, lane, message })
}
