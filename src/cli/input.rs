//! Files named on the command line, of which `-` is standard input.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use unrolled_seq2seq::corpus::{CorpusError, Lines};

/// The lines of a file, or of standard input for `-`.
///
/// # Errors
/// Where the file cannot be opened.
pub(super) fn open(path: &Path) -> Result<Lines, CorpusError> {
    if path.as_os_str() == "-" { Ok(Lines::stdin()) } else { Lines::open(path) }
}

/// Refuses to read standard input under several names: each would get pieces of it.
///
/// # Errors
/// Where more than one of the files is `-`.
pub(super) fn one_stdin<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<()> {
    let count = paths.into_iter().filter(|path| path.as_os_str() == "-").count();
    ensure!(count < 2, "standard input (`-`) can be read once, and is named {count} times: give files");
    Ok(())
}
