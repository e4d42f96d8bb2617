//! The `unrolled` command as a user meets it: what it prints where, and how it exits.

mod annotate;
mod bad_input;
mod bench;
mod bleu;
mod careless;
mod command;
mod decoding;
mod devices;
mod estimate;
mod evaluate;
mod example_corpus;
#[cfg(all(unix, feature = "cuda"))]
mod gpus;
mod killed;
mod plans;
mod prepare;
mod rescore;
mod schedule;
mod toy;
mod train;
mod vocab;
mod whole_run;

use command::{command, fails, folder, succeeds, text, write};

#[test]
fn what_cannot_be_understood_exits_with_2() {
    let folder = folder();
    assert!(fails(folder.path(), &["trian"], 2).contains("unrecognized subcommand 'trian'"));
    assert!(fails(folder.path(), &["vocab"], 2).contains("<FILE>..."));
    assert!(fails(folder.path(), &["vocab", "a", "--size", "3"], 2).contains("a whole number of 4 or more is needed"));
    assert!(fails(folder.path(), &["vocab", "a", "--tokeniser", "bpe"], 2).contains("use whitespace, moses or words"));
    assert!(fails(folder.path(), &["bleu", "--referense", "a"], 2).contains("--reference"));
}

#[test]
fn version_and_help_are_there() {
    let folder = folder();
    assert_eq!(succeeds(folder.path(), &["--version"]), format!("unrolled {}\n", env!("CARGO_PKG_VERSION")));
    let help = succeeds(folder.path(), &["--help"]);
    for command in [
        "vocab",
        "prepare",
        "train",
        "translate",
        "score",
        "bleu",
        "report",
        "reproduce",
        "evaluate",
        "rescore",
        "average",
        "annotate",
        "estimate",
        "bench",
        "schedule",
        "devices",
        "example-corpus",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
}

#[test]
fn completions_name_the_flags() {
    let script = succeeds(folder().path(), &["completions", "bash"]);
    assert!(script.contains("--hypotheses") && script.contains("complete -F _unrolled"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = folder();
    let words: String = (0..50_000).map(|word| format!("word{word}\n")).collect();
    write(&folder, "a.en", words);
    let mut child = command(folder.path(), &["vocab", "a.en", "--size", "100000"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}
