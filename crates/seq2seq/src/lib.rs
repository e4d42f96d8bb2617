//! The LSTM translator of "Sequence to Sequence Learning with Neural Networks".

pub mod batch;
pub mod beam_search;
pub mod bleu;
pub mod config;
pub mod corpus;
pub mod cost_model;
pub mod grammar;
pub mod model;
pub mod numbered;
pub mod prepare;
pub mod progress;
pub mod run;
pub mod schedule;
pub mod tokenise;
pub mod training;
pub mod translator;
pub mod vocabulary;
