//! Training steps and translations: `cargo bench --bench translator`. Sizes as in the presets; words of both languages count.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unrolled::nn::Optimiser;
use unrolled::seq2seq::batch::{Batch, Sources};
use unrolled::seq2seq::beam_search::{DecodeOptions, translate};
use unrolled::seq2seq::config::Config;
use unrolled::seq2seq::model::{Model, Sizes};
use unrolled::seq2seq::numbered::NumberedCorpus;
use unrolled::seq2seq::training::{Recipe, Trainer};
use unrolled::tensor::Device;
use unrolled::tensor::random::Key;

fn model(words: usize, hidden: usize, layers: usize) -> Model {
    let sizes =
        Sizes { source_words: words, target_words: words, embedding: hidden, hidden, layers, softmax_slices: 1 };
    Model::new(&sizes, 0.0, 0.08, Key::new(1), &Device::cpu())
}

/// `pairs` sentences of `length` words each, drawn evenly.
fn corpus(pairs: usize, length: usize, words: usize) -> NumberedCorpus {
    let (mut corpus, key) = (NumberedCorpus::new(), Key::new(2));
    let mut drawn = (0..).map(|i| 3 + key.below(i, words as u64 - 3) as u32);
    for _ in 0..pairs {
        let mut sentence = || drawn.by_ref().take(length).collect::<Vec<_>>();
        let (source, target) = (sentence(), sentence());
        corpus.push(&source, &target);
    }
    corpus
}

fn train_step(c: &mut Criterion) {
    let mut group = c.benchmark_group("train_step");
    group.sample_size(10);
    for (name, words, hidden, layers, length) in [("tiny", 100, 64, 2, 10), ("s", 8000, 256, 2, 19)] {
        let batch = Batch::of(&corpus(64, length, words), &(0..64).collect::<Vec<_>>(), true);
        let mut trainer = Trainer::new(model(words, hidden, layers), Optimiser::sgd(), Recipe::of(&Config::default()));
        group.throughput(Throughput::Elements(batch.words()));
        group.bench_function(name, |b| b.iter(|| black_box(trainer.step(&batch, 0, 0.1))));
    }
    group.finish();
}

fn beam_search(c: &mut Criterion) {
    let mut group = c.benchmark_group("beam_search");
    group.sample_size(10);
    let model = model(8000, 256, 2);
    let corpus = corpus(16, 20, 8000);
    let sentences: Vec<&[u32]> = (0..16).map(|i| corpus.source(i)).collect();
    let sources = Sources::of(&sentences, true);
    group.throughput(Throughput::Elements(sources.words));
    for beam_size in [1, 12] {
        let options = DecodeOptions { beam_size, max_length: 20, ..DecodeOptions::default() };
        group.bench_function(format!("beam {beam_size}"), |b| b.iter(|| black_box(translate(&model, &sources, &options))));
    }
    group.finish();
}

criterion_group!(translator, train_step, beam_search);
criterion_main!(translator);
