//! Reading lists with what belongs to them: each sentence's source, its references, its hypotheses' log-probabilities.

use std::io::{self, Write};

use anyhow::{bail, ensure};
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::bleu::{BleuStatistics, Convention};
use unrolled_seq2seq::corpus::{CorpusError, Lines};
use unrolled_seq2seq::n_best::{NBest, Reader};
use unrolled_seq2seq::rescore::{Candidate, Weights};
use unrolled_seq2seq::run::Translators;
use unrolled_seq2seq::wording::counted;

/// Where the log-probabilities come from.
pub(super) enum Scored<'a> {
    /// Models score the hypotheses.
    By { translators: Translators<'a>, source: Lines, feature: &'a str },
    /// The lists have all features; a source then only tells how many lines there are.
    Already { source: Option<Lines> },
}

/// A file that is read along with the lists, line by line.
struct Along {
    lines: Lines,
    /// The number of the line that comes next.
    next: u64,
}

impl Along {
    fn new(lines: Lines) -> Self {
        Self { lines, next: 0 }
    }

    /// Line `id`, of lines that come in order.
    fn line(&mut self, id: u64) -> anyhow::Result<String> {
        loop {
            let found = self.lines.next_line()?.map(str::to_owned);
            let Some(line) = found else {
                let lines = counted(self.next, "line");
                bail!("`{}` has {lines}, but there is a list for sentence {id}", self.lines.name());
            };
            self.next += 1;
            if self.next > id {
                return Ok(line);
            }
        }
    }

    /// How many lines there are in all.
    fn count(&mut self) -> Result<u64, CorpusError> {
        while self.lines.next_line()?.is_some() {
            self.next += 1;
        }
        Ok(self.next)
    }
}

/// A list with what weights need of it, in its old order.
pub(super) struct Weighed {
    pub(super) list: NBest,
    pub(super) candidates: Vec<Candidate>,
}

impl Weighed {
    /// Gives each entry its new score and puts the best first; of equals the one that was first before.
    pub(super) fn sort(&mut self, weights: &Weights) -> anyhow::Result<()> {
        for entry in &mut self.list.entries {
            entry.score = weights.score(entry)?;
        }
        self.list.entries.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }
}

/// All lists, a block at a time.
pub(super) struct Lists<'a> {
    reader: Reader,
    scored: Scored<'a>,
    source: Option<Along>,
    references: Vec<Along>,
    batch_size: usize,
}

/// Batches in a block: long enough to sort hypotheses by length.
const BATCHES_IN_A_BLOCK: usize = 16;

impl<'a> Lists<'a> {
    pub(super) fn new(lists: Lines, mut scored: Scored<'a>, references: Vec<Lines>, batch_size: usize) -> Self {
        let source = match &mut scored {
            Scored::By { source, .. } => Some(std::mem::replace(source, Lines::from_reader("", io::empty()))),
            Scored::Already { source } => source.take(),
        };
        let references = references.into_iter().map(Along::new).collect();
        Self { reader: Reader::new(lists), scored, source: source.map(Along::new), references, batch_size }
    }

    /// The next lists, with their candidates' features by `weights`; `None` at the end.
    pub(super) fn next_block(
        &mut self,
        weights: &Weights,
        convention: Convention,
    ) -> anyhow::Result<Option<Vec<Weighed>>> {
        let (mut lists, mut hypotheses) = (Vec::new(), 0);
        while hypotheses < self.batch_size.saturating_mul(BATCHES_IN_A_BLOCK)
            && let Some(list) = self.reader.next_list()?
        {
            hypotheses += list.entries.len();
            lists.push(list);
        }
        if lists.is_empty() {
            return Ok(None);
        }
        self.score(&mut lists)?;
        lists.into_iter().map(|list| self.weigh(list, weights, convention)).collect::<anyhow::Result<_>>().map(Some)
    }

    /// Adds the models' log-probabilities.
    fn score(&mut self, lists: &mut [NBest]) -> anyhow::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let Scored::By { translators, feature, .. } = &self.scored else {
            return lists.iter().try_for_each(|list| source.line(list.id).map(drop));
        };
        let mut pairs = Vec::new();
        for list in lists.iter() {
            let source = source.line(list.id)?;
            pairs.extend(list.entries.iter().map(|entry| (source.clone(), entry.text.clone())));
        }
        let scores = catch_device_error(|| translators.score(&pairs, self.batch_size))?;
        let entries = lists.iter_mut().flat_map(|list| &mut list.entries);
        for (entry, score) in entries.zip(scores) {
            ensure!(score.log_probability.is_finite(), "the model gives `{}` no probability", entry.text);
            entry.set_feature(feature, score.log_probability);
        }
        Ok(())
    }

    fn weigh(&mut self, list: NBest, weights: &Weights, convention: Convention) -> anyhow::Result<Weighed> {
        let references: Vec<String> =
            self.references.iter_mut().map(|file| file.line(list.id)).collect::<anyhow::Result<_>>()?;
        let counts = |text: &str| match references.is_empty() {
            true => BleuStatistics::default(),
            false => convention.segment(text, &references),
        };
        let candidate = |entry: &unrolled_seq2seq::n_best::Entry| -> anyhow::Result<Candidate> {
            Ok(Candidate { features: weights.features(entry)?, counts: counts(&entry.text) })
        };
        let candidates = list.entries.iter().map(candidate).collect::<anyhow::Result<_>>()?;
        Ok(Weighed { list, candidates })
    }

    /// After the last list: source and references must have as many lines as each other.
    ///
    /// # Errors
    /// Where they have not, or cannot be read.
    pub(super) fn check_ends(&mut self) -> anyhow::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let count = source.count()?;
        for reference in &mut self.references {
            let (lines, name) = (reference.count()?, reference.lines.name());
            ensure!(
                lines == count,
                "`{}` has {}, `{name}` has {lines}: they must correspond line by line",
                source.lines.name(),
                counted(count, "line")
            );
        }
        Ok(())
    }

    /// What remains to be written: empty lines for sentences behind the last list.
    pub(super) fn finish(&self, output: &mut impl Write, lines: &mut u64) -> io::Result<()> {
        fill(output, self.source.as_ref().map_or(0, |source| source.next), lines)
    }
}

/// The most sentences in a row that may lack a list: a number that was mistyped must not fill a disk with empty lines.
const GAP: u64 = 1_000_000;

/// Writes empty lines until there are `count`.
fn fill(output: &mut impl Write, count: u64, lines: &mut u64) -> io::Result<()> {
    while *lines < count {
        writeln!(output)?;
        *lines += 1;
    }
    Ok(())
}

/// Writes a list, or its first in the place of its sentence.
pub(super) fn write(output: &mut impl Write, list: &NBest, best: bool, lines: &mut u64) -> anyhow::Result<()> {
    if !best {
        return Ok(list.write(output)?);
    }
    let missing = list.id.saturating_sub(*lines);
    ensure!(missing <= GAP, "{missing} sentences before sentence {} have no list: are these its numbers?", list.id);
    fill(output, list.id, lines)?;
    *lines += 1;
    Ok(writeln!(output, "{}", list.entries[0].text)?)
}
