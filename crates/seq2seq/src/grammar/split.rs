//! Which pairs are for training, validation and test.

use super::draws::mix;

/// A part of the corpus; every sentence belongs to exactly one, whatever the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// 48 of 50 sentences.
    Train,
    /// 1 of 50.
    Valid,
    /// 1 of 50.
    Test,
}

impl Split {
    /// Every split, in the order train, valid, test.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// The split of a pair, by a stable hash (64-bit FNV-1a, then mixed) of its English sentence.
    ///
    /// ```
    /// use unrolled_seq2seq::grammar::Split;
    /// assert_eq!(Split::of("She saw the old house."), Split::of("She saw the old house."));
    /// ```
    pub fn of(english: &str) -> Self {
        match fingerprint(english) % 50 {
            0 => Self::Valid,
            1 => Self::Test,
            _ => Self::Train,
        }
    }

    /// The stem of its files: `train`, `valid`, `test`.
    pub const fn stem(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// A stable 64-bit hash of a text.
pub fn fingerprint(text: &str) -> u64 {
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}
