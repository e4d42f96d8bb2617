//! A prepared corpus, open for training.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::at;
use super::shard::{self, Shard};
use super::{Manifest, PrepareError, SOURCE_VOCABULARY, TARGET_VOCABULARY, shard_path};
use crate::batch::Lengths;
use crate::corpus::{Lines, Skipped};
use crate::numbered::{Limits, NumberedCorpus};
use crate::vocabulary::Vocabulary;

/// The pairs of a prepared folder, in the order of the text. In memory are 12 bytes a pair: its lengths, where it lies, and its checksum; ids are read when they are
/// wanted.
#[derive(Debug)]
pub struct PreparedCorpus {
    folder: PathBuf,
    manifest: Manifest,
    source: Vocabulary,
    target: Vocabulary,
    shards: Vec<Shard>,
    /// How many pairs are before each shard, and in all.
    starts: Vec<usize>,
    skipped: Skipped,
}

impl PreparedCorpus {
    /// Opens a folder made by [`prepare`](super::prepare()). Everything but the ids is checked: versions, lengths, checksums, that the files are those of the manifest.
    ///
    /// # Errors
    /// Where a file is missing, truncated or damaged; the error names it.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, PrepareError> {
        let folder = folder.as_ref();
        let manifest = Manifest::read(folder)?;
        let load = |side: usize, name: &str| {
            vocabulary(&folder.join(name), manifest.vocabulary[side], manifest.vocabulary_crc[side])
        };
        let (source, target) = (load(0, SOURCE_VOCABULARY)?, load(1, TARGET_VOCABULARY)?);
        let shards = (0..manifest.shards.len())
            .into_par_iter()
            .map(|index| {
                let path = shard_path(folder, index);
                let shard = Shard::open(&path)?;
                let fits = shard.header.sum() == manifest.shards[index]
                    && shard.header.widths == [shard::width(source.len()), shard::width(target.len())];
                if fits {
                    Ok(shard)
                } else {
                    Err(PrepareError::damaged(&path, "it is not the shard that `prepared.json` speaks of"))
                }
            })
            .collect::<Result<Vec<_>, PrepareError>>()?;
        let mut corpus = Self {
            folder: folder.to_owned(),
            manifest,
            source,
            target,
            shards,
            starts: Vec::new(),
            skipped: Skipped::default(),
        };
        corpus.count();
        if corpus.len() as u64 != corpus.manifest.pairs {
            return Err(PrepareError::damaged(
                folder,
                "its shards have another number of pairs than `prepared.json` says",
            ));
        }
        Ok(corpus)
    }

    fn count(&mut self) {
        let mut before = 0;
        self.starts.clear();
        for shard in &self.shards {
            self.starts.push(before);
            before += shard.entries.len();
        }
        self.starts.push(before);
    }

    /// Leaves out pairs with a longer side; they no longer count. Returns how many there are left out in all.
    pub fn limit(&mut self, limits: Limits) -> Skipped {
        let before = self.len();
        for shard in &mut self.shards {
            let fits = |entry: &shard::Entry| {
                usize::from(entry.source) <= limits.source && usize::from(entry.target) <= limits.target
            };
            shard.entries.retain(fits);
        }
        self.count();
        self.skipped.too_long += (before - self.len()) as u64;
        self.skipped
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        *self.starts.last().expect("one more than shards")
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the folder says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The source's words.
    pub fn source_vocabulary(&self) -> &Vocabulary {
        &self.source
    }

    /// The target's words.
    pub fn target_vocabulary(&self) -> &Vocabulary {
        &self.target
    }

    /// The pairs that [`limit`](Self::limit) left out.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn find(&self, pair: usize) -> (&Shard, &shard::Entry) {
        assert!(pair < self.len(), "prepared corpus: there is no pair {pair}, there are {}", self.len());
        let index = self.starts.partition_point(|&start| start <= pair) - 1;
        let shard = &self.shards[index];
        (shard, &shard.entries[pair - self.starts[index]])
    }

    /// Reads pairs, in the order asked for.
    ///
    /// # Errors
    /// Where a shard cannot be read or is damaged.
    ///
    /// # Panics
    /// Where there is no such pair.
    #[track_caller]
    pub fn read(&self, pairs: &[u32]) -> Result<NumberedCorpus, PrepareError> {
        let mut read = NumberedCorpus::new();
        let (mut bytes, mut source, mut target) = (Vec::new(), Vec::new(), Vec::new());
        let sizes = [self.source.len(), self.target.len()];
        for &pair in pairs {
            let (shard, entry) = self.find(pair as usize);
            shard.read(entry, sizes, &mut bytes, [&mut source, &mut target])?;
            read.push(&source, &target);
        }
        Ok(read)
    }

    /// Reads and checks everything, on all threads.
    ///
    /// # Errors
    /// For the first shard that cannot be read or is damaged.
    pub fn verify(&self) -> Result<(), PrepareError> {
        let sizes = [self.source.len(), self.target.len()];
        let check = |shard: &Shard| {
            let (mut bytes, mut source, mut target) = (Vec::new(), Vec::new(), Vec::new());
            shard.entries.iter().try_for_each(|entry| shard.read(entry, sizes, &mut bytes, [&mut source, &mut target]))
        };
        // In order, so that the same damage gives the same error.
        let outcomes: Vec<_> = self.shards.par_iter().map(check).collect();
        outcomes.into_iter().collect()
    }
}

impl Lengths for PreparedCorpus {
    fn pairs(&self) -> usize {
        self.len()
    }

    fn lengths(&self, pair: usize) -> (usize, usize) {
        let (_, entry) = self.find(pair);
        (entry.source.into(), entry.target.into())
    }
}

fn vocabulary(path: &Path, words: u64, crc: u32) -> Result<Vocabulary, PrepareError> {
    let bytes = fs::read(path).map_err(at("read", path))?;
    if shard::crc(&bytes) != crc {
        return Err(PrepareError::damaged(path, "its checksum is not that in `prepared.json`"));
    }
    let vocabulary = Vocabulary::read(Lines::from_reader(&path.display().to_string(), std::io::Cursor::new(bytes)))?;
    if vocabulary.len() as u64 == words {
        Ok(vocabulary)
    } else {
        Err(PrepareError::damaged(path, "it has another number of words than `prepared.json` says"))
    }
}
