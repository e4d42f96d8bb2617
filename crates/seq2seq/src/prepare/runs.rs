//! Counts on disk: sorted runs of `word TAB count`, and merging them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unrolled_nn::disk::{Disk, DiskError, replace_file};

use super::PrepareError;
use super::error::at;

/// Writes a run; `words` are in the order of their bytes.
pub(super) fn write(disk: &dyn Disk, path: &Path, words: &[(Arc<str>, u64)]) -> Result<(), DiskError> {
    replace_file(disk, path, |out| {
        words.iter().try_for_each(|(word, count)| writeln!(out, "{word}\t{count}")).map_err(at("write", path))
    })
}

/// One run that is being read, and its next word.
struct Run {
    path: PathBuf,
    lines: BufReader<File>,
    line: Vec<u8>,
    word: String,
    count: u64,
}

impl Run {
    fn open(path: PathBuf) -> Result<Run, PrepareError> {
        let file = File::open(&path).map_err(at("open", &path))?;
        Ok(Run {
            lines: BufReader::with_capacity(1 << 16, file),
            path,
            line: Vec::new(),
            word: String::new(),
            count: 0,
        })
    }

    /// False at the end.
    fn advance(&mut self) -> Result<bool, PrepareError> {
        self.line.clear();
        self.lines.read_until(b'\n', &mut self.line).map_err(at("read", &self.path))?;
        if self.line.is_empty() {
            return Ok(false);
        }
        let parsed = std::str::from_utf8(&self.line).ok().and_then(|line| {
            let (word, count) = line.strip_suffix('\n')?.split_once('\t')?;
            Some((word, count.parse().ok()?))
        });
        let Some((word, count)) = parsed else {
            return Err(PrepareError::damaged(&self.path, "a line is not `word TAB count`"));
        };
        if !self.word.is_empty() && word <= self.word.as_str() {
            return Err(PrepareError::damaged(&self.path, "its words are not in order"));
        }
        self.word.clear();
        self.word.push_str(word);
        self.count = count;
        Ok(true)
    }
}

/// The `most` most frequent words of runs, with their counts summed; of equally frequent words the first in the order of their bytes. And how
/// many different words there are.
pub(super) fn most_frequent(paths: Vec<PathBuf>, most: usize) -> Result<(Vec<(Arc<str>, u64)>, u64), PrepareError> {
    let mut runs = paths.into_iter().map(Run::open).collect::<Result<Vec<_>, _>>()?;
    let mut waiting = BinaryHeap::new();
    for (index, run) in runs.iter_mut().enumerate() {
        if run.advance()? {
            waiting.push(Reverse((run.word.clone(), index)));
        }
    }
    let mut best = BinaryHeap::new();
    let mut distinct = 0;
    while let Some(Reverse((word, first))) = waiting.pop() {
        let mut from = vec![first];
        while waiting.peek().is_some_and(|Reverse((next, _))| *next == word) {
            from.extend(waiting.pop().map(|Reverse((_, index))| index));
        }
        let count: u64 = from.iter().map(|&index| runs[index].count).sum();
        for index in from {
            if runs[index].advance()? {
                waiting.push(Reverse((runs[index].word.clone(), index)));
            }
        }
        distinct += 1;
        // The heap's greatest is the one to go: the rarest, of those the last.
        best.push((Reverse(count), word));
        if best.len() > most {
            best.pop();
        }
    }
    Ok((best.into_iter().map(|(Reverse(count), word)| (Arc::from(word), count)).collect(), distinct))
}
