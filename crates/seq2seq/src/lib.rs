//! The LSTM translator of "Sequence to Sequence Learning with Neural Networks".

pub mod batch;
pub mod bleu;
pub mod config;
pub mod corpus;
pub mod grammar;
pub mod numbered;
pub mod progress;
pub mod tokenise;
pub mod vocabulary;
