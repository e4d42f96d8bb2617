//! The numbered examples print what their files in examples/expected say, on one thread and on several.
//!
//! `UPDATE_EXPECTED=1 cargo test --test examples` writes the files anew; read the difference before you commit it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The names without extension, in order, of the files of a folder that begin with a digit.
fn numbered(folder: &Path, extension: &str) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    let stems = of_kind.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = stems.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
    names.sort();
    names
}

/// Cargo puts examples beside the folder of this test's program.
fn program(name: &str) -> PathBuf {
    let this = env::current_exe().unwrap();
    let profile = this.parent().and_then(Path::parent).expect("target/PROFILE/deps/this");
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not built: cargo build --examples", program.display());
    program
}

fn printed(name: &str, threads: &str) -> String {
    let output = Command::new(program(name)).env("RAYON_NUM_THREADS", threads).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn examples_print_what_is_expected() {
    let names = numbered(&folder(), "rs");
    assert!(names.len() >= 6, "the examples were found");
    for (i, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("{:02}_", i + 1)), "{name} is example {}", i + 1);
        let file = folder().join("expected").join(format!("{name}.txt"));
        let on_one = printed(name, "1");
        if env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, &on_one).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(on_one, expected.replace("\r\n", "\n"), "{name} on one thread");
        assert_eq!(printed(name, "4"), on_one, "{name} on four threads");
    }
    assert_eq!(numbered(&folder().join("expected"), "txt"), names, "an expected file without its example");
}
