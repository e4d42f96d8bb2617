//! A toy corpus and a model trained on it.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::command::{folder, text, with_input, write};

/// A toy corpus: the target is the source with each word in French.
pub fn corpus() -> TempDir {
    let folder = folder();
    let words = [("one", "un"), ("two", "deux"), ("three", "trois"), ("four", "quatre"), ("five", "cinq")];
    let pairs = (0..125).map(|index| [index / 25, index / 5 % 5, index % 5].map(|word| words[word]));
    let (source, target): (Vec<String>, Vec<String>) =
        pairs.map(|pair| (pair.map(|(word, _)| word).join(" "), pair.map(|(_, word)| word).join(" "))).unzip();
    write(&folder, "a.en", source.join("\n") + "\n");
    write(&folder, "a.fr", target.join("\n") + "\n");
    folder
}

/// Trains on it into the folder `run`; further arguments win over these.
pub fn train(folder: &Path, more: &[&str]) -> Output {
    let usual = [
        ["--preset", "tiny"],
        ["--threads", "1"],
        ["--output", "run"],
        ["--source", "a.en"],
        ["--target", "a.fr"],
        ["--valid-source", "a.en"],
        ["--valid-target", "a.fr"],
    ];
    let usual = usual.iter().filter(|[flag, _]| !more.contains(flag)).flatten().copied();
    let arguments: Vec<&str> = ["train"].into_iter().chain(usual).chain(more.iter().copied()).collect();
    let output = with_input(folder, &arguments, "");
    assert!(output.stdout.is_empty(), "progress belongs to standard error");
    output
}

/// A folder with the corpus and a run of 20 updates, `run`.
pub fn trained() -> TempDir {
    let corpus = corpus();
    let output = train(corpus.path(), &["--epochs", "0", "--updates", "20", "--checkpoint-every", "10"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    corpus
}
