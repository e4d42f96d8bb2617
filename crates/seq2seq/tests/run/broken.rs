//! What goes wrong in a run costs no checkpoint, and is told with the file or the number at fault.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use unrolled_nn::checkpoint::CheckpointStore;
use unrolled_seq2seq::config::{Config, Optimiser, Schedule};
use unrolled_seq2seq::progress::Event;
use unrolled_seq2seq::run::{self, Error, RunOptions};
use unrolled_tensor::{Device, DeviceError};

use crate::medium::Medium;
use crate::toy::{FRESH, RESUME, config, corpus, log, outcome, train, warnings};

fn train_within(room: u64, config: &Config, options: &RunOptions) -> (Result<run::Summary, Error>, u64) {
    let disk = Medium::with_room(room);
    let never = AtomicBool::new(false);
    let ended = run::train_on(Arc::new(disk.clone()), config, &Device::cpu(), options, &mut Vec::new(), &never);
    (ended, disk.room())
}

#[test]
fn a_disk_that_runs_full_anywhere_costs_no_checkpoint() {
    let folder = corpus();
    let straight = config(folder.path(), "straight", Optimiser::Adam);
    let (ended, left) = train_within(u64::MAX, &straight, &FRESH);
    assert_eq!(ended.unwrap().updates, 20);
    let (wanted, total) = (outcome(&folder.path().join("straight")), u64::MAX - left);
    for part in 0..14 {
        let config = config(folder.path(), &format!("full-{part}"), Optimiser::Adam);
        let run = config.output.clone().unwrap();
        let error = train_within(total * part / 14, &config, &FRESH).0.unwrap_err();
        let text = error.to_string();
        assert!(error.is_full() && text.contains(run.to_str().unwrap()) && text.contains("free some space"), "{text}");
        let sound = CheckpointStore::open(&run).unwrap().newest_good().unwrap().good.is_some();
        assert!(sound || part < 2, "no checkpoint after {part} of 14 parts");
        if sound {
            assert!(run::load(&run, &Device::cpu()).is_ok());
            assert_eq!(log(&run).last(), Some(&Event::Failed { message: text }));
        }
        let options = RunOptions { resume: sound, overwrite: !sound };
        train(&config, &options, &mut Vec::new()).unwrap();
        assert_eq!(outcome(&run), wanted, "after {part} of 14 parts of the room");
    }
}

#[test]
fn a_full_disk_leaves_the_run_that_is_resumed_as_it_was() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    let run = config.output.clone().unwrap();
    let before = fs::read(run.join("config.toml")).unwrap();
    let longer = Config { updates: 30, ..config };
    for room in [0, 50, 400, 3000] {
        assert!(train_within(room, &longer, &RESUME).0.unwrap_err().is_full(), "room for {room}");
        let kept = fs::read(run.join("config.toml")).unwrap();
        assert!(kept == before || kept == longer.to_toml().into_bytes(), "never half of it");
        assert_eq!(CheckpointStore::open(&run).unwrap().newest_good().unwrap().good.unwrap().update, 20);
    }
    assert_eq!(train(&longer, &RESUME, &mut Vec::new()).unwrap().updates, 30);
}

#[test]
fn a_run_that_diverges_warns_stops_and_keeps_its_checkpoints() {
    let folder = corpus();
    for (learning_rate, optimiser) in [(1e9, Optimiser::Sgd), (1e30, Optimiser::Sgd), (1e20, Optimiser::Adam)] {
        let good = config(folder.path(), &format!("run-{learning_rate}"), optimiser);
        train(&good, &FRESH, &mut Vec::new()).unwrap();
        let run = good.output.clone().unwrap();
        let store = CheckpointStore::open(&run).unwrap();
        let before = (store.updates().unwrap(), store.best().unwrap());
        let wild = Config { learning_rate, schedule: Schedule::Constant, updates: 500, ..good.clone() };
        let mut events = Vec::new();
        let error = train(&wild, &RESUME, &mut events).unwrap_err();
        assert!(
            matches!(error, Error::Diverged { count: 50, .. }) && error.to_string().contains("learning rate"),
            "{error}"
        );
        let told: Vec<&str> = warnings(&events).into_iter().filter(|told| told.contains("loss or gradient")).collect();
        assert!(told.len() == 1 && told[0].starts_with("update 2"), "{told:?}");
        assert!(matches!(events.last(), Some(Event::Failed { .. })));
        assert_eq!((store.updates().unwrap(), store.best().unwrap()), before);
        // A lower rate goes on.
        let ended = train(&Config { updates: 25, ..good }, &RESUME, &mut Vec::new()).unwrap();
        assert!(ended.updates == 25 && ended.best_perplexity.unwrap() < 9.0, "{ended:?}");
    }
}

#[test]
fn parameters_that_overflowed_are_not_saved() {
    let folder = corpus();
    let good = config(folder.path(), "run", Optimiser::Sgd);
    train(&good, &FRESH, &mut Vec::new()).unwrap();
    let wild =
        Config { learning_rate: 1e38, clip_norm: 0.0, schedule: Schedule::Constant, updates: 22, ..good.clone() };
    let error = train(&wild, &RESUME, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    let store = CheckpointStore::open(good.output.as_ref().unwrap()).unwrap();
    assert_eq!(store.newest_good().unwrap().good.unwrap().update, 20);
    assert_eq!(train(&Config { updates: 22, ..good }, &RESUME, &mut Vec::new()).unwrap().updates, 22);
}

#[test]
fn a_device_without_memory_is_an_error_and_no_panic_is_shown() {
    let folder = corpus();
    let loud = Arc::new(AtomicBool::new(false));
    let (heard, usual) = (loud.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        heard.fetch_or(panic.payload().is::<DeviceError>(), Ordering::Relaxed);
        usual(panic);
    }));
    // From too little for the parameters to enough for all but the largest batch.
    let mut refused = 0;
    for room in (10_000..120_000).step_by(10_000) {
        let config = config(folder.path(), &format!("run-{room}"), Optimiser::Adam);
        let device = Device::cpu_with(0, 1, room);
        let ended = run::train(&config, &device, &FRESH, &mut Vec::new(), &AtomicBool::new(false));
        let memory = device.memory();
        assert_eq!(memory.in_use, 0, "everything is given back");
        if let Err(error) = ended {
            assert!(matches!(error, Error::Device(DeviceError::OutOfMemory { .. })), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 2 && !loud.load(Ordering::Relaxed), "{refused} refused");
}

#[test]
fn settings_without_sense_are_refused_before_anything_is_made() {
    let folder = corpus();
    let base = config(folder.path(), "run", Optimiser::Sgd);
    let cases: [(&str, Config); 5] = [
        ("layers", Config { layers: 0, ..base.clone() }),
        ("batch-size", Config { batch_size: 0, ..base.clone() }),
        ("dropout", Config { dropout: 1.0, ..base.clone() }),
        ("tsv", Config { tsv: Vec::new(), ..base.clone() }),
        ("output", Config { output: None, ..base.clone() }),
    ];
    for (key, config) in cases {
        let error = train(&config, &FRESH, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, Error::Settings(_)) && error.to_string().contains(key), "{key}: {error}");
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn a_mistake_in_the_data_leaves_folders_as_they_were() {
    let folder = corpus();
    let good = config(folder.path(), "run", Optimiser::Sgd);
    let bad = Config { tsv: vec![folder.path().join("none.tsv")], ..good.clone() };
    assert!(train(&bad, &FRESH, &mut Vec::new()).unwrap_err().to_string().contains("none.tsv"));
    assert!(!folder.path().join("run").exists());
    train(&good, &FRESH, &mut Vec::new()).unwrap();
    let before = outcome(&folder.path().join("run"));
    let over = RunOptions { resume: false, overwrite: true };
    assert!(train(&bad, &over, &mut Vec::new()).is_err());
    assert_eq!(outcome(&folder.path().join("run")), before, "an old run goes only when the new one can begin");
    let (run, notes) = (good.output.clone().unwrap(), folder.path().join("run/notes.txt"));
    fs::write(&notes, "mine").unwrap();
    let itself = Config { start_from: Some(run.clone()), ..good.clone() };
    assert!(train(&itself, &over, &mut Vec::new()).unwrap_err().to_string().contains("`start-from` is in `output`"));
    let other = Config { output: Some(folder.path().join("other")), hidden_size: 3, ..good.clone() };
    train(&other, &FRESH, &mut Vec::new()).unwrap();
    let unlike = Config { start_from: other.output, ..good.clone() };
    assert!(matches!(train(&unlike, &over, &mut Vec::new()), Err(Error::Model { .. })));
    assert_eq!(outcome(&run), before);
    train(&Config { seed: 2, ..good }, &over, &mut Vec::new()).unwrap();
    assert_ne!(outcome(&run), before);
    assert_eq!(fs::read(&notes).unwrap(), b"mine");
}

#[test]
fn folders_with_other_things_are_left_alone() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    let run = config.output.clone().unwrap();
    fs::create_dir(&run).unwrap();
    fs::write(run.join("thesis.txt"), "mine").unwrap();
    for options in [FRESH, RunOptions { resume: false, overwrite: true }] {
        assert!(matches!(train(&config, &options, &mut Vec::new()), Err(Error::NotARun { .. })));
    }
    assert!(matches!(train(&config, &RESUME, &mut Vec::new()), Err(Error::NothingToResume { .. })));
    fs::write(run.join("config.toml"), "of = 'another program'").unwrap();
    for options in [FRESH, RunOptions { resume: false, overwrite: true }] {
        assert!(matches!(train(&config, &options, &mut Vec::new()), Err(Error::NotARun { .. })));
    }
    fs::remove_file(run.join("config.toml")).unwrap();
    assert_eq!(fs::read(run.join("thesis.txt")).unwrap(), b"mine");
    // What a run leaves that died before its configuration was written is no hindrance.
    fs::remove_file(run.join("thesis.txt")).unwrap();
    fs::create_dir_all(run.join("checkpoints")).unwrap();
    fs::write(run.join(".source.vocabulary.writing"), "<pa").unwrap();
    train(&config, &FRESH, &mut Vec::new()).unwrap();
}

/// A word would have another's number, and nothing but the answers would say so.
#[test]
fn a_run_with_another_vocabulary_than_its_checkpoint_is_not_resumed() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    let vocabulary = config.output.as_ref().unwrap().join("target.vocabulary");
    let sound = fs::read_to_string(&vocabulary).unwrap();
    let mut lines: Vec<&str> = sound.lines().collect();
    lines.swap(4, 5);
    fs::write(&vocabulary, lines.join("\n") + "\n").unwrap();
    let longer = Config { updates: 21, ..config };
    let error = train(&longer, &RESUME, &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::OtherVocabulary { vocabulary: named, .. } if *named == vocabulary), "{error}");
    fs::write(&vocabulary, sound).unwrap();
    train(&longer, &RESUME, &mut Vec::new()).unwrap();
}

#[test]
fn two_processes_cannot_train_in_one_folder() {
    let folder = corpus();
    let config = config(folder.path(), "run", Optimiser::Sgd);
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    let _other = CheckpointStore::create(config.output.as_ref().unwrap()).unwrap();
    for options in [RESUME, RunOptions { resume: false, overwrite: true }] {
        let error = train(&config, &options, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
    }
}
