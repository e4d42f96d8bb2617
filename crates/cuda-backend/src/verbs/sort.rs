//! A stable sort of u32 keys on the device: what deterministic scattering and long lists of the largest are made of.

use std::sync::Arc;

use unrolled_tensor::{DType, Result};

use crate::gpu::Gpu;
use crate::kernels::BLOCK;
use crate::storage::{Buffer, Pointer};

/// Bits that a pass sorts by.
const BITS: u32 = 8;
/// Keys of a tile; kernels/sort.cu has the same.
const TILE: u32 = 2048;

/// Keys in ascending order, and what went along with each.
#[derive(Debug)]
pub(crate) struct Sorted {
    pub keys: Buffer,
    pub order: Buffer,
}

/// How many bits a key below `bound` may have.
pub(crate) fn bits_below(bound: usize) -> u32 {
    usize::BITS - bound.saturating_sub(1).leading_zeros()
}

/// Sorts `n` keys by their lowest `bits` bits; equal keys keep their order. Along with each goes its element of `order`, or its place where there is
/// none.
///
/// # Panics
/// Where there is nothing to sort.
pub(crate) fn sort(gpu: &Arc<Gpu>, keys: Pointer, order: Option<Pointer>, n: u32, bits: u32) -> Result<Sorted> {
    assert!(n > 0, "a sort of no keys");
    let tiles = n.div_ceil(TILE);
    let (mut from, mut along) = (keys, order.unwrap_or(Pointer::NULL));
    let mut sorted = None;
    for pass in 0..bits.div_ceil(BITS).max(1) {
        let (shift, numbers) = (pass * BITS, (1 << BITS) * tiles);
        let counts = gpu.empty(numbers as usize + 1, DType::U32)?;
        let made = Sorted { keys: gpu.empty(n as usize, DType::U32)?, order: gpu.empty(n as usize, DType::U32)? };
        let (grid, block) = ([tiles, 1, 1], [BLOCK, 1, 1]);
        gpu.launch("sort", "sort_count", grid, block, 0, &[&counts.start(), &from, &n, &shift])?;
        scan(gpu, counts.start(), numbers)?;
        let (to, with) = (made.keys.start(), made.order.start());
        gpu.launch("sort", "sort_move", grid, block, 0, &[&to, &with, &from, &along, &counts.start(), &n, &shift])?;
        (from, along) = (to, with);
        // The pass before is read by work that is queued already.
        sorted = Some(made);
    }
    Ok(sorted.expect("there is at least one pass"))
}

/// Each of `n` numbers becomes the sum of those before it; the sum of all goes behind them.
pub(crate) fn scan(gpu: &Gpu, numbers: Pointer, n: u32) -> Result<()> {
    gpu.launch("sort", "sort_scan", [1; 3], [BLOCK, 1, 1], 0, &[&numbers, &n])
}

#[cfg(test)]
mod tests {
    use super::bits_below;

    #[test]
    fn bits_that_keys_may_have() {
        for (bound, bits) in [(0, 0), (1, 0), (2, 1), (3, 2), (256, 8), (257, 9), (1 << 32, 32)] {
            assert_eq!(bits_below(bound), bits, "{bound}");
        }
    }
}
