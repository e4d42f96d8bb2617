//! A vocabulary as a text file: one word a line, a TAB, its count; the specials first.

use super::builder::can_be_word;
use super::{SPECIALS, Vocabulary, VocabularyError};
use crate::corpus::Lines;
use rustc_hash::FxHashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use unrolled_nn::disk::{DiskError, FileSystem, replace_file};

impl Vocabulary {
    /// Writes the vocabulary as text: a line `word TAB count` for each id in order, the specials first.
    ///
    /// # Errors
    /// When the file cannot be written; an old one of that name is then untouched.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), VocabularyError> {
        let path = path.as_ref();
        let failed = |error| VocabularyError::Write { path: path.to_owned(), error };
        // Where it is a link, what it leads to is replaced and not the link.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if place.exists() && !place.is_file() {
            // A pipe or a device.
            return File::create(path).and_then(|mut file| file.write_all(&self.bytes())).map_err(failed);
        }
        let at = |source| DiskError { action: "write", file: place.clone(), source };
        replace_file(&FileSystem, &place, |out| out.write_all(&self.bytes()).map_err(at))
            .map_err(|error: DiskError| failed(error.source))
    }

    /// The text as it stands in a file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes).expect("memory takes every byte");
        bytes
    }

    /// Writes the same text to any writer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        self.words.iter().zip(&self.counts).try_for_each(|(word, count)| writeln!(writer, "{word}\t{count}"))
    }

    /// Reads what [`Vocabulary::save`] wrote, compressed with gzip or not.
    ///
    /// # Errors
    /// When the file cannot be read or is not such a file; the error names the line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, VocabularyError> {
        Self::read(Lines::open(path)?)
    }

    /// Reads a vocabulary's lines from anywhere.
    ///
    /// # Errors
    /// As [`Vocabulary::load`].
    pub fn read(mut lines: Lines) -> Result<Self, VocabularyError> {
        let name = lines.name().to_owned();
        let mut entries: Vec<(Arc<str>, u64)> = Vec::new();
        let mut seen: FxHashMap<Arc<str>, u64> = FxHashMap::default();
        let mut line = 0;
        while let Some(text) = lines.next_line()? {
            line += 1;
            let (word, count) = parse(text, &name, line)?;
            match SPECIALS.get(entries.len()) {
                Some(&expected) if expected != word => {
                    return Err(VocabularyError::MissingSpecial { name, line, expected });
                }
                _ => {}
            }
            let word: Arc<str> = Arc::from(word);
            if let Some(first) = seen.insert(word.clone(), line) {
                return Err(VocabularyError::Duplicate { name, line, first, word: word.to_string() });
            }
            entries.push((word, count));
        }
        match SPECIALS.get(entries.len()) {
            Some(expected) => Err(VocabularyError::MissingSpecial { name, line: line + 1, expected }),
            None => Ok(Self::from_entries(entries.into_iter())),
        }
    }
}

fn parse<'a>(text: &'a str, name: &str, line: u64) -> Result<(&'a str, u64), VocabularyError> {
    let name = || name.to_owned();
    if text.trim().is_empty() || text.starts_with('\t') {
        return Err(VocabularyError::EmptyLine { name: name(), line });
    }
    let parsed = text.split_once('\t').and_then(|(word, count)| Some((word, count.parse().ok()?)));
    let (word, count) =
        parsed.ok_or_else(|| VocabularyError::MissingCount { name: name(), line, text: text.to_owned() })?;
    debug_assert!(can_be_word(word) || SPECIALS.contains(&word), "a line has neither line ends nor two TABs");
    Ok((word, count))
}
