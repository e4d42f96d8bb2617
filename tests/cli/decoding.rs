//! `unrolled translate` and `score` beyond one model's most probable translation.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::command::{command, fails, succeeds, text, with_input, write};
use crate::toy::{corpus, train};

const INPUT: &str = "one two three\n\nfive four\nsix one\n";

fn translate(folder: &Path, more: &[&str]) -> String {
    let output = with_input(folder, &[&["translate", "--threads", "1"], more].concat(), INPUT);
    assert!(output.status.success(), "{more:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// The texts of an n-best list, by line.
fn list(text: &str) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split(" ||| ").collect();
        assert_eq!(columns.len(), 4, "{line}");
        let id: usize = columns[0].parse().unwrap();
        lines.resize(lines.len().max(id + 1), Vec::new());
        lines[id].push(columns[1].to_owned());
    }
    lines
}

#[test]
fn several_models_translate_together_and_each_way_keeps_its_lines() {
    let corpus = corpus();
    let folder = corpus.path();
    for (run, seed) in [("run", "1"), ("other", "2")] {
        let output = train(folder, &["--output", run, "--seed", seed, "--epochs", "0", "--updates", "40"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let both = ["--model", "run", "other", "--beam", "3"];
    ensembles(folder, &both);
    answers_before_the_next_line(folder);
    samples(folder);
    prefixes_and_unknown_words(&corpus);
    least_risk(folder);
    refusals(folder);
}

/// Another program may write a line and wait for its translation.
fn answers_before_the_next_line(folder: &Path) {
    let wanted = translate(folder, &["--model", "run", "--beam", "3"]);
    let mut child = command(folder, &["translate", "--threads", "1", "--model", "run", "--beam", "3"]).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, answers) = channel();
    let read =
        std::thread::spawn(move || BufReader::new(output).lines().all(|line| sender.send(line.unwrap()).is_ok()));
    for (line, wanted) in INPUT.lines().zip(wanted.lines()) {
        writeln!(input, "{line}").unwrap();
        assert_eq!(answers.recv_timeout(Duration::from_secs(60)).as_deref(), Ok(wanted));
    }
    drop(input);
    assert!(read.join().unwrap() && child.wait().unwrap().success());
}

fn ensembles(folder: &Path, both: &[&str]) {
    let plain = translate(folder, both);
    assert_eq!((plain.lines().count(), plain.lines().nth(1)), (4, Some("")), "{plain}");
    for batch in ["1", "2", "7"] {
        assert_eq!(translate(folder, &[both, &["--batch-size", batch]].concat()), plain, "batch {batch}");
    }
    for weights in ["bf16", "int8"] {
        let rounded = translate(folder, &[both, &["--weights", weights, "--n-best", "1"]].concat());
        let alone = translate(folder, &[both, &["--weights", weights, "--n-best", "1", "--batch-size", "1"]].concat());
        assert_eq!(rounded, alone, "weights in {weights}");
        assert_ne!(rounded, translate(folder, &[both, &["--n-best", "1"]].concat()), "weights in {weights}");
    }
    for how in ["probabilities", "log-probabilities"] {
        let twice = ["--model", "run", "run", "--ensemble", how, "--beam", "3"];
        assert_eq!(translate(folder, &twice), translate(folder, &["--model", "run", "--beam", "3"]), "{how}");
    }
    let scores = |more: &[&str]| -> Vec<f64> {
        let arguments = ["score", "--threads", "1", "--source", "a.en", "--target", "a.fr", "--model"];
        let text = succeeds(folder, &[&arguments, more].concat());
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    let (one, other) = (scores(&["run"]), scores(&["other"]));
    let mean = scores(&["run", "other", "--ensemble", "log-probabilities"]);
    let likely = scores(&["run", "other"]);
    for i in 0..one.len() {
        assert!((mean[i] - (one[i] + other[i]) / 2.0).abs() < 1e-4, "pair {i}");
        assert!(likely[i] > mean[i] - 1e-4, "a mean of probabilities is at least their geometric mean");
    }
}

fn samples(folder: &Path) {
    let draw = |more: &[&str]| translate(folder, &[&["--model", "run", "--sample"], more].concat());
    let drawn = draw(&["--n-best", "6"]);
    assert_eq!(list(&drawn).iter().map(Vec::len).collect::<Vec<_>>(), [6, 1, 6, 6], "{drawn}");
    assert_eq!(draw(&["--n-best", "6", "--batch-size", "1"]), drawn);
    assert_ne!(draw(&["--n-best", "6", "--seed", "2"]), drawn);
    let greedy = translate(folder, &["--model", "run", "--beam", "1"]);
    for narrow in [["--top-k", "1"], ["--top-p", "1e-9"], ["--temperature", "0.00001"]] {
        assert_eq!(draw(&narrow), greedy, "{narrow:?}");
    }
}

fn prefixes_and_unknown_words(corpus: &tempfile::TempDir) {
    let folder = corpus.path();
    write(corpus, "prefixes", "trois\nquatre\n\nsix cinq\n");
    let found = translate(folder, &["--model", "run", "--prefix", "prefixes"]);
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].starts_with("trois") && lines[1] == "quatre" && lines[3].starts_with("six cinq"), "{found}");
    assert_eq!(lines[2], translate(folder, &["--model", "run"]).lines().nth(2).unwrap());
    write(corpus, "short", "a\nb\n");
    let output = with_input(folder, &["translate", "--model", "run", "--prefix", "short"], INPUT);
    assert!(text(&output.stderr).contains("`short` has 2: line 3 has no counterpart"), "{}", text(&output.stderr));
    for unk in ["keep", "drop", "copy", "forbid"] {
        assert_eq!(translate(folder, &["--model", "run", "--unk", unk]).lines().count(), 4);
    }
}

fn least_risk(folder: &Path) {
    let plain = list(&translate(folder, &["--model", "run", "--beam", "6", "--n-best", "6"]));
    let ranked = list(&translate(folder, &["--model", "run", "--beam", "6", "--n-best", "3", "--mbr", "6"]));
    assert_eq!(ranked.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 3, 3]);
    for (plain, ranked) in plain.iter().zip(&ranked) {
        let candidates: BTreeSet<&String> = plain.iter().collect();
        assert!(ranked.iter().all(|text| candidates.contains(text)), "{plain:?} {ranked:?}");
    }
}

fn refusals(folder: &Path) {
    let before = std::fs::read(folder.join("a.en")).unwrap();
    let message = fails(folder, &["translate", "--model", "run", "--input", "a.en", "--output", "./a.en"], 1);
    assert!(message.contains("`./a.en` is read and would be overwritten"), "{message}");
    assert_eq!(std::fs::read(folder.join("a.en")).unwrap(), before);
    let refused = |more: &[&str], code| fails(folder, &[&["translate", "--model", "run"], more].concat(), code);
    assert!(refused(&["--coverage-penalty", "0.2"], 1).contains("this model has no attention"));
    assert!(refused(&["--length-penalty", "1", "--length-normalisation", "1"], 2).contains("cannot be used with"));
    assert!(refused(&["--temperature", "0.5"], 2).contains("--sample"));
    assert!(refused(&["--sample", "--temperature", "0"], 2).contains("above 0"));
    assert!(refused(&["--beam", "2", "--mbr", "3"], 1).contains("--minimum-risk 3 needs a beam at least as large"));
    assert!(refused(&["--mbr", "3", "--n-best", "4"], 1).contains("--minimum-risk 3 has fewer"));
    assert!(refused(&["--dictionary", "a.en"], 1).contains("needs --unk copy"));
    assert!(refused(&["--model", "none"], 1).contains("none"));
}
