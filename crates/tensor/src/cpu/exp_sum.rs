//! Σ e^(x − max) of a row of f32, which a softmax over a large vocabulary spends its time on.

use std::cell::Cell;

use super::lanes::{Kernel, Kind, Lanes};
use super::lstm::squash::exp_of_negative_normal;

/// Sums that run side by side, whatever the vectors' width: the order depends on the row's length alone.
const SIDE_BY_SIDE: usize = 16;

struct ExpSum<'a> {
    x: &'a [f32],
    max: f32,
    sum: Cell<f32>,
}

/// Σ e^(x − max) for the largest x, `max`. Where a difference is below −87.3 its exponential counts as e^−87.3, which is nothing beside the largest's 1. NaN where any x
/// is, or `max` is infinite.
pub(super) fn exp_sum(x: &[f32], max: f32) -> f32 {
    let kernel = ExpSum { x, max, sum: Cell::new(0.0) };
    // SAFETY: the kernel asks for nothing, and the processor has its widest lanes.
    unsafe { Kind::widest().run(&kernel) };
    kernel.sum.get()
}

impl Kernel for ExpSum<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let mut sums = [L::splat(0.0); SIDE_BY_SIDE / 4];
        let max = L::splat(self.max);
        let mut chunks = self.x.chunks_exact(SIDE_BY_SIDE);
        for chunk in &mut chunks {
            // SAFETY: a chunk is as long as all sums together.
            unsafe { add::<L>(&mut sums, chunk.as_ptr(), max) };
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            // e^−∞ is 0.
            let mut padded = [f32::NEG_INFINITY; SIDE_BY_SIDE];
            padded[..rest.len()].copy_from_slice(rest);
            // SAFETY: as above.
            unsafe { add::<L>(&mut sums, padded.as_ptr(), max) };
        }
        let mut all = [0f32; SIDE_BY_SIDE];
        for v in 0..SIDE_BY_SIDE / L::COUNT {
            // SAFETY: the vectors together are as long as the array.
            unsafe { sums[v].store(all.as_mut_ptr().add(v * L::COUNT)) };
        }
        self.sum.set(all.into_iter().fold(0.0, |a, b| a + b));
    }
}

/// # Safety
/// `SIDE_BY_SIDE` elements at `x` can be read.
#[inline(always)]
unsafe fn add<L: Lanes>(sums: &mut [L; SIDE_BY_SIDE / 4], x: *const f32, max: L) {
    for v in 0..SIDE_BY_SIDE / L::COUNT {
        // SAFETY: the caller's promise.
        let x = unsafe { L::load(x.add(v * L::COUNT)) };
        sums[v] = sums[v].add(exp_of_negative_normal(x.sub(max)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_each_kind(x: &[f32], max: f32) -> Vec<f32> {
        let sum = |kind: &Kind| {
            let kernel = ExpSum { x, max, sum: Cell::new(0.0) };
            // SAFETY: the processor has these lanes.
            unsafe { kind.run(&kernel) };
            kernel.sum.get()
        };
        Kind::all().iter().map(sum).collect()
    }

    #[test]
    fn every_kind_of_lanes_gives_the_same_bits_near_the_truth() {
        for n in [0, 1, 15, 16, 17, 33, 512, 1000] {
            let x: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 * 0.93 - 93.0).collect();
            let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let truth: f64 = x.iter().map(|&x| f64::from(x - max).exp()).sum();
            let found = by_each_kind(&x, max);
            assert!(found.iter().all(|sum| *sum == exp_sum(&x, max)), "{n}: {found:?}");
            assert!((f64::from(found[0]) - truth).abs() <= 2e-6 * truth, "{n}: {} {truth}", found[0]);
        }
        let inf = f32::INFINITY;
        for (x, max) in [([0.0, f32::NAN], 0.0), ([1.0, inf], inf), ([-inf; 2], -inf)] {
            assert!(by_each_kind(&x, max).iter().all(|sum| sum.is_nan()), "{x:?}");
        }
        assert_eq!(exp_sum(&[2.0, f32::NEG_INFINITY], 2.0), 1.0);
    }
}
