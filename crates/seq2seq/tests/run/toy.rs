//! A toy corpus, a toy configuration, and what a run leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use unrolled_nn::checkpoint::{self, CheckpointStore};
use unrolled_seq2seq::config::{Config, Optimiser};
use unrolled_seq2seq::progress::{Event, Observer};
use unrolled_seq2seq::run::{self, Error, RunOptions, Summary};
use unrolled_tensor::Device;

use crate::medium::Medium;

pub const FRESH: RunOptions = RunOptions { resume: false, overwrite: false };
pub const RESUME: RunOptions = RunOptions { resume: true, overwrite: false };

/// A folder with a corpus of 60 pairs, `pairs.tsv`: number words of 1 to 5 words, and the same in French.
pub fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = [("one", "un"), ("two", "deux"), ("three", "trois"), ("four", "quatre"), ("five", "cinq")];
    let pair = |index: usize| {
        let chosen: Vec<_> = (0..1 + index % 5).map(|place| words[(index / 5 + place * (1 + index % 3)) % 5]).collect();
        let side =
            |of: fn(&(&'static str, &'static str)) -> &'static str| chosen.iter().map(of).collect::<Vec<_>>().join(" ");
        format!("{}\t{}\n", side(|pair| pair.0), side(|pair| pair.1))
    };
    fs::write(folder.path().join("pairs.tsv"), (0..60).map(pair).collect::<String>()).unwrap();
    folder
}

/// Two layers with dropout; 8 updates an epoch; a report, a checkpoint and a validation now and then.
pub fn config(folder: &Path, name: &str, optimiser: Optimiser) -> Config {
    Config {
        tsv: vec![folder.join("pairs.tsv")],
        valid_tsv: vec![folder.join("pairs.tsv")],
        output: Some(folder.join(name)),
        layers: 2,
        hidden_size: 12,
        embedding_size: 10,
        dropout: 0.3,
        batch_size: 8,
        optimiser,
        learning_rate: if optimiser == Optimiser::Sgd { 0.7 } else { 0.02 },
        epochs: 0.0,
        updates: 20,
        validate_every: 6,
        valid_bleu_sentences: 5,
        checkpoint_every: 4,
        log_every: 5,
        source_vocabulary_size: 8,
        target_vocabulary_size: 8,
        ..Config::default()
    }
}

pub fn train(config: &Config, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary, Error> {
    train_until(config, options, observer, &AtomicBool::new(false))
}

pub fn train_until(
    config: &Config,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    run::train_on(Arc::new(Medium::with_room(u64::MAX)), config, &Device::cpu(), options, observer, stop)
}

/// Sets a flag at the first event that tells of `at` updates or more, and keeps all events.
pub struct StopAt<'a> {
    pub at: u64,
    pub stop: &'a AtomicBool,
    pub events: Vec<Event>,
}

impl Observer for StopAt<'_> {
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
        if event.update().is_some_and(|update| update >= self.at) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// What a run comes to: the bits of parameters and optimiser after its last update, its progress, the reports and validations of its log.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub tensors: BTreeMap<String, Vec<u8>>,
    progress: serde_json::Value,
    pub reports: Vec<serde_json::Value>,
    pub validations: BTreeMap<u64, f64>,
    translations: BTreeMap<String, Vec<u8>>,
}

pub fn outcome(run: &Path) -> Outcome {
    let store = CheckpointStore::open(run).unwrap();
    let last = checkpoint::read(store.folder(store.latest().unwrap().unwrap()), &Device::cpu()).unwrap();
    let named = |kind: &'static str, tensors: BTreeMap<String, unrolled_tensor::Tensor>| {
        tensors.into_iter().map(move |(name, tensor)| (format!("{kind} {name}"), tensor.to_bytes()))
    };
    let mut progress = last.state;
    progress["window"]["seconds"].take();
    let folder = fs::read_dir(run.join("validation")).unwrap().map(Result::unwrap);
    Outcome {
        tensors: named("parameter", last.model).chain(named("state", last.optimiser)).collect(),
        progress,
        reports: log(run).iter().filter_map(report).collect(),
        validations: log(run).iter().filter_map(validation).collect(),
        translations: folder
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect(),
    }
}

/// The events of a run's log; every line must be one.
pub fn log(run: &Path) -> Vec<Event> {
    let text = fs::read_to_string(run.join("log.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// A report without its clocks, and without what a process that began later has held in memory.
fn report(event: &Event) -> Option<serde_json::Value> {
    let Event::Update(update) = event else { return None };
    let mut report = serde_json::to_value(update).unwrap();
    for clock in ["seconds", "elapsed", "peak_memory"] {
        report[clock].take();
    }
    Some(report)
}

fn validation(event: &Event) -> Option<(u64, f64)> {
    let Event::Validation(validation) = event else { return None };
    Some((validation.update, validation.perplexity))
}

/// The warnings among events.
pub fn warnings(events: &[Event]) -> Vec<&str> {
    fn message(event: &Event) -> Option<&str> {
        match event {
            Event::Warning { message } => Some(message),
            _ => None,
        }
    }
    events.iter().filter_map(message).collect()
}
