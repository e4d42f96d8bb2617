//! `unrolled evaluate`.

use crate::command::{fails, folder, succeeds, with_input, write};

fn files() -> tempfile::TempDir {
    let folder = folder();
    let lines = |ending: &str| (0..40).map(|i| format!("line {i} of the text is here {ending}\n")).collect::<String>();
    write(&folder, "ref", lines("and ends ."));
    write(&folder, "good", lines("and stops ."));
    write(&folder, "bad", lines("or there , perhaps"));
    folder
}

fn json(folder: &tempfile::TempDir, more: &[&str]) -> Vec<serde_json::Value> {
    let arguments = [&["evaluate", "--reference", "ref", "--json"], more].concat();
    let text = succeeds(folder.path(), &arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn systems_are_scored_by_each_metric_and_compared_with_the_first() {
    let folder = files();
    let tests = ["bootstrap", "randomisation"];
    for test in tests {
        let answers = json(&folder, &["--system", "bad", "good", "good", "--test", test, "--trials", "200"]);
        assert_eq!(answers.len(), 6, "three systems by two metrics");
        assert!(answers[0].get("p_value").is_none(), "the baseline has none: {}", answers[0]);
        let p = |place: usize| answers[place]["p_value"].as_f64().unwrap();
        assert!(p(2) < 0.01 && p(3) < 0.01, "{test}: {answers:?}");
        assert_eq!(p(2), p(4), "the same system has the same p-value");
        assert!(
            answers[1]["signature"].as_str().unwrap().starts_with("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|")
        );
        assert_eq!((&answers[0]["metric"], &answers[1]["metric"]), (&"BLEU".into(), &"chrF2".into()));
    }
    let same = json(&folder, &["--system", "good", "good", "--test", "randomisation", "--trials", "100"]);
    assert_eq!(same[2]["p_value"], 1.0 / 101.0 + 0.0, "no trial differs more than not at all: sacreBLEU's answer too");
}

#[test]
fn the_table_has_its_signatures_and_bleu_is_that_of_the_other_command() {
    let folder = files();
    let arguments = [
        "evaluate",
        "--reference",
        "ref",
        "--system",
        "good",
        "--metric",
        "bleu",
        "multi-bleu",
        "chrf++",
        "--confidence",
    ];
    let text = succeeds(folder.path(), &arguments);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].contains("BLEU") && lines[0].contains("multi-bleu") && lines[0].ends_with("chrF2++"), "{text}");
    assert!(lines[1].starts_with("good") && lines[1].matches('±').count() == 3, "{text}");
    assert!(lines[2].starts_with("BLEU: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:"), "{text}");
    let bleu = succeeds(folder.path(), &["bleu", "--reference", "ref", "--hypotheses", "good"]);
    let score = bleu.strip_prefix("BLEU = ").unwrap().split(',').next().unwrap();
    assert!(lines[1].contains(score), "{score}: {text}");
}

#[test]
fn sentences_have_their_own_scores() {
    let folder = files();
    let arguments = ["evaluate", "--reference", "ref", "--system", "ref", "bad", "--sentences"];
    let text = succeeds(folder.path(), &arguments);
    assert_eq!(text.lines().count(), 40);
    let first: Vec<f64> = text.lines().next().unwrap().split('\t').map(|score| score.parse().unwrap()).collect();
    assert!(first.len() == 4 && first[0] > 99.9 && first[1] > 99.9 && first[2] < 99.0, "{first:?}");
}

#[test]
fn what_does_not_fit_is_told() {
    let folder = files();
    write(&folder, "short", "one\n");
    let message = fails(folder.path(), &["evaluate", "--reference", "ref", "--system", "short"], 1);
    assert!(message.contains("`short` has 1 line, `ref` has 40: line 2 has no counterpart"), "{message}");
    assert!(fails(folder.path(), &["evaluate", "--reference", "ref", "--metric", "ter"], 2).contains("chrf++"));
    let compared = ["evaluate", "--reference", "ref", "--test", "bootstrap", "--trials", "20", "--system", "good"];
    let alike = "good: every sentence scores as in good; there is no difference to test";
    assert!(succeeds(folder.path(), &[&compared[..], &["good"]].concat()).contains(alike));
    assert!(!succeeds(folder.path(), &[&compared[..], &["bad"]].concat()).contains("no difference"));
    write(&folder, "empty", "");
    let output = with_input(folder.path(), &["evaluate", "--reference", "empty"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("`empty` is empty"));
}
