//! What can be wrong with a corpus, said with the file, the line and what to do.

use crate::wording::counted;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why sentences could not be read. Every variant names the file, and the line (counted from 1) where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The file does not exist, or may not be opened.
    #[error("cannot open `{}`: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// A pipe is to be read more than once.
    #[error("`{}` is a pipe, and would be read more than once: write the text to a file first (gzip will do)", path.display())]
    Pipe {
        /// The pipe.
        path: PathBuf,
    },
    /// Reading failed part way.
    #[error("`{name}`, {}: cannot read on: {error}", After(*.line))]
    Read {
        /// The file, or `<stdin>`.
        name: String,
        /// The number of whole lines that were read.
        line: u64,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// A gzip file ends before its data does.
    #[error(
        "`{name}`, {}: the gzip data stop too early; the file is truncated, or something else follows its end: fetch or copy it again",
        After(*.line)
    )]
    TruncatedGzip {
        /// The file.
        name: String,
        /// The number of whole lines that were read.
        line: u64,
    },
    /// A file is named as gzip's are and holds something else: an error page of a server, or text that was decompressed already.
    #[error("`{name}` is named `.gz`, but does not begin as gzip does: fetch it again, or if it is text rename it")]
    NotGzip {
        /// The file.
        name: String,
    },
    /// A gzip file's data are damaged: a wrong checksum, an impossible code, or something that is not gzip after it.
    #[error("`{name}`, {}: the gzip data are damaged ({error}); fetch or copy the file again", After(*.line))]
    CorruptGzip {
        /// The file.
        name: String,
        /// The number of whole lines that were read.
        line: u64,
        /// What the decompressor said.
        #[source]
        error: io::Error,
    },
    /// A line is not UTF-8.
    #[error("`{name}`, line {line}, byte {byte}: 0x{value:02x} is not valid UTF-8; convert the file to UTF-8 first")]
    InvalidUtf8 {
        /// The file, or `<stdin>`.
        name: String,
        /// The line.
        line: u64,
        /// The place of the first bad byte in that line, counted from 1.
        byte: usize,
        /// The bad byte itself.
        value: u8,
    },
    /// A line is longer than any sentence: most likely not a text file.
    #[error("`{name}`, line {line}: longer than {limit} bytes; is this a text file with one sentence on a line?")]
    LineTooLong {
        /// The file, or `<stdin>`.
        name: String,
        /// The line.
        line: u64,
        /// The longest line that is read, in bytes.
        limit: usize,
    },
    /// Two files that should correspond line by line do not have the same number of lines.
    #[error(
        "`{first}` has {}, `{second}` has {second_lines}: line {line} has no counterpart; \
         parallel files must correspond line by line",
        counted(*first_lines, "line")
    )]
    UnequalLines {
        /// The first file: the source, or the hypotheses.
        first: String,
        /// The second file: the target, or a reference.
        second: String,
        /// The number of lines in the first.
        first_lines: u64,
        /// The number of lines in the second.
        second_lines: u64,
        /// The first line that only one of them has.
        line: u64,
    },
    /// A line of a TSV file has no TAB, so no target.
    #[error("`{name}`, line {line}: no TAB; each line must be a source sentence, a TAB and a target sentence")]
    MissingTab {
        /// The file.
        name: String,
        /// The line.
        line: u64,
    },
    /// A line of an n-best list is not as Moses's are.
    #[error("`{name}`, line {line}: {problem}")]
    MalformedNBest {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// An `.sgm` file is not as WMT's are.
    #[error("`{name}`, line {line}: {problem}")]
    MalformedSgm {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A segment of one `.sgm` file is not in the other.
    #[error(
        "`{name}`, line {line}: segment {segment} of document `{document}` is not in `{other}` \
         ({segments} and {other_segments} segments); the two files must be of the same test set"
    )]
    UnmatchedSegment {
        /// The file that has the segment.
        name: String,
        /// The file that lacks it.
        other: String,
        /// Where the segment begins in `name`.
        line: u64,
        /// The document's id.
        document: String,
        /// The segment's id.
        segment: String,
        /// How many segments `name` has.
        segments: u64,
        /// How many segments `other` has.
        other_segments: u64,
    },
    /// A file with one language only was given where pairs are needed.
    #[error("`{}` holds one language only; name the target file as well", path.display())]
    MissingTarget {
        /// The file.
        path: PathBuf,
    },
}

/// Behind which line.
struct After(u64);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("at its beginning"),
            line => write!(f, "after line {line}"),
        }
    }
}

impl CorpusError {
    /// Sorts an error of reading into truncated, damaged or other; `gzip` says whether the data are compressed.
    pub(super) fn reading(name: &str, line: u64, gzip: bool, error: io::Error) -> Self {
        let name = name.to_owned();
        match error.kind() {
            io::ErrorKind::UnexpectedEof if gzip => Self::TruncatedGzip { name, line },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if gzip => Self::CorruptGzip { name, line, error },
            _ => Self::Read { name, line, error },
        }
    }

    pub(super) fn opening(path: &Path, error: io::Error) -> Self {
        Self::Open { path: path.to_owned(), error }
    }
}

/// Checks that a line is UTF-8.
pub(super) fn utf8<'a>(bytes: &'a [u8], name: &str, line: u64) -> Result<&'a str, CorpusError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        CorpusError::InvalidUtf8 { name: name.to_owned(), line, byte: at + 1, value: bytes[at] }
    })
}
