//! The instructions of single lanes that touch no memory.

use super::block::Env;
use super::fault::{ASSERT, LAUNCH_FAILED};
use super::warp::{Problem, Warp, lanes};
use crate::lanes::{LANES, LaneFn, Mods, Sources};
use crate::ptx::{Carry, CarryKind, Instruction, Logic, Op, Register, Slot};

/// Room for the results of one instruction.
#[repr(align(64))]
struct Scratch([u32; 2 * LANES]);

impl Warp {
    /// Execute an instruction for the lanes of `active`.
    #[inline(always)]
    pub fn step(
        &mut self,
        env: &mut Env<'_>,
        instruction: &Instruction,
        pc: usize,
        active: u32,
    ) -> Result<(), Problem> {
        match &instruction.op {
            Op::Compute { function, sources, destination, wide, mods } => {
                let out = self.call(*function, sources, *mods);
                if *wide {
                    // SAFETY: the scratch holds 64 words and is aligned to 64 bytes: 32 values of 8 bytes.
                    let values = unsafe { &*(&raw const out.0).cast::<[u64; LANES]>() };
                    self.registers.blend64(*destination, values, active);
                } else {
                    let values = out.0[..LANES].try_into().expect("32 values");
                    self.registers.blend32(*destination, values, active);
                }
            }
            Op::Load { space, ty, address, destinations } => {
                self.load(env, pc, active, *space, *ty, *address, destinations)?;
            }
            Op::Store { space, ty, address, sources } => {
                self.store(env, pc, active, *space, *ty, *address, sources)?;
            }
            Op::Test { function, sources, mods, joined, holds, fails } => {
                let out = self.call(*function, sources, *mods);
                let mask = (0..LANES).fold(0, |m, lane| m | (out.0[lane] & 1) << lane);
                let (mut yes, mut no) = (mask, !mask);
                if let Some((logic, predicate)) = joined {
                    let other = self.holds(*predicate);
                    (yes, no) = (combine(*logic, yes, other), combine(*logic, no, other));
                }
                if let Some(index) = holds {
                    self.set_predicate(*index, yes, active);
                }
                if let Some(index) = fails {
                    self.set_predicate(*index, no, active);
                }
            }
            op => self.rare(env, op, pc, active)?,
        }
        Ok(())
    }

    #[inline(always)]
    fn call(&self, function: LaneFn, sources: &[Slot; 4], mods: Mods) -> Scratch {
        let mut out = Scratch([0; 2 * LANES]);
        let pointers: Sources = sources.map(|s| self.registers.pointer(s));
        // SAFETY: the decoder gave the row's function places of the widths that it names, inside the register file, and the scratch
        // has room for 32 values of either width and overlaps no register. `choose` took no copy that this processor cannot run.
        unsafe { function(pointers, out.0.as_mut_ptr(), mods) };
        out
    }

    fn rare(&mut self, env: &mut Env<'_>, op: &Op, pc: usize, active: u32) -> Result<(), Problem> {
        let first = active.trailing_zeros() as usize;
        match op {
            Op::Select { if_true, if_false, predicate, destination, wide } => {
                let mask = self.holds(*predicate);
                let pick = |lane: usize| mask >> lane & 1 == 1;
                if *wide {
                    let (a, b) = (*self.registers.wide(*if_true), *self.registers.wide(*if_false));
                    let out = std::array::from_fn(|l| if pick(l) { a[l] } else { b[l] });
                    self.registers.blend64(*destination, &out, active);
                } else {
                    let (a, b) = (*self.registers.narrow(*if_true), *self.registers.narrow(*if_false));
                    let out = std::array::from_fn(|l| if pick(l) { a[l] } else { b[l] });
                    self.registers.blend32(*destination, &out, active);
                }
            }
            Op::Predicates { logic, a, b, destination } => {
                let value = combine(*logic, self.holds(*a), self.holds(*b));
                self.set_predicate(*destination, value, active);
            }
            Op::Narrow { source, destination } => {
                let out = self.registers.wide(*source).map(|v| v as u32);
                self.registers.blend32(*destination, &out, active);
            }
            Op::Join { parts, bits, destination } => {
                for lane in lanes(active) {
                    let value =
                        (parts.iter().rev()).fold(0, |v, p| v << bits | self.registers.get(*p, lane) & low(*bits));
                    self.registers.set(*destination, lane, value);
                }
            }
            Op::Split { source, bits, parts } => {
                for lane in lanes(active) {
                    let value = self.registers.get(*source, lane);
                    for (i, part) in parts.iter().enumerate() {
                        if let Some(part) = part {
                            self.registers.set(*part, lane, value >> (i as u32 * bits) & low(*bits));
                        }
                    }
                }
            }
            Op::Carry(carry) => self.carry(carry, active),
            Op::Clock { destination } => {
                for lane in lanes(active) {
                    self.registers.set(*destination, lane, self.executed);
                }
            }
            Op::Atomic { space, ty, fold, address, operand, other, destination } => {
                let call = super::atomic::Call {
                    space: *space,
                    ty: *ty,
                    fold: *fold,
                    address: *address,
                    operand: *operand,
                    other: *other,
                    destination: *destination,
                };
                self.atomic(env, pc, active, &call)?;
            }
            Op::CopyAsync { shared, global, bytes, source_bytes } => {
                self.copy_async(env, pc, active, *shared, *global, *bytes as usize, *source_bytes)?;
            }
            Op::ActiveMask { destination } => {
                self.registers.blend32(*destination, &[active; LANES], active);
            }
            Op::Trap => return Problem::new(LAUNCH_FAILED, first, "trap"),
            Op::AssertFail => return Problem::new(ASSERT, first, "an assertion of the kernel does not hold"),
            Op::Nothing => {}
            _ => unreachable!("the loop executes what moves lanes"),
        }
        Ok(())
    }

    fn carry(&mut self, carry: &Carry, active: u32) {
        let bits = 8 * u32::from(carry.destination.bytes);
        let [a, b, c] = carry.sources.map(|slot| Register { slot, bytes: carry.destination.bytes });
        for lane in lanes(active) {
            let (x, y) = (self.registers.get(a, lane), self.registers.get(b, lane));
            let carried = u128::from(carry.reads && self.carry >> lane & 1 == 1);
            let sign = |v: u64| if bits == 64 { v as i64 as i128 } else { v as u32 as i32 as i128 };
            let product = || {
                let whole = if carry.signed { (sign(x) * sign(y)) as u128 } else { u128::from(x) * u128::from(y) };
                let half = if carry.kind == CarryKind::MadHi { whole >> bits } else { whole };
                half & u128::from(low(bits))
            };
            let (value, carries) = match carry.kind {
                CarryKind::Sub => {
                    let subtract = u128::from(y) + carried;
                    ((u128::from(x)).wrapping_sub(subtract), u128::from(x) < subtract)
                }
                CarryKind::Add => {
                    let sum = u128::from(x) + u128::from(y) + carried;
                    (sum, sum >> bits != 0)
                }
                CarryKind::MadLo | CarryKind::MadHi => {
                    let sum = product() + u128::from(self.registers.get(c, lane)) + carried;
                    (sum, sum >> bits != 0)
                }
            };
            self.registers.set(carry.destination, lane, value as u64);
            if carry.writes {
                self.carry = self.carry & !(1 << lane) | u32::from(carries) << lane;
            }
        }
    }
}

fn low(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

fn combine(logic: Logic, a: u32, b: u32) -> u32 {
    match logic {
        Logic::And => a & b,
        Logic::Or => a | b,
        Logic::Xor => a ^ b,
    }
}
