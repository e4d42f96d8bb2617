//! A folder for readers that take a path; in memory where the system has such a place, as it is written to thousands of times a second.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = folder();
}

fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder for temporary files")
}

/// The path of a file in this thread's folder.
pub fn path(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}

/// Writes a file of this thread's folder.
///
/// # Panics
/// Where it cannot be written.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
    path
}
