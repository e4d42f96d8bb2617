//! Running the `unrolled` command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The command with its arguments, to be run in `folder`.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unrolled"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").env("RUST_BACKTRACE", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the command with `input` on its standard input.
pub fn with_input(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    let mut child = command(folder, arguments).spawn().unwrap();
    // A command that fails early closes its input before all of it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

/// Runs a command that must succeed; gives its standard output.
pub fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = with_input(folder, arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Runs a command that must exit with `code`, say nothing on standard output and show no backtrace; gives its standard error.
pub fn fails(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = with_input(folder, arguments, "");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote {:?}", text(&output.stdout));
    assert!(message.starts_with("error: ") && !message.to_lowercase().contains("backtrace"), "{message}");
    message.to_owned()
}

/// What a command wrote, which must be UTF-8.
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file into the folder.
pub fn write(folder: &TempDir, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    path
}
