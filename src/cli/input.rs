//! Files named on the command line, of which `-` is standard input.

use std::path::Path;

use unrolled_seq2seq::corpus::{CorpusError, Lines};

/// The lines of a file, or of standard input for `-`.
///
/// # Errors
/// Where the file cannot be opened.
pub(super) fn open(path: &Path) -> Result<Lines, CorpusError> {
    if path.as_os_str() == "-" { Ok(Lines::stdin()) } else { Lines::open(path) }
}
