//! The built-in corpus: English–French pairs made by a phrase grammar written for this project.
//!
//! A [`PhraseGrammar`] draws a *meaning* (a small syntax tree: subject, tense, polarity, objects, phrases of time and place) and
//! renders it twice, once by the rules of English and once by those of French. So both sides are correct by construction, the
//! French is a function of the English, and there is no end to unseen combinations of seen words.
//!
//! ```
//! use unrolled_seq2seq::grammar::{PhraseGrammar, Split};
//!
//! let grammar = PhraseGrammar::new(7);
//! let (english, french) = grammar.pair(0);
//! assert_eq!(grammar.pair(0), (english, french));
//!
//! let valid: Vec<(String, String)> = grammar.pairs(Split::Valid, 10).collect();
//! assert_eq!(valid.len(), 10);
//! ```
//!
//! # Conventions
//! Where English says less than French, one reading is always taken, so that a single reference is fair: `you` is the polite
//! `vous`, masculine and singular; `I`, `we` and `they` are masculine; `it` and `them` are masculine unless a noun in the same
//! sentence says otherwise (`The keys? I lost them.` `Les clés ? Je les ai perdues.`); a bare `read` is the past; a question has
//! `est-ce que`; numerals are spelt as before 1990; the past is the passé composé, but the imparfait for states.
//!
//! # Size
//! The lexicon has [`lexeme_count`] base forms. A test bounds the number of distinct pairs from below: the distinct statements
//! in the past or future that 120,000 draws give without a phrase of time (over 10,000), times the phrases that each of them takes
//! (60 or more), are already over a million. Nine of ten pairs among 170,000 drawn are distinct.

mod choose;
mod draws;
mod english;
mod english_morphology;
mod english_verb_group;
mod features;
mod french;
mod french_clause;
mod french_irregular;
mod french_morphology;
mod french_noun_phrase;
mod french_sound;
mod lexicon;
mod meaning;
mod numbers;
mod split;
#[cfg(test)]
mod tests;
mod write;

pub use lexicon::lexeme_count;
pub use split::Split;
pub use write::{Counts, WriteError};

use choose::Chooser;
use draws::Draws;
use std::collections::BTreeSet;

/// Words of the longest English sentence; what is longer is drawn again.
const LONGEST: usize = 13;

/// The phrase grammar under one seed.
#[derive(Clone, Copy, Debug)]
pub struct PhraseGrammar {
    seed: u64,
}

impl PhraseGrammar {
    /// The grammar under `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Pair `index`, English and French: a pure function of the seed and `index`.
    pub fn pair(&self, index: u64) -> (String, String) {
        let mut chooser = Chooser::new(Draws::new(self.seed, index));
        loop {
            let meaning = chooser.sentence();
            let english = english::render(&meaning);
            if english.split(' ').count() <= LONGEST {
                return (english, french::render(&meaning));
            }
        }
    }

    /// The first `count` pairs of `split`, in the order of their indices.
    ///
    /// Validation and test pairs are distinct; training pairs come as often as the grammar draws them, as in natural text.
    /// A `count` above the supply of distinct sentences (more than 20,000 in the smaller splits) would never be reached.
    pub fn pairs(&self, split: Split, count: usize) -> Pairs {
        Pairs { grammar: *self, split, left: count, index: 0, seen: BTreeSet::new() }
    }
}

/// Iterator over the pairs of a split; see [`PhraseGrammar::pairs`].
#[derive(Clone, Debug)]
pub struct Pairs {
    grammar: PhraseGrammar,
    split: Split,
    left: usize,
    index: u64,
    seen: BTreeSet<u64>,
}

impl Iterator for Pairs {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let pair = self.grammar.pair(self.index);
            self.index += 1;
            if Split::of(&pair.0) != self.split {
                continue;
            }
            if self.split == Split::Train || self.seen.insert(split::fingerprint(&pair.0)) {
                return Some(pair);
            }
        }
    }
}
