//! A whole life of a model through the command: trained, resumed, asked to translate and to score.

use std::path::Path;

use crate::command::{fails, folder, succeeds, text, with_input, write};
use crate::toy::{corpus, train};

fn translate(folder: &Path, input: &str, more: &[&str]) -> String {
    let output = with_input(folder, &[&["translate", "--model", "run", "--threads", "1"], more].concat(), input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn a_model_is_trained_resumed_and_used() {
    let corpus = corpus();
    let folder = corpus.path();
    let output = train(folder, &["--epochs", "0", "--updates", "20"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("all updates done: 20 updates"), "{}", text(&output.stderr));

    let again = train(folder, &["--updates", "20"]);
    assert_eq!(again.status.code(), Some(1), "a run is never overwritten unasked");
    assert!(text(&again.stderr).contains("run"), "{}", text(&again.stderr));

    let output = train(folder, &["--epochs", "0", "--updates", "30", "--resume"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("updates: 30 instead of 20, by command line") && told.contains("30 updates"), "{told}");
    let arguments = ["train", "--resume", "--output", "run", "--hidden-size", "64"];
    assert!(fails(folder, &arguments, 1).contains("`hidden-size` of a resumed run must stay 32, found 64"));

    translations_keep_their_lines(folder);
    scores_are_one_a_pair(folder);
}

fn translations_keep_their_lines(folder: &Path) {
    let input = "one two three\n\n five \nsix seven\n\none\n";
    let plain = translate(folder, input, &["--beam", "3"]);
    let lines: Vec<&str> = plain.split('\n').collect();
    assert_eq!((lines.len(), lines[1], lines[4], lines[6]), (7, "", "", ""), "{plain}");
    for batch in ["1", "2", "7"] {
        assert_eq!(translate(folder, input, &["--beam", "3", "--batch-size", batch]), plain, "batch {batch}");
    }
    let list = translate(folder, input, &["--beam", "3", "--n-best", "2"]);
    let first_of = |id: usize| {
        let prefix = format!("{id} ||| ");
        list.lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .and_then(|rest| rest.split(" ||| ").next())
            .unwrap()
            .to_owned()
    };
    assert!((0..6).all(|id| first_of(id) == lines[id]), "the list's first is the best translation:\n{list}\n{plain}");
    assert!(fails(folder, &["translate", "--model", "run", "--beam", "2", "--n-best", "3"], 1).contains("--n-best 3"));
}

fn scores_are_one_a_pair(folder: &Path) {
    let arguments = ["score", "--model", "run", "--threads", "1", "--source", "a.en", "--target", "a.fr"];
    let plain = succeeds(folder, &arguments);
    let scores: Vec<f64> = plain.lines().map(|line| line.parse().unwrap()).collect();
    assert!(scores.len() == 125 && scores.iter().all(|score| *score < 0.0), "{plain}");
    let json = succeeds(folder, &[&arguments[..], &["--json"]].concat());
    let total: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((&total["pairs"], &total["words"]), (&125.into(), &500.into()), "three words and <EOS> each");
    assert!((total["log_probability"].as_f64().unwrap() - scores.iter().sum::<f64>()).abs() < 1e-3, "{total}");
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let folder = folder();
    let message = fails(folder.path(), &["translate", "--model", "none"], 1);
    assert!(message.contains("none"), "{message}");
    assert!(fails(folder.path(), &["translate"], 2).contains("--model"));
    write(&folder, "a", "x\n");
    assert!(fails(folder.path(), &["score", "--model", "m", "--source", "a"], 2).contains("--target"));
}

/// The first signal saves and stops, so that the run can be resumed.
#[cfg(unix)]
#[test]
fn a_signal_saves_and_stops() {
    use std::io::{BufRead, BufReader};
    let corpus = corpus();
    let data = ["--source", "a.en", "--target", "a.fr", "--threads", "1", "--log-every", "1"];
    let arguments =
        [&["train", "--preset", "tiny", "--output", "run", "--epochs", "0", "--updates", "100000000"], &data[..]]
            .concat();
    let mut child = crate::command::command(corpus.path(), &arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("update ")), "training began");
    signal("-TERM", &child);
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15), "{rest:?}");
    assert!(rest.last().is_some_and(|line| line.starts_with("stopped by a signal: ")), "{rest:?}");
    let output = train(corpus.path(), &["--epochs", "0", "--updates", "1", "--resume"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Also while it waits for a line that does not come.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_translation_behind_what_is_done() {
    use std::io::{BufRead, BufReader, Read, Write};
    let corpus = crate::toy::trained();
    let arguments = ["translate", "--model", "run", "--threads", "1"];
    let mut child = crate::command::command(corpus.path(), &arguments).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    writeln!(input, "one two").unwrap();
    assert_ne!(output.read_line(&mut String::new()).unwrap(), 0);
    signal("-INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    drop(input);
}

#[cfg(unix)]
fn signal(name: &str, child: &std::process::Child) {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[test]
fn a_run_is_reported_as_a_page() {
    let corpus = crate::toy::trained();
    let folder = corpus.path();
    let arguments = ["report", "run", "--threads", "1", "--beam", "2", "--sentences", "30"];
    assert_eq!(succeeds(folder, &arguments), "");
    let page = std::fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("30 sentences, beam 2"), "{page}");

    write(&corpus, "phrases", "one two\ntwo one\n\nfive\n");
    let more = ["--phrases", "phrases", "--source", "a.en", "--target", "a.fr", "--output", "page.html"];
    succeeds(folder, &[&arguments[..], &more].concat());
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("a.en / a.fr") && page.contains("Group 2 of phrases") && !page.contains("Group 3"));

    assert!(fails(folder, &["report", "nowhere"], 1).contains("nowhere"));
    assert!(fails(folder, &["report", "run", "--phrases", "none"], 1).contains("none"));
    assert!(fails(folder, &["report", "run", "--source", "a.en"], 2).contains("--target"));
}

#[test]
fn the_papers_tables_are_reproduced_and_gone_on_with() {
    let folder = folder();
    let arguments = ["reproduce", "--scale", "seconds", "--seeds", "1", "--sentences", "6", "--n-best", "3"];
    let arguments = [&arguments[..], &["--threads", "1", "--output", "tables", "--quiet"]].concat();
    let table = succeeds(folder.path(), &arguments);
    for line in ["| single reversed LSTM, beam 12 | 30.59 | ", "| five models are better than one | +4.22 | "] {
        assert!(table.contains(line), "{table}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("tables/table.md")).unwrap(), table);
    let log = folder.path().join("tables/models/reversed-layers1-seed1/log.jsonl");
    let before = std::fs::read(&log).unwrap();
    assert_eq!(succeeds(folder.path(), &arguments), table);
    assert_eq!(std::fs::read(&log).unwrap(), before, "what is trained is not trained again");
    assert!(fails(folder.path(), &["reproduce", "--scale", "days"], 2).contains("seconds, minutes, hours or paper"));
    assert!(fails(folder.path(), &["reproduce", "--scale", "paper"], 1).contains("WMT'14"));
}
