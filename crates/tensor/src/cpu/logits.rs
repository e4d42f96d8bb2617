//! One row's products become logits: the bias is added, the largest are found, and the exponentials are summed.

use std::cell::Cell;

use super::lanes::{Kernel, Kind, Lanes};
use super::math::vectorised;
use super::matmul::Gemm;
use super::rows::{row_max, sum_exp};
use crate::DType;

/// A row's places i, i + `PARTS`, … are its part i, of which the largest is known: the k best lie in at most k of them.
pub(super) const PARTS: usize = 64;

/// What a pass over logits tells.
pub(super) struct Seen<T> {
    /// The largest of each part, [`PARTS`] apart; NaN if any is, and −∞ of none.
    pub largest: [T; PARTS],
    /// The largest of all.
    pub max: T,
    /// Σ e^(z − max); 0 where all are −∞.
    pub sum: T,
}

struct Logits<'a> {
    z: Cell<&'a mut [f32]>,
    bias: &'a [f32],
    largest: Cell<[f32; PARTS]>,
}

/// `z += bias`; answers what the pass tells of the logits.
pub(super) fn become_logits<T: Gemm>(z: &mut [T], bias: &[T]) -> Seen<T> {
    if T::DTYPE == DType::F32 {
        let (bias, largest) = (bytemuck::cast_slice(bias), Cell::new([f32::NEG_INFINITY; PARTS]));
        let kernel = Logits { z: Cell::new(bytemuck::cast_slice_mut(z)), bias, largest };
        // SAFETY: the kernel asks for nothing, and the processor has its widest lanes.
        unsafe { Kind::widest().run(&kernel) };
        let largest: [T; PARTS] = bytemuck::cast(kernel.largest.get());
        let max = of_all(largest);
        let sum = sum_exp::<T>(z, max);
        if !sum.is_nan() {
            return Seen { largest, max, sum };
        }
    } else {
        vectorised(|| z.iter_mut().zip(bias).for_each(|(z, &b)| *z += b));
    }
    let mut largest = [-T::INFINITY; PARTS];
    for z in z.chunks(PARTS) {
        largest.iter_mut().zip(z).for_each(|(largest, &z)| *largest = z.maximum(*largest));
    }
    let max = row_max::<T>(z);
    // Of −∞ alone the differences would be NaN; that is the answer only where no other tile has more.
    Seen { largest, max, sum: if max == -T::INFINITY { T::ZERO } else { sum_exp::<T>(z, max) } }
}

/// The largest of numbers, half of them against the other half at a time.
#[inline(always)]
fn of_all<T: Gemm>(mut z: [T; PARTS]) -> T {
    vectorised(|| {
        let mut half = PARTS / 2;
        while half > 0 {
            let (low, high) = z.split_at_mut(half);
            low.iter_mut().zip(high).for_each(|(low, high)| *low = if *high > *low { *high } else { *low });
            half /= 2;
        }
    });
    z[0]
}

impl Kernel for Logits<'_> {
    /// The largest of those that are numbers: of others the sum of exponentials will tell.
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let (z, bias) = (self.z.take(), self.bias);
        let n = z.len().min(bias.len());
        let whole = n - n % PARTS;
        let mut all = [f32::NEG_INFINITY; PARTS];
        // As many registers as a vector of sixteen needs; of narrower ones the parts are gone through in turn.
        for first in (0..PARTS).step_by(4 * L::COUNT) {
            let mut largest = [L::splat(f32::NEG_INFINITY); 4];
            for at in (first..whole).step_by(PARTS) {
                for v in 0..4 {
                    let at = at + v * L::COUNT;
                    // SAFETY: both slices reach to n.
                    let sum = unsafe { L::load(z.as_ptr().add(at)).add(L::load(bias.as_ptr().add(at))) };
                    // SAFETY: as above.
                    unsafe { sum.store(z.as_mut_ptr().add(at)) };
                    largest[v] = largest[v].or_larger(sum);
                }
            }
            for v in 0..4 {
                // SAFETY: the parts are a multiple of four vectors.
                unsafe { largest[v].store(all.as_mut_ptr().add(first + v * L::COUNT)) };
            }
        }
        for ((z, &b), largest) in z[whole..n].iter_mut().zip(&bias[whole..n]).zip(&mut all) {
            *z += b;
            *largest = if *z > *largest { *z } else { *largest };
        }
        self.largest.set(all);
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
            let of_part =
                |part: usize| sums.iter().skip(part).step_by(PARTS).copied().fold(f32::NEG_INFINITY, f32::max);
            let expected: [f32; PARTS] = std::array::from_fn(of_part);
            for kind in Kind::all() {
                let mut z = z.clone();
                let kernel = Logits { z: Cell::new(&mut z), bias: &bias, largest: Cell::new([0.0; PARTS]) };
                // SAFETY: the processor has these lanes.
                unsafe { kind.run(&kernel) };
                assert_eq!(kernel.largest.get(), expected, "{n}");
                assert_eq!(z, sums);
            }
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let seen = [
                become_logits(&mut z.clone(), &bias).largest.map(f64::from),
                become_logits(&mut wide(&z), &wide(&bias)).largest,
            ];
            assert_eq!(seen, [expected.map(f64::from); 2]);
        }
    }

    #[test]
    fn what_is_not_a_number_is_the_largest_and_masked_words_are_nothing() {
        let seen = |z: &mut [f32], bias: f32| {
            let seen = become_logits(z, &vec![bias; z.len()]);
            (seen.max, seen.sum)
        };
        for at in [0, 63, 64, 70] {
            let with = |x: f32| {
                let mut z = [1f32; 71];
                z[at] = x;
                become_logits(&mut z, &[0.5; 71])
            };
            let nan = with(f32::NAN);
            assert!(nan.max.is_nan() && nan.sum.is_nan() && nan.largest[at % PARTS].is_nan());
            let max = |x: f32| with(x).max;
            assert_eq!((max(f32::INFINITY), max(f32::NEG_INFINITY), max(4.0)), (f32::INFINITY, 1.5, 4.5));
        }
        let mut one = [f32::NEG_INFINITY; 80];
        assert_eq!(seen(&mut one, 0.0), (f32::NEG_INFINITY, 0.0));
        one[70] = 2.0;
        assert_eq!(seen(&mut one, 0.5), (2.5, 1.0));
    }
}
