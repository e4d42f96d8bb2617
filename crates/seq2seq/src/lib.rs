//! The LSTM translator of "Sequence to Sequence Learning with Neural Networks".

pub mod average;
pub mod batch;
pub mod beam_search;
pub mod bleu;
pub mod chrf;
pub mod config;
pub mod corpus;
pub mod cost_model;
pub mod ensemble;
pub mod evaluation;
pub mod grammar;
pub mod minimum_risk;
pub mod model;
pub mod n_best;
pub mod numbered;
pub mod prepare;
pub mod progress;
pub mod rescore;
pub mod run;
pub mod sampling;
pub mod schedule;
pub mod tokenise;
pub mod training;
pub mod translator;
pub mod unknown;
pub mod vocabulary;
