//! Counter-based random numbers: the value of an element depends on its key and its index alone, never on what was drawn before.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). A [`Key`]
//! names a stream by seed, purpose and step; element `i` of the stream is word `i mod 4` of block `i / 4`. So a mask can be made again in
//! a backward pass, on any number of threads and on any device, to the bit. Normal deviates use polynomials of our own choosing
//! evaluated with fused multiply–adds in f64, so that they do not depend on a mathematical library either.

use std::fmt;

use half::{bf16, f16};

use crate::DType;
use crate::ops::Distribution;

/// The name of a stream of random numbers: seed, purpose, step.
///
/// ```
/// use unrolled_tensor::random::Key;
///
/// let key = Key::new(7).purpose("dropout").at(100);
/// assert_eq!(key.word(5), key.word(5));
/// assert_ne!(key.word(5), key.at(101).word(5));
/// assert!((0.0..1.0).contains(&key.uniform(0)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    stream: u64,
    step: u64,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x} at {})", self.stream, self.step)
    }
}

/// The finaliser of SplitMix64: a bijection of 64-bit words that mixes all bits.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Key {
    /// The stream of a seed, at step 0.
    pub const fn new(seed: u64) -> Key {
        Key { stream: mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)), step: 0 }
    }

    /// The stream of this seed for one purpose, for instance a parameter's path. Purposes nest.
    #[must_use]
    pub const fn purpose(self, name: &str) -> Key {
        let mut hash = 0xcbf2_9ce4_8422_2325u64; // FNV-1a
        let bytes = name.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        Key { stream: mix(self.stream ^ mix(hash)), step: self.step }
    }

    /// The same stream at another step.
    #[must_use]
    pub const fn at(self, step: u64) -> Key {
        Key { step, ..self }
    }

    /// The step.
    pub const fn step(self) -> u64 {
        self.step
    }

    /// Seed and purpose as one word: the key of the Philox rounds.
    pub const fn stream(self) -> u64 {
        self.stream
    }

    /// Four words: block `index` of the stream.
    pub const fn block(self, index: u64) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, self.step as u32, (self.step >> 32) as u32];
        philox(counter, [self.stream as u32, (self.stream >> 32) as u32])
    }

    /// 32 random bits: element `index` of the stream.
    pub const fn word(self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// 64 random bits: words `2 index` and `2 index + 1`.
    pub const fn word64(self, index: u64) -> u64 {
        let block = self.block(index / 2);
        let at = (index % 2) as usize * 2;
        block[at] as u64 | (block[at + 1] as u64) << 32
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(self, index: u64) -> f64 {
        unit_f64(self.word64(index))
    }

    /// A standard normal deviate.
    pub fn normal(self, index: u64) -> f64 {
        normal_of(self.word64(index))
    }

    /// Uniform among 0 … `n` − 1 (by the high half of a 64 × 64 bit product; the bias is below n · 2⁻⁶⁴).
    pub fn below(self, index: u64, n: u64) -> u64 {
        ((self.word64(index) as u128 * n as u128) >> 64) as u64
    }

    /// Fisher–Yates: a uniformly random order of `items`.
    pub fn shuffle<T>(self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64, last as u64 + 1) as usize);
        }
    }
}

/// Element `index` of the stream `key` as a tensor of `dtype` (a float) holds it: the definition of [`Tensor::random`](crate::Tensor::random), which
/// every backend meets to the bit. Normal deviates and uniform ones of f64 take 64 bits an element, all others 32. Values are computed in
/// f64 with one fused multiply–add, rounded to f32 unless the dtype is f64, and rounded again to f16 and bf16.
///
/// ```
/// use unrolled_tensor::{ops::Distribution, random::{self, Key}, Device, DType, Tensor};
/// let (key, normal) = (Key::new(9), Distribution::Normal { mean: 1.0, deviation: 2.0 });
/// let x = Tensor::random(normal, key, [10], DType::F32, &Device::cpu());
/// assert_eq!(x.to_f64_vec()[7], random::element(normal, key, 7, DType::F32));
/// ```
pub fn element(distribution: Distribution, key: Key, index: u64, dtype: DType) -> f64 {
    match distribution {
        Distribution::Normal { mean, deviation } => {
            rounded(normal_of(key.word64(index)).mul_add(deviation, mean), dtype)
        }
        Distribution::Uniform { low, high } => {
            let unit = if dtype == DType::F64 { key.uniform(index) } else { unit_f32(key.word(index)) as f64 };
            rounded(unit.mul_add(high - low, low), dtype).min(uniform_cap(low, high, dtype))
        }
        Distribution::Dropout { keep } => {
            if (unit_f32(key.word(index)) as f64) < keep {
                rounded(1.0 / keep, dtype)
            } else {
                0.0
            }
        }
    }
}

/// The largest element of `dtype` that [`Distribution::Uniform`] gives: the last below `high`, to which rounding alone could go up; `low` where
/// there is none between the bounds.
pub fn uniform_cap(low: f64, high: f64, dtype: DType) -> f64 {
    let near = rounded(high, dtype);
    let below = match dtype {
        _ if near < high => near,
        DType::F16 => f16::from_bits(bits_below(f16::from_f64(near).to_bits())).to_f64(),
        DType::BF16 => bf16::from_bits(bits_below(bf16::from_f64(near).to_bits())).to_f64(),
        DType::F32 => (near as f32).next_down() as f64,
        _ => near.next_down(),
    };
    below.max(rounded(low, dtype))
}

fn rounded(x: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F64 => x,
        DType::F32 => x as f32 as f64,
        DType::F16 => f16::from_f32(x as f32).to_f64(),
        DType::BF16 => bf16::from_f32(x as f32).to_f64(),
        other => panic!("random: {other} is not a float dtype"),
    }
}

/// The next float downwards, of the bits of a 16-bit one.
const fn bits_below(bits: u16) -> u16 {
    match bits {
        0x0000 | 0x8000 => 0x8001,
        0x0001..0x8000 => bits - 1,
        _ => bits + 1,
    }
}

/// Uniform in [0, 1) from 32 bits: a multiple of 2⁻²⁴.
pub const fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Uniform in [0, 1) from 64 bits: a multiple of 2⁻⁵³.
pub const fn unit_f64(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// The Philox4x32 bijection with 10 rounds.
pub const fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < PHILOX_ROUNDS {
        counter = philox_round(counter, key);
        key = next_philox_key(key);
        round += 1;
    }
    counter
}

pub(crate) const PHILOX_ROUNDS: usize = 10;

#[inline(always)]
pub(crate) const fn philox_round(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let a = 0xd251_1f53u64 * counter[0] as u64;
    let b = 0xcd9e_8d57u64 * counter[2] as u64;
    [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32]
}

#[inline(always)]
pub(crate) const fn next_philox_key(key: [u32; 2]) -> [u32; 2] {
    [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)]
}

/// A standard normal deviate from 64 random bits, by the inverse of its distribution function: algorithm AS 241, PPND16
/// (Wichura, Applied Statistics 37(3), 1988), relative error about 1e-16.
#[inline(always)]
pub fn normal_of(word: u64) -> f64 {
    // The middle of one of 2⁵² intervals: never 0, never 1/2 exactly, symmetric.
    let p = ((word >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0);
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&CENTRE_NUMERATOR, r) / polynomial(&CENTRE_DENOMINATOR, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-natural_logarithm(tail)).sqrt();
    let magnitude = if r <= 5.0 {
        polynomial(&MIDDLE_NUMERATOR, r - 1.6) / polynomial(&MIDDLE_DENOMINATOR, r - 1.6)
    } else {
        polynomial(&TAIL_NUMERATOR, r - 5.0) / polynomial(&TAIL_DENOMINATOR, r - 5.0)
    };
    magnitude.copysign(q)
}

#[inline(always)]
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().skip(1).fold(coefficients[7], |sum, &c| sum.mul_add(x, c))
}

/// ln x for positive normal x, by 2 artanh((m − 1)/(m + 1)) on a mantissa in [√½, √2).
#[inline(always)]
fn natural_logarithm(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let mut sum = 0.0f64;
    for k in (0..12).rev() {
        sum = sum.mul_add(s2, 1.0 / (2 * k + 1) as f64);
    }
    (exponent as f64).mul_add(std::f64::consts::LN_2, 2.0 * s * sum)
}

const CENTRE_NUMERATOR: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const CENTRE_DENOMINATOR: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const TAIL_NUMERATOR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        // kat_vectors of the Random123 distribution, philox4x32 with 10 rounds.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn normals_invert_the_distribution_function() {
        // Python 3.11, statistics.NormalDist().inv_cdf((k + 0.5) / 2**52).
        for (k, z) in [
            (0u64, -8.209536151601386),
            (1, -8.076571004130123),
            (1048576, -6.230260063289477),
            (1073741824, -5.035405969374734),
            (1099511627776, -3.487104104114309),
            (281474976710656, -1.5341205443525452),
            (1125899906842624, -0.6744897501960814),
            (2251799813697593, 6.871298944157061e-12),
            (3377699720527872, 0.6744897501960821),
            (4362862139015168, 1.862731867421653),
        ] {
            let ours = normal_of(k << 12);
            assert!((ours - z).abs() <= 1e-14 * f64::max(1.0, f64::abs(z)), "{k}: {ours} {z}");
        }
    }

    #[test]
    fn logarithm_agrees_with_the_standard_library() {
        for i in 1..2000 {
            let x = (i as f64 * 0.01).powi(3) * 1e-9;
            assert!((natural_logarithm(x) - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0), "{x}");
        }
    }

    #[test]
    fn a_uniform_element_stays_below_its_upper_bound_in_every_dtype() {
        let key = Key::new(8);
        for dtype in DType::FLOATS {
            for (low, high) in
                [(-0.08, 0.08), (0.0, 1.0), (1.0, 1.0 + 2.0 * dtype.epsilon()), (-1.0, 0.0), (-3.0, -1.0)]
            {
                let drawn = (0..5000).map(|i| element(Distribution::Uniform { low, high }, key, i, dtype));
                let (smallest, largest) =
                    drawn.fold((f64::INFINITY, f64::NEG_INFINITY), |(s, l), x| (s.min(x), l.max(x)));
                assert!(
                    smallest >= rounded(low, dtype) && largest < high,
                    "{dtype} [{low}, {high}): {smallest} {largest}"
                );
            }
            assert_eq!(element(Distribution::Uniform { low: 0.5, high: 0.5 }, key, 0, dtype), 0.5);
        }
    }

    #[test]
    fn moments_of_a_large_sample() {
        let key = Key::new(3).purpose("moments");
        let n = 100_000;
        let (mut mean, mut square, mut fourth) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let z = key.normal(i);
            mean += z / n as f64;
            square += z * z / n as f64;
            fourth += z.powi(4) / n as f64;
        }
        assert!(
            mean.abs() < 0.015 && (square - 1.0).abs() < 0.02 && (fourth - 3.0).abs() < 0.15,
            "{mean} {square} {fourth}"
        );
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_depends_on_the_key() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..50).collect();
            Key::new(seed).shuffle(&mut items);
            items
        };
        let (a, b) = (shuffled(1), shuffled(2));
        assert_ne!(a, b);
        assert_eq!(a, shuffled(1));
        let mut sorted = a;
        sorted.sort();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
