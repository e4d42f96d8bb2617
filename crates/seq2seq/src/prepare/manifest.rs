//! What a prepared folder says of itself, and what one says that is under way.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use unrolled_nn::disk::{Disk, DiskError, beside, replace_file};

use super::error::at;
use super::settings::Pieces;
use super::{Dropped, PrepareError, Settings};
use crate::corpus::Corpus;

pub(super) const MANIFEST: &str = "prepared.json";
pub(super) const STATE: &str = "preparing.json";
/// The version of the folder's layout and of the shards'.
pub(super) const FORMAT: u64 = 1;

/// What a prepared corpus is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format's version.
    pub format: u64,
    /// How it was prepared.
    pub settings: Settings,
    /// The files that it was made of.
    pub files: Vec<PathBuf>,
    /// Pairs that the files have.
    pub lines: u64,
    /// Pairs that stayed.
    pub pairs: u64,
    /// Those that did not.
    pub dropped: Dropped,
    /// Running words of the pairs that stayed: source and target.
    pub words: [u64; 2],
    /// Those of them that are in the vocabularies.
    pub known: [u64; 2],
    /// Words in the vocabularies, the special symbols included.
    pub vocabulary: [u64; 2],
    /// CRC-32 of the vocabularies' files.
    pub vocabulary_crc: [u32; 2],
    /// The shards, in order.
    pub shards: Vec<ShardSum>,
}

/// What a shard's file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSum {
    /// Its pairs.
    pub pairs: u32,
    /// Its length.
    pub bytes: u64,
    /// The CRC-32 of its header, which has those of the rest.
    pub crc: u32,
}

impl Manifest {
    pub(super) fn read(folder: &Path) -> Result<Manifest, PrepareError> {
        let path = folder.join(MANIFEST);
        let made = [Some(folder.to_owned()), beside(folder).ok()];
        let unfinished = made.into_iter().flatten().any(|folder| folder.join(STATE).exists());
        let text = match fs::read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(PrepareError::NotPrepared { path: folder.to_owned(), unfinished });
            }
            other => other.map_err(at("read", &path))?,
        };
        parse(&path, &text)
    }

    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), DiskError> {
        write(disk, &folder.join(MANIFEST), self)
    }
}

/// A file of the corpus as it was when the work began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputFile {
    pub path: PathBuf,
    bytes: u64,
    /// Nanoseconds since 1970; 0 where the file system has none.
    modified: u64,
}

impl InputFile {
    pub fn all(corpus: &Corpus) -> Result<Vec<InputFile>, DiskError> {
        let file = |path: &Path| {
            let metadata = fs::metadata(path).map_err(at("read", path))?;
            let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = since.map_or(0, |since| since.as_nanos() as u64);
            Ok(InputFile { path: path.to_owned(), bytes: metadata.len(), modified })
        };
        corpus.paths().map(file).collect()
    }
}

/// How far the work is. The shards that are done are known by their files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: u64,
    pub settings: Settings,
    pub pieces: Pieces,
    pub files: Vec<InputFile>,
    /// Runs of counts that are written.
    pub runs: u64,
    /// Pairs that these runs have counted.
    pub counted: u64,
    /// Running words of both sides in them.
    pub running: [u64; 2],
    /// True once the vocabularies are written.
    pub numbering: bool,
}

impl State {
    pub fn new(settings: &Settings, pieces: Pieces, files: Vec<InputFile>) -> State {
        State {
            format: FORMAT,
            settings: settings.clone(),
            pieces,
            files,
            runs: 0,
            counted: 0,
            running: [0; 2],
            numbering: false,
        }
    }

    /// `None` where nothing was begun.
    pub fn read(folder: &Path) -> Result<Option<State>, PrepareError> {
        let path = folder.join(STATE);
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => parse(&path, &other.map_err(at("read", &path))?).map(Some),
        }
    }

    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), DiskError> {
        write(disk, &folder.join(STATE), self)
    }

    /// The first thing in which other work differs.
    pub fn difference(&self, other: &State) -> Option<String> {
        if self.files != other.files {
            let differ = self.files.iter().zip(&other.files).find(|(a, b)| a != b);
            return Some(differ.map_or("other text files".to_owned(), |(before, now)| {
                let changed = before.path == now.path;
                format!("`{}` {}", before.path.display(), if changed { "has changed since" } else { "was read" })
            }));
        }
        let json =
            |state: &State| serde_json::to_value((&state.settings, &state.pieces)).expect("plain values are JSON");
        let (before, now) = (json(self), json(other));
        for index in 0..2 {
            let fields = before[index].as_object().expect("a struct");
            if let Some((name, value)) = fields.iter().find(|&(name, value)| now[index][name] != *value) {
                return Some(format!("{} was {value}", name.replace('_', "-")));
            }
        }
        None
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, PrepareError> {
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    let json = |error: serde_json::Error| PrepareError::damaged(path, error.to_string());
    // The version first: a later format may have other fields.
    let version: Version = serde_json::from_slice(text).map_err(json)?;
    if version.format != FORMAT {
        return Err(PrepareError::Version { path: path.to_owned(), found: version.format, known: FORMAT });
    }
    serde_json::from_slice(text).map_err(json)
}

fn write<T: Serialize>(disk: &dyn Disk, path: &Path, value: &T) -> Result<(), DiskError> {
    let text = serde_json::to_string_pretty(value).expect("plain values are JSON") + "\n";
    replace_file(disk, path, |out| out.write_all(text.as_bytes()).map_err(at("write", path)))
}
