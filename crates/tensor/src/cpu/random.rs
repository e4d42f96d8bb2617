//! Random elements; see [`crate::random`].

use super::Float;
use super::math::Real;
use super::threads::in_pieces;
use crate::ops::Distribution;
use crate::random::{Key, normal_of, unit_f32, unit_f64};

/// Elements of the stream `key`. f64 and normal deviates take two words each, all others one.
pub(crate) fn fill<F: Float>(distribution: Distribution, key: Key, out: &mut [F]) {
    let double = size_of::<F>() == 8;
    match distribution {
        Distribution::Normal { mean, deviation } => {
            pairs(key, out, move |word| F::narrow(F::Wide::of(normal_of(word).mul_add(deviation, mean))));
        }
        Distribution::Uniform { low, high } if double => {
            pairs(key, out, move |word| F::narrow(F::Wide::of(unit_f64(word).mul_add(high - low, low))));
        }
        Distribution::Uniform { low, high } => {
            // In f64 and rounded once; a product that rounds up to `high` is taken back below it for f32.
            let (below, low_wide) = ((high as f32).next_down() as f64, low);
            words(key, out, move |word| {
                let x = (unit_f32(word) as f64).mul_add(high - low, low_wide);
                F::narrow(F::Wide::of(x.min(below)))
            });
        }
        Distribution::Dropout { keep } => {
            let (kept, dropped) = (F::narrow(F::Wide::of(1.0 / keep)), F::narrow(F::Wide::ZERO));
            words(key, out, move |word| if (unit_f32(word) as f64) < keep { kept } else { dropped });
        }
    }
}

fn words<F: Float>(key: Key, out: &mut [F], of: impl Fn(u32) -> F + Send + Sync) {
    in_pieces(out, 4, |from, piece| {
        for (i, four) in piece.chunks_mut(4).enumerate() {
            let block = key.block((from / 4 + i) as u64);
            four.iter_mut().zip(block).for_each(|(o, word)| *o = of(word));
        }
    });
}

fn pairs<F: Float>(key: Key, out: &mut [F], of: impl Fn(u64) -> F + Send + Sync) {
    in_pieces(out, 2, |from, piece| {
        for (i, two) in piece.chunks_mut(2).enumerate() {
            let [a, b, c, d] = key.block((from / 2 + i) as u64);
            let words = [a as u64 | (b as u64) << 32, c as u64 | (d as u64) << 32];
            two.iter_mut().zip(words).for_each(|(o, word)| *o = of(word));
        }
    });
}
