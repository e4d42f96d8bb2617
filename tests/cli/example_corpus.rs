//! `unrolled example-corpus`.

use std::collections::BTreeSet;
use std::fs::{self, read_to_string};

use crate::command::{fails, folder, succeeds, text, write};

#[test]
fn it_writes_parallel_files_and_keeps_the_test_apart() {
    let folder = folder();
    let sizes = ["--train", "300", "--valid", "20", "--test", "30"];
    assert_eq!(succeeds(folder.path(), &[&["example-corpus", "--output", "data"][..], &sizes].concat()), "");
    let lines = |name: &str| {
        let text = read_to_string(folder.path().join("data").join(name)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for (split, count) in [("train", 300), ("valid", 20), ("test", 30)] {
        assert_eq!([lines(&format!("{split}.en")).len(), lines(&format!("{split}.fr")).len()], [count, count]);
    }
    let train: BTreeSet<String> = lines("train.en").into_iter().collect();
    assert!(lines("test.en").iter().chain(&lines("valid.en")).all(|sentence| !train.contains(sentence)));
}

#[test]
fn it_does_not_write_over_files_unasked() {
    let folder = folder();
    let kept = write(&folder, "train.fr", "precious");
    let arguments = ["example-corpus", "--output", ".", "--train", "5", "--valid", "1", "--test", "1"];
    let message = fails(folder.path(), &arguments, 1);
    assert_eq!(message, "error: `./train.fr` exists; name another folder, or give --overwrite\n");
    assert_eq!(read_to_string(&kept).unwrap(), "precious");
    succeeds(folder.path(), &[&arguments[..], &["--overwrite"]].concat());
    assert_eq!(read_to_string(&kept).unwrap().lines().count(), 5);
}

/// Where a limit of files' sizes is as good as a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_runs_full_leaves_what_was_there_and_nothing_else() {
    let folder = folder();
    write(&folder, "valid.en", "precious");
    write(&folder, "train.fr", "precious too");
    // Room for the test sentences, but not for all of training.
    let limit = "ulimit -f 40 && trap '' XFSZ && exec \"$0\" example-corpus --output . --overwrite --train \"$1\"";
    for train in ["5000", "400"] {
        let output = std::process::Command::new("sh")
            .args(["-c", limit, env!("CARGO_BIN_EXE_unrolled"), train])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.starts_with("error: cannot write the built-in corpus to ./"), "{told}");
        assert!(told.contains("File too large") && told.contains("has room"), "{told}");
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["train.fr", "valid.en"]);
    }
    assert_eq!(read_to_string(folder.path().join("valid.en")).unwrap(), "precious");
    fs::create_dir(folder.path().join("test.fr")).unwrap();
    let error = fails(folder.path(), &["example-corpus", "--output", ".", "--overwrite", "--train", "5"], 1);
    assert!(error.contains("./test.fr: is a directory"), "{error}");
    assert_eq!(read_to_string(folder.path().join("train.fr")).unwrap(), "precious too");
}
