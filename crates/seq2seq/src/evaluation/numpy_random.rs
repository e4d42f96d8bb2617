//! NumPy's `default_rng(seed)`: PCG64 (O'Neill 2014, XSL-RR 128/64) seeded by its `SeedSequence`, as far as sacreBLEU draws from it.
//!
//! Ours elsewhere is counter-based; this is here only so that significance tests give sacreBLEU's own p-values.

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// A generator with NumPy's numbers.
///
/// ```
/// use unrolled_seq2seq::evaluation::NumpyRandom;
///
/// // numpy.random.default_rng(12345).choice(7, size=9)
/// let mut random = NumpyRandom::new(12345);
/// assert_eq!([(); 9].map(|()| random.below(7)), [4, 1, 5, 2, 1, 5, 4, 4, 6]);
/// ```
#[derive(Debug, Clone)]
pub struct NumpyRandom {
    state: u128,
    increment: u128,
    /// The upper half of the last 64 bits, where only the lower has been taken.
    half: Option<u32>,
    /// Bits that are left for [`bit`](Self::bit), and how many.
    bits: (u32, u32),
}

impl NumpyRandom {
    /// `numpy.random.default_rng(seed)`.
    pub fn new(seed: u64) -> Self {
        let words = seed_words(seed);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut random = Self { state: 0, increment: wide(words[2], words[3]) << 1 | 1, half: None, bits: (0, 0) };
        random.step();
        random.state = random.state.wrapping_add(wide(words[0], words[1]));
        random.step();
        random
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    /// 64 random bits: `bit_generator.random_raw()`.
    pub fn word64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// 32 random bits: the lower half of 64, then the upper.
    fn word32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let word = self.word64();
        self.half = Some((word >> 32) as u32);
        word as u32
    }

    /// One of 0 to `n` − 1: an element of `choice(n)` or `integers(n)`, by Lemire's method.
    ///
    /// # Panics
    /// Where `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "random: there is no number below 0");
        if n == 1 {
            return 0; // NumPy draws nothing then
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.word32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// True or false: an element of `integers(2, dtype=bool)`. Do not mix with other draws in one array.
    pub fn bit(&mut self) -> bool {
        let (bits, left) = self.bits;
        self.bits = if left == 0 { (self.word32(), 31) } else { (bits >> 1, left - 1) };
        self.bits.0 & 1 != 0
    }
}

/// `SeedSequence(seed).generate_state(4, uint64)`.
fn seed_words(seed: u64) -> [u64; 4] {
    let mut constant: u32 = 0x43b0_d7e5;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ (value >> 16)
    };
    let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0].map(&mut hash);
    for source in 0..4 {
        for target in (0..4).filter(|&target| target != source) {
            let (x, y) = (pool[target], hash(pool[source]));
            let mixed = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
            pool[target] = mixed ^ (mixed >> 16);
        }
    }
    let mut constant: u32 = 0x8b51_f9dd;
    let halves: [u32; 8] = std::array::from_fn(|i| {
        let value = pool[i % 4] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(constant);
        value ^ (value >> 16)
    });
    std::array::from_fn(|i| u64::from(halves[2 * i]) | u64::from(halves[2 * i + 1]) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numpys() {
        let mut random = NumpyRandom::new(12345);
        let words = [(); 4].map(|()| random.word64());
        assert_eq!(words, [4193609425186963869, 5843160025838961886, 14708796524633321433, 12474696839993944336]);
        let mut random = NumpyRandom::new(12345);
        let bits: Vec<u8> = (0..33).map(|_| u8::from(random.bit())).collect();
        assert_eq!(bits[..11], [1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0]);
        assert_eq!(bits[11..22], [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(bits[22..], [1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1]);
    }

    #[test]
    fn one_choice_costs_no_draw() {
        let (mut one, mut other) = (NumpyRandom::new(3), NumpyRandom::new(3));
        assert_eq!(one.below(1), 0);
        assert_eq!(one.below(1000), other.below(1000));
    }
}
