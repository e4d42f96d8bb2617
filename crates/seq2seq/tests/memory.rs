//! What training holds: a step changes parameters and optimiser state where they are, and nothing stays behind a validation or a checkpoint.

use std::sync::atomic::AtomicBool;

use unrolled_nn::Module;
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Config, Optimiser};
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::progress::{Event, Observer};
use unrolled_seq2seq::run::{self, RunOptions};
use unrolled_seq2seq::training::{Recipe, Trainer, optimiser_of};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

/// Where a tensor's numbers are.
fn place(tensor: &Tensor) -> *const () {
    std::sync::Arc::as_ptr(tensor.storage()).cast()
}

#[test]
fn a_step_changes_parameters_and_state_in_place() {
    let mut corpus = NumberedCorpus::new();
    corpus.push(&[3, 4, 5], &[6, 7]);
    corpus.push(&[4], &[5, 3, 3]);
    let batch = Batch::of(&corpus, &[0, 1], true);
    for optimiser in [Optimiser::Sgd, Optimiser::Momentum, Optimiser::AdamW] {
        let sizes = Sizes { source_words: 8, target_words: 8, embedding: 4, hidden: 5, layers: 2, softmax_slices: 2 };
        let config = Config { optimiser, dropout: 0.2, ..Config::default() };
        let model = Model::new(&sizes, config.dropout, 0.1.into(), Key::new(1), &Device::cpu());
        let mut trainer = Trainer::new(model, optimiser_of(&config), Recipe::of(&config));
        trainer.step(&batch, 0, 0.1);
        let places = |trainer: &Trainer| {
            let parameters = trainer.model.state().into_values().map(|tensor| place(&tensor)).collect::<Vec<_>>();
            let state = trainer.optimiser.state().into_values().map(|tensor| place(&tensor)).collect::<Vec<_>>();
            (parameters, state)
        };
        let (before, values) = (places(&trainer), trainer.model.projection.bias.tensor().to_f64_vec());
        trainer.step(&batch, 1, 0.1);
        assert_eq!(places(&trainer), before, "{optimiser}");
        assert_ne!(trainer.model.projection.bias.tensor().to_f64_vec(), values);
    }
}

/// Notes what the device holds at each report.
struct Held(Device, Vec<usize>);

impl Observer for Held {
    fn event(&mut self, event: &Event) {
        if let Event::Update(_) = event {
            self.1.push(self.0.memory().in_use);
        }
    }
}

#[test]
fn validations_and_checkpoints_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("pairs.tsv");
    std::fs::write(&text, "a b\tx y\nb a\ty x\na\tx\nb\ty\n").unwrap();
    let config = Config {
        tsv: vec![text.clone()],
        valid_tsv: vec![text],
        output: Some(folder.path().join("run")),
        updates: 9,
        epochs: 0.0,
        log_every: 1,
        validate_every: 3,
        checkpoint_every: 2,
        ..Config::preset("tiny").unwrap()
    };
    let device = Device::cpu_with(0, 1, usize::MAX);
    let mut held = Held(device.clone(), Vec::new());
    run::train(&config, &device, &RunOptions::default(), &mut held, &AtomicBool::new(false)).unwrap();
    let [first, rest @ ..] = &held.1[..] else { panic!() };
    assert!(rest.len() == 8 && rest.iter().all(|bytes| bytes == first), "{:?}", held.1);
    assert_eq!(device.memory().in_use, 0);
}
