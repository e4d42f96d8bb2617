//! A corpus prepared once for many runs: cleaned, cut into words, numbered, in files of which training reads what a batch needs.
//!
//! ```text
//! prepared.json            settings, counts, vocabularies' checksums, shards; written last: a folder without it is not prepared
//! source.vocabulary        the words of both languages
//! target.vocabulary
//! shards/000000.pairs      the pairs of one stretch of the text: see `shard.rs`
//! preparing.json, counts/  while it is under way: what a run that is stopped or killed goes on from
//! ```
//!
//! What is to replace a prepared folder is made beside it, as `.NAME.writing`, and takes its place when it is whole.
//!
//! Two passes over the text: the first counts words, the second numbers them. The text goes by in *blocks* of 131,072 lines (or 64 MiB), each of which
//! becomes one shard; while one is worked on by all threads the next is read. Counts that grow too large, or old, are written as sorted runs and merged in the end. So memory depends
//! on the size of a block and not on that of the corpus, all bytes are the same on any number of threads, and whatever ends the process costs a block, or the
//! counts since the last run. The one exception is [`deduplicate`](Settings::deduplicate), which remembers 8 bytes a pair (about 16 with the room of their table).
//!
//! Pairs keep the order of the text, by number: a batch plan then gives the same batches as one of the text files, to the bit. On disk the pairs of a shard lie
//! by length, so that what a batch takes from a shard lies together.

mod blocks;
mod clean;
mod corpus;
mod count;
mod error;
mod manifest;
mod number;
mod positioned;
mod runs;
mod settings;
mod shard;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use unrolled_nn::disk::{Disk, FileSystem, beside, is_there, replace_folder, restore_folder};

use crate::corpus::Corpus;

pub use clean::Dropped;
pub use corpus::PreparedCorpus;
pub use error::PrepareError;
pub use manifest::Manifest;
pub use settings::{Pieces, Settings};
#[doc(hidden)]
pub use shard::reseal;

use error::at;
use manifest::{InputFile, MANIFEST, STATE, State};

/// The source vocabulary in a prepared folder.
pub const SOURCE_VOCABULARY: &str = "source.vocabulary";
/// The target vocabulary, likewise.
pub const TARGET_VOCABULARY: &str = "target.vocabulary";
const SHARDS: &str = "shards";
const COUNTS: &str = "counts";
const LOCK: &str = ".lock";

/// How far preparing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done at present.
    pub stage: Stage,
    /// Pairs of the text that this stage is past.
    pub pairs: u64,
    /// All pairs of the text, where they have been counted.
    pub total: Option<u64>,
}

/// The passes over the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Counting words.
    Counting,
    /// Numbering and writing.
    Numbering,
}

/// What was prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// What the folder says of itself.
    pub manifest: Manifest,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What to do with what is in the folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Replace a prepared corpus that is in the folder, which stays until the new one is whole; and give up one that is under way with other settings.
    pub overwrite: bool,
    /// In which pieces to work.
    pub pieces: Pieces,
}

/// Prepares `corpus` into `folder`. Where the folder holds the beginning of the same work, stopped or killed, it goes on from there.
///
/// It works on the threads of the caller's rayon pool; the bytes written do not depend on how many there are. Once `stop` is true it saves and ends with
/// [`PrepareError::Stopped`].
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use unrolled_seq2seq::corpus::Corpus;
/// use unrolled_seq2seq::prepare::{PreparedCorpus, Settings, prepare};
///
/// let folder = tempfile::tempdir()?;
/// let text = folder.path().join("pairs.tsv");
/// std::fs::write(&text, "one two\tun deux\n\tvide\ntwo one\tdeux un\n")?;
/// let output = folder.path().join("prepared");
///
/// let prepared =
///     prepare(&Corpus::tsv(&text), &Settings::default(), &output, Default::default(), &mut |_| {}, &AtomicBool::new(false))?;
/// assert_eq!((prepared.manifest.pairs, prepared.manifest.dropped.empty), (2, 1));
/// let corpus = PreparedCorpus::open(&output)?;
/// let pairs = corpus.read(&[1])?;
/// assert_eq!(corpus.target_vocabulary().decode(pairs.target(0)).collect::<Vec<_>>(), ["deux", "un"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the text, the folder or a vocabulary is wrong, the disk fails, or no pair is left; see [`PrepareError`]. The folder is then not a prepared corpus, and
/// the same call goes on from what is there; one that was to be replaced is untouched.
pub fn prepare(
    corpus: &Corpus,
    settings: &Settings,
    folder: &Path,
    options: PrepareOptions,
    progress: &mut dyn FnMut(Progress),
    stop: &AtomicBool,
) -> Result<Prepared, PrepareError> {
    prepare_on(Arc::new(FileSystem), corpus, settings, folder, options, progress, stop)
}

/// [`prepare`] on a disk of the caller's.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_on(
    disk: Arc<dyn Disk>,
    corpus: &Corpus,
    settings: &Settings,
    folder: &Path,
    options: PrepareOptions,
    progress: &mut dyn FnMut(Progress),
    stop: &AtomicBool,
) -> Result<Prepared, PrepareError> {
    settings.check()?;
    let vocabularies = [&settings.source_vocabulary, &settings.target_vocabulary].into_iter().flatten();
    if let Some(path) = corpus.paths().chain(vocabularies.map(PathBuf::as_path)).find(|path| path.to_str().is_none()) {
        return Err(PrepareError::Unnameable { path: path.to_owned() });
    }
    // What cannot be read is better found before anything is deleted.
    drop(corpus.pairs_again_and_again()?);
    let files = InputFile::all(corpus)?;
    let wanted = State::new(settings, options.pieces, files);
    // Where the folder is a link, what it leads to is replaced and not the link.
    let place = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    restore(&*disk, &place)?;
    check_folder(folder, options.overwrite)?;
    let replaces = is_there(&folder.join(MANIFEST))?;
    let made = if replaces { beside(&place)? } else { folder.to_owned() };
    disk.create_folder(&made.join(SHARDS)).map_err(at("create", &made))?;
    let lock = lock(&made)?;
    let state = begin(&*disk, &made, wanted, options.overwrite)?;
    let mut work = Work { disk: &*disk, corpus, folder: &made, state, progress, stop };
    let (vocabularies, warnings) = count::vocabularies(&mut work)?;
    let manifest = number::shards(&mut work, &vocabularies)?;
    manifest.write(&*disk, &made)?;
    if replaces {
        replace_folder(&*disk, &made, &place)?;
    }
    clear(&*disk, folder);
    drop(lock);
    Ok(Prepared { manifest, warnings })
}

/// Ends a replacement that was interrupted, unless another process is at it.
fn restore(disk: &dyn Disk, folder: &Path) -> Result<(), PrepareError> {
    let made = beside(folder)?;
    let _lock = if is_there(&made)? && !is_there(folder)? { Some(lock(&made)?) } else { None };
    Ok(restore_folder(disk, folder)?)
}

/// What both passes need.
struct Work<'a> {
    disk: &'a dyn Disk,
    corpus: &'a Corpus,
    folder: &'a Path,
    state: State,
    progress: &'a mut dyn FnMut(Progress),
    stop: &'a AtomicBool,
}

/// Refuses a folder that holds something else, or a prepared corpus that is not to be overwritten.
fn check_folder(folder: &Path, overwrite: bool) -> Result<(), PrepareError> {
    let path = || folder.to_owned();
    match (is_there(&folder.join(MANIFEST))?, overwrite) {
        (true, false) => Err(PrepareError::Exists { path: path() }),
        // The whole folder is replaced.
        (true, true) => foreign(folder)?.map_or(Ok(()), |name| Err(PrepareError::Foreign { path: path(), name })),
        (false, _) if is_there(&folder.join(STATE))? || !is_there(folder)? => Ok(()),
        (false, _) => foreign(folder)?.map_or(Ok(()), |_| Err(PrepareError::InTheWay { path: path() })),
    }
}

/// What is in the folder and not of preparing, if anything is.
fn foreign(folder: &Path) -> Result<Option<String>, PrepareError> {
    let known = [LOCK, SHARDS, COUNTS, SOURCE_VOCABULARY, TARGET_VOCABULARY, MANIFEST, STATE];
    let ours = |name: &str| known.contains(&name) || name.ends_with(".writing");
    let names = fs::read_dir(folder).map_err(at("read", folder))?.map_while(Result::ok).map(|entry| entry.file_name());
    Ok(names.map(|name| name.to_string_lossy().into_owned()).find(|name| !ours(name)))
}

/// Keeps other processes out as long as the file is open. A file system without locks is used without.
fn lock(folder: &Path) -> Result<fs::File, PrepareError> {
    let path = folder.join(LOCK);
    let file = fs::File::create(&path).map_err(at("create", &path))?;
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(PrepareError::InUse { path: folder.to_owned() }),
        _ => Ok(file),
    }
}

/// The state that is there, where it is of the same work; otherwise `wanted`, and what other work has made goes.
fn begin(disk: &dyn Disk, folder: &Path, wanted: State, overwrite: bool) -> Result<State, PrepareError> {
    if let Some(found) = State::read(folder)? {
        match found.difference(&wanted) {
            None => return Ok(found),
            Some(_) if overwrite => {}
            Some(what) => return Err(PrepareError::OtherWork { path: folder.to_owned(), what }),
        }
    }
    // In this order: what is left after a kill is never a prepared corpus.
    let path = folder.join(MANIFEST);
    if is_there(&path)? {
        disk.remove_file(&path).map_err(at("delete", &path))?;
    }
    for name in [SHARDS, COUNTS] {
        let path = folder.join(name);
        if is_there(&path)? {
            disk.remove_folder(&path).map_err(at("delete", &path))?;
        }
        disk.create_folder(&path).map_err(at("create", &path))?;
    }
    wanted.write(disk, folder)?;
    Ok(wanted)
}

/// Removes what only preparing needed. What cannot be removed does no harm.
fn clear(disk: &dyn Disk, folder: &Path) {
    let _ = disk.remove_file(&folder.join(STATE));
    let _ = disk.remove_folder(&folder.join(COUNTS));
    let _ = disk.remove_file(&folder.join(LOCK));
}

fn shard_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(SHARDS).join(format!("{index:06}.pairs"))
}
