//! The first pass: the vocabularies.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use unrolled_nn::disk::{DiskError, replace_file};

use super::blocks::{Block, Blocks};
use super::error::at;
use super::runs;
use super::{COUNTS, PrepareError, Progress, SOURCE_VOCABULARY, Stage, TARGET_VOCABULARY, Work};
use crate::tokenise::{Language, Tokeniser};
use crate::vocabulary::{SPECIALS, Vocabulary, VocabularyBuilder};

const NAMES: [&str; 2] = ["source", "target"];
const FILES: [&str; 2] = [SOURCE_VOCABULARY, TARGET_VOCABULARY];

/// The vocabularies: those of an earlier beginning, those named, or the most frequent words of the whole text, as `unrolled train` counts them: of pairs that
/// will be dropped, too.
pub(super) fn vocabularies(work: &mut Work<'_>) -> Result<([Vocabulary; 2], Vec<String>), PrepareError> {
    if work.state.numbering {
        let load = |name: &str| Vocabulary::load(work.folder.join(name));
        return Ok(([load(FILES[0])?, load(FILES[1])?], Vec::new()));
    }
    let settings = work.state.settings.clone();
    let named = [&settings.source_vocabulary, &settings.target_vocabulary];
    let sizes = [settings.source_vocabulary_size, settings.target_vocabulary_size];
    // A vocabulary that cannot be read is better found before an hour of counting.
    let given = named.map(|path| path.as_ref().map(Vocabulary::load).transpose());
    let given = {
        let [source, target] = given;
        [source?, target?]
    };
    if given.iter().any(Option::is_none) {
        count(work)?;
    }
    let mut warnings = Vec::new();
    let mut make = |side: usize| -> Result<Vocabulary, PrepareError> {
        if let Some(vocabulary) = &given[side] {
            return Ok(vocabulary.clone());
        }
        let (vocabulary, shortfall) = merged(work, side, sizes[side])?.build(sizes[side])?;
        warnings.extend(shortfall.map(|shortfall| format!("{} vocabulary: {shortfall}", NAMES[side])));
        Ok(vocabulary)
    };
    let made = [make(0)?, make(1)?];
    for (vocabulary, name) in made.iter().zip(FILES) {
        let path = work.folder.join(name);
        replace_file::<DiskError>(work.disk, &path, |out| {
            out.write_all(&vocabulary.bytes()).map_err(at("write", &path))
        })?;
    }
    work.state.numbering = true;
    work.state.write(work.disk, work.folder)?;
    Ok((made, warnings))
}

/// Counts from where the runs end to the end of the text, which is a run then.
fn count(work: &mut Work<'_>) -> Result<(), PrepareError> {
    let pieces = work.state.pieces;
    let (tokeniser, languages) = (work.state.settings.tokeniser, work.state.settings.languages());
    let mut blocks = Blocks::open(work.corpus, pieces)?;
    let mut counts = [VocabularyBuilder::new(), VocabularyBuilder::new()];
    let mut counted = work.state.counted;
    let mut next = blocks.next()?;
    while let Some(block) = next {
        let done = block.end() <= counted;
        let (_, read) = rayon::join(
            || {
                if !done {
                    add(&block, tokeniser, languages, &mut counts);
                }
            },
            || blocks.next(),
        );
        if !done {
            counted = block.end();
            let stopped = work.stop.load(Ordering::Relaxed);
            let full = counts.iter().any(|counts| counts.distinct() >= pieces.run_words)
                || counted - work.state.counted >= pieces.run_pairs as u64;
            if full || stopped {
                write_run(work, &mut counts, counted)?;
            }
            if stopped {
                return Err(PrepareError::Stopped);
            }
            (work.progress)(Progress { stage: Stage::Counting, pairs: counted, total: None });
        }
        next = read?;
    }
    if counted > work.state.counted { write_run(work, &mut counts, counted) } else { Ok(()) }
}

/// Counts a block's words. Sums do not depend on the order, so nothing here depends on the threads.
fn add(block: &Block, tokeniser: Tokeniser, languages: [Language; 2], counts: &mut [VocabularyBuilder; 2]) {
    let chunks = block.chunks();
    let side = |side: usize, counts: &mut VocabularyBuilder| {
        // First by chunk, in parallel, so that few words are left to be looked up in the large table.
        let maps: Vec<FxHashMap<&str, u64>> = chunks
            .par_iter()
            .map(|chunk| {
                let mut map = FxHashMap::default();
                for index in chunk.clone() {
                    let line = block.line(side, index);
                    tokeniser.for_each_token(line, languages[side], |token| *map.entry(token).or_insert(0) += 1);
                }
                map
            })
            .collect();
        for (token, count) in maps.into_iter().flatten() {
            counts.add_count(token, count);
        }
    };
    let [source, target] = counts;
    rayon::join(|| side(0, source), || side(1, target));
}

fn run_path(folder: &Path, side: usize, index: u64) -> PathBuf {
    folder.join(COUNTS).join(format!("{}-{index:06}", NAMES[side]))
}

/// Writes what was counted, up to pair `counted`, and begins anew. The state comes last: runs that it does not know are written again.
fn write_run(work: &mut Work<'_>, counts: &mut [VocabularyBuilder; 2], counted: u64) -> Result<(), PrepareError> {
    for (side, counts) in counts.iter_mut().enumerate() {
        work.state.running[side] += counts.running();
        let words = std::mem::take(counts).into_sorted();
        runs::write(work.disk, &run_path(work.folder, side, work.state.runs), &words)?;
    }
    (work.state.runs, work.state.counted) = (work.state.runs + 1, counted);
    Ok(work.state.write(work.disk, work.folder)?)
}

/// The counts of the most frequent words, as if all had been counted in memory.
fn merged(work: &Work<'_>, side: usize, size: usize) -> Result<VocabularyBuilder, PrepareError> {
    let paths = (0..work.state.runs).map(|index| run_path(work.folder, side, index)).collect();
    let (words, _) = runs::most_frequent(paths, size.saturating_sub(SPECIALS.len()).max(1))?;
    Ok(VocabularyBuilder::from_counts(words, work.state.counted, work.state.running[side]))
}
