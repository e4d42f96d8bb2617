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
    /// Whether it is yet to be found out if the bytes are gzip.
    unknown: bool,
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
        let reader: Box<dyn BufRead + Send> = if gzip { decompressed(plain) } else { Box::new(plain) };
        Ok(Self { name, gzip, reader, unknown: false, lines: 0 })
    }

    /// Wraps a reader of plain text, named as errors shall name it.
    pub fn from_reader(name: &str, reader: Box<dyn BufRead + Send>) -> Self {
        Self { name: name.to_owned(), gzip: false, reader, unknown: false, lines: 0 }
    }

    /// Wraps a reader whose bytes may be gzip, which is found out when the first line is read: before it there may be none for a long time.
    pub fn from_unknown(name: &str, reader: Box<dyn BufRead + Send>) -> Self {
        Self { unknown: true, ..Self::from_reader(name, reader) }
    }

    /// Looks for gzip's first bytes. Whoever writes a line and waits for its answer is not kept waiting: where the first byte is gzip's the second is
    /// waited for, but no line ends before that.
    fn recognise(&mut self) -> io::Result<()> {
        self.unknown = false;
        let mut head = Vec::new();
        while head.len() < GZIP_MAGIC.len() && GZIP_MAGIC.starts_with(&head) {
            let Some(&byte) = fill(&mut self.reader)?.first() else {
                self.reader = Box::new(io::empty());
                break;
            };
            self.reader.consume(1);
            head.push(byte);
        }
        self.gzip = head == GZIP_MAGIC;
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        let whole = Cursor::new(head).chain(rest);
        self.reader = if self.gzip { decompressed(whole) } else { Box::new(whole) };
        Ok(())
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
        if self.unknown
            && let Err(error) = self.recognise()
        {
            return Err(self.failed(error));
        }
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

fn decompressed(bytes: impl BufRead + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(bytes)))
}

/// `fill_buf` that is not disturbed by signals.
fn fill(reader: &mut Box<dyn BufRead + Send>) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            // Not asked again: whoever ends what they type would have to say so twice.
            Ok([]) => return Ok(&[]),
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// Gives its pieces one by one, and panics where more is asked for than they have: there a person would wait.
    struct Typed(Vec<&'static [u8]>);

    impl Read for Typed {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "waits for what is not written yet");
            let piece = self.0.remove(0);
            to[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn unknown(reader: impl Read + Send + 'static) -> Input {
        Input::from_unknown("<stdin>", Box::new(BufReader::new(reader)))
    }

    #[test]
    fn gzip_is_recognised_and_nobody_kept_waiting() {
        let mut line = Vec::new();
        for (pieces, wanted) in [
            (vec![&b"a"[..], b"\n"], &b"a"[..]),
            (vec![b"\n"], b""),
            (vec![b"\x1f", b"\n"], b"\x1f"),
            (vec![b"\xef", b"\xbb", b"\xbf\x1f\x8b\n"], b"\x1f\x8b"),
            (vec![b"\x1f", b""], b"\x1f"),
        ] {
            assert!(unknown(Typed(pieces)).read_line(&mut line).unwrap());
            assert_eq!(line, wanted);
        }
        assert!(!unknown(Typed(vec![b""])).read_line(&mut line).unwrap());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all("un\ndeux\n".as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        let mut input = unknown(Cursor::new(bytes[..1].to_vec()).chain(Cursor::new(bytes[1..].to_vec())));
        assert!(input.read_line(&mut line).unwrap() && line == b"un");
        assert_eq!(input.count_to_end().unwrap(), 2);
        let error = unknown(Cursor::new(bytes[..11].to_vec())).read_line(&mut line).unwrap_err().to_string();
        assert!(error.contains("`<stdin>`") && error.contains("gzip"), "{error}");
        // What was made of a file is not looked at: its values are what they are.
        let mut plain = Input::from_reader("plain", Box::new(Cursor::new(b"\x1f\x8b\n".to_vec())));
        assert!(plain.read_line(&mut line).unwrap() && line == GZIP_MAGIC);
    }
}
