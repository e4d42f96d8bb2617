//! The form that runs. Every operand is a place in the warp's register file: immediates and special registers have places too,
//! filled when the warp starts.

use super::{Space, Type};
use crate::lanes::{LaneFn, Mods};

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
