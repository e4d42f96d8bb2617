//! Which pairs are dropped, and why.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::wording::counted;

/// How many pairs were dropped, each counted under the first reason that holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// With a side without words.
    pub empty: u64,
    /// With a side below the shortest length.
    pub too_short: u64,
    /// With a side above the longest length.
    pub too_long: u64,
    /// With sides of too different lengths.
    pub ratio: u64,
    /// Seen before.
    pub duplicate: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.in_order().iter().sum()
    }

    pub(super) fn in_order(&self) -> [u64; 5] {
        [self.empty, self.too_short, self.too_long, self.ratio, self.duplicate]
    }

    pub(super) fn of([empty, too_short, too_long, ratio, duplicate]: [u64; 5]) -> Self {
        Self { empty, too_short, too_long, ratio, duplicate }
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        let (mut sum, other) = (self.in_order(), other.in_order());
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum = sum.saturating_add(other));
        *self = Self::of(sum);
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { empty, too_short, too_long, ratio, duplicate } = self;
        let (pairs, duplicates) = (counted(self.total(), "pair"), counted(*duplicate, "duplicate"));
        write!(
            f,
            "{pairs} dropped: {empty} with an empty side, {too_short} too short, {too_long} too long, {ratio} by the ratio of lengths, {duplicates}"
        )
    }
}

/// The rules that look at one pair alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    shortest: usize,
    longest: usize,
    ratio: f64,
}

impl Rules {
    pub fn of(settings: &Settings) -> Rules {
        let ratio = if settings.max_ratio == 0.0 { f64::INFINITY } else { settings.max_ratio };
        Rules { shortest: settings.min_length, longest: settings.longest(), ratio }
    }

    /// Counts a pair whose sides have `source` and `target` words; true where it stays.
    pub fn keep(&self, source: usize, target: usize, duplicate: bool, dropped: &mut Dropped) -> bool {
        let (shorter, longer) = (source.min(target), source.max(target));
        let reason = if shorter == 0 {
            &mut dropped.empty
        } else if shorter < self.shortest {
            &mut dropped.too_short
        } else if longer > self.longest {
            &mut dropped.too_long
        } else if longer as f64 > self.ratio * shorter as f64 {
            &mut dropped.ratio
        } else if duplicate {
            &mut dropped.duplicate
        } else {
            return true;
        };
        *reason += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_is_dropped_for_the_first_reason_that_holds() {
        let rules = Rules::of(&Settings { min_length: 2, max_length: 9, max_ratio: 3.0, ..Settings::default() });
        let mut dropped = Dropped::default();
        let kept =
            [(0, 20, false), (1, 20, true), (2, 10, false), (2, 7, false), (2, 6, false), (6, 2, true), (9, 3, false)]
                .map(|(source, target, duplicate)| rules.keep(source, target, duplicate, &mut dropped));
        assert_eq!(kept, [false, false, false, false, true, false, true]);
        assert_eq!(dropped, Dropped { empty: 1, too_short: 1, too_long: 1, ratio: 1, duplicate: 1 });
        assert_eq!(dropped.total(), 5);
        let free = Rules::of(&Settings { max_length: 0, ..Settings::default() });
        assert!(free.keep(1, 60_000, false, &mut dropped), "no limit is set");
        assert!(!free.keep(1, 70_000, false, &mut dropped), "but the format has one");
    }
}
