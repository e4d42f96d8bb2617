//! Counter-based random draws: each is a pure function of the seed, the pair's index and the draw's number.

/// The draws of one pair.
///
/// Draw `n` is `mix(mix(mix(seed + G) + G·index) + G·n)`, where `G` is 2⁶⁴ over the golden ratio and `mix` is the finaliser of
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). No state is carried from one
/// pair to the next, so any pair can be made alone, in any order and on any thread.
#[derive(Clone, Debug)]
pub struct Draws {
    key: u64,
    count: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection whose every output bit depends on every input bit.
pub const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Draws {
    /// The draws of pair `index` under `seed`.
    pub const fn new(seed: u64, index: u64) -> Self {
        let key = mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(GOLDEN.wrapping_mul(index)));
        Self { key, count: 0 }
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.count += 1;
        mix(self.key.wrapping_add(GOLDEN.wrapping_mul(self.count)))
    }

    /// A number below `bound`; the bias of the multiplication is below `bound` / 2⁶⁴.
    ///
    /// # Panics
    /// Where `bound` is 0.
    #[track_caller]
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "nothing lies below 0");
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// One of `choices`, each as often as its weight says.
    ///
    /// # Panics
    /// Where the weights add up to 0.
    #[track_caller]
    pub fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        for &(weight, choice) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        unreachable!("a draw below the sum of the weights falls into one of them")
    }

    /// One of the items of an iterator that can be run twice.
    ///
    /// # Panics
    /// Where it is empty.
    #[track_caller]
    pub fn among<T>(&mut self, mut items: impl Iterator<Item = T> + Clone) -> T {
        let count = items.clone().count();
        assert!(count > 0, "there is nothing to choose from");
        items.nth(self.below(count)).unwrap_or_else(|| unreachable!("the draw is below the count"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_index_and_number_alone() {
        let mut first = Draws::new(1, 2);
        let drawn: Vec<u64> = (0..4).map(|_| first.bits()).collect();
        let mut again = Draws::new(1, 2);
        assert_eq!(drawn, (0..4).map(|_| again.bits()).collect::<Vec<_>>());
        assert_ne!(drawn[0], Draws::new(1, 3).bits());
        assert_ne!(drawn[0], Draws::new(2, 2).bits());
        assert_ne!(drawn[0], drawn[1]);
    }

    #[test]
    fn weights_are_kept() {
        let mut counts = [0usize; 3];
        for index in 0..6000 {
            counts[Draws::new(7, index).weighted(&[(1, 0), (2, 1), (3, 2)])] += 1;
        }
        for (count, expected) in counts.into_iter().zip([1000, 2000, 3000]) {
            assert!(count.abs_diff(expected) < 150, "{counts:?}");
        }
    }
}
