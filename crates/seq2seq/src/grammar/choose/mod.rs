//! Draws a random meaning: the weights of the constructions, and what goes with what.

mod adjuncts;
mod clauses;
mod joined;
mod noun_phrases;
mod questions;
mod sentences;
mod states;
mod subjects;
mod tenses;

use super::draws::Draws;

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
}
