//! One row's products become logits: the bias is added, the largest is found, and the exponentials are summed.

use std::cell::Cell;

use super::lanes::{Kernel, Kind, Lanes};
use super::math::vectorised;
use super::matmul::Gemm;
use super::rows::{row_max, sum_exp};
use crate::DType;

/// Vectors that are worked on side by side.
const SIDE_BY_SIDE: usize = 4;

struct Logits<'a> {
    z: Cell<&'a mut [f32]>,
    bias: &'a [f32],
    max: Cell<f32>,
}

/// `z += bias`; answers the largest, NaN if any is, and Σ e^(z − largest), 0 where all are −∞.
pub(super) fn become_logits<T: Gemm>(z: &mut [T], bias: &[T]) -> [T; 2] {
    if T::DTYPE == DType::F32 {
        let kernel =
            Logits { z: Cell::new(bytemuck::cast_slice_mut(z)), bias: bytemuck::cast_slice(bias), max: Cell::new(0.0) };
        // SAFETY: the kernel asks for nothing, and the processor has its widest lanes.
        unsafe { Kind::widest().run(&kernel) };
        let max = T::of(kernel.max.get().into());
        let sum = sum_exp::<T>(z, max);
        if !sum.is_nan() {
            return [max, sum];
        }
    } else {
        vectorised(|| z.iter_mut().zip(bias).for_each(|(z, &b)| *z += b));
    }
    let max = row_max::<T>(z);
    // Of −∞ alone the differences would be NaN; that is the answer only where no other tile has more.
    [max, if max == -T::INFINITY { T::ZERO } else { sum_exp::<T>(z, max) }]
}

impl Kernel for Logits<'_> {
    /// The largest of those that are numbers: of others the sum of exponentials will tell.
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let (z, bias) = (self.z.take(), self.bias);
        let n = z.len().min(bias.len());
        let mut largest = [L::splat(f32::NEG_INFINITY); SIDE_BY_SIDE];
        let step = SIDE_BY_SIDE * L::COUNT;
        let whole = n - n % step;
        for at in (0..whole).step_by(step) {
            for v in 0..SIDE_BY_SIDE {
                let at = at + v * L::COUNT;
                // SAFETY: both slices reach to n.
                let sum = unsafe { L::load(z.as_ptr().add(at)).add(L::load(bias.as_ptr().add(at))) };
                // SAFETY: as above.
                unsafe { sum.store(z.as_mut_ptr().add(at)) };
                largest[v] = largest[v].or_larger(sum);
            }
        }
        let all = largest.into_iter().fold(largest[0], |a, b| a.or_larger(b));
        let mut lanes = [0f32; 16];
        // SAFETY: no vector has more than sixteen lanes.
        unsafe { all.store(lanes.as_mut_ptr()) };
        let mut max = lanes[..L::COUNT].iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
        for (z, &b) in z[whole..n].iter_mut().zip(&bias[whole..n]) {
            *z += b;
            max = if *z > max { *z } else { max };
        }
        self.max.set(max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_lanes_adds_and_finds_the_largest() {
        for n in [0, 1, 15, 64, 100, 512] {
            let z: Vec<f32> = (0..n).map(|i| (i * 37 % 101) as f32 - 90.0).collect();
            let bias: Vec<f32> = (0..n).map(|i| (i * 11 % 17) as f32 * -0.5).collect();
            let sums: Vec<f32> = z.iter().zip(&bias).map(|(z, b)| z + b).collect();
            let max = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for kind in Kind::all() {
                let mut z = z.clone();
                let kernel = Logits { z: Cell::new(&mut z), bias: &bias, max: Cell::new(0.0) };
                // SAFETY: the processor has these lanes.
                unsafe { kind.run(&kernel) };
                assert_eq!(kernel.max.get(), max, "{n}");
                assert_eq!(z, sums);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_the_largest_and_masked_words_are_nothing() {
        for at in [0, 63, 64, 70] {
            let with = |x: f32| {
                let mut z = [1f32; 71];
                z[at] = x;
                become_logits(&mut z, &[0.5; 71])[0]
            };
            assert!(with(f32::NAN).is_nan());
            assert_eq!((with(f32::INFINITY), with(f32::NEG_INFINITY), with(4.0)), (f32::INFINITY, 1.5, 4.5));
        }
        assert_eq!(become_logits(&mut [f32::NEG_INFINITY; 80], &[0.0; 80]), [f32::NEG_INFINITY, 0.0]);
        let mut one = [f32::NEG_INFINITY; 80];
        one[70] = 2.0;
        assert_eq!(become_logits(&mut one, &[0.0; 80]), [2.0, 1.0]);
        one[3] = f32::NAN;
        assert!(become_logits(&mut one, &[0.0; 80]).into_iter().all(f32::is_nan));
    }
}
