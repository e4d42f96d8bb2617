//! The form that runs. Every operand is a place in the warp's register file: immediates and special registers have places too,
//! filled when the warp starts.

use super::{Space, Special, Type};
use crate::lanes::{LaneFn, Mods};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a register's 32 values begin in the warp's register file, counted in 32-bit words.
pub type Slot = u32;

/// A register: 32 values of 4 bytes (which hold the 16-bit ones too) or of 8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// Its place.
    pub slot: Slot,
    /// Its declared width in bytes: 2, 4 or 8.
    pub bytes: u8,
}

impl Register {
    /// Does it take 64 bits a lane?
    pub fn is_wide(self) -> bool {
        self.bytes == 8
    }
}

/// A predicate register, or its opposite. Numbers 0 and 1 are the constants false and true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predicate {
    /// Which one.
    pub index: u16,
    /// Is its opposite meant?
    pub negate: bool,
}

/// `[base + offset]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// Register that holds the base.
    pub base: Option<Register>,
    /// Constant bytes to add.
    pub offset: i64,
}

/// How `setp` joins its comparison with a third predicate; also the logic of predicates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Logic {
    And,
    Or,
    Xor,
}

/// What an atomic instruction, `red` or `redux` does with the old value and its operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Fold {
    Add,
    And,
    Or,
    Xor,
    Min,
    Max,
    Exchange,
    CompareAndSwap,
    Increment,
    Decrement,
}

/// Which lane `shfl` reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What `vote` answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// What `bar` does besides waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barrier {
    /// `bar.sync`.
    Sync,
    /// `bar.arrive`: does not wait.
    Arrive,
    /// `bar.red.popc`: how many threads' predicates hold.
    Count(Predicate, Register),
    /// `bar.red.and` and `.or`: whether all (any) do.
    Fold(Logic, Predicate, u16),
}

/// A 32- or 64-bit sum or product with a carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carry {
    /// `add`, `sub` or `mad`.
    pub kind: CarryKind,
    /// Does it add the carry of the last one?
    pub reads: bool,
    /// Does it leave a carry?
    pub writes: bool,
    /// Operands; a sum has two.
    pub sources: [Slot; 3],
    /// Result.
    pub destination: Register,
    /// Signed products (`.hi` alone differs).
    pub signed: bool,
}

/// Which sum a [`Carry`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are PTX's own")]
pub enum CarryKind {
    Add,
    Sub,
    MadLo,
    MadHi,
}

/// What an instruction does.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the operands, in PTX's words")]
pub enum Op {
    /// A function of up to four registers into one.
    Compute { function: LaneFn, sources: [Slot; 4], destination: Slot, wide: bool, mods: Mods },
    /// A function whose results 0 and 1 become predicates, joined with another where asked.
    Test {
        function: LaneFn,
        sources: [Slot; 4],
        mods: Mods,
        joined: Option<(Logic, Predicate)>,
        holds: Option<u16>,
        fails: Option<u16>,
    },
    /// Logic of predicates; a move has `b` = true and And.
    Predicates { logic: Logic, a: Predicate, b: Predicate, destination: u16 },
    /// `selp`.
    Select { if_true: Slot, if_false: Slot, predicate: Predicate, destination: Slot, wide: bool },
    /// The low 32 bits of a 64-bit register (PTX lets a wide register stand for a narrow operand).
    Narrow { source: Slot, destination: Slot },
    /// `mov.b64 d, {a, b}`: registers of `bits` side by side.
    Join { parts: Vec<Register>, bits: u32, destination: Register },
    /// `mov.b64 {a, b}, d`.
    Split { source: Register, bits: u32, parts: Vec<Option<Register>> },
    /// Sums with a carry.
    Carry(Carry),
    /// A clock.
    Clock { destination: Register },
    /// `ld`.
    Load { space: Space, ty: Type, address: Address, destinations: Vec<Option<Register>> },
    /// `st`.
    Store { space: Space, ty: Type, address: Address, sources: Vec<Register> },
    /// `atom` and `red`. `other` is the new value of a compare-and-swap.
    Atomic {
        space: Space,
        ty: Type,
        fold: Fold,
        address: Address,
        operand: Register,
        other: Option<Register>,
        destination: Option<Register>,
    },
    /// `cp.async`: global to shared memory, zeros past `source_bytes`. Done when it is reached.
    CopyAsync { shared: Address, global: Address, bytes: u32, source_bytes: Option<Register> },
    /// `bra`.
    Branch { target: u32 },
    /// `ret` of a kernel, `exit`.
    Exit,
    /// `trap`.
    Trap,
    /// A failed `assert` of the kernel.
    AssertFail,
    /// `bar` and `barrier`.
    Barrier { kind: Barrier, id: Slot, threads: Option<Slot>, aligned: bool },
    /// `bar.warp.sync`.
    WarpSync { members: Slot },
    /// `shfl.sync`.
    Shuffle {
        mode: Shuffle,
        source: Slot,
        lane: Slot,
        clamp: Slot,
        members: Slot,
        destination: Slot,
        valid: Option<u16>,
    },
    /// `vote.sync`; the ballot goes to a register, the others to a predicate.
    Vote { mode: Vote, source: Predicate, members: Slot, ballot: Option<Slot>, holds: Option<u16> },
    /// `match.any.sync`, `match.all.sync`.
    Match { all: bool, source: Register, members: Slot, destination: Slot, holds: Option<u16> },
    /// `redux.sync`.
    Redux { fold: Fold, signed: bool, source: Slot, members: Slot, destination: Slot },
    /// `activemask`.
    ActiveMask { destination: Slot },
    /// `elect`-free fences, prefetches and hints: nothing happens.
    Nothing,
}

impl Op {
    /// The lanes that must arrive together, as a register that holds their mask; `None` where lanes need not wait.
    pub fn members(&self) -> Option<Slot> {
        match self {
            Op::WarpSync { members }
            | Op::Shuffle { members, .. }
            | Op::Vote { members, .. }
            | Op::Match { members, .. }
            | Op::Redux { members, .. } => Some(*members),
            _ => None,
        }
    }
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// The lanes for which it does it: all where absent.
    pub guard: Option<Predicate>,
    /// Its line in the text.
    pub line: u32,
}

/// A kernel, ready to run.
#[derive(Debug)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Instructions.
    pub code: Vec<Instruction>,
    /// For each instruction, its rank when lanes have diverged: lower runs first.
    pub order: Vec<u32>,
    /// Offset and size of each parameter.
    pub parameters: Vec<(usize, usize)>,
    /// Register file as a warp finds it: all ones, and the immediates.
    pub template: Vec<u32>,
    /// Places of 64-bit constants that hold the address of a global variable: place, variable, offset.
    pub relocations: Vec<(Slot, usize, i64)>,
    /// Places of special registers.
    pub specials: Vec<(Slot, Special)>,
    /// Predicate registers, the two constants included.
    pub predicates: usize,
    /// Bytes of local memory a thread.
    pub local_bytes: usize,
    /// Static shared variables: first byte and length. Gaps between them belong to nobody.
    pub shared: Vec<(usize, usize)>,
    /// The finest access to shared memory, in bytes: races are watched in pieces of that size.
    pub shared_grain: usize,
    /// Does it use atomic instructions on global memory (its blocks then run one after the other)?
    pub global_atomics: bool,
    /// `.maxntid` or `.reqntid`: threads a block may have.
    pub max_threads: Option<u32>,
    /// 32-bit registers a thread (as an answer to questions about occupancy, not a promise of ptxas).
    pub registers: usize,
    /// The whole text that it came from, for messages.
    pub source: Arc<str>,
}

impl Kernel {
    /// Bytes that the parameters take.
    pub fn parameter_bytes(&self) -> usize {
        self.parameters.last().map_or(0, |(offset, size)| offset + size)
    }

    /// Bytes of static shared memory, gaps not counted.
    pub fn static_shared(&self) -> usize {
        self.shared.iter().map(|(_, size)| size).sum()
    }

    /// The text of a line.
    pub fn line(&self, line: u32) -> &str {
        self.source.lines().nth(line.saturating_sub(1) as usize).unwrap_or("").trim()
    }
}

/// A `.global` or `.const` variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Global {
    /// Its name.
    pub name: String,
    /// Its bytes at the start; `None` where the text gives none (memory is then undefined for `.shared`, zero for these).
    pub bytes: Vec<u8>,
    /// Is it `.const`?
    pub constant: bool,
}

/// A module: what `cuModuleLoadData` makes of a text.
#[derive(Debug)]
pub struct Module {
    /// Kernels by name.
    pub kernels: BTreeMap<String, Arc<Kernel>>,
    /// Variables.
    pub globals: Vec<Global>,
    /// `.target`, for instance 80.
    pub target: u32,
    /// `.version`, for instance (8, 0).
    pub version: (u32, u32),
}
