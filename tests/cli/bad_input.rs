//! Input that cannot be used: told in one line with file and line, exit status 1, nothing lost, and never a panic.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::command::{fails, folder, text, with_input, write};
use crate::toy::{corpus, train, trained};

/// The last line of a failed training's standard error: the error.
fn error_of(output: &Output) -> String {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let lower = told.to_lowercase();
    assert!(!lower.contains("panicked") && !lower.contains("backtrace"), "{told}");
    let error = told.lines().find(|line| line.starts_with("error: "));
    error.unwrap_or_else(|| panic!("no error in {told}")).to_owned()
}

fn train_fails(folder: &Path, more: &[&str]) -> String {
    error_of(&train(folder, more))
}

/// The checkpoints of the folder `run`.
fn checkpoints(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("run/checkpoints")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn files_that_are_missing_unequal_or_not_utf8_are_named_with_the_line() {
    let corpus = corpus();
    let missing = train_fails(corpus.path(), &["--source", "none.en"]);
    assert_eq!(missing, "error: cannot open `none.en`: No such file or directory (os error 2)");
    write(&corpus, "short.fr", "un\ndeux\n");
    let unequal = train_fails(corpus.path(), &["--target", "short.fr"]);
    let wanted = "`a.en` has 125 lines, `short.fr` has 2: line 3 has no counterpart";
    assert!(unequal.contains(wanted), "{unequal}");
    let valid = train_fails(corpus.path(), &["--valid-target", "short.fr"]);
    assert!(valid.contains(wanted), "{valid}");
    write(&corpus, "latin.en", b"one\ntwo\ncaf\xe9\n");
    write(&corpus, "three.fr", "un\ndeux\ntrois\n");
    let latin = train_fails(corpus.path(), &["--source", "latin.en", "--target", "three.fr"]);
    assert!(latin.contains("`latin.en`, line 3, byte 4: 0xe9 is not valid UTF-8"), "{latin}");
    assert!(!corpus.path().join("run").exists(), "no folder is left by a run that could not begin");
}

/// Where the system says how much it has.
#[cfg(target_os = "linux")]
#[test]
fn a_model_larger_than_the_machine_is_refused_before_memory_is_asked_for() {
    let corpus = corpus();
    let refused = |arguments: &[&str]| {
        let error = train_fails(corpus.path(), arguments);
        assert!(error.contains(" parameters takes at least") && error.contains("`layers`"), "{error}");
        assert!(!corpus.path().join("run").exists());
        error
    };
    // Before the text is read.
    write(&corpus, "latin.en", b"\xe9\n");
    let layers = ["--layers", "1000000", "--hidden-size", "1000", "--source", "latin.en"];
    assert!(refused(&layers).contains("a model of 1.601e13 parameters"));
    refused(&["--hidden-size", "10000000", "--embedding-size", "1"]);
    let data = ["--preset", "tiny", "--source", "a.en", "--target", "a.fr"];
    let estimate = [&["estimate"], &data[..], &["--layers", "1000000", "--hidden-size", "1000"]].concat();
    assert!(fails(corpus.path(), &estimate, 1).contains("a model of 1.601e13 parameters takes at least"));
    // One batch of 750 words, of which each layer of one cell keeps 24 bytes each, has no room beside parameters that have.
    let layers = (unrolled::tensor::machine_memory().unwrap() / 750 / 24 * 5 / 4).to_string();
    let batch = ["--hidden-size", "1", "--embedding-size", "1", "--batch-size", "125", "--optimiser", "sgd"];
    refused(&[&batch[..], &["--layers", &layers]].concat());
    assert!(
        fails(corpus.path(), &[&["estimate"], &data[..], &batch, &["--layers", &layers]].concat(), 1).contains("GiB")
    );
}

#[test]
fn a_validation_file_without_sentences_is_refused() {
    let corpus = corpus();
    write(&corpus, "empty", "");
    let error = train_fails(corpus.path(), &["--valid-source", "empty", "--valid-target", "empty"]);
    assert_eq!(error, "error: no validation pairs in empty / empty: 0 pairs skipped: 0 with an empty side, 0 too long");
    let error = train_fails(corpus.path(), &["--source", "empty", "--target", "empty"]);
    assert_eq!(error, "error: no training pairs in empty / empty: the source has no words");
    let error = fails(corpus.path(), &["vocab", "empty"], 1);
    assert_eq!(error, "error: there is no word to make a vocabulary of in `empty`\n");
}

#[test]
fn empty_lines_and_large_vocabularies_are_warned_of() {
    let corpus = corpus();
    write(&corpus, "b.en", "one\n\n  \nfour\n");
    write(&corpus, "b.fr", "un\ndeux\ntrois\n\n");
    let arguments = ["--source", "b.en", "--target", "b.fr", "--epochs", "0", "--updates", "1"];
    let output = train(corpus.path(), &arguments);
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("warning: training: 3 pairs skipped: 3 with an empty side, 0 too long\n"), "{told}");
    for side in ["source", "target"] {
        let warning = format!("warning: {side} vocabulary: a vocabulary of 500 was asked for, but the data give ");
        assert!(told.contains(&warning), "{told}");
    }
}

#[test]
fn devices_that_are_not_here_and_sizes_of_nothing_are_refused() {
    let corpus = corpus();
    for (device, says) in
        [("cuda:1000", "cannot be used"), ("8xcpu", "means 8 devices where one is needed"), ("tpu", "unknown")]
    {
        let error = train_fails(corpus.path(), &["--device", device]);
        assert!(error.contains(&format!("device `{device}`")) && error.contains(says), "{error}");
    }
    let error = train_fails(corpus.path(), &["--layers", "0"]);
    assert_eq!(error, "error: command line: `layers` must be at least 1, found 0");
    write(&corpus, "a.toml", "# sizes\nlayers = 0\nhidden-size = -3\nlaeyrs = 2\n");
    let output = train(corpus.path(), &["--config", "a.toml"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for wanted in
        ["a.toml:2: `layers` must be at least 1, found 0", "a.toml:3: `hidden-size`", "did you mean `layers`?"]
    {
        assert!(told.contains(wanted), "no {wanted:?} in {told}");
    }
    assert!(!corpus.path().join("run").exists());
}

#[test]
fn a_learning_rate_beyond_reason_warns_stops_and_loses_nothing() {
    let corpus = trained();
    let before = checkpoints(corpus.path());
    let wild = ["--resume", "--updates", "200", "--learning-rate", "1e9"];
    let output = train(corpus.path(), &wild);
    let (error, told) = (error_of(&output), text(&output.stderr));
    assert!(error.contains("lower the learning rate"), "{error}");
    assert!(told.contains("warning: update ") && told.contains("loss or gradient is"), "{told}");
    assert_eq!(checkpoints(corpus.path()), before);
    let output = train(corpus.path(), &["--resume", "--updates", "25", "--learning-rate", "0.01"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_folder_without_a_model_is_no_model() {
    let corpus = corpus();
    fs::create_dir(corpus.path().join("other")).unwrap();
    write(&corpus, "other/thesis.txt", "mine");
    // A file in a run's folder that names no checkpoint is no pointer that is damaged.
    fs::create_dir_all(corpus.path().join("begun/checkpoints")).unwrap();
    write(&corpus, "begun/config.toml", "layers = 1\n");
    for model in ["other", "other/thesis.txt", "begun/config.toml", "a.en", "none"] {
        let error = fails(corpus.path(), &["translate", "--model", model], 1);
        assert!(error.contains(model) && error.contains("no model here"), "{error}");
        let pairs = ["--source", "a.en", "--target", "a.fr"];
        assert!(
            fails(corpus.path(), &[&["score", "--model", model], &pairs[..]].concat(), 1).contains("no model here")
        );
    }
    let error = train_fails(corpus.path(), &["--output", "other"]);
    assert_eq!(error, "error: `other` is not empty and holds no run: choose another folder");
    assert_eq!(fs::read(corpus.path().join("other/thesis.txt")).unwrap(), b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_cannot_be_read_is_told_with_the_systems_reason() {
    use std::os::unix::fs::symlink;
    let corpus = trained();
    let folder = corpus.path();
    let wanted = |file: &str| format!("error: cannot read {file}: Too many levels of symbolic links (os error 40)");
    for file in ["circle", "run/config.toml", "run/best"] {
        let _ = fs::remove_file(folder.join(file));
        symlink(folder.join(file), folder.join(file)).unwrap();
    }
    for (model, file) in [("circle", "circle"), ("circle/run", "circle/run"), ("run", "run/best")] {
        let error = fails(folder, &["translate", "--model", model], 1);
        assert_eq!(error.trim_end(), wanted(file));
    }
    for more in [&["--overwrite"][..], &["--resume"]] {
        assert_eq!(train_fails(folder, more), wanted("run/config.toml"));
    }
    assert_eq!(fails(folder, &["report", "run"], 1).trim_end(), wanted("run/config.toml"));
    assert!(!checkpoints(folder).is_empty());
    assert_eq!(train_fails(folder, &["--output", "circle/run"]), wanted("circle/run/config.toml"));
    let prepare = ["prepare", "--source", "a.en", "--target", "a.fr", "--output", "circle"];
    assert_eq!(fails(folder, &prepare, 1).trim_end(), wanted("circle/prepared.json"));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_one_before_it_resumed() {
    let corpus = trained();
    let folder = corpus.path();
    let [.., before, newest] = &checkpoints(folder)[..] else { panic!("two checkpoints") };
    let file = folder.join("run/checkpoints").join(newest).join("model.safetensors");
    let whole = fs::read(&file).unwrap();
    for damage in [whole[..whole.len() / 2].to_vec(), vec![7; whole.len()], Vec::new()] {
        fs::write(&file, damage).unwrap();
        let error = fails(folder, &["translate", "--model", &format!("run/checkpoints/{newest}")], 1);
        assert!(error.contains("model.safetensors") && error.contains("use another checkpoint"), "{error}");
    }
    let output = with_input(folder, &["translate", "--model", &format!("run/checkpoints/{before}")], "one\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = train(folder, &["--resume", "--updates", "20"]);
    let told = text(&output.stderr);
    let warning = format!("warning: checkpoint {} refused: ", newest.trim_start_matches('0'));
    assert!(output.status.success() && told.contains(&warning), "{told}");
    assert_eq!(fs::read(&file).unwrap(), whole, "trained again to the same bits");
}

#[test]
fn input_of_translate_and_score_that_is_not_text_is_told_with_its_line() {
    let corpus = trained();
    write(&corpus, "latin.en", b"one\ncaf\xe9\n");
    let error = fails(corpus.path(), &["translate", "--model", "run", "--input", "latin.en"], 1);
    assert!(error.contains("`latin.en`, line 2, byte 4"), "{error}");
    let error = fails(corpus.path(), &["translate", "--model", "run", "--input", "none"], 1);
    assert!(error.contains("cannot open `none`"), "{error}");
    write(&corpus, "short.fr", "un\n");
    let error = fails(corpus.path(), &["score", "--model", "run", "--source", "latin.en", "--target", "short.fr"], 1);
    assert!(error.contains("latin.en"), "{error}");
    for flag in ["--beam=0", "--length-normalisation=nan", "--length-normalisation=-1", "--batch-size=none"] {
        fails(corpus.path(), &["translate", "--model", "run", flag], 2);
    }
    for device in ["cuda:0", "8xcpu"] {
        let error = fails(corpus.path(), &["translate", "--model", "run", "--device", device], 1);
        assert!(error.contains(device), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_last_checkpoint_survives() {
    let corpus = trained();
    let folder = corpus.path();
    let arguments = ["translate", "--model", "run", "--output", "/dev/full"];
    let output = with_input(folder, &arguments, "one\n");
    let error = error_of(&output);
    assert_eq!(error, "error: cannot write `/dev/full`: No space left on device (os error 28)");
    let mut full = crate::command::command(folder, &["vocab", "a.en"]);
    let output = full.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
    let error = error_of(&output);
    assert_eq!(error, "error: cannot write standard output: No space left on device (os error 28)");
    // No file may grow beyond 20 or 40 KiB (shells count differently): room for the configuration, but not for parameters.
    let before = checkpoints(folder);
    let limit = "ulimit -f 40 && trap '' XFSZ && exec \"$0\" train --resume --output run --updates 40";
    let shell = std::process::Command::new("sh")
        .args(["-c", limit, env!("CARGO_BIN_EXE_unrolled")])
        .current_dir(folder)
        .output()
        .unwrap();
    let error = error_of(&shell);
    assert!(error.contains("run/checkpoints/") && error.contains("free some space"), "{error}");
    assert_eq!(checkpoints(folder), before);
    assert!(with_input(folder, &["translate", "--model", "run"], "one\n").status.success());
    let output = train(folder, &["--resume", "--updates", "40"]);
    assert!(output.status.success() && text(&output.stderr).contains("40 updates"), "{}", text(&output.stderr));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_told_before_anything_is_read() {
    let corpus = corpus();
    let error = "error: cannot open `folder`: is a directory\n";
    fs::create_dir(corpus.path().join("folder")).unwrap();
    assert_eq!(fails(corpus.path(), &["vocab", "folder"], 1), error);
    assert_eq!(fails(corpus.path(), &["bleu", "--reference", "a.fr", "--hypotheses", "folder"], 1), error);
    write(&corpus, "cut.gz", b"\x1f\x8b\x08\0\0");
    let error = fails(corpus.path(), &["vocab", "cut.gz"], 1);
    assert!(error.contains("`cut.gz`, at its beginning: the gzip data stop too early"), "{error}");
}

#[test]
fn numbers_beyond_reason_are_refused_at_once() {
    let corpus = corpus();
    let data = ["--preset", "tiny", "--source", "a.en", "--target", "a.fr"];
    let error = fails(corpus.path(), &[&["estimate", "--threads", "99999999"], &data[..]].concat(), 1);
    assert_eq!(
        error,
        "error: 99999999 threads are asked for: 4096 are the most, and 0 takes as many as there are cores\n"
    );
    for many in ["--beam", "--n-best", "--minimum-risk"] {
        let error = fails(corpus.path(), &["translate", "--model", "none", many, "99999999999"], 2);
        assert!(error.contains("10000 hypotheses are the most"), "{error}");
    }
    let error = fails(corpus.path(), &["reproduce", "--scale", "seconds", "--seeds", "9223372036854775807"], 2);
    assert!(error.contains("1 to 1000 seeds are possible"), "{error}");
    let trials = ["--reference", "a.fr", "--system", "a.fr", "--confidence", "--trials", "99999999999"];
    let error = fails(corpus.path(), &[&["evaluate"], &trials[..]].concat(), 2);
    assert!(error.contains("1 to 1000000 trials"), "{error}");
    for seconds in ["--seconds=nan", "--seconds=-1", "--seconds=inf"] {
        let error = fails(corpus.path(), &[&["estimate", seconds], &data[..]].concat(), 2);
        assert!(error.contains("a number of 0 or more is needed"), "{error}");
    }
}

#[test]
fn nothing_to_evaluate_or_compare_with_is_an_error() {
    let corpus = trained();
    let folder = corpus.path();
    write(&corpus, "empty", "");
    let error = fails(folder, &["bleu", "--reference", "empty", "--hypotheses", "empty"], 1);
    assert_eq!(error, "error: there is nothing to evaluate: `empty` has no words\n");
    let error = fails(folder, &["score", "--model", "run", "--source", "empty", "--target", "empty"], 1);
    assert_eq!(error, "error: there is nothing to score: empty / empty has no pairs\n");
    let error = fails(folder, &["evaluate", "--reference", "a.fr", "--system", "a.fr", "--test", "bootstrap"], 1);
    assert!(error.contains("give two or more to --system"), "{error}");
    let error = fails(folder, &["report", "run", "--source", "empty", "--target", "empty"], 1);
    assert!(error.contains("no test pairs in empty / empty"), "{error}");
    for folder_name in ["none", "run/checkpoints", "a.en"] {
        let error = fails(folder, &["report", folder_name], 1);
        assert_eq!(error, format!("error: `{folder_name}` holds no run: it has no `config.toml`\n"));
    }
    let error = fails(folder, &["reproduce", "--output", "run"], 1);
    assert!(error.contains("`run` is not empty and holds no models of this command"), "{error}");
}

#[test]
fn a_run_is_not_begun_over_another() {
    let corpus = trained();
    let error = train_fails(corpus.path(), &["--updates", "20"]);
    assert_eq!(error, "error: `run` has a run already: resume it, overwrite it, or choose another folder");
    let empty = folder();
    write(&empty, "a", "");
    let error = fails(empty.path(), &["train", "--resume", "--output", "none"], 1);
    assert!(error.contains("`none`"), "{error}");
}
