//! What the lanes of a warp do together: shuffles, votes, matches, reductions.

use super::block::Env;
use super::fault::LAUNCH_FAILED;
use super::warp::{Lanes32, Problem, Warp, lanes};
use crate::lanes::LANES;
use crate::ptx::{Fold, Instruction, Op, Shuffle, Vote};

/// The lane that `lane` reads, and whether that is in its segment (PTX ISA, `shfl.sync`).
fn source_lane(mode: Shuffle, lane: usize, b: u32, c: u32) -> (usize, bool) {
    let (b, clamp, segment) = (b as i64 & 31, i64::from(c & 31), i64::from(c >> 8 & 31));
    let lane = lane as i64;
    let max = lane & segment | clamp & !segment;
    let min = lane & segment;
    let (from, inside) = match mode {
        Shuffle::Up => (lane - b, lane - b >= max),
        Shuffle::Down => (lane + b, lane + b <= max),
        Shuffle::Butterfly => (lane ^ b, lane ^ b <= max),
        Shuffle::Index => {
            let from = min | b & !segment;
            (from, from <= max)
        }
    };
    if inside { (from as usize, true) } else { (lane as usize, false) }
}

impl Warp {
    /// Execute for the lanes of `here`, which are all that take part.
    pub fn step_together(&mut self, env: &mut Env<'_>, instruction: &Instruction, here: u32) -> Result<(), Problem> {
        match &instruction.op {
            Op::WarpSync { .. } => env.shared.meet(&[self.number]),
            Op::Shuffle { mode, source, lane, clamp, destination, valid, .. } => {
                let values = *self.registers.narrow(*source);
                let (from, clamp) = (*self.registers.narrow(*lane), *self.registers.narrow(*clamp));
                let (mut out, mut inside): (Lanes32, u32) = (values, 0);
                for lane in lanes(here) {
                    let (other, ok) = source_lane(*mode, lane, from[lane], clamp[lane]);
                    if here >> other & 1 == 0 {
                        let message = format!("shuffle out of range: it reads lane {other}, which does not take part");
                        return Problem::new(LAUNCH_FAILED, lane, message);
                    }
                    out[lane] = values[other];
                    inside |= u32::from(ok) << lane;
                }
                self.registers.blend32(*destination, &out, here);
                if let Some(index) = valid {
                    self.set_predicate(*index, inside, here);
                }
            }
            Op::Vote { mode, source, ballot, holds, .. } => {
                let votes = self.holds(*source) & here;
                let answer = match mode {
                    Vote::All => votes == here,
                    Vote::Any => votes != 0,
                    Vote::Uniform => votes == 0 || votes == here,
                    Vote::Ballot => false,
                };
                if let Some(slot) = ballot {
                    self.registers.blend32(*slot, &[votes; LANES], here);
                }
                if let Some(index) = holds {
                    self.set_predicate(*index, if answer { u32::MAX } else { 0 }, here);
                }
            }
            Op::Match { all, source, destination, holds, .. } => {
                let value = |lane: usize| self.registers.get(*source, lane);
                let same = |lane: usize| lanes(here).filter(|l| value(*l) == value(lane)).fold(0u32, |m, l| m | 1 << l);
                let first = same(here.trailing_zeros() as usize);
                let mut out = [0; LANES];
                for lane in lanes(here) {
                    out[lane] = match all {
                        false => same(lane),
                        true if first == here => here,
                        true => 0,
                    };
                }
                self.registers.blend32(*destination, &out, here);
                if let Some(index) = holds {
                    self.set_predicate(*index, if first == here { u32::MAX } else { 0 }, here);
                }
            }
            Op::Redux { fold, signed, source, destination, .. } => {
                let values = *self.registers.narrow(*source);
                let ty = if *signed { crate::ptx::Type::S32 } else { crate::ptx::Type::U32 };
                let result = lanes(here)
                    .map(|lane| values[lane])
                    .reduce(|a, b| redux(*fold, ty, a, b))
                    .expect("at least one lane executes");
                self.registers.blend32(*destination, &[result; LANES], here);
            }
            _ => unreachable!("the others do not wait for lanes"),
        }
        Ok(())
    }
}

fn redux(fold: Fold, ty: crate::ptx::Type, a: u32, b: u32) -> u32 {
    super::atomic::fold(fold, ty, u64::from(a), u64::from(b), 0) as u32
}
