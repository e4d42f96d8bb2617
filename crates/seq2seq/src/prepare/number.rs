//! The second pass: shards.

use std::path::Path;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use unrolled_nn::disk::{Disk, DiskError, replace_file};

use super::blocks::{Block, Blocks};
use super::clean::Rules;
use super::error::at;
use super::manifest::{FORMAT, Manifest};
use super::shard::{self, ENTRY, Entry, Header, Shard};
use super::{Dropped, PrepareError, Progress, SOURCE_VOCABULARY, Settings, Stage, TARGET_VOCABULARY, Work, shard_path};
use crate::numbered::Side;
use crate::vocabulary::{Coverage, Vocabulary};

/// Writes the shards that are not there yet, and says what they are.
pub(super) fn shards(work: &mut Work<'_>, vocabularies: &[Vocabulary; 2]) -> Result<Manifest, PrepareError> {
    let settings = work.state.settings.clone();
    let [first, second] = settings.languages();
    let side = |vocabulary, language| Side { tokeniser: settings.tokeniser, language, vocabulary };
    let sides = [side(&vocabularies[0], first), side(&vocabularies[1], second)];
    let rules = Rules::of(&settings);
    let mut seen = settings.deduplicate.then(FxHashSet::default);
    let mut headers = Vec::new();
    let total = Some(work.state.counted).filter(|&counted| counted > 0);
    let mut blocks = Blocks::open(work.corpus, work.state.pieces)?;
    let mut next = blocks.next()?;
    while let Some(block) = next {
        let path = shard_path(work.folder, headers.len());
        let disk = work.disk;
        let (header, read) = rayon::join(
            || -> Result<(Header, bool), PrepareError> {
                // Of a block whose shard is there too: later blocks ask for its pairs.
                let duplicate = seen.as_mut().map(|seen| duplicates(&block, seen));
                match finished(&path, &block) {
                    Some(header) => Ok((header, false)),
                    None => Ok((write_shard(disk, &path, &block, sides, rules, duplicate)?, true)),
                }
            },
            || blocks.next(),
        );
        let (header, fresh) = header?;
        headers.push(header);
        if fresh {
            (work.progress)(Progress { stage: Stage::Numbering, pairs: block.end(), total });
        }
        // Whoever is asked to stop at once each time gets on all the same.
        if fresh && work.stop.load(Ordering::Relaxed) {
            return Err(PrepareError::Stopped);
        }
        next = read?;
    }
    manifest(work, settings, vocabularies, &headers)
}

/// The header of a block's shard, where it is there already and sound.
fn finished(path: &Path, block: &Block) -> Option<Header> {
    let header = Shard::open(path).ok()?.header;
    ((header.first, header.lines) == (block.first, block.len() as u64)).then_some(header)
}

fn manifest(
    work: &Work<'_>,
    settings: Settings,
    vocabularies: &[Vocabulary; 2],
    headers: &[Header],
) -> Result<Manifest, PrepareError> {
    let mut dropped = Dropped::default();
    headers.iter().for_each(|header| dropped += header.dropped);
    let sum = |of: &dyn Fn(&Header) -> u64| headers.iter().map(of).sum::<u64>();
    let pairs = sum(&|header| header.pairs.into());
    if pairs == 0 {
        return Err(PrepareError::NoPairs { corpus: work.corpus.to_string(), dropped: dropped.to_string() });
    }
    let file_crc = |name: &str| {
        let path = work.folder.join(name);
        std::fs::read(&path).map(|bytes| shard::crc(&bytes)).map_err(at("read", &path))
    };
    Ok(Manifest {
        format: FORMAT,
        settings,
        files: work.state.files.iter().map(|file| file.path.clone()).collect(),
        lines: sum(&|header| header.lines),
        pairs,
        dropped,
        words: [0, 1].map(|side: usize| sum(&|header| header.words[side])),
        known: [0, 1].map(|side: usize| sum(&|header| header.known[side])),
        vocabulary: [0, 1].map(|side: usize| vocabularies[side].len() as u64),
        vocabulary_crc: [file_crc(SOURCE_VOCABULARY)?, file_crc(TARGET_VOCABULARY)?],
        shards: headers.iter().map(Header::sum).collect(),
    })
}

/// Which pairs of a block have been seen before, in it or in an earlier one.
fn duplicates(block: &Block, seen: &mut FxHashSet<u64>) -> Vec<bool> {
    let hashes: Vec<u64> =
        (0..block.len()).into_par_iter().map(|index| hash(block.line(0, index), block.line(1, index))).collect();
    hashes.into_iter().map(|hash| !seen.insert(hash)).collect()
}

/// A hash of 64 bits (FNV-1a over words of eight bytes, mixed), the same on every machine: which pairs are dropped must not depend on it.
fn hash(source: &str, target: &str) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (source.len() as u64).wrapping_mul(PRIME) ^ target.len() as u64;
    for text in [source, target] {
        for word in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(PRIME);
            hash ^= hash >> 29;
        }
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// The pairs of one chunk that stay.
#[derive(Default)]
struct Numbered {
    /// Their offsets are in `data`.
    entries: Vec<Entry>,
    data: Vec<u8>,
    dropped: Dropped,
    coverage: [Coverage; 2],
}

fn number(
    block: &Block,
    chunk: std::ops::Range<usize>,
    sides: [Side<'_>; 2],
    rules: Rules,
    duplicate: Option<&[bool]>,
) -> Numbered {
    let mut numbered = Numbered::default();
    let mut ids = [Vec::new(), Vec::new()];
    for index in chunk {
        for (side, ids) in ids.iter_mut().enumerate() {
            sides[side].number(block.line(side, index), ids);
        }
        let again = duplicate.is_some_and(|duplicate| duplicate[index]);
        if !rules.keep(ids[0].len(), ids[1].len(), again, &mut numbered.dropped) {
            continue;
        }
        let start = numbered.data.len();
        for ((ids, side), coverage) in ids.iter().zip(sides).zip(&mut numbered.coverage) {
            shard::encode(ids, shard::width(side.vocabulary.len()), &mut numbered.data);
            coverage.add(ids);
        }
        numbered.entries.push(Entry {
            offset: start as u32,
            source: ids[0].len() as u16,
            target: ids[1].len() as u16,
            crc: shard::crc(&numbered.data[start..]),
        });
    }
    numbered
}

fn write_shard(
    disk: &dyn Disk,
    path: &Path,
    block: &Block,
    sides: [Side<'_>; 2],
    rules: Rules,
    duplicate: Option<Vec<bool>>,
) -> Result<Header, PrepareError> {
    let chunks: Vec<Numbered> =
        block.chunks().into_par_iter().map(|chunk| number(block, chunk, sides, rules, duplicate.as_deref())).collect();
    let widths = sides.map(|side| shard::width(side.vocabulary.len()));
    let mut header = Header { widths, first: block.first, lines: block.len() as u64, ..Header::default() };
    let mut entries = Vec::new();
    // Where the ids of each entry are now.
    let mut places: Vec<&[u8]> = Vec::new();
    for Numbered { entries: some, data, dropped, coverage } in &chunks {
        header.dropped += *dropped;
        for (side, coverage) in coverage.iter().enumerate() {
            header.words[side] += coverage.total;
            header.known[side] += coverage.known;
        }
        let ends = some.iter().skip(1).map(|entry| entry.offset as usize).chain([data.len()]);
        places.extend(some.iter().zip(ends).map(|(entry, end)| &data[entry.offset as usize..end]));
        entries.extend_from_slice(some);
    }
    let mut order: Vec<u32> = (0..entries.len() as u32).collect();
    order.sort_unstable_by_key(|&index| {
        let Entry { source, target, .. } = entries[index as usize];
        (target, source, index)
    });
    for &index in &order {
        // At most four bytes of ids for each byte of text, of which a block has 96 MiB at most: the longest line beyond its end included.
        entries[index as usize].offset = u32::try_from(header.data).expect("a block's ids are below 4 GiB");
        header.data += places[index as usize].len() as u64;
    }
    let table: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    debug_assert_eq!(table.len(), ENTRY * entries.len());
    (header.pairs, header.entries_crc) = (entries.len() as u32, shard::crc(&table));
    replace_file::<DiskError>(disk, path, |out| {
        let ids = order.iter().map(|&index| places[index as usize]);
        [&header.bytes()[..], &table]
            .into_iter()
            .chain(ids)
            .try_for_each(|bytes| out.write_all(bytes))
            .map_err(at("write", path))
    })?;
    Ok(header)
}
