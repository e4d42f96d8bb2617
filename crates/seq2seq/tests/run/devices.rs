//! A run over several devices leaves what a run on one leaves.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use unrolled_seq2seq::config::{Config, Optimiser};
use unrolled_seq2seq::executor::StepError;
use unrolled_seq2seq::progress::{Event, Reason, Silent};
use unrolled_seq2seq::run::{self, Error, Placement, RunOptions, Summary};
use unrolled_tensor::{Device, DeviceError};

use crate::toy::{FRESH, Outcome, RESUME, StopAt, config, corpus, log, outcome, train};

fn on(devices: Vec<Device>) -> Placement {
    Placement { devices, home: Device::cpu(), machine: None, trace: None }
}

fn over(config: &Config, devices: usize, options: &RunOptions) -> Result<Summary, Error> {
    run::train_over(config, &on(Device::cpus(devices)), options, &mut Silent, &AtomicBool::new(false))
}

/// A configuration of three softmax slices; without a plan, one device has them all.
fn sliced(folder: &Path, name: &str, plan: &str) -> Config {
    Config { softmax_slices: 3, plan: plan.to_owned(), ..config(folder, name, Optimiser::Adam) }
}

fn on_one(folder: &Path) -> Outcome {
    let config = sliced(folder, "one", "");
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    outcome(config.output.as_ref().unwrap())
}

#[test]
fn every_plan_leaves_the_same_run() {
    let folder = corpus();
    let wanted = on_one(folder.path());
    for (plan, devices) in [("single", 1), ("paper", 5), ("paper", 8), ("deferred", 3), ("search", 2)] {
        let name = format!("{plan}-{devices}");
        let config = sliced(folder.path(), &name, plan);
        assert_eq!(over(&config, devices, &FRESH).unwrap().updates, 20);
        assert_eq!(outcome(config.output.as_ref().unwrap()), wanted, "{name}");
    }
}

#[test]
fn a_run_moves_between_one_device_and_several() {
    let folder = corpus();
    let wanted = on_one(folder.path());
    let several = sliced(folder.path(), "moved", "paper");
    let one = sliced(folder.path(), "moved", "");
    let stop = AtomicBool::new(false);
    let mut observer = StopAt { at: 8, stop: &stop, events: Vec::new() };
    let ended = run::train_over(&several, &on(Device::cpus(4)), &FRESH, &mut observer, &stop).unwrap();
    assert_eq!((ended.reason, ended.updates), (Reason::Signal, 8));
    train(&Config { updates: 13, ..one.clone() }, &RESUME, &mut Vec::new()).unwrap();
    over(&several, 5, &RESUME).unwrap();
    let run = several.output.as_ref().unwrap();
    let mut found = outcome(run);
    // The run that ended at 13 was validated there once more.
    found.validations.remove(&13);
    assert_eq!(found.validations, wanted.validations);
    assert_eq!(found.reports.last(), wanted.reports.last());
    let translated = |run: &Path| {
        let translator = run::load(run, &Device::cpu()).unwrap();
        translator.translate_lines(&["one two".into(), "three".into()], &Default::default())
    };
    assert_eq!(translated(run), translated(&folder.path().join("one")));
}

#[test]
fn a_device_that_fails_leaves_the_last_checkpoint() {
    let folder = corpus();
    let config = Config { updates: 9, ..sliced(folder.path(), "run", "paper") };
    over(&config, 5, &FRESH).unwrap();
    let run = config.output.as_ref().unwrap();
    let before = outcome(run);
    let devices = (0..5).map(|index| Device::cpu_with(index, 1, if index == 3 { 1600 } else { usize::MAX })).collect();
    let longer = Config { updates: 20, ..config.clone() };
    let failed = run::train_over(&longer, &on(devices), &RESUME, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    let Error::Step(StepError::Device { device, error: DeviceError::OutOfMemory { .. }, task }) = &failed else {
        panic!("{failed:?}");
    };
    assert!(device == "cpu:3" && task.contains("softmax"), "{device}, {task}");
    let told = log(run).into_iter().find_map(|event| match event {
        Event::Failed { message } => Some(message),
        _ => None,
    });
    assert!(told.is_some_and(|told| told.contains("on cpu:3") && told.contains("out of memory")));
    // It goes on from there, on one device as well.
    assert_eq!(outcome(run), before);
    over(&longer, 5, &RESUME).unwrap();
    assert_eq!(outcome(run).reports.last(), on_one(folder.path()).reports.last());
}

#[test]
fn what_happened_is_written_down() {
    let folder = corpus();
    let config = Config { updates: 6, ..sliced(folder.path(), "run", "paper") };
    let trace = folder.path().join("trace.json");
    let placement = Placement { trace: Some(trace.clone()), ..on(Device::cpus(4)) };
    run::train_over(&config, &placement, &FRESH, &mut Silent, &AtomicBool::new(false)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&trace).unwrap()).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    let updates: std::collections::BTreeSet<u64> =
        events.iter().filter_map(|event| event["args"]["update"].as_u64()).collect();
    assert_eq!(updates.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    let tasks = |device: u64| {
        events.iter().filter(|event| event["ph"] == "X" && event["tid"] == 0 && event["pid"] == device).count()
    };
    assert!((0..4).all(|device| tasks(device) > 0));
    let chart = std::fs::read_to_string(trace.with_extension("svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.contains("Plan paper, update 6:"), "{chart}");
}

#[test]
fn plans_that_do_not_fit_are_refused_before_training() {
    let folder = corpus();
    let refused = |name: &str, plan: &str, devices: usize| {
        let error = over(&sliced(folder.path(), name, plan), devices, &FRESH).unwrap_err();
        error.to_string()
    };
    assert!(refused("a", "papre", 4).contains("there is no plan `papre`"));
    assert_eq!(refused("b", "paper", 1), "plan `paper` needs 2 devices or more, not 1");
    assert!(refused("c", "none.toml", 4).contains("cannot read `none.toml`"));
}
