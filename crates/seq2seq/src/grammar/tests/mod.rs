//! Tests of the grammar: hand-written pairs, invariants of every sentence, and the corpus as a whole.

mod builders;
mod corpus;
mod golden_questions;
mod golden_statements;
mod invariants;
