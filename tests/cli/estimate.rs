//! `unrolled estimate`.

use crate::command::{fails, folder, succeeds, write};
use crate::toy::{corpus, train};

#[test]
fn it_says_what_training_then_has() {
    let corpus = corpus();
    let folder = corpus.path();
    let data = ["--preset", "tiny", "--threads", "1", "--source", "a.en", "--target", "a.fr", "--epochs", "3"];
    let arguments = [&["estimate", "--json", "--seconds", "0.2"], &data[..]].concat();
    let answer: serde_json::Value = serde_json::from_str(&succeeds(folder, &arguments)).unwrap();
    assert!(train(folder, &["--epochs", "0", "--updates", "1"]).status.success());
    let log = std::fs::read_to_string(folder.join("run/log.jsonl")).unwrap();
    let started: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    for (ours, theirs) in [
        ("parameters", "parameters"),
        ("source_vocabulary", "source_vocabulary"),
        ("target_vocabulary", "target_vocabulary"),
        ("pairs_kept", "training_pairs"),
        ("updates_per_epoch", "updates_per_epoch"),
    ] {
        assert_eq!(answer[ours], started[theirs], "{ours}: {answer}");
    }
    assert_eq!((&answer["source_words"], &answer["target_words"]), (&375.into(), &375.into()));
    let number = |key: &str| answer[key].as_f64().unwrap();
    assert!(number("words_per_second") > 0.0 && number("checkpoint_mb") > 0.0);
    assert!((number("seconds_in_all") / number("seconds_per_epoch") - 3.0).abs() < 1e-9, "{answer}");
    let text = succeeds(folder, &[&["estimate", "--seconds", "0"], &data[..]].concat());
    assert!(
        text.starts_with("parameters ") && text.contains("125 of 125 pairs") && text.lines().count() == 6,
        "{text}"
    );
    assert!(!folder.join("none").exists());
}

#[test]
fn a_prepared_corpus_is_estimated_as_its_text_is() {
    let corpus = corpus();
    let folder = corpus.path();
    let ask = |data: &[&str]| -> serde_json::Value {
        let usual = ["estimate", "--json", "--seconds", "0", "--preset", "tiny", "--threads", "1"];
        serde_json::from_str(&succeeds(folder, &[&usual, data].concat())).unwrap()
    };
    let text = ["--source", "a.en", "--target", "a.fr"];
    let from_text = ask(&text);
    succeeds(folder, &[&["prepare", "--output", "prepared"], &text[..]].concat());
    let prepared = ask(&["--prepared", "prepared"]);
    for key in [
        "parameters",
        "source_vocabulary",
        "target_vocabulary",
        "pairs",
        "pairs_kept",
        "source_words",
        "target_words",
        "updates_per_epoch",
    ] {
        assert_eq!(prepared[key], from_text[key], "{key}: {prepared} {from_text}");
    }
    // Its limits are the run's.
    write(&corpus, "b.tsv", "one two\tun deux\none\tun\n");
    succeeds(folder, &["prepare", "--tsv", "b.tsv", "--output", "short"]);
    let limited = ask(&["--prepared", "short", "--max-source-length", "1"]);
    assert_eq!(
        (&limited["pairs"], &limited["pairs_kept"], &limited["source_words"]),
        (&2.into(), &1.into(), &1.into())
    );
    let none = fails(folder, &["estimate", "--preset", "tiny", "--prepared", "nothing"], 1);
    assert!(none.contains("`nothing` holds no prepared corpus"), "{none}");
}

#[test]
fn a_vocabulary_that_is_given_has_its_own_size() {
    let corpus = corpus();
    let vocabulary = succeeds(corpus.path(), &["vocab", "a.en", "--size", "5"]);
    write(&corpus, "en.vocabulary", vocabulary);
    let data = ["--source", "a.en", "--target", "a.fr", "--source-vocabulary", "en.vocabulary"];
    let answer =
        succeeds(corpus.path(), &[&["estimate", "--json", "--seconds", "0", "--preset", "tiny"], &data[..]].concat());
    assert!(answer.contains("\"source_vocabulary\":5,\"target_vocabulary\":8,"), "{answer}");
}

#[test]
fn it_needs_a_corpus_that_training_would_keep() {
    let folder = folder();
    assert!(fails(folder.path(), &["estimate", "--preset", "tiny"], 1).contains("no training data"));
    write(&folder, "empty", "\t\n\t\n");
    let message = fails(folder.path(), &["estimate", "--preset", "tiny", "--tsv", "empty"], 1);
    assert!(message.contains("none of 2 pairs looked at would be kept"), "{message}");
}
