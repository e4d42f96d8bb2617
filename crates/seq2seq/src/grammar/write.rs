//! Writes the corpus as parallel text files.

use super::{PhraseGrammar, Split};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use unrolled_nn::disk::{self, Disk, FileSystem, beside};

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
    /// The files are written beside their places and get their names when all of them are whole: what fails leaves the folder's old files and no others.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>, counts: Counts) -> Result<(), WriteError> {
        let folder = folder.as_ref();
        FileSystem.create_folder(folder).map_err(|source| WriteError { path: folder.into(), source })?;
        // Two at once would write the same unfinished files.
        let claim = disk::claim_folder(folder);
        let _claim = claim.map_err(|error| WriteError { path: error.file, source: error.source })?;
        let files = Split::ALL.map(|split| ["en", "fr"].map(|side| folder.join(format!("{}.{side}", split.stem()))));
        let mut corpus = Unfinished::default();
        for ((split, count), files) in Split::ALL.into_iter().zip([counts.train, counts.valid, counts.test]).zip(&files)
        {
            let mut english = corpus.create(&files[0])?;
            let mut french = corpus.create(&files[1])?;
            for (source, target) in self.pairs(split, count) {
                english.line(&source)?;
                french.line(&target)?;
            }
            english.close()?;
            french.close()?;
        }
        corpus.finish(folder)
    }
}

/// Files that have not got their names yet. Dropped before that, it removes them.
#[derive(Default)]
struct Unfinished {
    /// Each file as it is called until then, and its place.
    files: Vec<[PathBuf; 2]>,
}

impl Unfinished {
    fn create(&mut self, path: &Path) -> Result<Output, WriteError> {
        let failed = |source| WriteError { path: path.to_owned(), source };
        // Where it is a link, what it leads to is replaced and not the link.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if place.is_dir() {
            return Err(failed(ErrorKind::IsADirectory.into()));
        }
        let beside = beside(&place).map_err(|error| failed(error.source))?;
        let file = FileSystem.create_file(&beside).map_err(failed)?;
        self.files.push([beside, place]);
        Ok(Output { path: path.to_owned(), file })
    }

    fn finish(mut self, folder: &Path) -> Result<(), WriteError> {
        while let Some([beside, place]) = self.files.first() {
            FileSystem.rename(beside, place).map_err(|source| WriteError { path: place.clone(), source })?;
            self.files.remove(0);
        }
        FileSystem.sync_folder(folder).map_err(|source| WriteError { path: folder.to_owned(), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for [beside, _] in &self.files {
            let _ = FileSystem.remove_file(beside); // what went wrong before is the error to report
        }
    }
}

/// A file being written, with its path for the errors.
struct Output {
    path: PathBuf,
    file: Box<dyn disk::Output>,
}

impl Output {
    fn line(&mut self, text: &str) -> Result<(), WriteError> {
        writeln!(self.file, "{text}").map_err(|source| WriteError { path: self.path.clone(), source })
    }

    fn close(mut self) -> Result<(), WriteError> {
        self.file.sync().map_err(|source| WriteError { path: self.path, source })
    }
}
