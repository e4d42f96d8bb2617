//! Kernels and modules: instructions and what they need around them.

use super::{Op, Predicate, Slot, Special};
use std::collections::BTreeMap;
use std::sync::Arc;

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
