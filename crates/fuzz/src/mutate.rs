//! Inputs made of others, by a seeded generator.

/// A small generator of numbers (SplitMix64): fast, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// One of `all`, which is not empty.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// No input grows beyond this.
pub const LONGEST: usize = 1 << 15;

const INTERESTING: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
    u64::MAX - 7,
];

/// Changes `input` by one to eight small steps; `others` are inputs to take pieces from, `words` are those of the format.
pub fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let steps = 1 << random.below(4);
    for _ in 0..steps {
        step(input, others, words, random);
    }
    input.truncate(LONGEST);
}

fn step(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let longest = 1 << random.below(9);
    let length = 1 + random.below(longest);
    let end = (at + length).min(input.len());
    match random.below(11) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.bits() as u8,
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            let piece = input[at..end].to_vec();
            insert(input, at, &piece.repeat(1 + random.below(3)));
        }
        5 => {
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            insert(input, to, &piece);
        }
        6 | 7 if !words.is_empty() => {
            let word = random.pick(words).as_bytes();
            if random.below(2) == 0 {
                insert(input, at, word);
            } else {
                overwrite(input, at, word);
            }
        }
        8 => splice(input, at, random.pick::<Vec<u8>>(others), random),
        9 => {
            let number = random.pick(&INTERESTING).to_le_bytes();
            let width = 1 << random.below(4);
            overwrite(input, at, &number[..width]);
        }
        _ => {
            let bytes: Vec<u8> = (0..1 + random.below(8)).map(|_| random.bits() as u8).collect();
            insert(input, at, &bytes);
        }
    }
}

/// What stands from `at` on is replaced by the end of another input, or a piece of it is put in.
fn splice(input: &mut Vec<u8>, at: usize, other: &[u8], random: &mut Random) {
    let from = random.below(other.len() + 1);
    if random.below(2) == 0 {
        input.truncate(at);
        input.extend_from_slice(&other[from..]);
    } else {
        let to = from + random.below(other.len() - from + 1);
        insert(input, at, &other[from..to]);
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn overwrite(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(input.len());
    input.splice(at..end, bytes.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_all_of_them_differ_from_the_first() {
        let others = [b"one two three".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut random = Random::new(seed);
            let made = (0..200).map(|_| {
                let mut input = others[0].clone();
                mutate(&mut input, &others, &["word"], &mut random);
                input
            });
            made.collect::<Vec<_>>()
        };
        assert_eq!(inputs(5), inputs(5));
        assert_ne!(inputs(5), inputs(6));
        assert!(inputs(5).iter().filter(|input| **input != others[0]).count() > 190);
        assert!(inputs(5).iter().any(|input| input.windows(4).any(|piece| piece == b"word")));
    }
}
