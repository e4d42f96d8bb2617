//! The LSTM translator of "Sequence to Sequence Learning with Neural Networks".

pub mod batch;
pub mod bleu;
pub mod corpus;
pub mod numbered;
pub mod tokenise;
pub mod vocabulary;
