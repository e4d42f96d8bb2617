//! Writes the corpus as parallel text files.

use super::{PhraseGrammar, Split};
use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// How many pairs of each split to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Training pairs.
    pub train: usize,
    /// Validation pairs.
    pub valid: usize,
    /// Test pairs.
    pub test: usize,
}

/// A file of the corpus could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the built-in corpus to {}: {source}; choose a folder that can be written and has room", path.display())]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

impl PhraseGrammar {
    /// Writes `train.en`, `train.fr`, `valid.en` and so on into `folder`, which is made where it is missing.
    ///
    /// ```
    /// use unrolled_seq2seq::grammar::{Counts, PhraseGrammar};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let folder = tempfile::tempdir()?;
    /// PhraseGrammar::new(1).write(folder.path(), Counts { train: 20, valid: 5, test: 5 })?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("train.fr"))?.lines().count(), 20);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>, counts: Counts) -> Result<(), WriteError> {
        let folder = folder.as_ref();
        create_dir_all(folder).map_err(|source| WriteError { path: folder.into(), source })?;
        for (split, count) in Split::ALL.into_iter().zip([counts.train, counts.valid, counts.test]) {
            let mut english = Output::create(folder.join(format!("{}.en", split.stem())))?;
            let mut french = Output::create(folder.join(format!("{}.fr", split.stem())))?;
            for (source, target) in self.pairs(split, count) {
                english.line(&source)?;
                french.line(&target)?;
            }
            english.close()?;
            french.close()?;
        }
        Ok(())
    }
}

/// A file being written, with its path for the errors.
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn create(path: PathBuf) -> Result<Self, WriteError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::new(file) }),
            Err(source) => Err(WriteError { path, source }),
        }
    }

    fn line(&mut self, text: &str) -> Result<(), WriteError> {
        writeln!(self.file, "{text}").map_err(|source| WriteError { path: self.path.clone(), source })
    }

    fn close(mut self) -> Result<(), WriteError> {
        self.file.flush().map_err(|source| WriteError { path: self.path, source })
    }
}
