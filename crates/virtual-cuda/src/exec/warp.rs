//! A warp: 32 lanes with one register file, and the groups into which they have parted.

use super::local::Local;
use super::{Launch, fault::Fault};
use crate::lanes::LANES;
use crate::ptx::{Address, Predicate, Register, Slot, Special};

/// The values of one 32-bit register.
pub type Lanes32 = [u32; LANES];
/// The values of one 64-bit register.
pub type Lanes64 = [u64; LANES];

/// What a lane did wrong; [`Fault`] adds where.
#[derive(Debug)]
pub struct Problem {
    pub code: u32,
    pub lane: usize,
    pub message: String,
}

impl Problem {
    pub fn new<T>(code: u32, lane: usize, message: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { code, lane, message: message.into() })
    }
}

/// Lanes that stand at the same instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub pc: u32,
    pub mask: u32,
}

/// The register file. A slot counts 32-bit words; slots are multiples of 32, so that 64-bit registers are aligned.
pub struct Registers(Box<[u64]>);

impl Registers {
    fn new(template: &[u32]) -> Registers {
        Registers(template.chunks_exact(2).map(|w| u64::from(w[1]) << 32 | u64::from(w[0])).collect())
    }

    #[inline(always)]
    pub fn pointer(&self, slot: Slot) -> *const u32 {
        debug_assert!((slot as usize + LANES).div_ceil(2) <= self.0.len());
        self.0.as_ptr().cast::<u32>().wrapping_add(slot as usize)
    }

    #[inline(always)]
    pub fn narrow(&self, slot: Slot) -> &Lanes32 {
        assert!(slot as usize + LANES <= 2 * self.0.len());
        // SAFETY: inside the file (checked); u32 has no alignment that u64 lacks.
        unsafe { &*self.pointer(slot).cast() }
    }

    #[inline(always)]
    pub fn wide(&self, slot: Slot) -> &Lanes64 {
        self.0[slot as usize / 2..][..LANES].try_into().expect("32 values")
    }

    #[inline(always)]
    pub fn narrow_mut(&mut self, slot: Slot) -> &mut Lanes32 {
        assert!(slot as usize + LANES <= 2 * self.0.len());
        // SAFETY: inside the file (checked), borrowed mutably through `self`.
        unsafe { &mut *self.0.as_mut_ptr().cast::<u32>().add(slot as usize).cast() }
    }

    #[inline(always)]
    pub fn wide_mut(&mut self, slot: Slot) -> &mut Lanes64 {
        (&mut self.0[slot as usize / 2..][..LANES]).try_into().expect("32 values")
    }

    /// One lane of a register, zero-extended.
    #[inline(always)]
    pub fn get(&self, register: Register, lane: usize) -> u64 {
        if register.is_wide() { self.wide(register.slot)[lane] } else { u64::from(self.narrow(register.slot)[lane]) }
    }

    /// Set one lane, cut to the register's width.
    #[inline(always)]
    pub fn set(&mut self, register: Register, lane: usize, value: u64) {
        match register.bytes {
            8 => self.wide_mut(register.slot)[lane] = value,
            2 => self.narrow_mut(register.slot)[lane] = value as u32 & 0xffff,
            _ => self.narrow_mut(register.slot)[lane] = value as u32,
        }
    }

    /// Set the lanes of a mask.
    #[inline(always)]
    pub fn blend32(&mut self, slot: Slot, values: &Lanes32, mask: u32) {
        let to = self.narrow_mut(slot);
        if mask == u32::MAX {
            *to = *values;
        } else {
            for lane in 0..LANES {
                to[lane] = if mask >> lane & 1 == 1 { values[lane] } else { to[lane] };
            }
        }
    }

    /// Set the lanes of a mask.
    #[inline(always)]
    pub fn blend64(&mut self, slot: Slot, values: &Lanes64, mask: u32) {
        let to = self.wide_mut(slot);
        if mask == u32::MAX {
            *to = *values;
        } else {
            for lane in 0..LANES {
                to[lane] = if mask >> lane & 1 == 1 { values[lane] } else { to[lane] };
            }
        }
    }
}

/// A warp.
pub struct Warp {
    /// Which of its block.
    pub number: usize,
    pub registers: Registers,
    /// One bit a lane.
    pub predicates: Vec<u32>,
    pub carry: u32,
    /// Lanes that have a thread.
    pub all: u32,
    /// Lanes that have not exited.
    pub alive: u32,
    /// Groups that can run.
    pub ready: Vec<Group>,
    /// Groups that wait at an instruction for other lanes of the warp.
    pub waiting: Vec<Group>,
    /// Groups that wait at a barrier of the block.
    pub blocked: Vec<Group>,
    /// Barriers reached since the block last looked.
    pub arrivals: Vec<Group>,
    pub local: Local,
    /// Instructions executed.
    pub executed: u64,
    block: [u32; 3],
}

/// The lanes of a mask, in order.
#[inline(always)]
pub fn lanes(mask: u32) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        (left != 0).then(|| {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            lane
        })
    })
}

impl Warp {
    pub fn new(launch: &Launch<'_>, template: &[u32], index: [u32; 3], number: usize, threads: usize) -> Warp {
        let count = (threads - number * LANES).min(LANES);
        let all = u32::MAX >> (LANES - count);
        let mut warp = Warp {
            number,
            registers: Registers::new(template),
            predicates: vec![0; launch.kernel.predicates],
            carry: 0,
            all,
            alive: all,
            ready: vec![Group { pc: 0, mask: all }],
            waiting: Vec::new(),
            blocked: Vec::new(),
            arrivals: Vec::new(),
            local: Local::new(launch.kernel.local_bytes),
            executed: 0,
            block: launch.block,
        };
        warp.predicates[1] = u32::MAX;
        for &(slot, special) in &launch.kernel.specials {
            let warps = threads.div_ceil(LANES);
            for lane in 0..LANES {
                let thread = warp.thread(lane);
                let below = (1u64 << lane) - 1;
                let value = match special {
                    Special::Tid(axis) => thread[usize::from(axis)],
                    Special::Ntid(axis) => launch.block[usize::from(axis)],
                    Special::Ctaid(axis) => index[usize::from(axis)],
                    Special::Nctaid(axis) => launch.grid[usize::from(axis)],
                    Special::Lane => lane as u32,
                    Special::Warp => number as u32,
                    Special::Warps => warps as u32,
                    Special::MaskEq => 1 << lane,
                    Special::MaskLt => below as u32,
                    Special::MaskLe => (2 * below + 1) as u32,
                    Special::MaskGt => !(2 * below + 1) as u32,
                    Special::MaskGe => !below as u32,
                    Special::DynamicShared => launch.dynamic_shared as u32,
                    Special::TotalShared => (launch.dynamic_shared + launch.kernel.static_shared()) as u32,
                    Special::Zero | Special::Clock => 0,
                };
                warp.registers.narrow_mut(slot)[lane] = value;
            }
        }
        warp
    }

    /// The thread of a lane.
    pub fn thread(&self, lane: usize) -> [u32; 3] {
        let linear = (self.number * LANES + lane) as u32;
        let [x, y, _] = self.block;
        [linear % x, linear / x % y, linear / (x * y)]
    }

    /// The lanes for which a predicate holds.
    #[inline(always)]
    pub fn holds(&self, predicate: Predicate) -> u32 {
        let mask = self.predicates[usize::from(predicate.index)];
        if predicate.negate { !mask } else { mask }
    }

    /// Set a predicate for the lanes of a mask.
    #[inline(always)]
    pub fn set_predicate(&mut self, index: u16, value: u32, mask: u32) {
        let to = &mut self.predicates[usize::from(index)];
        *to = *to & !mask | value & mask;
    }

    /// The address in each lane.
    #[inline(always)]
    pub fn addresses(&self, address: Address) -> Lanes64 {
        let offset = address.offset as u64;
        match address.base {
            None => [offset; LANES],
            Some(base) if base.is_wide() => self.registers.wide(base.slot).map(|a| a.wrapping_add(offset)),
            Some(base) => self.registers.narrow(base.slot).map(|a| u64::from(a.wrapping_add(offset as u32))),
        }
    }

    pub fn is_done(&self) -> bool {
        self.alive == 0
    }

    pub fn fault(&self, launch: &Launch<'_>, index: [u32; 3], pc: u32, problem: Problem) -> Fault {
        let line = launch.kernel.code[pc as usize].line;
        Fault::new(problem.code, launch.kernel, line, index, self.thread(problem.lane), problem.message)
    }
}
