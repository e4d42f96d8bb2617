//! Sentences of one language, one a line.

use super::error::{CorpusError, utf8};
use super::input::Input;
use super::sgm::{Segments, is_sgm};
use std::io::BufRead;
use std::path::Path;

/// The sentences of one file: its lines, or the segments of an `.sgm` file.
///
/// Lines end at `\n` alone: U+2028, U+0085 and form feeds are text, so that two files of a corpus cannot fall out of
/// step. One `\r` before the `\n` and a leading byte order mark are dropped. Empty lines are returned as such.
///
/// ```
/// use unrolled_seq2seq::corpus::Lines;
///
/// let mut lines = Lines::from_reader("<example>", "Hello.\n\nGoodbye.".as_bytes());
/// let mut all = Vec::new();
/// while let Some(line) = lines.next_line()? {
///     all.push(line.to_owned());
/// }
/// assert_eq!(all, ["Hello.", "", "Goodbye."]);
/// # Ok::<(), unrolled_seq2seq::corpus::CorpusError>(())
/// ```
pub struct Lines {
    pub(super) kind: Kind,
    buffer: Vec<u8>,
    failed: bool,
}

/// What a file turned out to be.
pub(super) enum Kind {
    Plain(Input),
    Sgm(Segments),
}

impl Lines {
    /// Opens a file: plain text or WMT's `.sgm`, either compressed with gzip or not, recognised by content.
    ///
    /// # Errors
    /// When the file cannot be opened, or its beginning cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CorpusError> {
        let mut input = Input::open(path.as_ref())?;
        let kind = if input.begins(is_sgm)? { Kind::Sgm(Segments::new(input)) } else { Kind::Plain(input) };
        Ok(Self::of(kind))
    }

    /// Reads plain lines from a reader; `name` is what errors call it.
    pub fn from_reader(name: &str, reader: impl BufRead + Send + 'static) -> Self {
        Self::of(Kind::Plain(Input::from_reader(name, Box::new(reader))))
    }

    /// Reads plain lines, compressed with gzip or not, from standard input, which errors call `<stdin>`.
    pub fn stdin() -> Self {
        let reader = std::io::BufReader::new(std::io::stdin());
        Self::of(Kind::Plain(Input::from_unknown("<stdin>", Box::new(reader))))
    }

    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, buffer: Vec::new(), failed: false }
    }

    /// The file's name, as errors give it.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Plain(input) => input.name(),
            Kind::Sgm(segments) => segments.name(),
        }
    }

    /// The number of sentences returned so far, so the number (from 1) of the one returned last.
    pub fn line(&self) -> u64 {
        match &self.kind {
            Kind::Plain(input) => input.lines(),
            Kind::Sgm(segments) => segments.count(),
        }
    }

    /// The next sentence, or `None` at the end. The text lasts until the next call, so that no line is allocated.
    ///
    /// # Errors
    /// When reading fails, or the line is not UTF-8.
    pub fn next_line(&mut self) -> Result<Option<&str>, CorpusError> {
        match &mut self.kind {
            Kind::Plain(input) => {
                if !input.read_line(&mut self.buffer)? {
                    return Ok(None);
                }
                utf8(&self.buffer, input.name(), input.lines()).map(Some)
            }
            Kind::Sgm(segments) => Ok(segments.next_segment()?.map(|segment| segment.text.as_str())),
        }
    }

    /// Reads to the end without looking at the text, and returns how many sentences there are in all.
    pub(super) fn count_to_end(&mut self) -> Result<u64, CorpusError> {
        match &mut self.kind {
            Kind::Plain(input) => input.count_to_end(),
            Kind::Sgm(segments) => segments.count_to_end(),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<String, CorpusError>;

    /// The next sentence; nothing follows an error, so that no loop can meet the same one for ever.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.next_line().map(|line| line.map(str::to_owned));
        self.failed = line.is_err();
        line.transpose()
    }
}

impl CorpusError {
    /// The error of two files that should correspond line by line, when one has ended before the other; reads both to the end to count.
    pub fn unequal(first: &mut Lines, second: &mut Lines) -> Self {
        unequal(first, second)
    }
}

/// [`CorpusError::unequal`].
pub(crate) fn unequal(first: &mut Lines, second: &mut Lines) -> CorpusError {
    let counted = first.count_to_end().and_then(|a| second.count_to_end().map(|b| (a, b)));
    match counted {
        Err(error) => error,
        Ok((first_lines, second_lines)) => CorpusError::UnequalLines {
            first: first.name().to_owned(),
            second: second.name().to_owned(),
            first_lines,
            second_lines,
            line: first_lines.min(second_lines) + 1,
        },
    }
}
