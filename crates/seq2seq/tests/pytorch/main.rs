//! The translator against PyTorch, whose values `scripts/pytorch_parity.py` has recorded: in f32 and f64, with the softmax whole and in
//! slices, on the shared CPU device and on an independent one.

mod golden;

use std::collections::BTreeMap;

use golden::{BATCHES, Golden};
use unrolled_nn::{Module, Optimiser, global_norm};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::beam_search::{DecodeOptions, translate};
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{DeviceBatch, Model};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

const DTYPES: [DType; 2] = [DType::F32, DType::F64];
const RATE: f64 = 0.7;
const MAX_NORM: f64 = 5.0;

/// Runs `test` in each dtype, with each number of slices, on both devices.
fn each(test: impl Fn(&mut Golden, &Model, &Device)) {
    for dtype in DTYPES {
        for device in [Device::cpu(), Device::cpus(2).remove(1)] {
            for slices in [1, 3] {
                let mut golden = Golden::load(dtype, &device);
                let model = golden.model(slices, 0.0, &device);
                test(&mut golden, &model, &device);
            }
        }
    }
}

#[test]
fn loss_and_gradients_of_a_batch() {
    each(|golden, model, device| {
        let batch = golden.batch(0);
        let sentences = batch.sentences() as f64;
        let loss = model.loss(&DeviceBatch::new(&batch, device), None);
        golden.check_numbers("expected.loss", &[loss.tensor().to_f64_vec()[0] / sentences]);
        let gradients = loss.backward();
        golden.check_numbers("expected.gradient_norm", &[global_norm(model, &gradients) / sentences]);
        for (path, parameter) in model.parameters() {
            let gradient = gradients.get(parameter.var()).unwrap_or_else(|| panic!("no gradient of {path}"));
            golden.check(&format!("gradient.{path}"), &gradient.affine(1.0 / sentences, 0.0));
        }
        let state = model.encode(
            &Tensor::from_slice(&batch.source.ids, [batch.source.steps, batch.sentences()], device),
            &Tensor::from_slice(&batch.source.lengths, [batch.sentences()], device),
            None,
        );
        for (name, states) in [("hidden", &state.hidden), ("cell", &state.cell)] {
            let layers: Vec<&Tensor> = states.iter().map(|layer| layer.tensor()).collect();
            golden.check(&format!("expected.encoder.{name}"), &Tensor::stack(&layers, 0));
        }
        golden.finish(&["gradient.", "expected.encoder."]);
    });
}

/// The log-probability of each target word, word by word as when translating, and of whole sentences.
#[test]
fn log_probabilities() {
    each(|golden, model, device| {
        let batch = golden.batch(0);
        let (count, steps) = (batch.sentences(), batch.target_steps);
        let mut state = model.encode_sources(&batch.source);
        let mut words = vec![0.0; steps * count];
        for t in 0..steps {
            let row = t * count..(t + 1) * count;
            let last = Tensor::from_slice(&batch.target_input[row.clone()], [count], device);
            let target = Tensor::from_slice(&batch.target_output[row.clone()], [count, 1], device);
            let (next, after) = model.next_word(&last, &state);
            let chosen = next.gather(1, &target).to_f64_vec();
            for (b, (word, chosen)) in words[row].iter_mut().zip(chosen).enumerate() {
                if t < batch.target_lengths[b] as usize {
                    *word = chosen;
                }
            }
            state = after;
        }
        golden.check_numbers("expected.log_probabilities", &words);
        let recorded = golden.get("expected.log_probabilities").to_f64_vec();
        let mut sums = vec![0.0; count];
        recorded.iter().enumerate().for_each(|(i, x)| sums[i % count] += x);
        golden.near("sentences", &model.log_probabilities(&DeviceBatch::new(&batch, device)), &sums);
    });
}

/// What 20 steps leave, as bits.
fn train(golden: &mut Golden, model: &Model) -> BTreeMap<String, Vec<u8>> {
    let recipe = Recipe {
        normalise: Normalise::Sentences,
        clip_norm: MAX_NORM,
        dropout: false,
        key: Key::new(1),
        precision: Precision::F32,
    };
    let batches: Vec<_> = (0..BATCHES).map(|index| golden.batch(index)).collect();
    let mut trainer = Trainer::new(model.clone(), Optimiser::sgd(), recipe);
    let steps = golden.get("expected.losses").elements();
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    let mut clipped = 0;
    for step in 0..steps {
        let batch = &batches[step % BATCHES];
        let report = trainer.step(batch, step as u64, RATE);
        assert!(report.taken);
        assert_eq!(report.clipped, report.gradient_norm > MAX_NORM);
        assert_eq!(report.predictions, batch.target_output.iter().filter(|&&id| id != 0).count() as u64);
        clipped += usize::from(report.clipped);
        losses.push(report.loss / batch.sentences() as f64);
        norms.push(report.gradient_norm);
    }
    assert!(clipped > 0 && clipped < steps, "{clipped} of {steps} steps were clipped: both kinds belong here");
    golden.check_numbers("expected.losses", &losses);
    golden.check_numbers("expected.gradient_norms", &norms);
    for (path, parameter) in trainer.model.parameters() {
        golden.check(&format!("after20.{path}"), parameter.tensor());
    }
    trainer.model.state().into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect()
}

/// Losses, norms and final parameters of 20 steps; and every device computes the same bits.
#[test]
fn twenty_steps_of_training() {
    for dtype in DTYPES {
        for slices in [1, 3] {
            let finals = [Device::cpu(), Device::cpus(2).remove(1)].map(|device| {
                let mut golden = Golden::load(dtype, &device);
                let model = golden.model(slices, 0.0, &device);
                let bits = train(&mut golden, &model);
                golden.finish(&["after20.", "expected.losses", "expected.gradient_norms"]);
                bits
            });
            assert_eq!(finals[0], finals[1], "{dtype}, {slices} slices: two devices differ");
        }
    }
}

/// The beam works in either dtype: the same translations, each with the log-probability that scoring it gives.
#[test]
fn translations_do_not_depend_on_the_dtype() {
    let options = DecodeOptions { beam_size: 3, n_best: 2, ..DecodeOptions::default() };
    let found = DTYPES.map(|dtype| {
        let (golden, device) = (Golden::load(dtype, &Device::cpu()), Device::cpu());
        let model = golden.model(1, 0.0, &device);
        let sources = golden.batch(0).source;
        let translations: Vec<Vec<u32>> = translate(&model, &sources, &options)
            .iter()
            .enumerate()
            .flat_map(|(row, best)| best.iter().map(move |found| (row, found)))
            .map(|(row, found)| {
                let mut corpus = NumberedCorpus::new();
                let words = (0..sources.lengths[row] as usize - 1).map(|t| sources.ids[t * sources.sentences() + row]);
                corpus.push(&words.collect::<Vec<_>>(), &found.words);
                let batch = Batch::of(&corpus, &[0], false);
                let scored = model.log_probabilities(&DeviceBatch::new(&batch, &device));
                golden.near("log-probability", &[found.log_probability], &scored);
                found.words.clone()
            })
            .collect();
        assert_eq!(translations.len(), 2 * sources.sentences());
        translations
    });
    assert_eq!(found[0], found[1]);
}
