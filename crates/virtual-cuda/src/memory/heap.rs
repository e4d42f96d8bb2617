//! The allocations of all devices. Addresses are never used twice and lie 4 KiB apart, so that running off an end and using what
//! was freed are always noticed.

use super::Allocation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes between two allocations.
const GAP: u64 = 4096;

/// All device memory.
#[derive(Debug)]
pub struct Heap {
    live: BTreeMap<u64, Arc<Allocation>>,
    freed: BTreeMap<u64, (usize, usize)>,
    next: Vec<u64>,
    used: Vec<usize>,
    capacity: usize,
    /// Pairs (device, other) where kernels of `device` may reach memory of `other`.
    peers: BTreeSet<(usize, usize)>,
}

/// A place in an allocation.
#[derive(Clone, Debug)]
pub struct Place {
    /// The allocation.
    pub allocation: Arc<Allocation>,
    /// Bytes from its start.
    pub offset: usize,
}

impl Heap {
    /// Memory of `devices` devices with `capacity` bytes each.
    pub fn new(devices: usize, capacity: usize) -> Heap {
        Heap {
            live: BTreeMap::new(),
            freed: BTreeMap::new(),
            next: (0..devices as u64).map(|d| (0x7a + d) << 40).collect(),
            used: vec![0; devices],
            capacity,
            peers: BTreeSet::new(),
        }
    }

    /// New memory, or `None` where the device has too little left.
    pub fn allocate(&mut self, device: usize, len: usize, constant: bool) -> Option<u64> {
        if self.used[device] + len > self.capacity {
            return None;
        }
        let base = self.next[device];
        self.next[device] += (len as u64).next_multiple_of(256) + GAP;
        self.used[device] += len;
        self.live.insert(base, Arc::new(Allocation::new(base, len, device, constant)));
        Some(base)
    }

    /// Give memory back.
    ///
    /// # Errors
    /// Where no live allocation begins there, with the reason.
    pub fn free(&mut self, base: u64) -> Result<(), String> {
        match self.live.remove(&base) {
            Some(allocation) => {
                self.used[allocation.device] -= allocation.len;
                self.freed.insert(base, (allocation.len, allocation.device));
                Ok(())
            }
            None if self.freed.contains_key(&base) => Err(format!("{base:#x} was freed before")),
            None => Err(format!("{base:#x} is not the start of an allocation: {}", self.why(base))),
        }
    }

    /// Let kernels of a device reach the memory of another; false if they could before.
    pub fn add_peer(&mut self, device: usize, other: usize) -> bool {
        self.peers.insert((device, other))
    }

    /// End that; false if they could not.
    pub fn remove_peer(&mut self, device: usize, other: usize) -> bool {
        self.peers.remove(&(device, other))
    }

    /// Bytes allocated on a device.
    pub fn used(&self, device: usize) -> usize {
        self.used[device]
    }

    /// Bytes that each device has.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Live allocations of a device: how many.
    pub fn count(&self, device: usize) -> usize {
        self.live.values().filter(|a| a.device == device).count()
    }

    /// The live allocation that holds an address.
    pub fn containing(&self, address: u64) -> Option<&Arc<Allocation>> {
        let (base, allocation) = self.live.range(..=address).next_back()?;
        (address < base + allocation.len as u64).then_some(allocation)
    }

    /// The allocation of an address, as a kernel of `device` may use it.
    ///
    /// # Errors
    /// Where the address is none of this device, with the reason in words.
    pub fn reach(&self, device: usize, address: u64) -> Result<&Arc<Allocation>, String> {
        match self.containing(address) {
            Some(a) if a.device == device || self.peers.contains(&(device, a.device)) => Ok(a),
            Some(a) => {
                Err(format!("that is memory of device {}, to which device {device} has no peer access", a.device))
            }
            None => Err(self.why(address)),
        }
    }

    /// `len` bytes from `address` on, for a copy.
    ///
    /// # Errors
    /// Where they are not inside one live allocation, with the reason.
    pub fn range(&self, address: u64, len: usize) -> Result<Place, String> {
        let allocation = self.containing(address).ok_or_else(|| self.why(address))?;
        let offset = (address - allocation.base) as usize;
        if offset + len > allocation.len {
            return Err(format!(
                "{len} bytes from {address:#x} run {} past the end of an allocation of {} bytes",
                offset + len - allocation.len,
                allocation.len
            ));
        }
        Ok(Place { allocation: allocation.clone(), offset })
    }

    /// Why an address is no good.
    pub fn why(&self, address: u64) -> String {
        if address < 4096 {
            return "a null pointer".to_string();
        }
        if let Some((base, (len, device))) = self.freed.range(..=address).next_back()
            && address < base + *len as u64
        {
            return format!("use after free: {len} bytes of device {device} that were freed");
        }
        if let Some((base, a)) = self.live.range(..=address).next_back()
            && address - base < a.len as u64 + GAP
        {
            return format!("{} bytes past the end of an allocation of {} bytes", address - base - a.len as u64, a.len);
        }
        if let Some((base, a)) = self.live.range(address..).next()
            && base - address < GAP
        {
            return format!("{} bytes before an allocation of {} bytes", base - address, a.len);
        }
        "no device memory".to_string()
    }
}
