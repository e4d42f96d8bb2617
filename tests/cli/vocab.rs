//! `unrolled vocab`.

use crate::command::{fails, folder, succeeds, text, with_input, write};

#[test]
fn the_most_frequent_words_come_first() {
    let folder = folder();
    write(&folder, "a.en", "the cat sees the dog.\n");
    write(&folder, "b.en", "the cat.\n");
    let output = with_input(folder.path(), &["vocab", "a.en", "b.en", "--size", "6"], "");
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "<pad>\t0\n<EOS>\t2\nUNK\t2\nthe\t3\n.\t2\ncat\t2\n");
    assert_eq!(text(&output.stderr), "5 distinct words; 3 kept, which cover 77.78% of 9 running words\n");
}

#[test]
fn the_tokeniser_decides_what_a_word_is() {
    let folder = folder();
    write(&folder, "a.fr", "l'homme.\n");
    let words = |tokeniser| {
        let text = succeeds(folder.path(), &["vocab", "a.fr", "--tokeniser", tokeniser, "--language", "fr"]);
        text.lines().skip(3).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(words("whitespace"), ["l'homme."]);
    assert_eq!(words("moses"), [".", "homme", "l'"]);
}

#[test]
fn it_reads_standard_input_and_warns_when_words_are_few() {
    let output = with_input(folder().path(), &["vocab", "-", "--size", "10"], "a b\n");
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 5);
    let warning = "warning: a vocabulary of 10 was asked for, but the data give 5, the specials included\n";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
}

#[test]
fn an_existing_file_is_not_overwritten_unasked() {
    let folder = folder();
    write(&folder, "a.en", "a\n");
    let kept = write(&folder, "v.txt", "precious");
    let message = fails(folder.path(), &["vocab", "a.en", "--output", "v.txt"], 1);
    assert_eq!(message, "error: `v.txt` exists; name another file, or give --overwrite\n");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "precious");
    assert_eq!(succeeds(folder.path(), &["vocab", "a.en", "-o", "v.txt", "--overwrite"]), "");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "<pad>\t0\n<EOS>\t1\nUNK\t0\na\t1\n");
}

#[test]
fn bad_files_are_named() {
    let folder = folder();
    let message = fails(folder.path(), &["vocab", "none.en"], 1);
    assert_eq!(message, "error: cannot open `none.en`: No such file or directory (os error 2)\n");
    write(&folder, "latin.en", b"good\ncaf\xe9\n");
    let message = fails(folder.path(), &["vocab", "latin.en"], 1);
    assert!(message.contains("`latin.en`, line 2, byte 4: 0xe9 is not valid UTF-8"), "{message}");
    write(&folder, "empty.en", "");
    assert!(fails(folder.path(), &["vocab", "empty.en"], 1).contains("word"));
}
