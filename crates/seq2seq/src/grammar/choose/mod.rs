//! Draws a random meaning: the weights of the constructions, and what goes with what.

mod adjuncts;
mod clauses;
mod noun_phrases;
mod sentences;
mod tenses;

use super::draws::Draws;
use super::meaning::Sentence;

/// Draws the parts of one sentence.
#[derive(Debug)]
pub struct Chooser {
    draws: Draws,
}

impl Chooser {
    /// A chooser that spends `draws`.
    pub const fn new(draws: Draws) -> Self {
        Self { draws }
    }

    /// A sentence.
    pub fn sentence(mut self) -> Sentence {
        self.any_sentence()
    }
}
