//! A run whose process dies at a random moment, resumed: the same bits as one that never stopped.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{command, text, with_input};
use crate::toy::corpus;

const UPDATES: &str = "60";

fn arguments(run: &'static str) -> Vec<&'static str> {
    let data = ["--source", "a.en", "--target", "a.fr", "--valid-source", "a.en", "--valid-target", "a.fr"];
    let rhythm =
        ["--checkpoint-every", "2", "--validate-every", "9", "--log-every", "3", "--valid-bleu-sentences", "4"];
    let model = ["--preset", "tiny", "--layers", "2", "--dropout", "0.2", "--batch-size", "16", "--threads", "2"];
    let length = ["--epochs", "0", "--updates", UPDATES, "--output", run];
    [&["train"], &data[..], &rhythm, &model, &length].concat()
}

/// The last parameters and optimiser state, and what the log says of updates and validations, clocks left out.
fn outcome(run: &Path) -> (BTreeMap<&'static str, Vec<u8>>, Vec<Value>) {
    let last = run.join("checkpoints").join(format!("{UPDATES:0>10}"));
    let files = ["model.safetensors", "optimiser.safetensors"].map(|name| (name, fs::read(last.join(name)).unwrap()));
    let log = fs::read_to_string(run.join("log.jsonl")).unwrap();
    let mut told = Vec::new();
    for line in log.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if ["update", "validation"].contains(&event["event"].as_str().unwrap()) {
            for clock in ["seconds", "elapsed", "peak_memory"] {
                event.get_mut(clock).map(Value::take);
            }
            told.push(event);
        }
    }
    (files.into(), told)
}

#[test]
fn a_run_killed_at_random_moments_ends_as_if_it_had_not_been() {
    let corpus = corpus();
    let folder = corpus.path();
    let output = with_input(folder, &arguments("straight"), "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wanted = outcome(&folder.join("straight"));

    let (run, mut moments, mut kills) = (folder.join("run"), Vec::new(), 0);
    let done = |run: &Path| run.join("checkpoints").join(format!("{UPDATES:0>10}")).exists();
    while !done(&run) && moments.len() < 8 {
        let resume: &[&str] = if run.exists() { &["--resume"] } else { &[] };
        let mut child = command(folder, &[&arguments("run")[..], resume].concat()).spawn().unwrap();
        let began = Instant::now();
        while !run.join("latest").exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint in a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
        let moment = Duration::from_millis(RandomState::new().hash_one(0) % 250);
        std::thread::sleep(moment);
        moments.push(moment);
        child.kill().unwrap();
        kills += !child.wait().unwrap().success() as usize;
    }
    assert!(kills > 0, "every process was done before it was killed");
    let output = with_input(folder, &[&arguments("run")[..], &["--resume"]].concat(), "");
    assert!(output.status.success(), "killed after {moments:?}: {}", text(&output.stderr));
    let found = outcome(&run);
    assert_eq!(found.1, wanted.1, "killed after {moments:?}");
    assert!(found.0 == wanted.0, "other bits; killed after {moments:?}");
}
