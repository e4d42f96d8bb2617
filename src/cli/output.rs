//! Where a command writes what was asked for: a file, or standard output.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// A writer whose errors say what could not be written.
pub(super) struct Output {
    name: String,
    writer: Box<dyn Write>,
}

/// The file, or standard output where none is named. `inputs` are the files that are read meanwhile, of which `-` is standard input.
///
/// # Errors
/// Where the file cannot be made, or is an input.
pub(super) fn create<'a>(path: Option<&Path>, inputs: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Output> {
    let Some(path) = path else { return Ok(stdout()) };
    for input in inputs {
        let read = if input.as_os_str() == "-" { Path::new("/dev/stdin") } else { input };
        let same = matches!((fs::canonicalize(path), fs::canonicalize(read)), (Ok(a), Ok(b)) if a == b && a.is_file());
        ensure!(!same, "`{}` is read and would be overwritten: choose another output", path.display());
    }
    let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(Output { name: format!("`{}`", path.display()), writer: Box::new(file) })
}

/// Standard output.
pub(super) fn stdout() -> Output {
    Output { name: "standard output".to_owned(), writer: Box::new(io::stdout().lock()) }
}

impl Output {
    fn named(&self, error: io::Error) -> io::Error {
        match error.kind() {
            // Not the user's affair: it is tried again.
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, format!("cannot write {}: {error}", self.name)),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes).map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|error| self.named(error))
    }
}
