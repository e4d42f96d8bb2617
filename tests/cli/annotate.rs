//! `unrolled annotate`.

use crate::command::{fails, folder, succeeds, text, with_input, write};

#[test]
fn rare_words_say_where_they_come_from() {
    let folder = folder();
    write(&folder, "vocabulary", "<pad>\t0\n<EOS>\t2\nUNK\t3\nvit\t2\nà\t2\n");
    write(&folder, "target", "Zoran vit à Ljubljana\n\nvit Maja\n");
    write(&folder, "alignment", "0-0 1-1 4-3\n\n0-0\n");
    let arguments = ["annotate", "--target", "target", "--alignment", "alignment", "--vocabulary", "vocabulary"];
    assert_eq!(succeeds(folder.path(), &arguments), "unkpos_0 vit à unkpos_-1\n\nvit unkpos_n\n");
    write(&folder, "alignment", "0-0 1\n\n0-0\n");
    let message = fails(folder.path(), &arguments, 1);
    assert!(message.contains("`alignment`, line 1: `1` is no pair of places such as 0-2"), "{message}");
    write(&folder, "alignment", "0-0\n\n0-1 1-2\n");
    let output = with_input(folder.path(), &arguments, "");
    let told = text(&output.stderr);
    assert!(told.contains("`alignment`, line 3: `1-2` asks for word 2 of a target that has 2"), "{told}");
    write(&folder, "target", "vit\n");
    write(&folder, "alignment", "0-0\n\n");
    let output = with_input(folder.path(), &arguments, "");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "vit\n"), "what could be done was done");
    assert!(text(&output.stderr).contains("line 2 has no counterpart"), "{}", text(&output.stderr));
}
