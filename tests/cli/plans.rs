//! `unrolled train --plan` and what is measured of it.

use std::path::Path;

use crate::command::{fails, succeeds, text};
use crate::toy::{corpus, train};

const SHORT: [&str; 8] = ["--layers", "2", "--epochs", "0", "--updates", "8", "--checkpoint-every", "4"];

/// The parameters after the last update.
fn parameters(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("checkpoints/0000000008/model.safetensors")).unwrap()
}

#[test]
fn a_plan_on_several_devices_writes_the_checkpoints_of_one() {
    let corpus = corpus();
    let folder = corpus.path();
    let trained = |more: &[&str]| {
        let output = train(folder, &[&SHORT[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    trained(&["--softmax-slices", "3"]);
    // Two layers on two devices leave three for the softmax, and nobody says into how many slices it is cut.
    let told = trained(&["--plan", "paper", "--devices", "5xcpu", "--output", "five", "--trace", "trace.json"]);
    assert!(told.contains("cpu:0 to cpu:4 by plan `paper`"), "{told}");
    assert!(parameters(folder, "run") == parameters(folder, "five"));
    let config = std::fs::read_to_string(folder.join("five/config.toml")).unwrap();
    assert!(config.contains("softmax-slices = 3") && config.contains("plan = \"paper\""), "{config}");
    assert!(std::fs::read_to_string(folder.join("trace.svg")).unwrap().contains("Plan paper, update 8"));
    let trace: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("trace.json")).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 100);
    let translated = succeeds(folder, &["translate", "--model", "five", "--threads", "1", "--devices", "2xcpu"]);
    assert_eq!(translated, "");
    let told = trained(&["--plan", "search", "--devices", "2xcpu", "--output", "two", "--profile"]);
    assert!(told.contains("by plan `search`, found for these devices as measured: "), "{told}");
    assert!(told.contains("cpu:1: 8 steps") && told.contains("wait for other devices"), "{told}");
}

#[test]
fn what_a_plan_needs_is_asked_for() {
    let corpus = corpus();
    let refused = |more: &[&str]| {
        let output = train(corpus.path(), more);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).to_owned()
    };
    assert!(refused(&["--devices", "2xcpu"]).contains("`devices` need a `plan`"));
    assert!(refused(&["--trace", "a.json"]).contains("give a --plan"));
    assert!(refused(&["--plan", "paper", "--devices", "2xgpu"]).contains("device `2xgpu` is unknown"));
    assert!(refused(&["--plan", "papre", "--devices", "2xcpu"]).contains("there is no plan `papre`"));
    let arguments = ["schedule", "--measure", "--devices", "2xK40"];
    assert!(fails(corpus.path(), &arguments, 1).contains("only CPU devices are here to be measured"));
}

#[test]
fn devices_are_measured() {
    let corpus = corpus();
    let shape =
        ["--devices", "2xcpu", "--size", "tiny", "--batch-size", "8", "--source-words", "4", "--target-words", "5"];
    let quick = ["--steps", "1", "--json"];
    let json = |more: &[&str]| -> serde_json::Value {
        let arguments = [&["schedule"], &shape[..], &quick, more].concat();
        serde_json::from_str(&succeeds(corpus.path(), &arguments)).unwrap()
    };
    assert!(json(&["--calibrate", "--plan", "paper"])["words_per_s"].as_f64().unwrap() > 0.0);
    let answer = json(&["--measure", "--pairs", "1"]);
    let plans = answer["plans"].as_array().unwrap();
    assert!(plans.len() >= 4, "{answer}");
    assert!(
        plans.iter().all(|plan| plan["predicted_s"].as_f64() > Some(0.0) && plan["measured_s"].as_f64() > Some(0.0))
    );
    assert_eq!(answer["pairs"]["speedups"].as_array().unwrap().len(), 1);
}
