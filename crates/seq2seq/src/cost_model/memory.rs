//! Memory while the clock runs: a value's room is taken when it begins to be made or received, and given back after its last reader on that device.

use crate::schedule::{Bytes, Graph, Memory};

/// What each device holds now, and what it held at its fullest.
pub(super) struct Meter {
    now: Vec<Bytes>,
    peak: Vec<Bytes>,
}

impl Meter {
    pub(super) fn new(graph: &Graph, devices: usize) -> Meter {
        let mut now = graph.resident();
        now.resize(devices, Bytes::default());
        Meter { peak: now.clone(), now }
    }

    pub(super) fn take(&mut self, device: usize, memory: Memory, bytes: u64) {
        self.now[device] += (memory, bytes);
        if self.now[device].total() > self.peak[device].total() {
            self.peak[device] = self.now[device];
        }
    }

    pub(super) fn give_back(&mut self, device: usize, memory: Memory, bytes: u64) {
        self.now[device] -= (memory, bytes);
    }

    /// The peaks; and what is left at the end, which must be what stays for ever.
    pub(super) fn finish(self) -> (Vec<Bytes>, Vec<Bytes>) {
        (self.peak, self.now)
    }
}
