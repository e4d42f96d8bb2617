//! Random elements; the definition is [`crate::random::element`].
//!
//! Eight blocks of the generator are made at once, one to a lane of a vector register. Everything under [`fill_piece`] must be inlined there, since it is
//! compiled twice: for processors with AVX2 and FMA, where a `mul_add` is one instruction, and for others, where it is a call. That is
//! why the distributions are types and not closures. The bits are the same.

use super::Float;
use super::math::Real;
use super::threads::in_pieces;
use crate::DType;
use crate::ops::Distribution;
use crate::random::{Key, PHILOX_ROUNDS, next_philox_key, normal_of, philox_round, uniform_cap, unit_f32, unit_f64};

/// Blocks that are made at once.
const LANES: usize = 8;

/// How an element is made of the words that it takes.
trait Draw<F>: Copy + Send + Sync {
    /// 32-bit words for an element, 1 or 2.
    const WORDS: usize;
    fn draw(self, words: [u32; 2]) -> F;
}

fn word64([low, high]: [u32; 2]) -> u64 {
    low as u64 | (high as u64) << 32
}

#[derive(Clone, Copy)]
struct Normal {
    mean: f64,
    deviation: f64,
}

impl<F: Float> Draw<F> for Normal {
    const WORDS: usize = 2;
    #[inline(always)]
    fn draw(self, words: [u32; 2]) -> F {
        F::narrow(F::Wide::of(normal_of(word64(words)).mul_add(self.deviation, self.mean)))
    }
}

/// From 32 bits, or from 64 for f64.
#[derive(Clone, Copy)]
struct Uniform<F, const WORDS: usize> {
    low: f64,
    span: f64,
    cap: F,
}

impl<F: Float, const WORDS: usize> Draw<F> for Uniform<F, WORDS> {
    const WORDS: usize = WORDS;
    #[inline(always)]
    fn draw(self, words: [u32; 2]) -> F {
        let unit = if WORDS == 2 { unit_f64(word64(words)) } else { unit_f32(words[0]) as f64 };
        let x = F::narrow(F::Wide::of(unit.mul_add(self.span, self.low)));
        if x.widen() > self.cap.widen() { self.cap } else { x }
    }
}

#[derive(Clone, Copy)]
struct Dropout<F> {
    keep: f64,
    kept: F,
    dropped: F,
}

impl<F: Float> Draw<F> for Dropout<F> {
    const WORDS: usize = 1;
    #[inline(always)]
    fn draw(self, words: [u32; 2]) -> F {
        if (unit_f32(words[0]) as f64) < self.keep { self.kept } else { self.dropped }
    }
}

/// Elements of the stream `key`. f64 and normal deviates take two words each, all others one.
pub(crate) fn fill<F: Float>(distribution: Distribution, key: Key, out: &mut [F]) {
    let of = |x: f64| F::narrow(F::Wide::of(x));
    match distribution {
        Distribution::Normal { mean, deviation } => fill_with(key, out, Normal { mean, deviation }),
        Distribution::Uniform { low, high } => {
            let (span, cap) = (high - low, of(uniform_cap(low, high, F::DTYPE)));
            if F::DTYPE == DType::F64 {
                fill_with(key, out, Uniform::<F, 2> { low, span, cap });
            } else {
                fill_with(key, out, Uniform::<F, 1> { low, span, cap });
            }
        }
        Distribution::Dropout { keep } => {
            fill_with(key, out, Dropout { keep, kept: of(1.0 / keep), dropped: of(0.0) });
        }
    }
}

fn fill_with<F: Float, D: Draw<F>>(key: Key, out: &mut [F], draw: D) {
    in_pieces(out, 4 * LANES / D::WORDS, &|from, piece| {
        let first = (from * D::WORDS / 4) as u64;
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma")]
            fn with_fma<F: Float, D: Draw<F>>(key: Key, first: u64, piece: &mut [F], draw: D) {
                fill_piece(key, first, piece, draw);
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                // SAFETY: the processor has AVX2 and FMA.
                return unsafe { with_fma(key, first, piece, draw) };
            }
        }
        fill_piece(key, first, piece, draw);
    });
}

/// The elements from block `first` on.
#[inline(always)]
fn fill_piece<F: Float, D: Draw<F>>(key: Key, first: u64, piece: &mut [F], draw: D) {
    let per_block = 4 / D::WORDS;
    for (i, chunk) in piece.chunks_mut(per_block * LANES).enumerate() {
        let words = blocks(key, first + (i * LANES) as u64);
        for (block, out) in chunk.chunks_mut(per_block).enumerate() {
            for (e, o) in out.iter_mut().enumerate() {
                let at = e * D::WORDS;
                *o = draw.draw([words[at][block], words[at + D::WORDS - 1][block]]);
            }
        }
    }
}

/// Word `w` of block `first + b` of the stream at `[w][b]`.
#[inline(always)]
fn blocks(key: Key, first: u64) -> [[u32; LANES]; 4] {
    let (stream, step) = (key.stream(), key.step());
    let mut words = [[0; LANES], [0; LANES], [step as u32; LANES], [(step >> 32) as u32; LANES]];
    for b in 0..LANES {
        let index = first + b as u64;
        (words[0][b], words[1][b]) = (index as u32, (index >> 32) as u32);
    }
    let mut round_key = [stream as u32, (stream >> 32) as u32];
    for _ in 0..PHILOX_ROUNDS {
        for b in 0..LANES {
            let [w, x, y, z] = philox_round([words[0][b], words[1][b], words[2][b], words[3][b]], round_key);
            (words[0][b], words[1][b], words[2][b], words[3][b]) = (w, x, y, z);
        }
        round_key = next_philox_key(round_key);
    }
    words
}
