//! Ensembles, prefixes, samples and the least risk, on random models small enough for definitions that are slow and plain.

#[path = "../common/mod.rs"]
mod common;
mod ensemble;
mod prefixes;
mod sampling;
mod translators;

use proptest::prelude::*;
use unrolled_seq2seq::batch::{Batch, Sources};
use unrolled_seq2seq::beam_search::{DecodeOptions, Finished, translate_with};
use unrolled_seq2seq::ensemble::{Combination, Ensemble};
use unrolled_seq2seq::model::{DeviceBatch, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

const SOURCE_WORDS: usize = 7;

/// A model of a few words; wide enough that words differ in probability by far, and by little.
fn model(seed: u64, target_words: usize) -> Model {
    let sizes =
        Sizes { source_words: SOURCE_WORDS, target_words, embedding: 3, hidden: 5, layers: 2, softmax_slices: 1 };
    Model::new(&sizes, 0.0, 1.5.into(), Key::new(seed), &Device::cpu())
}

fn models(seed: u64, count: usize, target_words: usize) -> Vec<Model> {
    (0..count as u64).map(|member| model(seed.wrapping_add(member), target_words)).collect()
}

fn options(beam_size: usize, n_best: usize, max_length: usize) -> DecodeOptions {
    DecodeOptions { beam_size, n_best, max_length, ..DecodeOptions::default() }
}

fn one(models: &Ensemble<'_>, sentence: &[u32], prefix: &[u32], options: &DecodeOptions) -> Vec<Finished> {
    translate_with(models, &[Sources::of(&[sentence], true)], &[prefix.to_vec()], options).remove(0)
}

/// ln p(words, `<EOS>` | source), by the path that training takes.
fn forced(models: &Ensemble<'_>, source: &[u32], words: &[u32]) -> f64 {
    let mut corpus = NumberedCorpus::new();
    corpus.push(source, words);
    models.log_probabilities(&[DeviceBatch::new(&Batch::of(&corpus, &[0], true), models.device())])[0]
}

fn sentence() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(2..SOURCE_WORDS as u32, 0..6)
}

fn combination() -> impl Strategy<Value = Combination> {
    prop::sample::select(vec![Combination::Probabilities, Combination::LogProbabilities])
}
