//! What a hurried user does wrong: outputs that are inputs, one standard input for two, pipes, full logs, two processes in one folder.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::command::{command, fails, succeeds, text, with_input, write};
use crate::toy::{corpus, train, trained};

/// Runs a command that must refuse to overwrite `file`, which must stay as it is.
fn spares(folder: &Path, file: &str, arguments: &[&str]) {
    let before = fs::read(folder.join(file)).unwrap();
    let error = fails(folder, arguments, 1);
    let wanted = format!("error: `{file}` is read and would be overwritten: choose another output\n");
    assert_eq!(error, wanted, "{arguments:?}");
    assert!(before == fs::read(folder.join(file)).unwrap(), "{file} was written over by {arguments:?}");
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let corpus = trained();
    let folder = corpus.path();
    write(&corpus, "lists", "0 ||| un ||| LM= -1 ||| -1\n");
    write(&corpus, "one.en", "one one one\n");
    write(&corpus, "one.fr", "un un un\n");
    write(&corpus, "dictionary", "one\tun\n");
    let rescore = ["rescore", "--n-best", "lists", "--source", "one.en", "--model", "run", "--reference", "one.fr"];
    for file in ["lists", "one.en", "one.fr"] {
        spares(folder, file, &[&rescore[..], &["--tune", file]].concat());
        spares(folder, file, &[&rescore[..], &["--output", file]].concat());
    }
    let error = fails(folder, &[&rescore[..], &["--tune", "both", "--output", "both"]].concat(), 1);
    assert!(error.contains("`both` cannot take both the weights and the lists"), "{error}");
    // Weights to begin with may become the tuned ones.
    write(&corpus, "weights", "Score 1\nLSTM 1\n");
    succeeds(folder, &[&rescore[..], &["--weights", "weights", "--tune", "weights"]].concat());
    for file in ["one.en", "one.fr"] {
        spares(folder, file, &["report", "run", "--source", "one.en", "--target", "one.fr", "--output", file]);
    }
    // The run's own validation files, configuration and log.
    for file in ["a.en", "a.fr", "run/config.toml", "run/log.jsonl"] {
        spares(folder, file, &["report", "run", "--output", file]);
    }
    let copied = ["translate", "--model", "run", "--input", "one.en", "--unk", "copy", "--dictionary", "dictionary"];
    spares(folder, "dictionary", &[&copied[..], &["--output", "dictionary"]].concat());
    spares(folder, "a.en", &["vocab", "a.en", "--output", "a.en", "--overwrite"]);
    succeeds(folder, &["train", "--preset", "tiny", "--dump-config"]);
    write(&corpus, "model.toml", "layers = 1\n");
    spares(folder, "model.toml", &["schedule", "--config", "model.toml", "--svg", "model.toml"]);
    let plan = succeeds(folder, &["schedule", "--dump-plan"]);
    write(&corpus, "plan.toml", plan);
    spares(folder, "plan.toml", &["schedule", "--plan", "plan.toml", "--svg", "plan.toml"]);
    let plan = ["--plan", "single", "--devices", "2xcpu", "--output", "other"];
    let data = ["train", "--preset", "tiny", "--source", "a.en", "--target", "a.fr"];
    spares(folder, "a.en", &[&data[..], &plan, &["--trace", "a.en"]].concat());
    assert!(!folder.join("other").exists());
    #[cfg(unix)]
    {
        fs::hard_link(folder.join("one.en"), folder.join("link")).unwrap();
        spares(folder, "link", &["translate", "--model", "run", "--input", "one.en", "--output", "link"]);
    }
}

#[test]
fn what_cannot_be_written_is_told_before_the_work() {
    let corpus = trained();
    let folder = corpus.path();
    let wanted = |file: &str| format!("cannot write `{file}`: No such file or directory");
    let data = ["train", "--preset", "tiny", "--source", "a.en", "--target", "a.fr", "--output", "other"];
    let plan = ["--plan", "single", "--devices", "2xcpu", "--trace"];
    let error = fails(folder, &[&data[..], &plan, &["none/trace.json"]].concat(), 1);
    assert!(error.contains(&wanted("none/trace.json")) && !folder.join("other").exists(), "{error}");
    let error = fails(folder, &[&data[..], &plan, &["trace.svg"]].concat(), 1);
    assert!(error.contains("the chart would take the place of the trace `trace.svg`"), "{error}");
    let error = fails(folder, &[&data[..], &plan, &["-"]].concat(), 1);
    assert!(error.contains("--trace writes two files"), "{error}");
    let error = fails(folder, &["report", "run", "--output", "none/page.html"], 1);
    assert!(error.contains(&wanted("none/page.html")), "{error}");
    let error = fails(folder, &["schedule", "--dump-plan", "--svg", "chart.svg"], 2);
    assert!(error.contains("cannot be used with"), "no chart would be drawn: {error}");
    // What is there stays until there is something to take its place.
    write(&corpus, "chart.svg", "old");
    fails(folder, &["schedule", "--plan", "paper", "--devices", "1xK40", "--svg", "chart.svg"], 1);
    assert_eq!(fs::read_to_string(folder.join("chart.svg")).unwrap(), "old");
    fails(folder, &["schedule", "--plan", "paper", "--devices", "1xK40", "--svg", "new.svg"], 1);
    assert!(!folder.join("new.svg").exists());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("beyond.svg", folder.join("link.svg")).unwrap();
        fails(folder, &["schedule", "--plan", "paper", "--devices", "1xK40", "--svg", "link.svg"], 1);
        assert!(folder.join("link.svg").is_symlink() && !folder.join("beyond.svg").exists());
    }
}

/// No file may grow beyond 1 KiB or half of one (shells count differently).
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_page_and_weights() {
    let corpus = trained();
    let folder = corpus.path();
    for file in ["page.html", "chart.svg"] {
        write(&corpus, file, "old");
    }
    let limit = "ulimit -f 1 && trap '' XFSZ && exec \"$0\" \"$@\"";
    for arguments in [
        &["report", "run", "--sentences", "2", "--output", "page.html"][..],
        &["schedule", "--size", "tiny", "--devices", "2xK40", "--svg", "chart.svg"],
    ] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", limit, env!("CARGO_BIN_EXE_unrolled")]).args(arguments).current_dir(folder);
        let output = shell.output().unwrap();
        let (told, file) = (text(&output.stderr), arguments.last().unwrap());
        assert!(told.contains(&format!("error: cannot write `{file}`: File too large")), "{told}");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), "old");
    }
    let left = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.ends_with(".writing")));
}

#[test]
fn a_dash_is_standard_output_and_one_standard_input() {
    let corpus = trained();
    let folder = corpus.path();
    let words = succeeds(folder, &["vocab", "a.en", "--output", "-"]);
    assert!(words.contains("three\t"), "{words}");
    assert!(succeeds(folder, &["report", "run", "--output", "-", "--sentences", "2"]).starts_with("<!DOCTYPE html>"));
    let translate = ["translate", "--model", "run", "--input", "a.en", "--output", "-"];
    assert_eq!(succeeds(folder, &translate).lines().count(), 125);
    assert!(!folder.join("-").exists());
    for twice in [
        &["translate", "--model", "run", "--prefix", "-"][..],
        &["annotate", "--alignment", "-", "--vocabulary", "run/target.vocabulary"],
        &["bleu", "--reference", "-"],
        &["evaluate", "--reference", "a.fr", "--system", "-", "-"],
        &["rescore", "--source", "-", "--model", "run"],
        &["vocab", "-", "-"],
    ] {
        let error = fails(folder, twice, 1);
        assert!(error.contains("standard input (`-`) can be read once, and is named 2 times"), "{twice:?}: {error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_that_takes_nothing_stops_no_work() {
    let corpus = trained();
    let folder = corpus.path();
    let pairs = ["--source", "a.en", "--target", "a.fr"];
    for arguments in [
        &["vocab", "a.en", "--output", "words"][..],
        &[&["score", "--model", "run"], &pairs[..]].concat(),
        &["example-corpus", "--output", "examples", "--train", "9"],
        &[&["prepare", "--output", "prepared"], &pairs[..]].concat(),
        &["report", "run", "--sentences", "2"],
        &["train", "--resume", "--output", "run", "--updates", "21"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(folder, arguments).stderr(full).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(folder, &["vocab", "none"]).stderr(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "not the status of a panic");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_would_be_read_twice_is_refused() {
    let corpus = corpus();
    let folder = corpus.path();
    let wanted = "`/dev/stdin` is a pipe, and would be read more than once: write the text to a file first";
    let trainings = [("--source", "a.fr"), ("--valid-source", "a.fr")];
    for (side, _) in trainings {
        let output = train(folder, &[side, "/dev/stdin"]);
        assert!(text(&output.stderr).contains(wanted), "{side}: {}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(1));
    }
    let prepare = ["prepare", "--source", "/dev/stdin", "--target", "a.fr", "--output", "prepared"];
    assert!(fails(folder, &prepare, 1).contains(wanted));
    // Read once, with vocabularies that are there.
    for side in ["en", "fr"] {
        succeeds(folder, &["vocab", &format!("a.{side}"), "--output", &format!("words.{side}")]);
    }
    let words = ["--source-vocabulary", "words.en", "--target-vocabulary", "words.fr"];
    let once =
        ["train", "--preset", "tiny", "--source", "/dev/stdin", "--target", "a.fr", "--epochs", "1", "--output", "run"];
    let source = fs::read(folder.join("a.en")).unwrap();
    let output = with_input(folder, &[&once[..], &words].concat(), source);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Sends a signal with the system's own command.
#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn a_signal_while_the_text_is_read_ends_training_at_once() {
    let corpus = corpus();
    let folder = corpus.path();
    for side in ["en", "fr"] {
        succeeds(folder, &["vocab", &format!("a.{side}"), "--output", &format!("words.{side}")]);
    }
    let words = ["--source-vocabulary", "words.en", "--target-vocabulary", "words.fr", "--output", "run"];
    let data = ["train", "--preset", "tiny", "--source", "/dev/stdin", "--target", "a.fr"];
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        // Its text never comes.
        let mut child = command(folder, &[&data[..], &words].concat()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        signal(&child, name);
        let began = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(began.elapsed().as_secs() < 30, "{name} is not obeyed");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let code = child.wait().unwrap().code();
        // A busy machine may not have come to listening: then the system itself ended it.
        assert!(code == Some(status) || code.is_none(), "{name}: {code:?}");
        assert!(!folder.join("run").exists());
    }
}

/// A terminal that goes away; a run under `nohup` outlives it.
#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_saves_and_stops_unless_it_is_ignored() {
    let corpus = corpus();
    let folder = corpus.path();
    let run = |first: &str, name: &str| {
        let shell = format!("{first} exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("sh");
        let data =
            ["--preset", "tiny", "--source", "a.en", "--target", "a.fr", "--epochs", "0", "--updates", "1000000"];
        command.args(["-c", &shell, env!("CARGO_BIN_EXE_unrolled"), "train"]).args(data).args(["--output", name]);
        let child = command.current_dir(folder).stderr(Stdio::piped()).spawn().unwrap();
        while !folder.join(name).join("latest").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child
    };
    let child = run("", "run");
    // The shell says so, and then the system.
    signal(&child, "-HUP");
    signal(&child, "-HUP");
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(129), "{told}");
    assert!(told.contains("stopped by a signal: "), "{told}");
    let child = run("trap '' HUP;", "other");
    signal(&child, "-HUP");
    signal(&child, "-TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_preparing_with_its_own_status() {
    let corpus = corpus();
    let folder = corpus.path();
    let lines = |line: &str| line.repeat(1_500_000);
    write(&corpus, "long.en", lines("one two three four five\n"));
    write(&corpus, "long.fr", lines("un deux trois quatre cinq\n"));
    let prepare = ["prepare", "--source", "long.en", "--target", "long.fr", "--output", "prepared"];
    let child = command(folder, &prepare).spawn().unwrap();
    while !folder.join("prepared/preparing.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), told), (Some(143), "error: stopped; the same command goes on from here\n"));
    let output = with_input(folder, &prepare, "");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told_by_prepare() {
    use std::os::unix::ffi::OsStrExt;
    let corpus = corpus();
    let name = std::ffi::OsStr::from_bytes(b"a\xff.en");
    fs::copy(corpus.path().join("a.en"), corpus.path().join(name)).unwrap();
    let mut prepare = command(corpus.path(), &["prepare", "--target", "a.fr", "--output", "prepared", "--source"]);
    let output = prepare.arg(name).output().unwrap();
    let told = text(&output.stderr);
    assert!(told.contains("is not UTF-8, so that `preparing.json` cannot say it"), "{told}");
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(!corpus.path().join("prepared").exists());
}

#[test]
fn a_mean_replaces_no_checkpoint_of_a_run() {
    let corpus = trained();
    let folder = corpus.path();
    let newest = "run/checkpoints/0000000020";
    let error = fails(folder, &["average", "--model", newest, "--output", newest, "--overwrite"], 1);
    assert!(error.contains("is a checkpoint of a run, which could not go on from a mean"), "{error}");
    let resumed = train(folder, &["--resume", "--updates", "21"]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    for _ in 0..2 {
        succeeds(folder, &["average", "--run", "run", "--last", "2", "--output", "mean", "--overwrite"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_environment_asks_for_threads_within_reason_too() {
    let corpus = corpus();
    let pairs = ["prepare", "--source", "a.en", "--target", "a.fr", "--output", "prepared"];
    let output = command(corpus.path(), &pairs).env("RAYON_NUM_THREADS", "4097").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("4097 threads are asked for: 4096 are the most"), "{}", text(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn two_that_write_examples_into_one_folder_do_not_mix_them() {
    let corpus = corpus();
    let first =
        command(corpus.path(), &["example-corpus", "--output", "examples", "--train", "400000"]).spawn().unwrap();
    while !corpus.path().join("examples/.train.en.writing").exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let error = fails(corpus.path(), &["example-corpus", "--output", "examples", "--train", "9", "--seed", "2"], 1);
    assert!(error.contains("another process is at work in it"), "{error}");
    assert!(first.wait_with_output().unwrap().status.success());
    let lines = fs::read_to_string(corpus.path().join("examples/train.fr")).unwrap().lines().count();
    assert_eq!(lines, 400_000);
}
