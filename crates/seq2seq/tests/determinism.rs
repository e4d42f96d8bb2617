//! The same bits on any number of threads and in any batch, at sizes that cross what the kernels are cut up by: more than 256 numbers in a product's
//! sums and rows in a gradient's, widths that fill no vector, sentences that end at different steps.

use std::collections::BTreeMap;

use unrolled_nn::{Module, Optimiser};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::beam_search::{DecodeOptions, translate};
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{DeviceBatch, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, MatmulPrecision};

const SIZES: Sizes =
    Sizes { source_words: 700, target_words: 1101, embedding: 270, hidden: 290, layers: 1, softmax_slices: 1 };
const BATCH: usize = 40;
const STEPS: usize = 5;

/// Pairs of 0 to 12 words a side.
fn corpus() -> NumberedCorpus {
    let (mut corpus, key) = (NumberedCorpus::new(), Key::new(3));
    let side = |name, pair: u64, words: usize| -> Vec<u32> {
        let key = key.purpose(name).at(pair);
        (1..=key.below(0, 13)).map(|place| 3 + key.below(place, words as u64 - 3) as u32).collect()
    };
    for pair in 0..(STEPS * BATCH) as u64 {
        corpus.push(&side("source", pair, SIZES.source_words), &side("target", pair, SIZES.target_words));
    }
    corpus
}

fn model(device: &Device) -> Model {
    Model::new(&SIZES, 0.0, 0.1.into(), Key::new(1), device)
}

fn device(threads: usize, precision: MatmulPrecision) -> Device {
    let device = Device::cpu_with(threads, threads, usize::MAX);
    device.set_matmul_precision(precision);
    device
}

/// The bits of all parameters after some steps, and of the losses on the way.
fn trained(threads: usize, precision: MatmulPrecision, optimiser: Optimiser) -> (BTreeMap<String, Vec<u8>>, Vec<u64>) {
    let (device, corpus) = (device(threads, precision), corpus());
    let key = Key::new(4);
    let recipe =
        Recipe { normalise: Normalise::Sentences, clip_norm: 5.0, dropout: false, key, precision: Precision::F32 };
    let mut trainer = Trainer::new(model(&device), optimiser, recipe);
    let losses = (0..STEPS).map(|step| {
        let pairs: Vec<u32> = (0..BATCH).map(|pair| (step * BATCH + pair) as u32).collect();
        let batch = Batch::of(&corpus, &pairs, true);
        let report = device.run(|| trainer.step(&batch, step as u64, 0.5));
        assert!(report.taken, "{report:?}");
        report.loss.to_bits()
    });
    let losses = losses.collect();
    (trainer.model.state().into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect(), losses)
}

fn trains_the_same_on_any_threads(precision: MatmulPrecision, optimiser: fn() -> Optimiser) {
    let (parameters, losses) = trained(1, precision, optimiser());
    assert!(losses.iter().any(|loss| *loss != losses[0]), "something is learnt");
    for threads in [2, 3, 8] {
        let (others, other_losses) = trained(threads, precision, optimiser());
        assert_eq!(losses, other_losses, "losses with 1 and {threads} threads, {precision:?}");
        for (path, bytes) in &parameters {
            assert!(bytes == &others[path], "{path} with 1 and {threads} threads, {precision:?}");
        }
    }
}

#[test]
fn training_does_not_depend_on_threads() {
    trains_the_same_on_any_threads(MatmulPrecision::F32, Optimiser::sgd);
}

#[test]
fn training_with_products_in_bf16_does_not_depend_on_threads() {
    trains_the_same_on_any_threads(MatmulPrecision::Bf16, Optimiser::sgd);
}

#[test]
fn a_sentence_does_not_notice_its_batch_whatever_its_size() {
    for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
        let (device, corpus) = (device(3, precision), corpus());
        let model = model(&device);
        let score = |pairs: &[u32]| -> Vec<u64> {
            let batch = DeviceBatch::new(&Batch::of(&corpus, pairs, true), &device);
            device.run(|| model.log_probabilities(&batch)).into_iter().map(f64::to_bits).collect()
        };
        let all: Vec<u32> = (0..90).collect();
        let together = score(&all);
        for pairs in [&all[3..4], &all[89..90], &all[10..12], &all[20..37], &all[30..80]] {
            let alone = score(pairs);
            let wanted = &together[pairs[0] as usize..][..pairs.len()];
            assert!(alone == wanted, "pairs {pairs:?} alone and among 90, {precision:?}");
        }
    }
}

#[test]
fn a_translation_does_not_notice_its_batch_whatever_its_size() {
    let (device, corpus) = (device(2, MatmulPrecision::F32), corpus());
    let model = model(&device);
    let options = DecodeOptions { beam_size: 4, max_length: 6, ..DecodeOptions::default() };
    let answers = |pairs: &[u32]| -> Vec<String> {
        let sources = Batch::of(&corpus, pairs, true).source;
        let found = device.run(|| translate(&model, &sources, &options));
        found.iter().map(|hypotheses| format!("{hypotheses:?}")).collect()
    };
    let all: Vec<u32> = (0..70).collect();
    let together = answers(&all);
    for pair in [0, 33, 69] {
        assert_eq!(answers(&all[pair..=pair]), together[pair..=pair], "sentence {pair} alone and among 70");
    }
}
