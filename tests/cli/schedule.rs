//! `unrolled schedule`.

use crate::command::{fails, folder, succeeds, write};

/// The JSON of `unrolled schedule` with further arguments.
fn json(arguments: &[&str]) -> serde_json::Value {
    let arguments = [&["schedule", "--json"], arguments].concat();
    serde_json::from_str(&succeeds(folder().path(), &arguments)).unwrap()
}

#[test]
fn the_papers_plan_is_told_with_its_limit() {
    let folder = folder();
    let text = succeeds(folder.path(), &["schedule", "--plan", "paper", "--devices", "8xK40", "--svg", "chart.svg"]);
    for wanted in ["words/s", "limit: softmax on devices 4–7", "critical path", "20,000 words on 7", "largest: "] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let chart = std::fs::read_to_string(folder.path().join("chart.svg")).unwrap();
    assert!(chart.starts_with("<svg ") && chart.ends_with("</svg>\n"));
    assert!(chart.contains("Plan paper on 8 × K40") && chart.contains("K40 7"));
}

#[test]
fn json_has_what_a_program_reads() {
    let answer = json(&["--plan", "paper", "--devices", "8xK40"]);
    let speedup = answer["speedup"].as_f64().unwrap();
    assert!(answer["plan"] == "paper" && 3.3 < speedup && speedup < 4.4, "{answer}");
    assert!((answer["words_per_s"].as_f64().unwrap() / 1700.0 - speedup).abs() < 0.01, "{answer}");
    let devices = answer["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 8);
    assert!(devices.iter().all(|device| device["peak_bytes"].as_u64() <= device["capacity_bytes"].as_u64()));
    assert!(!answer["critical_path"].as_array().unwrap().is_empty());
}

#[test]
fn plans_are_compared() {
    let arguments = ["--compare", "--devices", "4xV100", "--size", "tiny", "--simulations", "20"];
    let answer = json(&arguments);
    let plans: Vec<&str> =
        answer["plans"].as_array().unwrap().iter().map(|plan| plan["plan"].as_str().unwrap()).collect();
    assert_eq!(plans, ["single", "paper", "deferred", "data-parallel-softmax", "search", "search-slices"]);
    assert_eq!(answer["plans"][0]["speedup"], 1.0);
    let text = succeeds(folder().path(), &[&["schedule"], &arguments[..]].concat());
    assert!(plans.iter().all(|plan| text.contains(plan)), "{text}");
}

#[test]
fn a_plan_can_be_written_down_and_read_again() {
    let folder = folder();
    let plan = succeeds(
        folder.path(),
        &["schedule", "--plan", "deferred", "--size", "tiny", "--devices", "3xK20", "--dump-plan"],
    );
    write(&folder, "mine.toml", plan.replacen("deferred", "mine", 1));
    let arguments = ["schedule", "--plan", "mine.toml", "--size", "tiny", "--devices", "3xK20", "--json"];
    let answer: serde_json::Value = serde_json::from_str(&succeeds(folder.path(), &arguments)).unwrap();
    assert_eq!(answer["plan"], "mine");
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = folder();
    let refused = |arguments: &[&str], code| fails(folder.path(), &[&["schedule"], arguments].concat(), code);
    assert!(refused(&["--devices", "8xK80"], 2).contains("no device `K80` is known: use K20, K20X"));
    assert!(refused(&["--plan", "papre"], 1).contains("there is no plan `papre`: use single, paper, deferred"));
    assert!(refused(&["--devices", "K40"], 1).contains("plan `paper` needs 2 devices or more, not 1"));
    assert!(refused(&["--source-words", "30-20"], 2).contains("two as in 20-30"));
    assert!(refused(&["--one-device-words-per-s", "0"], 1).contains("must be above 0"));
    assert!(refused(&["--one-device-words-per-s", "1e9"], 1).contains("one K40 cannot do 1000000000 words/s"));
    write(&folder, "bad.toml", "name = \"bad\"\nencoder = 3\n");
    assert!(refused(&["--plan", "bad.toml"], 1).contains("`bad.toml`: not a plan: line 2: "));
    assert!(refused(&["--plan", "none.toml"], 1).contains("cannot open `none.toml`"));
}

#[test]
fn published_speeds_are_predicted_with_their_errors() {
    let text = succeeds(folder().path(), &["schedule", "--published"]);
    assert!(text.contains("6,300") && text.contains("5,400") && text.matches('%').count() == 3, "{text}");
}
