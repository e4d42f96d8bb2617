//! `unrolled example-corpus`.

use std::collections::BTreeSet;
use std::fs::read_to_string;

use crate::command::{fails, folder, succeeds, write};

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
