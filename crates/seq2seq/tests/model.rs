//! The model where no recorded number is needed: a sentence's result does not depend on its batch, dropout only while learning, what a
//! step does with numbers that are not finite.

use std::collections::BTreeMap;

use proptest::prelude::*;
use unrolled_nn::{Module, Optimiser};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{DeviceBatch, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

const SIZES: Sizes =
    Sizes { source_words: 11, target_words: 13, embedding: 6, hidden: 7, layers: 2, softmax_slices: 2 };

fn model(dropout: f64) -> Model {
    Model::new(&SIZES, dropout, 0.5.into(), Key::new(1), &Device::cpu())
}

fn corpus(pairs: &[(Vec<u32>, Vec<u32>)]) -> NumberedCorpus {
    let mut corpus = NumberedCorpus::new();
    pairs.iter().for_each(|(source, target)| corpus.push(source, target));
    corpus
}

fn example() -> NumberedCorpus {
    corpus(&[
        (vec![3, 4, 5, 10], vec![6, 7]),
        (vec![8], vec![12, 3, 4, 5, 6]),
        (vec![], vec![9]),
        (vec![2, 2, 9], vec![]),
    ])
}

fn all(corpus: &NumberedCorpus) -> Batch {
    Batch::of(corpus, &(0..corpus.len() as u32).collect::<Vec<_>>(), true)
}

fn on_cpu(batch: &Batch) -> DeviceBatch {
    DeviceBatch::new(batch, &Device::cpu())
}

fn bits(model: &Model) -> BTreeMap<String, Vec<u8>> {
    model.state().into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect()
}

fn recipe(dropout: bool) -> Recipe {
    Recipe { normalise: Normalise::Sentences, clip_norm: 5.0, dropout, key: Key::new(4), precision: Precision::F32 }
}

fn sentences() -> impl Strategy<Value = Vec<(Vec<u32>, Vec<u32>)>> {
    prop::collection::vec((prop::collection::vec(2..11u32, 0..8), prop::collection::vec(2..13u32, 0..8)), 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A sentence's log-probability is the same to the bit alone and beside any others.
    #[test]
    fn a_sentence_does_not_notice_its_batch(pairs in sentences()) {
        let (model, corpus) = (model(0.0), corpus(&pairs));
        let together = model.log_probabilities(&on_cpu(&all(&corpus)));
        for (pair, &together) in together.iter().enumerate() {
            let alone = model.log_probabilities(&on_cpu(&Batch::of(&corpus, &[pair as u32], true)));
            prop_assert_eq!(alone[0].to_bits(), together.to_bits(), "pair {}: {} and {}", pair, alone[0], together);
        }
    }

    /// The loss of a batch is minus the sum of its sentences' log-probabilities, and the gradients add up likewise.
    #[test]
    fn losses_and_gradients_of_sentences_add_up(pairs in sentences()) {
        let (model, corpus) = (model(0.0), corpus(&pairs));
        let together = model.loss(&on_cpu(&all(&corpus)), None);
        let value = together.tensor().to_f64_vec()[0];
        let sum: f64 = model.log_probabilities(&on_cpu(&all(&corpus))).iter().sum();
        prop_assert!((value + sum).abs() <= 1e-5 * value, "{} and {}", value, sum);
        let gradients = together.backward();
        let each: Vec<_> = (0..corpus.len() as u32)
            .map(|pair| model.loss(&on_cpu(&Batch::of(&corpus, &[pair], true)), None).backward())
            .collect();
        for (path, parameter) in model.parameters() {
            let of = |g: &unrolled_autograd::Gradients| g.get(parameter.var()).unwrap().to_f64_vec();
            let mut sums = vec![0.0; parameter.tensor().elements()];
            each.iter().for_each(|g| sums.iter_mut().zip(of(g)).for_each(|(s, g)| *s += g));
            let scale = sums.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            for (a, b) in of(&gradients).into_iter().zip(sums) {
                prop_assert!((a - b).abs() <= 1e-5 * scale, "{}: {} and {}", path, a, b);
            }
        }
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    let model = model(0.2);
    let gradients = model.loss(&on_cpu(&all(&example())), Some(Key::new(1))).backward();
    for (path, parameter) in model.parameters() {
        let gradient = gradients.get(parameter.var()).unwrap_or_else(|| panic!("no gradient of {path}"));
        assert!(gradient.to_f64_vec().iter().any(|&g| g != 0.0), "{path}");
    }
}

/// Padding is no word: the rows of the tables that stand for it get exactly 0.
#[test]
fn padding_learns_nothing() {
    let model = model(0.0);
    let gradients = model.loss(&on_cpu(&all(&example())), None).backward();
    for table in [&model.source_embedding, &model.target_embedding] {
        let gradient = gradients.get(table.weight.var()).unwrap();
        assert!(gradient.index(0, 0).to_f64_vec().iter().all(|&g| g == 0.0));
        assert!(gradient.index(0, 1).to_f64_vec().iter().any(|&g| g != 0.0), "<EOS> is one");
    }
}

#[test]
fn dropout_acts_only_while_learning() {
    let (with, without, batch) = (model(0.5), model(0.0), all(&example()));
    let on_device = on_cpu(&batch);
    assert_eq!(bits(&with), bits(&without));
    assert_eq!(with.log_probabilities(&on_device), without.log_probabilities(&on_device));
    let loss = |model: &Model, key| model.loss(&on_device, key).tensor().to_bytes();
    assert_eq!(loss(&with, None), loss(&without, None));
    let key = Key::new(3);
    assert_eq!(loss(&with, Some(key)), loss(&with, Some(key)));
    assert_ne!(loss(&with, Some(key)), loss(&with, None));
    assert_ne!(loss(&with, Some(key)), loss(&with, Some(key.at(1))));
    assert_eq!(loss(&without, Some(key)), loss(&without, None));
    let state = with.encode_sources(&batch.source);
    let last = Tensor::from_slice(&[1u32; 4], [4], &Device::cpu());
    let next = |model: &Model| model.next_word(&last, &state).0.to_bytes();
    assert_eq!(next(&with), next(&without));
}

/// The masks of an update come from its number: a resumed run draws those of one that never stopped.
#[test]
fn masks_depend_on_the_update() {
    let batch = all(&example());
    let after = |dropout, update| {
        let mut trainer = Trainer::new(model(0.5), Optimiser::sgd(), recipe(dropout));
        trainer.step(&batch, update, 0.1);
        bits(&trainer.model)
    };
    assert_eq!(after(true, 7), after(true, 7));
    assert_ne!(after(true, 7), after(true, 8));
    assert_eq!(after(false, 7), after(false, 8));
}

/// By words or by sentences, the divisor scales the gradient and nothing else; and a limit of 0 clips nothing.
#[test]
fn the_gradient_is_divided_before_it_is_clipped() {
    let batch = all(&example());
    let step = |normalise, clip_norm| {
        let recipe = Recipe { normalise, clip_norm, ..recipe(false) };
        Trainer::new(model(0.0), Optimiser::sgd(), recipe).step(&batch, 0, 0.1)
    };
    let by_sentences = step(Normalise::Sentences, 0.0);
    let by_words = step(Normalise::Words, 0.0);
    assert_eq!((by_words.predictions, batch.sentences()), (12, 4));
    assert_eq!(by_words.loss, by_sentences.loss);
    let ratio = by_sentences.gradient_norm / by_words.gradient_norm;
    assert!((ratio - 12.0 / 4.0).abs() < 1e-12, "{ratio}");
    let norm = by_words.gradient_norm;
    assert!(!by_words.clipped && !step(Normalise::Words, norm).clipped && step(Normalise::Words, norm * 0.99).clipped);
}

/// Clipping shortens the step to the limit.
#[test]
fn a_clipped_step_has_the_limit_as_its_length() {
    let (start, batch) = (model(0.0), all(&example()));
    let mut trainer = Trainer::new(start.clone(), Optimiser::sgd(), Recipe { clip_norm: 0.01, ..recipe(false) });
    assert!(trainer.step(&batch, 0, 1.0).clipped);
    let (before, after) = (start.state(), trainer.model.state());
    let squares: f64 =
        before.iter().map(|(path, old)| (old - &after[path]).sum_squares(.., false).to_f64_vec()[0]).sum();
    assert!((squares.sqrt() - 0.01).abs() < 1e-5, "{}", squares.sqrt());
}

/// The caller's model is a value of its own: training a clone leaves it as it was.
#[test]
fn a_clone_learns_alone() {
    let original = model(0.0);
    let before = bits(&original);
    let mut trainer = Trainer::new(original.clone(), Optimiser::adam(), recipe(false));
    trainer.step(&all(&example()), 0, 0.1);
    assert_eq!(bits(&original), before);
    assert_ne!(bits(&trainer.model), before);
}

#[test]
fn a_step_that_is_not_finite_is_not_taken() {
    let mut model = model(0.0);
    let bias = &mut model.encoder.lstm.layers[0].bias;
    let n = bias.tensor().elements();
    bias.set(Tensor::from_slice(&vec![f32::NAN; n], [n], &Device::cpu()));
    let before = bits(&model);
    let mut trainer = Trainer::new(model, Optimiser::momentum(0.9), recipe(false));
    let report = trainer.step(&all(&example()), 0, 0.1);
    assert!(!report.taken && report.loss.is_nan());
    assert_eq!(bits(&trainer.model), before);
    assert_eq!((trainer.optimiser.steps(), trainer.optimiser.state().len()), (0, 0));
}

#[test]
fn a_step_in_parts_is_the_step_of_the_whole_but_for_rounding() {
    let batch = all(&example());
    let step = |parts: usize| {
        let mut trainer = Trainer::new(model(0.0), Optimiser::sgd(), recipe(false));
        trainer.parts = parts;
        let report = trainer.step(&batch, 0, 0.7);
        assert!(report.taken);
        (report, trainer.model.state())
    };
    let (whole, wanted) = step(1);
    for parts in [2, 3, 9] {
        let (report, found) = step(parts);
        assert!((report.loss - whole.loss).abs() < 1e-4 && report.predictions == whole.predictions);
        assert!((report.gradient_norm - whole.gradient_norm).abs() < 1e-4 * whole.gradient_norm);
        for (path, wanted) in &wanted {
            let pairs = wanted.to_f64_vec().into_iter().zip(found[path].to_f64_vec());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5), "{path} in {parts} parts");
        }
    }
    let masks = |parts: usize| {
        let mut trainer = Trainer::new(model(0.5), Optimiser::sgd(), recipe(true));
        trainer.parts = parts;
        trainer.step(&batch, 0, 0.7);
        bits(&trainer.model)
    };
    assert_eq!(masks(2), masks(2));
    assert_ne!(masks(2), masks(1), "each part draws masks of its own");
}
