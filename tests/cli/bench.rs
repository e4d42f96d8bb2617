//! `unrolled bench`.

use crate::command::{fails, folder, succeeds, text};
use crate::toy::{corpus, train};

fn one_step(more: &[&str]) -> serde_json::Value {
    let arguments =
        [&["bench", "train-step", "--size", "s", "--steps", "1", "--warm-up", "0", "--json"], more].concat();
    let text = succeeds(folder().path(), &arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn a_training_step_is_measured_and_does_the_same_on_any_number_of_threads() {
    let answer = one_step(&["--threads", "2"]);
    let number = |key: &str| answer[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {answer}"));
    assert_eq!((answer["size"].as_str(), number("threads"), number("steps")), (Some("s"), 2.0, 1.0));
    // Two embeddings, two stacks of two layers, the projection with its bias.
    assert_eq!(number("params"), (2 * 8000 * 256 + 2 * 2 * 4 * 256 * (512 + 1) + 8000 * 257) as f64);
    let words = number("words_per_s") * number("step_s");
    assert!((words / (2.0 * 64.0 * 20.0) - 1.0).abs() < 1e-3, "{answer}");
    assert!((number("tgt_words_per_s") / number("words_per_s") - 0.5).abs() < 1e-3, "{answer}");
    // An untrained model guesses: ln 8000 is 8.987.
    assert!((number("loss") - 8.99).abs() < 0.1, "{answer}");
    if cfg!(target_os = "linux") {
        assert!(number("peak_mb") > number("params") * 4.0 / (1024.0 * 1024.0), "{answer}");
    }
    assert_eq!(one_step(&["--threads", "1"])["loss"], answer["loss"]);
    assert_ne!(one_step(&["--threads", "1", "--seed", "2"])["loss"], answer["loss"]);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    assert!(
        fails(folder().path(), &["bench", "train-step", "--size", "xl"], 2)
            .contains("[possible values: tiny, s, m, l]")
    );
    assert!(fails(folder().path(), &["bench", "train-step", "--size", "s", "--steps", "0"], 2).contains("--steps"));
    let refused = fails(folder().path(), &["bench", "train-step", "--size", "tiny", "--matmul-precision", "tf32"], 1);
    assert!(refused.contains("no products in tf32"), "{refused}");
}

#[test]
fn a_profile_tells_of_every_operation_and_changes_nothing() {
    let answer = one_step(&["--threads", "2", "--profile"]);
    let profile = &answer["profile"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("no number {value} in {profile}"));
    let operations = profile["operations"].as_array().unwrap();
    let of = |name: &str| -> Vec<_> { operations.iter().filter(|operation| operation["operation"] == name).collect() };
    let calls = |name: &str| of(name).iter().map(|operation| number(&operation["calls"])).sum::<f64>();
    assert_eq!(
        (calls("lstm_sequence"), calls("lstm_sequence_backward"), calls("linear_cross_entropy")),
        (4.0, 4.0, 1.0)
    );
    // Three products of 64 · 21 rows for the softmax, and for each of four layers.
    let rows = 64.0 * 21.0;
    let wanted = 3.0 * 2.0 * rows * (256.0 * 8000.0 + 4.0 * 512.0 * 1024.0);
    assert!((number(&profile["gflop"]) * 1e9 / wanted - 1.0).abs() < 1e-3, "{profile}");
    let told = operations.iter().map(|operation| number(&operation["seconds"])).sum::<f64>();
    assert!((told + number(&profile["between_s"])) <= 1.001 * number(&profile["step_s"]), "{profile}");
    let share = number(&profile["gflop_per_s"]) / number(&profile["peak_gflop_per_s"]);
    assert!((number(&profile["share_of_peak"]) / share - 1.0).abs() < 0.01, "{profile}");
    assert_eq!(one_step(&["--threads", "1"])["loss"], answer["loss"]);
    assert_ne!(one_step(&["--threads", "1", "--matmul-precision", "bf16"])["loss"], answer["loss"]);
}

fn translations(more: &[&str]) -> serde_json::Value {
    let arguments = [&["bench", "translate", "--size", "s", "--sentences", "2", "--json"], more].concat();
    let text = succeeds(folder().path(), &arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn translating_is_measured_and_does_the_same_in_any_batch_on_any_number_of_threads() {
    let answer = translations(&["--threads", "2", "--beam", "3", "--batch-size", "2"]);
    let number = |key: &str| answer[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {answer}"));
    assert_eq!((number("threads"), number("beam"), number("batch_size"), number("sentences")), (2.0, 3.0, 2.0, 2.0));
    let words = number("words_per_s") * number("seconds");
    assert!((words / (2.0 * 2.0 * 20.0) - 1.0).abs() < 0.02, "{answer}");
    // Words and ends, chosen among 8,000 about equal ones: a little better than ln 8000 is 8.987 each.
    let mean = number("log_probability") / 42.0;
    assert!((-9.0..-7.0).contains(&mean), "{answer}");
    for other in [
        ["--threads", "1", "--beam", "3", "--batch-size", "1"],
        ["--threads", "3", "--beam", "3", "--batch-size", "64"],
    ] {
        assert_eq!(translations(&other)["log_probability"], answer["log_probability"], "{other:?}");
    }
    assert_ne!(translations(&["--beam", "3", "--seed", "2"])["log_probability"], answer["log_probability"]);
    for weights in ["bf16", "int8"] {
        let arguments = |batch| ["--threads", "2", "--beam", "3", "--batch-size", batch, "--weights", weights];
        let rounded = translations(&arguments("2"));
        assert_eq!((&rounded["weights"], &answer["weights"]), (&weights.into(), &"f32".into()));
        assert_ne!(rounded["log_probability"], answer["log_probability"], "{weights}");
        assert_eq!(translations(&arguments("1"))["log_probability"], rounded["log_probability"], "{weights}");
        let per_word = rounded["log_probability"].as_f64().unwrap() / 42.0;
        assert!((per_word - mean).abs() < 0.05, "{weights}: {per_word} for {mean}");
    }
}

#[test]
fn a_profile_of_translating_tells_of_the_timed_batches_and_changes_nothing() {
    let batches = ["--threads", "2", "--beam", "3", "--batch-size", "1"];
    let plain = translations(&batches);
    assert!(plain.get("profile").is_none(), "{plain}");
    let answer = translations(&[&batches[..], &["--profile"]].concat());
    assert_eq!(answer["log_probability"], plain["log_probability"]);
    let profile = &answer["profile"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("no number {value} in {profile}"));
    let operations = profile["operations"].as_array().unwrap();
    let calls = |name: &str| -> f64 {
        operations.iter().filter(|one| one["operation"] == name).map(|one| number(&one["calls"])).sum()
    };
    // A batch: the source through two layers, and each of 20 words and the end; the words are chosen as often.
    assert_eq!((calls("lstm_sequence"), calls("linear_top_k")), (2.0 + 2.0 * 21.0, 21.0), "{profile}");
    let share = number(&profile["step_s"]) * 2.0 / number(&answer["seconds"]);
    assert!((0.5..1.01).contains(&share), "{answer}");
    let arguments = ["bench", "translate", "--size", "tiny", "--sentences", "3", "--batch-size", "2", "--profile"];
    let text = succeeds(folder().path(), &arguments);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("size tiny, ") && lines[1].starts_with("2 steps of ") && lines[2].ends_with("GFLOP/s")
    );
    assert!(lines.iter().any(|line| line.starts_with("linear_top_k ")), "{text}");
}

#[test]
fn a_run_tells_where_its_time_went_and_which_settings_won() {
    let corpus = corpus();
    let flags = ["--epochs", "0", "--updates", "4", "--quiet", "--profile"];
    let output = train(corpus.path(), &flags);
    let told = text(&output.stderr);
    assert!(output.status.success() && told.starts_with("4 steps of "), "{told}");
    for operation in
        ["lstm_sequence_backward", "linear_cross_entropy", "wait for a batch", "update by adam", "between operations"]
    {
        assert!(told.lines().any(|line| line.starts_with(operation)), "{operation} is missing in {told}");
    }
    let flags = ["--epochs", "0", "--updates", "6", "--resume", "--matmul-precision", "bf16"];
    let output = train(corpus.path(), &flags);
    let told = text(&output.stderr);
    assert!(
        output.status.success() && told.contains("matmul-precision: \"bf16\" instead of \"f32\", by command line"),
        "{told}"
    );
    assert!(!told.contains("lstm_sequence"), "a profile is shown only where it is asked for: {told}");
}

#[test]
fn costs_are_drawn() {
    let folder = folder();
    let arguments =
        ["bench", "cost", "--threads", "1", "--steps", "1", "--scale", "0.01", "--svg", "cost.svg", "--json"];
    let answer: serde_json::Value = serde_json::from_str(&succeeds(folder.path(), &arguments)).unwrap();
    let series = answer["series"].as_array().unwrap();
    assert_eq!(series.len(), 3);
    for one in series {
        let points = one["points"].as_array().unwrap();
        assert!(points.len() >= 2 && points.iter().all(|point| point["us_per_word"].as_f64() > Some(0.0)), "{one}");
    }
    let drawn = std::fs::read_to_string(folder.path().join("cost.svg")).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.contains("words in the vocabulary"), "{drawn}");
    let arguments = ["bench", "cost", "--svg", "none/cost.svg"];
    assert!(fails(folder.path(), &arguments, 1).contains("cannot write `none/cost.svg`"));
}
