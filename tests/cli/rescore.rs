//! `unrolled rescore` and `unrolled average`.

use std::path::Path;
use std::process::Output;

use crate::command::{fails, succeeds, text, with_input, write};
use crate::toy::{train, trained};

/// Lists whose score likes the wrong translation a little better; the third source line has no list.
const LISTS: &str = "0 ||| quatre cinq cinq ||| LM= -3 TM= -1 -2 ||| -1 ||| 0-0\n\
                     0 ||| un deux trois quatre ||| LM= -2 TM= -2 -1 ||| -1.001\n\
                     1 ||| cinq un ||| LM= -1 TM= -1 -1 ||| -2\n\
                     3 ||| trois trois quatre un ||| LM= -4 TM= -3 -1 ||| -0.5\n\
                     3 ||| cinq ||| LM= -9 TM= -9 -9 ||| -0.4\n";
const SOURCE: &str = "one two three four\nfive one\ntwo\nthree three four one\nfour\n";
const REFERENCE: &str = "un deux trois quatre\ncinq un\ndeux\ntrois trois quatre un\nquatre\n";

fn run(folder: &Path, more: &[&str]) -> Output {
    let output = with_input(folder, &[&["rescore", "--threads", "1"], more].concat(), LISTS);
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

#[test]
fn lists_are_rescored_tuned_and_measured_and_checkpoints_averaged() {
    let corpus = trained();
    let folder = corpus.path();
    write(&corpus, "source", SOURCE);
    write(&corpus, "reference", REFERENCE);
    even(folder);
    tuned(folder);
    refused(&corpus);
    averaged(folder);
}

fn even(folder: &Path) {
    let model = ["--model", "run", "--source", "source"];
    let output = run(folder, &model);
    let lists = text(&output.stdout);
    assert_eq!((lists.lines().count(), text(&output.stderr)), (5, ""));
    // The score is the mean of the list's own and of the model's.
    let mut seen = 0;
    for line in lists.lines() {
        let columns: Vec<&str> = line.split(" ||| ").collect();
        let log_probability: f64 = columns[2].rsplit("LSTM= ").next().unwrap().parse().unwrap();
        let old = LISTS.lines().find(|old| old.contains(&format!("||| {} |||", columns[1]))).unwrap();
        let old: f64 = old.split(" ||| ").nth(3).unwrap().parse().unwrap();
        let score: f64 = columns[3].parse().unwrap();
        assert!((score - (old + log_probability) / 2.0).abs() < 1e-9, "{line}");
        let arguments = ["score", "--model", "run", "--source", "one", "--target", "hypothesis"];
        if columns[0] == "1" {
            std::fs::write(folder.join("one"), "five one\n").unwrap();
            std::fs::write(folder.join("hypothesis"), "cinq un\n").unwrap();
            let forced: f64 = succeeds(folder, &arguments).trim().parse().unwrap();
            assert!((forced - log_probability).abs() < 1e-5, "{forced} {line}");
            seen += 1;
        }
    }
    assert!(seen == 1 && lists.contains("||| 0-0\n"), "what follows the score stays: {lists}");
    for batch in ["1", "3"] {
        assert_eq!(run(folder, &[&model[..], &["--batch-size", batch]].concat()).stdout, output.stdout);
    }
    let best = run(folder, &[&model[..], &["--best"]].concat());
    let best = text(&best.stdout);
    assert_eq!((best.lines().count(), best.lines().nth(2), best.lines().nth(4)), (5, Some(""), Some("")), "{best}");
}

fn tuned(folder: &Path) {
    let arguments = ["--source", "source", "--model", "run", "--reference", "reference", "--tune", "weights", "--best"];
    let more = ["--tune-features", "Score", "LM", "TM.1", "Words"];
    let output = run(folder, &[&arguments[..], &more].concat());
    let told = text(&output.stderr);
    assert!(told.contains("before:") && told.contains("oracle:   BLEU = 100.00"), "{told}");
    assert!(told.contains("rescored: BLEU = 100.00"), "{told}");
    assert!(told.contains("signature: multi-bleu|nrefs:1|"), "{told}");
    let wanted = "un deux trois quatre\ncinq un\n\ntrois trois quatre un\n\n";
    assert_eq!(text(&output.stdout), wanted);
    let again = run(folder, &["--weights", "weights", "--source", "source", "--best"]);
    assert_eq!(text(&again.stdout), wanted, "the weights serve again, without the model");
    assert_eq!(std::fs::read_to_string(folder.join("weights")).unwrap().lines().count(), 4);
}

fn refused(corpus: &tempfile::TempDir) {
    let folder = corpus.path();
    write(corpus, "lists", LISTS);
    write(corpus, "wrong", "Score 1\nPT 2\n");
    let message = fails(folder, &["rescore", "--n-best", "lists", "--weights", "wrong"], 1);
    assert!(message.contains("there is no feature `PT`; there are Score, Words, LM, TM.0, TM.1"), "{message}");
    write(corpus, "two", "one\ntwo\n");
    let message = fails(folder, &["rescore", "--n-best", "lists", "--model", "run", "--source", "two"], 1);
    assert!(message.contains("`two` has 2 lines, but there is a list for sentence 3"), "{message}");
    write(corpus, "score", "Score 1\n");
    let best = ["rescore", "--weights", "score", "--best", "--n-best"];
    let message = fails(folder, &[&best[..], &["lists", "--source", "two"]].concat(), 1);
    assert!(message.contains("`two` has 2 lines, but there is a list for sentence 3"), "{message}");
    write(corpus, "far", "99999999999 ||| a ||| LM= -1 ||| -1\n");
    let message = fails(folder, &[&best[..], &["far"]].concat(), 1);
    assert!(message.contains("99999999999 sentences before sentence 99999999999 have no list"), "{message}");
    write(corpus, "six", format!("{REFERENCE}six\n"));
    let tune = [
        "rescore",
        "--n-best",
        "lists",
        "--model",
        "run",
        "--source",
        "source",
        "--reference",
        "six",
        "--tune",
        "none",
    ];
    assert!(fails(folder, &tune, 1).contains("`source` has 5 lines, `six` has 6: they must correspond"));
    assert!(!folder.join("none").exists(), "nothing was tuned");
    let message = fails(folder, &["rescore", "--n-best", "source", "--model", "run", "--source", "source"], 1);
    assert!(message.contains("`source`, line 1: a line must be"), "{message}");
    assert!(fails(folder, &["rescore", "--n-best", "lists"], 2).contains("--source"));
}

fn averaged(folder: &Path) {
    let told = succeeds(folder, &["average", "--run", "run", "--last", "2", "--output", "mean"]);
    assert!(told.starts_with("mean: the mean of 2 checkpoints\n") && told.lines().count() == 3, "{told}");
    let translate = |model: &str| {
        let output = with_input(folder, &["translate", "--model", model, "--n-best", "3"], "one two\nfive\n");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    assert_ne!(translate("mean"), translate("run"));
    succeeds(folder, &["average", "--model", "run", "run", "run", "--output", "same"]);
    assert_eq!(translate("same"), translate("run"), "the mean of equals is the same");
    assert!(fails(folder, &["average", "--model", "run", "--output", "same"], 1).contains("--overwrite"));
    let output = train(folder, &["--output", "other", "--epochs", "0", "--updates", "1", "--hidden-size", "16"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let message = fails(folder, &["average", "--model", "run", "other", "--output", "new"], 1);
    assert!(message.contains("cannot be averaged with") && message.contains("other names or shapes"), "{message}");
}
