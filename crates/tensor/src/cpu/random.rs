//! Random elements; the definition is [`crate::random::element`].

use super::Float;
use super::math::Real;
use super::threads::in_pieces;
use crate::DType;
use crate::ops::Distribution;
use crate::random::{Key, normal_of, uniform_cap, unit_f32, unit_f64};

/// Elements of the stream `key`. f64 and normal deviates take two words each, all others one.
pub(crate) fn fill<F: Float>(distribution: Distribution, key: Key, out: &mut [F]) {
    let dtype = F::DTYPE;
    match distribution {
        Distribution::Normal { mean, deviation } => {
            pairs(key, out, move |word| F::narrow(F::Wide::of(normal_of(word).mul_add(deviation, mean))));
        }
        Distribution::Uniform { low, high } => {
            let (span, cap) = (high - low, F::Wide::of(uniform_cap(low, high, dtype)));
            let capped = move |x: f64| {
                let x = F::narrow(F::Wide::of(x));
                if x.widen() > cap { F::narrow(cap) } else { x }
            };
            if dtype == DType::F64 {
                pairs(key, out, move |word| capped(unit_f64(word).mul_add(span, low)));
            } else {
                words(key, out, move |word| capped((unit_f32(word) as f64).mul_add(span, low)));
            }
        }
        Distribution::Dropout { keep } => {
            let (kept, dropped) = (F::narrow(F::Wide::of(1.0 / keep)), F::narrow(F::Wide::ZERO));
            words(key, out, move |word| if (unit_f32(word) as f64) < keep { kept } else { dropped });
        }
    }
}

fn words<F: Float>(key: Key, out: &mut [F], of: impl Fn(u32) -> F + Send + Sync) {
    in_pieces(out, 4, &|from, piece| {
        for (i, four) in piece.chunks_mut(4).enumerate() {
            let block = key.block((from / 4 + i) as u64);
            four.iter_mut().zip(block).for_each(|(o, word)| *o = of(word));
        }
    });
}

fn pairs<F: Float>(key: Key, out: &mut [F], of: impl Fn(u64) -> F + Send + Sync) {
    in_pieces(out, 2, &|from, piece| {
        for (i, two) in piece.chunks_mut(2).enumerate() {
            let [a, b, c, d] = key.block((from / 2 + i) as u64);
            let words = [a as u64 | (b as u64) << 32, c as u64 | (d as u64) << 32];
            two.iter_mut().zip(words).for_each(|(o, word)| *o = of(word));
        }
    });
}
