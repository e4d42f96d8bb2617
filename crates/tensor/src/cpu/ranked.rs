//! The k best of a row, found while its logits pass.

use std::cmp::Ordering;

use super::logits::PARTS;
use super::math::vectorised;
use super::matmul::Gemm;

/// So many places are gone through by exchanges, without a branch; of more, the place is searched for.
const EXCHANGED: usize = 32;

/// A number and a word in one: of two, the larger belongs to the larger number, and of equal numbers to the smaller word. What is not a number is above all
/// that is.
pub(crate) trait Ranked: Gemm {
    type Rank: Copy + Ord + Send + Sync + std::fmt::Debug;
    /// Below all others.
    const LEAST: Self::Rank;

    fn rank(self, word: u32) -> Self::Rank;
    /// The number, without the sign of a zero, and the word; −∞ of the least rank.
    fn of_rank(rank: Self::Rank) -> (Self, u32);
}

macro_rules! ranked {
    ($float:ty, $bits:ty, $rank:ty) => {
        impl Ranked for $float {
            type Rank = $rank;
            const LEAST: $rank = (<$bits>::MIN as $rank) << 32;

            #[inline(always)]
            fn rank(self, word: u32) -> $rank {
                // Equal zeros get equal bits. A negative number's bits but for its sign are turned, for the larger ones to be lower.
                let bits = (self + 0.0).to_bits() as $bits;
                let order =
                    if self.is_nan() { <$bits>::MAX } else { bits ^ (bits >> (<$bits>::BITS - 1) & <$bits>::MAX) };
                <$rank>::from(order) << 32 | <$rank>::from(!word)
            }

            fn of_rank(rank: $rank) -> (Self, u32) {
                let order = (rank >> 32) as $bits;
                let bits = order ^ (order >> (<$bits>::BITS - 1) & <$bits>::MAX);
                (if order == <$bits>::MIN { Self::NEG_INFINITY } else { Self::from_bits(bits as _) }, !(rank as u32))
            }
        }
    };
}
ranked!(f32, i32, i64);
ranked!(f64, i64, i128);

/// Whether `u` comes before `v`, if they differ.
#[inline(always)]
fn larger<T: Gemm>(u: T, v: T) -> bool {
    u > v || (u.is_nan() && !v.is_nan())
}

/// The best so far, best first; the least rank where there is nothing yet.
pub(super) struct Best<T: Ranked> {
    ranks: Vec<T::Rank>,
    /// What is less is not among them: the number of the last, or more where so many are known to come.
    worst: T,
}

impl<T: Ranked> Best<T> {
    /// Of `k`, at least 1.
    pub fn new(k: usize) -> Best<T> {
        Best { ranks: vec![T::LEAST; k], worst: T::of_rank(T::LEAST).0 }
    }

    /// Takes from the logits `z` of the words from `first` on, of each of whose [`PARTS`] the largest is given, what is among the best so far.
    pub fn offer(&mut self, z: &[T], first: usize, largest: &[T; PARTS]) {
        self.foresee(largest);
        // Most parts have nothing to offer, and a look at all of them at once is cheap.
        let worst = self.worst;
        let mut may = vectorised(|| {
            largest.iter().zip(0..).fold(0, |may, (&largest, part)| may | u64::from(!larger(worst, largest)) << part)
        });
        while may != 0 {
            let part = may.trailing_zeros() as usize;
            may &= may - 1;
            if larger(self.worst, largest[part]) {
                continue;
            }
            for (i, &z) in z.iter().enumerate().skip(part).step_by(PARTS) {
                if !larger(self.worst, z) {
                    self.insert(z.rank((first + i) as u32));
                }
            }
        }
    }

    /// Each part has one logit as large as its largest, so the k-th of these is at most the k-th of all: where nothing is known yet, that spares most
    /// logits their place among the best so far.
    fn foresee(&mut self, largest: &[T; PARTS]) {
        let k = self.ranks.len();
        if k > PARTS || self.ranks.last() != Some(&T::LEAST) || largest.iter().any(|z| z.is_nan()) {
            return;
        }
        let mut sorted = *largest;
        let (_, kth, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.partial_cmp(a).unwrap_or(Ordering::Equal));
        self.worst = if larger(*kth, self.worst) { *kth } else { self.worst };
    }

    fn insert(&mut self, mut rank: T::Rank) {
        if self.ranks.len() <= EXCHANGED {
            for place in &mut self.ranks {
                (*place, rank) = (rank.max(*place), rank.min(*place));
            }
        } else {
            let place = self.ranks.partition_point(|&better| better > rank);
            if place < self.ranks.len() {
                self.ranks[place..].rotate_right(1);
                self.ranks[place] = rank;
            }
        }
        if let Some(&last) = self.ranks.last() {
            let last = T::of_rank(last).0;
            self.worst = if larger(last, self.worst) { last } else { self.worst };
        }
    }

    /// The numbers and their words, best first.
    pub fn found(&self) -> impl Iterator<Item = (T, u32)> {
        self.ranks.iter().map(|&rank| T::of_rank(rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::math::Real;
    use crate::random::Key;

    #[test]
    fn ranks_are_in_the_order_of_numbers_then_words() {
        fn check<T: Ranked + std::fmt::Debug>(ascending: &[T]) {
            for pair in ascending.windows(2) {
                assert!(pair[0].rank(0) < pair[1].rank(9), "{pair:?}");
            }
            for &x in ascending {
                assert!(x.rank(4) > x.rank(5) && x.rank(0) > T::LEAST);
                let (back, word) = T::of_rank(x.rank(7));
                assert!(word == 7 && (back == x || back.is_nan() && x.is_nan()), "{x:?} {back:?}");
            }
        }
        let inf = f32::INFINITY;
        check(&[-inf, f32::MIN, -1.0, -1e-40, 0.0, 1e-40, 1.0, f32::MAX, inf, f32::NAN]);
        let inf = f64::INFINITY;
        check(&[-inf, f64::MIN, -1.0, -1e-310, 0.0, 1e-310, 1.0, f64::MAX, inf, f64::NAN]);
        assert_eq!([f32::of_rank(f32::LEAST).0, f64::of_rank(f64::LEAST).0 as f32], [f32::NEG_INFINITY; 2]);
        assert_eq!((-0.0f32).rank(3), 0.0f32.rank(3));
    }

    /// Of a row of 630, in tiles of which the last is shorter than some k.
    fn are_those_of_a_sort(z: impl Fn(u64) -> f32) {
        let z: Vec<f32> = (0..630).map(z).collect();
        let mut sorted: Vec<(f32, u32)> = z.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let bits = |(z, word): (f32, u32)| (if z.is_nan() { f32::NAN } else { z }.to_bits(), word);
        for k in [1, 12, 32, 33, PARTS, PARTS + 1, 100] {
            for order in [[0, 1, 2, 3, 4, 5, 6], [6, 2, 0, 5, 1, 4, 3]] {
                let mut best = Best::new(k);
                for tile in order {
                    let z = &z[tile * 100..z.len().min(tile * 100 + 100)];
                    let part =
                        |part| z.iter().skip(part).step_by(PARTS).fold(f32::NEG_INFINITY, |a, &b| Real::maximum(b, a));
                    best.offer(z, tile * 100, &std::array::from_fn(part));
                }
                let found: Vec<_> = best.found().map(bits).collect();
                assert_eq!(found, sorted[..k].iter().copied().map(bits).collect::<Vec<_>>(), "{k} of {order:?}");
            }
        }
    }

    #[test]
    fn the_best_are_those_of_a_sort_whatever_comes_first() {
        let any = |i: u64| (Key::new(3).word(i) % 97) as f32;
        // With many equal ones.
        are_those_of_a_sort(any);
        are_those_of_a_sort(|i| i as f32);
        are_those_of_a_sort(|i| -1.0 - i as f32);
        are_those_of_a_sort(|i| if any(i) < 90.0 { f32::NEG_INFINITY } else { any(i) });
        are_those_of_a_sort(|i| if i % 90 == 7 { f32::NAN } else { any(i) });
        are_those_of_a_sort(|i| if i % 90 == 7 { f32::INFINITY } else { f32::NEG_INFINITY });
    }
}
