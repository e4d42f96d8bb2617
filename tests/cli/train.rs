//! `unrolled train` up to where it begins to train: the configuration, and what is said about mistakes in it.

use unrolled_seq2seq::config::{Config, KEYS};

use crate::command::{fails, folder, succeeds, write};

#[test]
fn every_key_is_a_flag() {
    let help = succeeds(folder().path(), &["train", "--help"]);
    for key in KEYS {
        assert!(help.contains(&format!("      --{} ", key.name)), "no --{} in\n{help}", key.name);
    }
    assert!(help.contains("sutskever2014") && help.contains("[default: 0.7]"), "{help}");
}

#[test]
fn the_command_line_wins_over_the_file_over_the_preset() {
    let folder = folder();
    write(&folder, "a.toml", "layers = 3\nhidden-size = 128\n");
    let arguments =
        ["train", "--preset", "s", "--config", "a.toml", "--layers", "1", "--source", "a", "b", "--target", "c", "d"];
    let text = succeeds(folder.path(), &[&arguments[..], &["--reverse-source", "false", "--dump-config"]].concat());
    for wanted in [
        "\nsource = [\"a\", \"b\"]  # command line\n",
        "\nreverse-source = false  # command line\n",
        "\nlayers = 1  # command line\n",
        "\nhidden-size = 128  # a.toml:2\n",
        "\nbatch-size = 64  # preset s\n",
        "\nmomentum = 0.9  # default\n",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    let config: Config = text.parse().unwrap();
    assert_eq!((config.layers, config.hidden_size, config.batch_size, config.reverse_source), (1, 128, 64, false));
}

#[test]
fn a_dump_is_a_configuration() {
    let folder = folder();
    let dump = succeeds(folder.path(), &["train", "--preset", "m", "--seed", "9", "--dump-config"]);
    write(&folder, "again.toml", &dump);
    let again = succeeds(folder.path(), &["train", "--config", "again.toml", "--dump-config"]);
    assert_eq!(dump.parse::<Config>().unwrap(), again.parse::<Config>().unwrap());
}

#[test]
fn mistakes_in_the_file_are_told_together_with_their_lines() {
    let folder = folder();
    write(&folder, "a.toml", "hiden-size = 256\nlayers = \"two\"\n");
    let message = fails(folder.path(), &["train", "--config", "a.toml", "--dropout", "1.5"], 1);
    assert_eq!(
        message,
        "error: 3 problems in the configuration\n  \
         - a.toml:1: unknown key `hiden-size`; did you mean `hidden-size`?\n  \
         - a.toml:2: `layers` expected a whole number, 0 or more, found the string \"two\"\n  \
         - command line: `dropout` must be at least 0 and less than 1, found 1.5\n"
    );
    let message = fails(folder.path(), &["train", "--config", "none.toml"], 1);
    assert!(message.starts_with("error: cannot read the configuration none.toml: "), "{message}");
}

#[test]
fn mistakes_on_the_command_line_exit_with_2() {
    let folder = folder();
    assert!(fails(folder.path(), &["train", "--hiden-size", "3"], 2).contains("'--hidden-size'"));
    assert!(fails(folder.path(), &["train", "--layers", "two"], 2).contains("'--layers <N>'"));
    assert!(fails(folder.path(), &["train", "--optimiser", "sdg"], 2).contains("sgd"));
    let told = fails(folder.path(), &["train", "--precision", "fp8"], 2);
    assert!(["f32", "f16", "bf16"].iter().all(|known| told.contains(known)), "{told}");
    assert!(fails(folder.path(), &["train", "--preset", "xl"], 2).contains("sutskever2014"));
    assert!(fails(folder.path(), &["train", "--resume", "--overwrite"], 2).contains("--overwrite"));
}

#[test]
fn what_training_needs_is_asked_for() {
    let folder = folder();
    let message = fails(folder.path(), &["train", "--preset", "tiny"], 1);
    assert!(message.contains("no training data") && message.contains("no run folder"), "{message}");
    let message = fails(folder.path(), &["train", "--resume"], 1);
    assert_eq!(message, "error: --resume needs the run's folder: give --output\n");
    let message = fails(folder.path(), &["train", "--resume", "--output", "run"], 1);
    assert_eq!(message, "error: there is no run to resume in `run`: it has no `config.toml`\n");
}
