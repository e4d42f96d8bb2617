//! Races between the blocks of one launch on global memory (off unless asked for).
//!
//! Blocks of a launch have no order. A byte that one block writes and another reads or writes is a race, unless both do it with
//! atomic instructions. A kernel whose last block reads what the others left, behind a fence and an atomic counter, is right and
//! still reported: that is why the watch is a choice.

use std::collections::HashMap;
use std::sync::Mutex;

const SEVERAL: u64 = u64::MAX;

#[derive(Clone, Copy, Default)]
struct Byte {
    /// Block number + 1 of the last plain writer, plain reader, and atomic access.
    writer: u64,
    reader: u64,
    atomic: u64,
}

/// Who touched which byte of global memory during a launch.
#[derive(Default)]
pub struct GlobalRaces(Mutex<HashMap<u64, Byte>>);

impl GlobalRaces {
    /// Note an access of a block; what another block did, where that is a race.
    pub fn note(&self, block: u64, address: u64, bytes: usize, write: bool, atomic: bool) -> Option<String> {
        let me = block + 1;
        let other = |b: u64| b != 0 && b != me;
        let report = |b: u64, what: &str| {
            let who =
                if b == SEVERAL { "other blocks".to_string() } else { format!("block {} (counted linearly)", b - 1) };
            Some(format!("{what} by {who} of the same launch"))
        };
        let mut map = self.0.lock().unwrap_or_else(|e| e.into_inner());
        for at in address..address + bytes as u64 {
            let byte = map.entry(at).or_default();
            if other(byte.writer) {
                return report(byte.writer, "written");
            }
            if (write || atomic) && other(byte.reader) {
                return report(byte.reader, "read");
            }
            if !atomic && other(byte.atomic) {
                return report(byte.atomic, "changed by an atomic");
            }
            match (atomic, write) {
                (true, _) => byte.atomic = me,
                (_, true) => byte.writer = me,
                // Of several readers no one is remembered by name: whoever writes races with at least one of them.
                _ => byte.reader = if other(byte.reader) { SEVERAL } else { me },
            }
        }
        None
    }
}
