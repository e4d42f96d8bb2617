//! `atom` and `red`.

use super::block::Env;
use super::fault::{ILLEGAL_ADDRESS, MISALIGNED};
use super::shared::{Access, Who};
use super::warp::{Problem, Warp, lanes};
use super::window;
use crate::lanes::half::{Bf16, F16, Small};
use crate::lanes::scalar::canonical;
use crate::ptx::{Address, Fold, Register, Space, Type};

/// An atomic instruction.
pub struct Call {
    pub space: Space,
    pub ty: Type,
    pub fold: Fold,
    pub address: Address,
    pub operand: Register,
    pub other: Option<Register>,
    pub destination: Option<Register>,
}

/// Does this atomic exist for this type?
pub fn exists(fold: Fold, ty: Type) -> bool {
    use Fold::*;
    use Type::*;
    match fold {
        Add => matches!(ty, U32 | S32 | U64 | F32 | F64 | F16 | Bf16 | F16x2 | Bf16x2),
        And | Or | Xor => matches!(ty, B32 | B64),
        Min | Max => matches!(ty, U32 | S32 | U64 | S64),
        Exchange => matches!(ty, B32 | B64),
        CompareAndSwap => matches!(ty, B16 | B32 | B64),
        Increment | Decrement => ty == U32,
    }
}

/// The new value.
pub fn fold(fold: Fold, ty: Type, old: u64, operand: u64, other: u64) -> u64 {
    use Fold::*;
    let narrow = ty.bytes() == 4;
    match (fold, ty) {
        (Add, Type::F32) => u64::from(canonical(f32::from_bits(old as u32) + f32::from_bits(operand as u32)).to_bits()),
        (Add, Type::F64) => (f64::from_bits(old) + f64::from_bits(operand)).to_bits(),
        (Add, Type::F16 | Type::F16x2) => halves::<F16>(old, operand, ty.bytes()),
        (Add, Type::Bf16 | Type::Bf16x2) => halves::<Bf16>(old, operand, ty.bytes()),
        (Add, _) => old.wrapping_add(operand),
        (And, _) => old & operand,
        (Or, _) => old | operand,
        (Xor, _) => old ^ operand,
        (Min, Type::S32) => (old as i32).min(operand as i32) as u32 as u64,
        (Max, Type::S32) => (old as i32).max(operand as i32) as u32 as u64,
        (Min, Type::S64) => (old as i64).min(operand as i64) as u64,
        (Max, Type::S64) => (old as i64).max(operand as i64) as u64,
        (Min, _) if narrow => u64::from((old as u32).min(operand as u32)),
        (Max, _) if narrow => u64::from((old as u32).max(operand as u32)),
        (Min, _) => old.min(operand),
        (Max, _) => old.max(operand),
        (Exchange, _) => operand,
        (CompareAndSwap, _) => {
            if old == operand {
                other
            } else {
                old
            }
        }
        (Increment, _) => {
            if old >= operand {
                0
            } else {
                old + 1
            }
        }
        (Decrement, _) => {
            if old == 0 || old > operand {
                operand
            } else {
                old - 1
            }
        }
    }
}

fn halves<T: Small>(old: u64, operand: u64, bytes: usize) -> u64 {
    let one = |shift: u32| u64::from(T::new((old >> shift) as u16).add(T::new((operand >> shift) as u16)).bits16());
    if bytes == 2 { one(0) } else { one(0) | one(16) << 16 }
}

impl Warp {
    /// Lane after lane, each read and write at once.
    pub fn atomic(&mut self, env: &mut Env<'_>, pc: usize, active: u32, call: &Call) -> Result<(), Problem> {
        let addresses = self.addresses(call.address);
        let bytes = call.ty.bytes();
        let cut = u64::MAX >> (64 - 8 * bytes as u32);
        for lane in lanes(active) {
            let address = addresses[lane];
            if !address.is_multiple_of(bytes as u64) {
                let message = format!("an atomic on {bytes} bytes at {address:#x}, which is no multiple of {bytes}");
                return Problem::new(MISALIGNED, lane, message);
            }
            let operand = self.registers.get(call.operand, lane) & cut;
            let other = call.other.map_or(0, |r| self.registers.get(r, lane) & cut);
            let (space, address) = match call.space {
                Space::Generic => window::resolve(address),
                space => (space, address),
            };
            let old = match space {
                Space::Global | Space::Generic => {
                    let (allocation, offset) = env.global(pc, lane, address, bytes, Access::Atomic)?;
                    env.note_global(lane, address, bytes, allocation, offset, Access::Atomic)?;
                    let old = allocation.load(offset, bytes);
                    allocation.store(offset, bytes, fold(call.fold, call.ty, old, operand, other) & cut);
                    old
                }
                Space::Shared => {
                    let who = Who { warp: self.number, lane };
                    let old = env.shared.load(who, address, bytes, Access::Atomic)?;
                    let new = fold(call.fold, call.ty, old, operand, other) & cut;
                    env.shared.store(who, address, bytes, new, Access::Atomic)?;
                    old
                }
                _ => return Problem::new(ILLEGAL_ADDRESS, lane, "atomics reach global and shared memory alone"),
            };
            if let Some(to) = call.destination {
                self.registers.set(to, lane, old);
            }
        }
        Ok(())
    }
}
