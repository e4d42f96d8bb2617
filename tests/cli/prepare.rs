//! `unrolled prepare`, and training from what it makes.

use std::fs;

use crate::command::{fails, folder, succeeds, text, with_input, write};
use crate::toy;

const PREPARE: [&str; 9] =
    ["prepare", "--source", "a.en", "--target", "a.fr", "--output", "prepared", "--source-vocabulary-size", "20"];

#[test]
fn a_prepared_corpus_trains_as_its_text_does() {
    let corpus = toy::corpus();
    let output = with_input(corpus.path(), &PREPARE, "");
    assert!(output.status.success() && output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(
        told.contains("125 of 125 pairs prepared in `prepared`, 1 shard\n") && told.contains("100.00% of 375"),
        "{told}"
    );
    assert!(!told.contains("lines/s"), "progress is for terminals");

    let short = ["--epochs", "0", "--updates", "12", "--checkpoint-every", "12"];
    assert!(toy::train(corpus.path(), &short).status.success());
    let prepared =
        [&short[..], &["--source", "", "--target", "", "--prepared", "prepared", "--output", "again"]].concat();
    let output = toy::train(corpus.path(), &prepared);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let model = |run: &str| fs::read(corpus.path().join(run).join("checkpoints/0000000012/model.safetensors")).unwrap();
    assert_eq!(model("run"), model("again"));
}

#[test]
fn what_was_dropped_is_told_with_the_reason() {
    let folder = folder();
    write(&folder, "a.tsv", "a b\tc d\na b\tc d\n\tc\na\tc d e f\na b c d e f g\tc d e f g h\nb\ta\n");
    let arguments =
        ["prepare", "--tsv", "a.tsv", "--output", "p", "--max-length", "6", "--max-ratio", "3", "--deduplicate"];
    let output = with_input(folder.path(), &arguments, "");
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    let reasons =
        "4 pairs dropped: 1 with an empty side, 0 too short, 1 too long, 1 by the ratio of lengths, 1 duplicate";
    assert!(told.contains("2 of 6 pairs") && told.contains(reasons), "{told}");
    let exists = fails(folder.path(), &arguments, 1);
    assert!(exists.contains("holds a prepared corpus already"), "{exists}");
    succeeds(folder.path(), &["prepare", "--check", "--output", "p"]);

    let shard = folder.path().join("p/shards/000000.pairs");
    let mut bytes = fs::read(&shard).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&shard, bytes).unwrap();
    let damaged = fails(folder.path(), &["prepare", "--check", "--output", "p"], 1);
    assert!(damaged.contains("000000.pairs` is damaged: a pair has another checksum"), "{damaged}");
}

#[test]
fn errors_say_where() {
    let folder = folder();
    write(&folder, "a.en", "a\nb\n");
    write(&folder, "a.fr", b"a\nb\xff\n");
    let error = fails(folder.path(), &PREPARE, 1);
    assert!(error.contains("`a.fr`, line 2, byte 2: 0xff is not valid UTF-8"), "{error}");
    let error = fails(folder.path(), &["train", "--prepared", "prepared", "--output", "run"], 1);
    assert!(error.contains("holds no prepared corpus") && error.contains("unfinished"), "{error}");
    let error = fails(folder.path(), &["train", "--prepared", "p", "--tsv", "a.tsv", "--output", "run"], 1);
    assert!(error.contains("`prepared` stands instead of `tsv`"), "{error}");
    write(&folder, "a.fr", "a\n");
    let error = fails(folder.path(), &[&PREPARE[..], &["--overwrite"]].concat(), 1);
    assert!(error.contains("`a.en` has 2 lines, `a.fr` has 1"), "{error}");
}
