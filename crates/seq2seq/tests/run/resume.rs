//! Stopped and resumed is the same as never stopped, to the bit.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use unrolled_nn::checkpoint::{CheckpointStore, MODEL};
use unrolled_seq2seq::config::{Config, Optimiser};
use unrolled_seq2seq::progress::{Event, Observer, Reason};
use unrolled_seq2seq::run::{self, Error};
use unrolled_tensor::Device;

use crate::toy::{FRESH, Outcome, RESUME, StopAt, config, corpus, log, outcome, train, train_until, warnings};

const OPTIMISERS: [Optimiser; 4] = [Optimiser::Sgd, Optimiser::Momentum, Optimiser::Adam, Optimiser::AdamW];

fn straight(folder: &Path, optimiser: Optimiser) -> Outcome {
    let config = config(folder, &format!("straight-{optimiser}"), optimiser);
    assert_eq!(train(&config, &FRESH, &mut Vec::new()).unwrap().updates, 20);
    outcome(config.output.as_ref().unwrap())
}

fn until(config: &Config, at: u64) -> Reason {
    let stop = AtomicBool::new(false);
    let mut observer = StopAt { at, stop: &stop, events: Vec::new() };
    let resume = config.output.as_ref().unwrap().exists();
    let options = if resume { RESUME } else { FRESH };
    train_until(config, &options, &mut observer, &stop).unwrap().reason
}

#[test]
fn stopped_by_the_flag_at_any_event() {
    let folder = corpus();
    for optimiser in OPTIMISERS {
        let wanted = straight(folder.path(), optimiser);
        assert_eq!(wanted.validations.keys().copied().collect::<Vec<_>>(), [0, 6, 12, 18, 20]);
        let reports: Vec<_> = wanted.reports.iter().map(|report| report["update"].as_u64().unwrap()).collect();
        assert_eq!(reports, [5, 6, 10, 12, 15, 18, 20]);
        for at in [0, 1, 4, 5, 6, 8, 11, 16] {
            let config = config(folder.path(), &format!("{optimiser}-{at}"), optimiser);
            assert_eq!(until(&config, at), Reason::Signal);
            train(&config, &RESUME, &mut Vec::new()).unwrap();
            assert_eq!(outcome(config.output.as_ref().unwrap()), wanted, "{optimiser}, stopped at {at}");
        }
    }
}

#[test]
fn stopped_again_and_again() {
    let folder = corpus();
    let wanted = straight(folder.path(), Optimiser::Adam);
    let config = config(folder.path(), "again", Optimiser::Adam);
    for at in [2, 6, 7, 13, 17] {
        until(&config, at);
    }
    train(&config, &RESUME, &mut Vec::new()).unwrap();
    assert_eq!(outcome(config.output.as_ref().unwrap()), wanted);
}

/// Sleeps at one update, so that the time is up there.
struct SleepAt(u64, Duration);

impl Observer for SleepAt {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::Checkpoint { update, .. } if *update == self.0) {
            std::thread::sleep(self.1);
        }
    }
}

#[test]
fn stopped_by_the_clock() {
    let folder = corpus();
    let wanted = straight(folder.path(), Optimiser::Momentum);
    let config = config(folder.path(), "clock", Optimiser::Momentum);
    let short = Config { minutes: 1.0 / 60.0, ..config.clone() };
    let ended = train(&short, &FRESH, &mut SleepAt(8, Duration::from_secs(1))).unwrap();
    assert!(ended.reason == Reason::Minutes && ended.updates <= 8, "{ended:?}");
    train(&config, &RESUME, &mut Vec::new()).unwrap();
    let mut found = outcome(config.output.as_ref().unwrap());
    // The validation that closed the first part is one more, unless the machine was so slow that one was due there.
    assert!(found.validations.contains_key(&ended.updates));
    found.validations.retain(|update, _| wanted.validations.contains_key(update));
    assert_eq!((found.reports, found.validations), (wanted.reports, wanted.validations));
    assert_eq!(bits(&config), bits(&Config { output: Some(folder.path().join("straight-momentum")), ..config }));
}

/// The bytes of the last parameters and optimiser state.
fn bits(config: &Config) -> [Vec<u8>; 2] {
    let store = CheckpointStore::open(config.output.as_ref().unwrap()).unwrap();
    let folder = store.folder(store.latest().unwrap().unwrap());
    ["model.safetensors", "optimiser.safetensors"].map(|name| fs::read(folder.join(name)).unwrap())
}

#[test]
fn patience_counts_the_same_after_a_stop_by_the_clock() {
    let folder = corpus();
    // A step so small that perplexity hardly moves, and one that makes it rise.
    let base =
        Config { updates: 0, patience: 2, validate_every: 3, ..config(folder.path(), "straight", Optimiser::Sgd) };
    let base = Config { learning_rate: 40.0, schedule: unrolled_seq2seq::config::Schedule::Constant, ..base };
    let wanted = train(&base, &FRESH, &mut Vec::new()).unwrap();
    assert_eq!(wanted.reason, Reason::Patience);
    let config = Config { output: Some(folder.path().join("stopped")), ..base };
    let short = Config { minutes: 1.0 / 60.0, ..config.clone() };
    assert_eq!(train(&short, &FRESH, &mut SleepAt(4, Duration::from_secs(1))).unwrap().reason, Reason::Minutes);
    let found = train(&config, &RESUME, &mut Vec::new()).unwrap();
    assert_eq!((found.reason, found.updates), (wanted.reason, wanted.updates));
}

#[test]
fn on_any_number_of_threads() {
    let folder = corpus();
    let big = |name: &str| Config {
        hidden_size: 96,
        embedding_size: 64,
        batch_size: 30,
        updates: 6,
        validate_every: 4,
        checkpoint_every: 2,
        log_every: 1,
        ..config(folder.path(), name, Optimiser::Adam)
    };
    let on = |threads: usize, work: &mut (dyn FnMut() + Send)| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
    };
    on(1, &mut || {
        train(&big("straight"), &FRESH, &mut Vec::new()).unwrap();
    });
    let wanted = outcome(&folder.path().join("straight"));
    for [first, second] in [[2, 2], [3, 1], [1, 3]] {
        let config = big(&format!("{first}-{second}"));
        on(first, &mut || assert_eq!(until(&config, 3), Reason::Signal));
        on(second, &mut || {
            train(&config, &RESUME, &mut Vec::new()).unwrap();
        });
        assert_eq!(outcome(config.output.as_ref().unwrap()), wanted, "{first} threads, then {second}");
    }
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over_with_a_warning() {
    let folder = corpus();
    let wanted = straight(folder.path(), Optimiser::Adam);
    for (at, cut) in [(8, 0), (12, 100), (13, 7)] {
        let config = config(folder.path(), &format!("damaged-{at}"), Optimiser::Adam);
        until(&config, at);
        let store = CheckpointStore::open(config.output.as_ref().unwrap()).unwrap();
        let newest = store.latest().unwrap().unwrap();
        let file = store.folder(newest).join(MODEL);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() * cut / 101]).unwrap();
        let mut events = Vec::new();
        train(&config, &RESUME, &mut events).unwrap();
        let told = warnings(&events)[0];
        assert!(told.starts_with(&format!("checkpoint {newest} refused: ")) && told.contains(MODEL), "{told}");
        assert_eq!(outcome(store.run()), wanted, "damaged at {newest}");
    }
}

#[test]
fn with_no_sound_checkpoint_nothing_is_touched() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    until(&config, 8);
    let run = config.output.as_ref().unwrap();
    let store = CheckpointStore::open(run).unwrap();
    for update in store.updates().unwrap() {
        fs::write(store.folder(update).join(MODEL), "").unwrap();
    }
    let before = (store.updates().unwrap(), fs::read(run.join("config.toml")).unwrap(), log(run));
    let changed = Config { updates: 99, ..config.clone() };
    let error = train(&changed, &RESUME, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("none of its checkpoints is sound"), "{error}");
    assert_eq!((store.updates().unwrap(), fs::read(run.join("config.toml")).unwrap(), log(run)), before);
    let error = run::load(run, &Device::cpu()).unwrap_err();
    assert!(error.to_string().contains(MODEL), "{error}");
}

#[test]
fn best_is_marked_again_where_a_run_died_between_checkpoint_and_mark() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Adam);
    until(&config, 12);
    let store = CheckpointStore::open(config.output.as_ref().unwrap()).unwrap();
    let best = store.best().unwrap();
    assert!(best > Some(0));
    for damage in ["checkpoints/0000000000\n", "no pointer"] {
        fs::write(store.run().join("best"), damage).unwrap();
        assert!(store.best().is_err() || store.best().unwrap() != best);
        let stop = AtomicBool::new(true);
        train_until(&config, &RESUME, &mut Vec::new(), &stop).unwrap();
        assert!(stop.load(Ordering::Relaxed) && store.best().unwrap() == best);
    }
}

#[test]
fn another_batch_size_goes_on_at_the_same_epoch_and_says_so() {
    let folder = corpus();
    let config = Config { epochs: 2.0, updates: 0, ..config(folder.path(), "run", Optimiser::Sgd) };
    until(&config, 8);
    let mut events = Vec::new();
    let ended = train(&Config { batch_size: 15, ..config }, &RESUME, &mut events).unwrap();
    assert!(warnings(&events)[0].contains("an epoch has 4 batches now and had 8 before"), "{events:?}");
    assert_eq!((ended.updates, ended.epochs, ended.reason), (12, 2.0, Reason::Epochs));
}

#[test]
fn what_a_resumed_run_must_keep_cannot_be_changed() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    until(&config, 1);
    let changed = Config { reverse_source: false, hidden_size: 13, learning_rate: 0.1, ..config };
    let error = train(&changed, &RESUME, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Settings(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`reverse-source` of a resumed run must stay true") && text.contains("stay 12, found 13"),
        "{text}"
    );
    assert!(!text.contains("learning-rate"), "{text}");
}
