//! `unrolled bleu`.

use crate::command::{fails, folder, succeeds, with_input, write};

fn files() -> tempfile::TempDir {
    let folder = folder();
    write(&folder, "ref", "the cat sat on the mat .\n");
    write(&folder, "hyp", "the cat sat on mat .\n");
    folder
}

/// Scores `hyp` against `ref`, with further arguments.
fn score(folder: &tempfile::TempDir, more: &[&str]) -> serde_json::Value {
    let arguments = [&["bleu", "--reference", "ref", "--hypotheses", "hyp", "--json"], more].concat();
    serde_json::from_str(&succeeds(folder.path(), &arguments)).unwrap()
}

#[test]
fn the_score_comes_with_its_signature() {
    let arguments = ["bleu", "--reference", "ref", "--hypotheses", "hyp", "--style", "multi-bleu"];
    let text = succeeds(files().path(), &arguments);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "BLEU = 51.15, 100.0/80.0/50.0/33.3 (BP=0.846, ratio=0.857, hyp_len=6, ref_len=7)");
    assert!(lines[1].starts_with("multi-bleu: multi-bleu|nrefs:1|case:mixed|") && lines.len() == 2, "{text}");
}

#[test]
fn json_has_what_a_program_reads() {
    let folder = files();
    let plain = score(&folder, &[]);
    assert_eq!(plain["name"], "sacrebleu");
    let signature = plain["signature"].as_str().unwrap();
    assert!(signature.starts_with("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|"), "{plain}");
    assert!((plain["score"].as_f64().unwrap() - 51.15).abs() < 0.005, "{plain}");
    assert_eq!((&plain["hyp_len"], &plain["ref_len"]), (&6.into(), &7.into()));
    assert_eq!(plain["precisions"].as_array().unwrap().len(), 4);
    assert!((plain["bp"].as_f64().unwrap() - (-1.0 / 6.0_f64).exp()).abs() < 1e-12);
}

#[test]
fn style_tokeniser_and_smoothing_can_be_chosen() {
    let folder = files();
    assert_eq!(score(&folder, &["--style", "multi-bleu"])["name"], "multi-bleu");
    let floor = score(&folder, &["--tokeniser", "none", "--smoothing", "floor"]);
    assert!(floor["signature"].as_str().unwrap().contains("tok:none|smooth:floor[0.10]"), "{floor}");
    let both = ["bleu", "--reference", "ref", "--hypotheses", "hyp", "--style", "multi-bleu", "--smoothing", "exp"];
    assert!(fails(folder.path(), &both, 1).contains("belong to --style sacrebleu"));
}

#[test]
fn several_references_and_standard_input() {
    let folder = files();
    write(&folder, "ref2", "the cat sat on mat .\n");
    let arguments = ["bleu", "--reference", "ref", "ref2", "--json"];
    let output = with_input(folder.path(), &arguments, "the cat sat on mat .\n");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!((answer["score"].as_f64().unwrap() - 100.0).abs() < 1e-9, "{answer}");
    assert!(answer["signature"].as_str().unwrap().starts_with("nrefs:2|"));
    // The same line, as gzip writes it.
    let compressed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03+\xc9HUHN,Q(\x06\xe2\xfc<\x85\\ \xa5\xc7\x05\x00\xeb\xe1.,\x15\x00\x00\x00";
    assert_eq!(with_input(folder.path(), &arguments, compressed).stdout, output.stdout);
}

#[test]
fn files_that_do_not_fit_are_named_with_their_lines() {
    let folder = files();
    write(&folder, "long", "a\nb\nc\n");
    let message = fails(folder.path(), &["bleu", "--reference", "ref", "--hypotheses", "long"], 1);
    assert!(message.contains("`long` has 3 lines, `ref` has 1: line 2 has no counterpart"), "{message}");
    let message = fails(folder.path(), &["bleu", "--reference", "none", "--hypotheses", "hyp"], 1);
    assert!(message.starts_with("error: cannot open `none`: "), "{message}");
}
