//! What the processor's multiply–add units can do at most, to measure products by.

use std::hint::black_box;
use std::time::Instant;

use super::kernel::{Kernel, kernel};
use super::vector::Vector;

/// Rounds that are tried; the best counts, since a shared machine only ever slows one down.
const ROUNDS: usize = 12;
/// Turns of a round's loop, some 2 ms.
const TURNS: usize = 1 << 18;

/// `turns` times as many independent multiply–adds as a tile has sums.
///
/// # Safety
/// The processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn spin<V: Vector, const N: usize>(turns: usize) -> f32 {
    // SAFETY: the caller's promise; the lanes fit the array.
    unsafe {
        let (x, y) = (V::splat(black_box(0.5)), V::splat(black_box(0.25)));
        let mut sums = [V::splat(0.0); N];
        for _ in 0..turns {
            for i in 0..N {
                sums[i] = x.mul_add(y, sums[i]);
            }
        }
        let mut total = V::splat(0.0);
        for i in 0..N {
            total = total.add(sums[i]);
        }
        let mut lanes = [0f32; 64];
        total.store(lanes.as_mut_ptr());
        lanes[0]
    }
}

/// See [`crate::peak_flops`].
pub(in crate::cpu) fn peak_flops() -> Option<f64> {
    let kernel = kernel()?;
    let round = || rayon::broadcast(|_| rate(kernel)).into_iter().sum();
    Some((0..ROUNDS).map(|_| round()).fold(0.0, f64::max))
}

fn rate(kernel: &Kernel) -> f64 {
    let start = Instant::now();
    // SAFETY: the processor can run the kernel that was chosen for it.
    black_box(unsafe { (kernel.spin)(TURNS) });
    let sums = kernel.rows * kernel.panel;
    2.0 * (TURNS * sums) as f64 / start.elapsed().as_secs_f64()
}
