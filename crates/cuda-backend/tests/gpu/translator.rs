//! The translator on a GPU and on the CPU: training steps, and a beam search with what was learnt.

use unrolled_nn::{Module, Optimiser};
use unrolled_seq2seq::batch::{Batch, Sources};
use unrolled_seq2seq::beam_search::{DecodeOptions, translate};
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, StepReport, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, MatmulPrecision};

use crate::support::{EAGER, LAZY, NO_CUBLAS, on_gpus};

const SIZES: Sizes =
    Sizes { source_words: 9, target_words: 11, embedding: 6, hidden: 10, layers: 2, softmax_slices: 2 };
const PAIRS: u32 = 24;
const STEPS: u64 = 20;

/// Sentences of 1 to 4 words to be copied.
fn corpus() -> NumberedCorpus {
    let mut corpus = NumberedCorpus::new();
    for i in 0..u64::from(PAIRS) {
        let key = Key::new(i);
        let words: Vec<u32> = (0..1 + i % 4).map(|place| 3 + key.below(place, 6) as u32).collect();
        corpus.push(&words, &words);
    }
    corpus
}

fn trained(device: &Device, optimiser: Optimiser, precision: Precision) -> (Trainer, Vec<StepReport>) {
    let model = Model::new(&SIZES, 0.1, 0.3.into(), Key::new(1), device);
    let recipe = Recipe { normalise: Normalise::Sentences, clip_norm: 5.0, dropout: true, key: Key::new(4), precision };
    let mut trainer = Trainer::new(model, optimiser, recipe);
    let corpus = corpus();
    let batches: Vec<Vec<u32>> = (0..3).map(|b| (0..PAIRS).filter(|i| i % 3 == b).collect()).collect();
    let step = |update: u64| {
        let batch = Batch::of(&corpus, &batches[update as usize % batches.len()], true);
        trainer.step(&batch, update, 0.05)
    };
    let reports = (0..STEPS).map(step).collect();
    (trainer, reports)
}

/// Losses and norms of every step, and all parameters at the end, within `relative` of one another.
#[track_caller]
fn agree(one: &(Trainer, Vec<StepReport>), other: &(Trainer, Vec<StepReport>), relative: f64) {
    let near = |a: f64, b: f64| (a - b).abs() <= relative * a.abs().max(b.abs()).max(0.1);
    for (step, (a, b)) in one.1.iter().zip(&other.1).enumerate() {
        assert!(a.taken && b.taken && near(a.loss, b.loss), "step {step}: losses {} and {}", a.loss, b.loss);
    }
    let parameters = one.0.model.parameters().into_iter().zip(other.0.model.parameters());
    for ((path, a), (_, b)) in parameters {
        let (a, b) = (a.tensor().to_f64_vec(), b.tensor().to_f64_vec());
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(a.iter().zip(&b).all(|(a, b)| near(*a, *b)), "{path}: {worst} apart");
    }
}

fn search(model: &Model) -> Vec<Vec<(Vec<u32>, f64)>> {
    let sentences = [vec![3u32, 4, 5], vec![6], vec![8, 7, 3, 3]];
    let options = DecodeOptions { beam_size: 3, n_best: 2, max_length: 6, ..DecodeOptions::default() };
    let found = translate(model, &Sources::of(&sentences, true), &options);
    found.into_iter().map(|list| list.into_iter().map(|one| (one.words, one.log_probability)).collect()).collect()
}

#[test]
fn steps_and_a_beam_search_agree_with_the_cpu() {
    let kinds = [EAGER, LAZY, NO_CUBLAS];
    on_gpus("translator::steps_and_a_beam_search_agree_with_the_cpu", &kinds, || {
        let device = unrolled_cuda::device(0).unwrap();
        for optimiser in [Optimiser::sgd, Optimiser::adam] {
            let here = trained(&Device::cpu(), optimiser(), Precision::F32);
            let there = trained(&device, optimiser(), Precision::F32);
            agree(&here, &there, 2e-3);
            assert!(there.1[STEPS as usize - 1].loss < there.1[0].loss, "nothing was learnt");
            let (ours, theirs) = (search(&here.0.model), search(&there.0.model));
            for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                assert_eq!(ours.0, theirs.0);
                assert!((ours.1 - theirs.1).abs() < 1e-2, "{} and {}", ours.1, theirs.1);
            }
            let again = trained(&device, optimiser(), Precision::F32);
            for ((path, a), (_, b)) in there.0.model.parameters().into_iter().zip(again.0.model.parameters()) {
                assert!(a.tensor().to_bytes() == b.tensor().to_bytes(), "{path}: the same seed, other bits");
            }
        }
    });
}

#[test]
fn short_floats_agree_with_the_cpus() {
    on_gpus("translator::short_floats_agree_with_the_cpus", &[LAZY], || {
        let device = unrolled_cuda::device(0).unwrap();
        let here = trained(&Device::cpu(), Optimiser::adam(), Precision::Bf16);
        let there = trained(&device, Optimiser::adam(), Precision::Bf16);
        for (a, b) in here.1.iter().zip(&there.1) {
            assert!((a.loss - b.loss).abs() < 0.03 * a.loss, "{} and {}", a.loss, b.loss);
        }
        // Tensors of f32, products of bf16.
        device.set_matmul_precision(MatmulPrecision::Bf16);
        let rounded = trained(&device, Optimiser::adam(), Precision::F32);
        device.set_matmul_precision(MatmulPrecision::F32);
        for (a, b) in here.1.iter().zip(&rounded.1) {
            assert!((a.loss - b.loss).abs() < 0.03 * a.loss, "{} and {}", a.loss, b.loss);
        }
    });
}
