//! From f32 to whole numbers with a common scale.

use crate::cpu::lanes::ROUND;
use crate::cpu::math::vectorised;

/// Where 0 stands among bytes without a sign.
pub(super) const ZERO: u8 = 128;
/// The largest size of a whole number.
const LARGEST: f32 = 127.0;
/// Rows whose largest size is below this are taken for zeros: 127 divided by a smaller one could be infinite.
const SMALLEST: f32 = f32::from_bits((127 - 100) << 23); // 2⁻¹⁰⁰
const SIZE: u32 = 0x7fff_ffff;

/// `whole[i]` becomes 128 + round(x[i] · (127 / m)), to nearest even, m being the largest |x|, and 128 beyond the end of `x`; answers the scale m / 127. A row
/// with a number that is not finite has the scale NaN and zeros.
pub(super) fn quantise(x: &[f32], whole: &mut [u8]) -> f32 {
    // By their bits: sizes are in the order of whole numbers, and infinity and NaN are above all others.
    let largest = vectorised(|| x.iter().fold(0, |largest: u32, x| largest.max(x.to_bits() & SIZE)));
    let m = f32::from_bits(largest);
    if !m.is_finite() || m < SMALLEST {
        whole.fill(ZERO);
        return if m.is_finite() { 0.0 } else { f32::NAN };
    }
    let factor = LARGEST / m;
    let (whole, beyond) = whole.split_at_mut(x.len());
    // The sum's last bits are the whole number.
    vectorised(|| whole.iter_mut().zip(x).for_each(|(q, x)| *q = (x * factor + ROUND).to_bits() as u8 ^ ZERO));
    beyond.fill(ZERO);
    m / LARGEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::gemm::tests::numbers;

    /// By its words, in f64.
    fn definition(x: &[f32]) -> (Vec<i32>, f32) {
        let m = x.iter().fold(0f32, |m, x| m.max(x.abs()));
        let factor = 127.0 / m;
        (x.iter().map(|x| f64::from(x * factor).round_ties_even() as i32).collect(), m / 127.0)
    }

    #[test]
    fn whole_numbers_are_the_nearest_and_the_largest_is_127() {
        for (len, seed) in [(1, 1), (7, 2), (64, 3), (333, 4)] {
            for size in [1e-25f32, 1e-3, 1.0, 1e30] {
                let x: Vec<f32> = numbers(len, seed).iter().map(|x| x * size).collect();
                let (wanted, scale) = definition(&x);
                let mut whole = vec![7; len + 3];
                assert_eq!(quantise(&x, &mut whole), scale);
                let found: Vec<i32> = whole.iter().map(|&q| i32::from(q) - 128).collect();
                assert_eq!(found[..len], wanted);
                assert_eq!(found[len..], [0, 0, 0]);
                assert_eq!(wanted.iter().map(|q| q.abs()).max(), Some(127));
            }
        }
        let mut whole = [0; 5];
        // The factor is 1: halves go to the even side.
        quantise(&[127.0, 0.5, 1.5, -0.5, -2.5], &mut whole);
        assert_eq!(whole.map(|q| i32::from(q) - 128), [127, 0, 2, 0, -2]);
    }

    #[test]
    fn what_cannot_be_scaled_is_zero_or_not_a_number() {
        let mut whole = [0; 3];
        for tiny in [[0.0, -0.0, 0.0], [1e-40, -1e-38, 0.0]] {
            assert_eq!((quantise(&tiny, &mut whole), whole), (0.0, [ZERO; 3]));
        }
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(quantise(&[1.0, x, -2.0], &mut whole).is_nan() && whole == [ZERO; 3], "{x}");
        }
    }
}
