//! Where the small state spaces lie among the generic addresses: far from every allocation.

use crate::ptx::Space;

/// Generic address of the first byte of shared memory.
pub const SHARED: u64 = 0x6000_0000_0000_0000;
/// Of local memory.
pub const LOCAL: u64 = 0x6100_0000_0000_0000;
/// Of the kernel's parameters.
pub const PARAM: u64 = 0x6200_0000_0000_0000;

/// The space of a generic address, and the address in it.
#[inline]
pub fn resolve(address: u64) -> (Space, u64) {
    match address >> 56 {
        0x60 => (Space::Shared, address - SHARED),
        0x61 => (Space::Local, address - LOCAL),
        0x62 => (Space::Param, address - PARAM),
        _ => (Space::Global, address),
    }
}
