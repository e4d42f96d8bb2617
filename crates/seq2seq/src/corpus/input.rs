//! Bytes from a file, decompressed where they are gzip, split at `\n` and at nothing else.

use super::error::CorpusError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

/// The longest line that is read. A sentence is far shorter; a binary file without line ends must not fill the memory.
pub(super) const LINE_LIMIT: usize = 1 << 24;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BOM: &[u8] = b"\xef\xbb\xbf";
const BUFFER: usize = 1 << 17;
/// How much of a file's beginning is looked at to find out what it is.
const PEEK: usize = 512;

/// A named stream of bytes that knows how many lines of it were read.
pub(super) struct Input {
    name: String,
    gzip: bool,
    reader: Box<dyn BufRead + Send>,
    /// The number of line ends consumed so far.
    lines: u64,
}

impl Input {
    /// Opens a file; gzip is recognised by its first bytes, and what is named `.gz` must be.
    pub fn open(path: &Path) -> Result<Self, CorpusError> {
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(|error| CorpusError::opening(path, error))?;
        // It can be opened, and only reading would fail.
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(CorpusError::opening(path, io::ErrorKind::IsADirectory.into()));
        }
        let head = peek(&mut file, GZIP_MAGIC.len()).map_err(|error| CorpusError::reading(&name, 0, false, error))?;
        let named_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        if named_gzip && head.len() < GZIP_MAGIC.len() {
            return Err(CorpusError::TruncatedGzip { name, line: 0 });
        }
        let gzip = head == GZIP_MAGIC;
        if named_gzip && !gzip {
            return Err(CorpusError::NotGzip { name });
        }
        let plain = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(file));
        let reader: Box<dyn BufRead + Send> =
            if gzip { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        Ok(Self { name, gzip, reader, lines: 0 })
    }

    /// Wraps a reader, named as errors shall name it.
    pub fn from_reader(name: &str, reader: Box<dyn BufRead + Send>) -> Self {
        Self { name: name.to_owned(), gzip: false, reader, lines: 0 }
    }

    /// The file's name, for errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of lines read so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Looks at the beginning without consuming it: true where `wanted` says so of the first bytes.
    pub fn begins(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<bool, CorpusError> {
        let head = peek(&mut self.reader, PEEK).map_err(|error| self.failed(error))?;
        let found = wanted(head.strip_prefix(BOM).unwrap_or(&head));
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(Cursor::new(head).chain(rest));
        Ok(found)
    }

    /// Reads the next line into `line`, without its `\n`, one `\r` before it, or a leading byte order mark. False at
    /// the end.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool, CorpusError> {
        line.clear();
        let mut any = false;
        loop {
            let buffer = match fill(&mut self.reader) {
                Ok(buffer) => buffer,
                Err(error) => return Err(self.failed(error)),
            };
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            line.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(used);
            if line.len() > LINE_LIMIT {
                let (name, line) = (self.name.clone(), self.lines + 1);
                return Err(CorpusError::LineTooLong { name, line, limit: LINE_LIMIT });
            }
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(false);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.lines == 0 && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        self.lines += 1;
        Ok(true)
    }

    /// Reads to the end and returns how many lines there are in all.
    pub fn count_to_end(&mut self) -> Result<u64, CorpusError> {
        let mut line = Vec::new();
        while self.read_line(&mut line)? {}
        Ok(self.lines)
    }

    fn failed(&self, error: io::Error) -> CorpusError {
        CorpusError::reading(&self.name, self.lines, self.gzip, error)
    }
}

/// `fill_buf` that is not disturbed by signals.
fn fill(reader: &mut Box<dyn BufRead + Send>) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Asked again because a borrow that is returned from inside the loop would last for the whole function.
    reader.fill_buf()
}

/// Takes at most `length` first bytes out of a reader.
fn peek(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(length);
    reader.take(length as u64).read_to_end(&mut head)?;
    Ok(head)
}
