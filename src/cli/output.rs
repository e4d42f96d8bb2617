//! Where a command writes what was asked for: a file, or standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use unrolled_nn::disk::{DiskError, FileSystem, replace_file};

/// A writer whose errors say what could not be written.
pub(super) struct Output {
    name: String,
    writer: Box<dyn Write>,
}

/// The file, or standard output where none or `-` is named. `inputs` are the files that are read meanwhile, of which `-` is standard input.
///
/// # Errors
/// Where the file cannot be made, or is an input.
pub(super) fn create<'a>(path: Option<&Path>, inputs: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Output> {
    let Some(path) = path.filter(|path| !is_stdout(path)) else { return Ok(stdout()) };
    spare(path, inputs)?;
    let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(Output { name: format!("`{}`", path.display()), writer: Box::new(file) })
}

/// True of `-`.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Finds out, before the work that ends with writing a file, whether that will be possible. What is there stays as it is.
///
/// # Errors
/// Where the file cannot be made, or is an input.
pub(super) fn check<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<()> {
    if is_stdout(path) {
        return Ok(());
    }
    spare(path, inputs)?;
    let there = fs::metadata(path);
    // Whoever reads a pipe takes its being closed for the end.
    if there.as_ref().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Ok(());
    }
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.with_context(|| format!("cannot write `{}`", path.display()))?;
    if there.is_err() {
        // Where a link leads to what was not there, the link stays.
        let _ = fs::canonicalize(path).and_then(fs::remove_file);
    }
    Ok(())
}

/// Writes a file that is whole or the one that was there before, or standard output for `-`.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // Where it is a link, what it leads to is replaced and not the link.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_stdout(path) || place.is_dir() || (place.exists() && !place.is_file()) {
        return Ok(create(Some(path), [])?.write_all(bytes)?);
    }
    let at = |source| DiskError { action: "write", file: place.clone(), source };
    let written: Result<(), DiskError> = replace_file(&FileSystem, &place, |out| out.write_all(bytes).map_err(at));
    written.map_err(|error| error.source).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Refuses an output that is an input.
pub(super) fn spare<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<()> {
    for input in inputs {
        let read = if input.as_os_str() == "-" { Path::new("/dev/stdin") } else { input };
        ensure!(
            !are_one_file(path, read),
            "`{}` is read and would be overwritten: choose another output",
            path.display()
        );
    }
    Ok(())
}

/// Whether both paths lead to one file, through whatever links.
fn are_one_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let file =
            |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| (found.dev(), found.ino()));
        file(one).is_some_and(|one| file(other) == Some(one))
    }
    #[cfg(not(unix))]
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(a), Ok(b)) if a == b && a.is_file())
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
