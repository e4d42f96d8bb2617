//! Sentence pairs, one after the other.

use super::error::{CorpusError, utf8};
use super::input::Input;
use super::lines::{Kind, Lines, unequal};
use super::sgm::{Segment, Segments, is_sgm};
use super::{Corpus, Part};
use rustc_hash::FxHashMap;
use std::path::Path;

/// A sentence and its translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pair {
    /// The sentence to translate.
    pub source: String,
    /// Its translation.
    pub target: String,
    /// Its line in its file or files, counted from 1 (for `.sgm`: its place among the segments).
    pub line: u64,
}

/// Reads a corpus's pairs in order; made by [`Corpus::pairs`].
pub struct Pairs {
    readers: std::vec::IntoIter<Reader>,
    current: Option<Reader>,
}

/// One open part of a corpus.
enum Reader {
    Parallel(Box<[Lines; 2]>),
    Tsv { input: Box<Input>, buffer: Vec<u8> },
    Sgm(Box<SgmPair>),
}

struct SgmPair {
    source: Segments,
    references: FxHashMap<(String, String), Segment>,
    reference_name: String,
    reference_count: u64,
}

impl Pairs {
    /// Opens every file at once, so that a missing one is noticed before an hour of reading.
    pub(super) fn open(corpus: &Corpus) -> Result<Self, CorpusError> {
        let readers = corpus.parts.iter().map(Reader::open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { readers: readers.into_iter(), current: None })
    }

    /// Reads the next pair into `pair`, whose memory is used again. False at the end, where `pair` is left as it was.
    ///
    /// # Errors
    /// Whatever is wrong with the files: see [`CorpusError`]. Nothing is read after an error.
    pub fn read(&mut self, pair: &mut Pair) -> Result<bool, CorpusError> {
        loop {
            let Some(reader) = &mut self.current else {
                self.current = self.readers.next();
                if self.current.is_none() {
                    return Ok(false);
                }
                continue;
            };
            match reader.read(pair) {
                Ok(true) => return Ok(true),
                Ok(false) => self.current = None,
                Err(error) => {
                    self.current = None;
                    self.readers = Vec::new().into_iter();
                    return Err(error);
                }
            }
        }
    }
}

impl Iterator for Pairs {
    type Item = Result<Pair, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut pair = Pair::default();
        self.read(&mut pair).map(|more| more.then_some(pair)).transpose()
    }
}

impl Reader {
    fn open(part: &Part) -> Result<Self, CorpusError> {
        match part {
            Part::Tsv(path) => Self::open_tsv(path),
            Part::Parallel(source, target) => match (Lines::open(source)?.kind, Lines::open(target)?.kind) {
                (Kind::Sgm(source), Kind::Sgm(references)) => SgmPair::open(source, references).map(Self::Sgm),
                // An .sgm file beside plain text has no ids to match: its segments go line by line.
                (source, target) => Ok(Self::Parallel(Box::new([Lines::of(source), Lines::of(target)]))),
            },
        }
    }

    fn open_tsv(path: &Path) -> Result<Self, CorpusError> {
        let mut input = Input::open(path)?;
        if input.begins(is_sgm)? {
            return Err(CorpusError::MissingTarget { path: path.to_owned() });
        }
        Ok(Self::Tsv { input: Box::new(input), buffer: Vec::new() })
    }

    fn read(&mut self, pair: &mut Pair) -> Result<bool, CorpusError> {
        match self {
            Self::Parallel(sides) => read_parallel(sides, pair),
            Self::Tsv { input, buffer } => read_tsv(input, buffer, pair),
            Self::Sgm(files) => files.read(pair),
        }
    }
}

fn read_parallel([source, target]: &mut [Lines; 2], pair: &mut Pair) -> Result<bool, CorpusError> {
    let (first, second) = match (source.next_line()?, target.next_line()?) {
        (Some(first), Some(second)) => (first, second),
        (None, None) => return Ok(false),
        _ => return Err(unequal(source, target)),
    };
    replace(&mut pair.source, first);
    replace(&mut pair.target, second);
    pair.line = source.line();
    Ok(true)
}

fn read_tsv(input: &mut Input, buffer: &mut Vec<u8>, pair: &mut Pair) -> Result<bool, CorpusError> {
    if !input.read_line(buffer)? {
        return Ok(false);
    }
    let line = utf8(buffer, input.name(), input.lines())?;
    let mut columns = line.split('\t');
    let (Some(source), Some(target)) = (columns.next(), columns.next()) else {
        return Err(CorpusError::MissingTab { name: input.name().to_owned(), line: input.lines() });
    };
    replace(&mut pair.source, source);
    replace(&mut pair.target, target);
    pair.line = input.lines();
    Ok(true)
}

fn replace(text: &mut String, with: &str) {
    text.clear();
    text.push_str(with);
}

impl SgmPair {
    /// Holds the references by their ids (a test set has a few thousand); the source is streamed.
    fn open(source: Segments, mut references: Segments) -> Result<Box<Self>, CorpusError> {
        let mut by_id = FxHashMap::default();
        while let Some(segment) = references.next_segment()? {
            let segment = segment.clone();
            let key = (segment.document.clone(), segment.id.clone());
            if let Some(Segment { document, id, line, .. }) = by_id.insert(key, segment) {
                let problem = format!("segment {id} of document `{document}` occurs again further down");
                return Err(CorpusError::MalformedSgm { name: references.name().to_owned(), line, problem });
            }
        }
        let (reference_name, reference_count) = (references.name().to_owned(), references.count());
        Ok(Box::new(Self { source, references: by_id, reference_name, reference_count }))
    }

    fn read(&mut self, pair: &mut Pair) -> Result<bool, CorpusError> {
        let Some(segment) = self.source.next_segment()? else {
            // The first in the file's order, so that the answer does not depend on the map's.
            let unused = self.references.values().min_by_key(|segment| segment.line).cloned();
            return unused.map_or(Ok(false), |segment| Err(self.unmatched(segment, true)));
        };
        let segment = segment.clone();
        let Some(reference) = self.references.remove(&(segment.document.clone(), segment.id.clone())) else {
            self.source.count_to_end()?;
            return Err(self.unmatched(segment, false));
        };
        pair.source = segment.text;
        pair.target = reference.text;
        pair.line = self.source.count();
        Ok(true)
    }

    fn unmatched(&self, segment: Segment, in_reference: bool) -> CorpusError {
        let mut files =
            [(self.source.name(), self.source.count()), (self.reference_name.as_str(), self.reference_count)];
        if in_reference {
            files.reverse();
        }
        let [(name, segments), (other, other_segments)] = files;
        let Segment { document, id, line, .. } = segment;
        let (name, other) = (name.to_owned(), other.to_owned());
        CorpusError::UnmatchedSegment { name, other, line, document, segment: id, segments, other_segments }
    }
}
