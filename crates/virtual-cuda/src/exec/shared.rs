//! Shared memory of a block, with a watch over who touched what.
//!
//! Each piece (as fine as the kernel's finest access) remembers its last writer and its readers with a time. Time moves on at every
//! barrier; each warp knows up to what time it is ordered after each other warp. Two accesses of different threads, one of them a
//! write, that no barrier orders are a race, whatever order they happened to run in here. Lanes of one warp are ordered by
//! `bar.warp.sync` and by barriers of the block alone: running in lock step is no promise since sm_70.

use super::fault::{ILLEGAL_ADDRESS, LAUNCH_FAILED};
use super::warp::Problem;
use crate::lanes::LANES;
use crate::ptx::{DYNAMIC_SHARED, Kernel};

/// The writer where atomic instructions wrote.
const ATOMIC: u32 = u32::MAX;

#[derive(Clone, Copy, Default)]
struct Cell {
    /// Thread number + 1; 0: nobody.
    writer: u32,
    write_time: u32,
    /// A reader, and all warps that have read since the last ordered access.
    reader: u32,
    read_time: u32,
    read_warps: u32,
    written: bool,
    forbidden: bool,
}

/// Who is asking.
#[derive(Clone, Copy)]
pub struct Who {
    pub warp: usize,
    pub lane: usize,
}

impl Who {
    fn thread(self) -> u32 {
        (self.warp * LANES + self.lane) as u32 + 1
    }
}

/// Kinds of access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Read,
    Write,
    Atomic,
}

/// What is watched.
#[derive(Clone, Copy)]
pub struct Watch {
    pub races: bool,
    pub uninitialised: bool,
}

pub struct Shared {
    fixed: Vec<u8>,
    dynamic: Vec<u8>,
    cells: Vec<Cell>,
    dynamic_cells: usize,
    grain: usize,
    now: u32,
    /// `seen[a][b]`: accesses of warp b before that time are ordered before warp a's next.
    seen: Vec<Vec<u32>>,
    watch: Watch,
}

impl Shared {
    pub fn new(kernel: &Kernel, dynamic: usize, warps: usize, watch: Watch) -> Shared {
        let grain = kernel.shared_grain;
        let fixed = kernel.shared.last().map_or(0, |(offset, size)| offset + size);
        let dynamic_cells = fixed.div_ceil(grain);
        let mut cells = vec![Cell::default(); dynamic_cells + dynamic.div_ceil(grain)];
        let mut gap = 0;
        for &(offset, size) in &kernel.shared {
            for cell in &mut cells[gap / grain..offset / grain] {
                cell.forbidden = true;
            }
            gap = (offset + size).next_multiple_of(grain);
        }
        Shared {
            fixed: vec![0xff; fixed],
            dynamic: vec![0xff; dynamic],
            cells,
            dynamic_cells,
            grain,
            now: 1,
            seen: vec![vec![0; warps]; warps],
            watch,
        }
    }

    /// These warps have met at a barrier.
    pub fn meet(&mut self, warps: &[usize]) {
        self.now += 1;
        let mut joined = vec![0; self.seen.len()];
        for &warp in warps {
            for (j, s) in joined.iter_mut().zip(&self.seen[warp]) {
                *j = (*j).max(*s);
            }
        }
        for &warp in warps {
            joined[warp] = self.now;
        }
        for &warp in warps {
            self.seen[warp].copy_from_slice(&joined);
        }
    }

    /// Bytes and their first cell.
    fn place(&self, lane: usize, address: u64, bytes: usize, access: Access) -> Result<(bool, usize, usize), Problem> {
        let is_dynamic = address >= DYNAMIC_SHARED;
        let (room, base, cells) = if is_dynamic {
            (self.dynamic.len(), DYNAMIC_SHARED, self.dynamic_cells)
        } else {
            (self.fixed.len(), 0, 0)
        };
        let offset = address - base;
        let inside = offset.checked_add(bytes as u64).is_some_and(|end| end <= room as u64);
        if !inside || self.cells[cells + offset as usize / self.grain].forbidden {
            let kind = if is_dynamic { "dynamic" } else { "static" };
            let message = format!(
                "{access:?} of {bytes} bytes of shared memory, out of bounds: {kind} offset {offset:#x} of {room:#x} bytes"
            );
            return Problem::new(ILLEGAL_ADDRESS, lane, message);
        }
        Ok((is_dynamic, offset as usize, cells + offset as usize / self.grain))
    }

    pub fn load(&mut self, who: Who, address: u64, bytes: usize, access: Access) -> Result<u64, Problem> {
        let (is_dynamic, at, cell) = self.place(who.lane, address, bytes, access)?;
        let cells = cell..cell + bytes.div_ceil(self.grain);
        if self.watch.uninitialised && !self.cells[cells.clone()].iter().all(|c| c.written) {
            let message = format!("read of {bytes} uninitialised bytes of shared memory at {address:#x}");
            return Problem::new(LAUNCH_FAILED, who.lane, message);
        }
        // What an atomic reads is watched when it writes.
        if self.watch.races && access == Access::Read {
            for cell in cells {
                self.note_read(cell, who, address)?;
            }
        }
        let from = if is_dynamic { &self.dynamic } else { &self.fixed };
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(&from[at..at + bytes]);
        Ok(u64::from_le_bytes(value))
    }

    pub fn store(&mut self, who: Who, address: u64, bytes: usize, value: u64, access: Access) -> Result<(), Problem> {
        let (is_dynamic, at, cell) = self.place(who.lane, address, bytes, access)?;
        let to = if is_dynamic { &mut self.dynamic } else { &mut self.fixed };
        let new = &value.to_le_bytes()[..bytes];
        // Two threads that write the same value do no harm, and kernels do it.
        let same = to[at..at + bytes] == *new;
        to[at..at + bytes].copy_from_slice(new);
        for cell in cell..cell + bytes.div_ceil(self.grain) {
            if self.watch.races {
                self.note_write(cell, who, address, same && self.cells[cell].written, access)?;
            }
            self.cells[cell].written = true;
        }
        Ok(())
    }

    /// Is an earlier access of `thread` ordered before what `who` does now?
    fn ordered(&self, who: Who, thread: u32, time: u32) -> bool {
        match thread {
            0 => true,
            ATOMIC => self.seen[who.warp].iter().all(|s| time < *s),
            _ => thread == who.thread() || time < self.seen[who.warp][(thread as usize - 1) / LANES],
        }
    }

    fn note_read(&mut self, cell: usize, who: Who, address: u64) -> Result<(), Problem> {
        let c = self.cells[cell];
        if !self.ordered(who, c.writer, c.write_time) {
            return self.race(who, address, "read", "write", c.writer);
        }
        let bit = 1 << who.warp;
        let fresh = self.readers_ordered(who, &c);
        let c = &mut self.cells[cell];
        if fresh {
            c.read_warps = bit;
            c.reader = who.thread();
        } else {
            c.read_warps |= bit;
            if c.reader != who.thread() {
                // More than one: whoever writes next without a barrier races with at least one of them.
                c.reader = ATOMIC;
            }
        }
        c.read_time = self.now;
        Ok(())
    }

    fn readers_ordered(&self, who: Who, c: &Cell) -> bool {
        super::warp::lanes(c.read_warps).all(|warp| c.read_time < self.seen[who.warp][warp])
    }

    fn note_write(&mut self, cell: usize, who: Who, address: u64, same: bool, access: Access) -> Result<(), Problem> {
        let c = self.cells[cell];
        let both_atomic = access == Access::Atomic && c.writer == ATOMIC;
        if !same && !both_atomic && !self.ordered(who, c.writer, c.write_time) {
            return self.race(who, address, "write", "write", c.writer);
        }
        if access != Access::Atomic && c.reader != who.thread() && !self.readers_ordered(who, &c) {
            return self.race(who, address, "write", "read", c.reader);
        }
        let c = &mut self.cells[cell];
        c.writer = if access == Access::Atomic { ATOMIC } else { who.thread() };
        c.write_time = self.now;
        Ok(())
    }

    fn race(&self, who: Who, address: u64, this: &str, that: &str, other: u32) -> Result<(), Problem> {
        let other = if other == ATOMIC { "several threads".to_string() } else { format!("thread {}", other - 1) };
        let message = format!(
            "race in shared memory: this {this} of {address:#x} and the {that} of it by {other} have no barrier between them"
        );
        Problem::new(LAUNCH_FAILED, who.lane, message)
    }
}
