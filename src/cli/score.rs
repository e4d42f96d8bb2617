//! `unrolled score`: how probable given translations are to a model.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::corpus::{Corpus, CorpusError, Pair};
use unrolled_seq2seq::wording::counted;

use super::models::Models;
use super::threads::use_threads;
use super::translate::positive;
use crate::cli::output::stdout;

/// Print the log-probability of each target sentence given its source, one a line, and the perplexity of all.
///
/// Log-probabilities are natural logarithms and include `<EOS>`, as does the perplexity. The summary goes to standard error.
#[derive(Debug, Args)]
pub(super) struct Score {
    #[command(flatten)]
    models: Models,
    /// Source sentences, one a line.
    #[arg(long, value_name = "FILE", required_unless_present = "tsv", requires = "target")]
    source: Option<PathBuf>,
    /// Target sentences, line for line the translations of the source.
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    /// Pairs in one file, separated by a tab.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "target"])]
    tsv: Option<PathBuf>,
    /// Pairs computed together; the scores do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive)]
    batch_size: usize,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Threads of the CPU. 0: all cores. The scores do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Print JSON lines: an object for each pair, and one with `"total": true` at the end.
    #[arg(long)]
    json: bool,
}

/// Batches in a block: long enough to sort pairs by length.
const BATCHES_IN_A_BLOCK: usize = 16;

/// The log-probability of one or more target sentences, and their number of words with `<EOS>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Measure {
    log_probability: f64,
    words: u64,
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<bool>,
    #[serde(flatten)]
    measure: Measure,
    perplexity: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<u64>,
}

impl Measure {
    /// exp(−log p / words); 1 where there is no word.
    fn perplexity(self) -> f64 {
        if self.words == 0 { 1.0 } else { (-self.log_probability / self.words as f64).exp() }
    }
}

impl Score {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        let pairs = self.corpus().pairs()?;
        let models = self.models.load(&unrolled::device(&self.device)?)?;
        let translators = models.together()?;
        let block = self.batch_size.saturating_mul(BATCHES_IN_A_BLOCK);
        let mut output = BufWriter::new(stdout());
        let (pairs, total) = stream(pairs, &mut output, block, self.json, |pairs| {
            let scores = catch_device_error(|| translators.score(pairs, self.batch_size))?.into_iter();
            Ok(scores
                .map(|score| Measure { log_probability: score.log_probability, words: score.words as u64 })
                .collect())
        })?;
        ensure!(pairs > 0, "there is nothing to score: {} has no pairs", self.corpus());
        if !self.json {
            let Measure { log_probability, words } = total;
            let (pairs, words) = (counted(pairs, "pair"), counted(words, "word"));
            tell!(
                "{pairs}, {words} with <EOS>: log-probability {log_probability:.4}, perplexity {:.4}",
                total.perplexity()
            );
        }
        Ok(())
    }

    fn corpus(&self) -> Corpus {
        match (&self.source, &self.target, &self.tsv) {
            (Some(source), Some(target), _) => Corpus::parallel(source, target),
            (_, _, tsv) => Corpus::concat(tsv.iter().map(Corpus::tsv)),
        }
    }
}

/// Measures the pairs in blocks, writes a line for each, and gives their number and the measure of all.
fn stream(
    mut pairs: impl Iterator<Item = Result<Pair, CorpusError>>,
    output: &mut impl Write,
    block: usize,
    json: bool,
    mut measure: impl FnMut(&[(String, String)]) -> anyhow::Result<Vec<Measure>>,
) -> anyhow::Result<(u64, Measure)> {
    let (mut count, mut total) = (0, Measure::default());
    loop {
        let taken = pairs.by_ref().take(block).map(|pair| pair.map(|pair| (pair.source, pair.target)));
        let texts = taken.collect::<Result<Vec<_>, _>>()?;
        if texts.is_empty() {
            break;
        }
        for measure in measure(&texts)? {
            count += 1;
            total.log_probability += measure.log_probability;
            total.words += measure.words;
            if json {
                let line = Line { total: None, measure, perplexity: measure.perplexity(), pairs: None };
                writeln!(output, "{}", serde_json::to_string(&line)?)?;
            } else {
                writeln!(output, "{:.6}", measure.log_probability)?;
            }
        }
        output.flush()?;
    }
    if json {
        let line = Line { total: Some(true), measure: total, perplexity: total.perplexity(), pairs: Some(count) };
        writeln!(output, "{}", serde_json::to_string(&line)?)?;
        output.flush()?;
    }
    Ok((count, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measures a target of n characters as n words of probability ½ each.
    fn scored(block: usize, json: bool) -> (String, (u64, Measure)) {
        let pair = |line, target: &str| Ok(Pair { source: "s".into(), target: target.into(), line });
        let mut output = Vec::new();
        let pairs = [pair(1, "ab"), pair(2, "abcd"), pair(3, "a")].into_iter();
        let total = stream(pairs, &mut output, block, json, |pairs| {
            let measure = |target: &str| Measure {
                log_probability: -(target.len() as f64) * 2_f64.ln(),
                words: target.len() as u64,
            };
            Ok(pairs.iter().map(|(_, target)| measure(target)).collect())
        });
        (String::from_utf8(output).unwrap(), total.unwrap())
    }

    #[test]
    fn one_line_a_pair_and_the_perplexity_of_all() {
        for block in 1..5 {
            let (text, (count, total)) = scored(block, false);
            assert_eq!(text, "-1.386294\n-2.772589\n-0.693147\n");
            assert_eq!((count, total.words), (3, 7));
            assert!((total.perplexity() - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn json_is_an_object_a_line_with_the_total_last() {
        let (text, _) = scored(2, true);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((&lines[1]["words"], lines[1].get("total")), (&4.into(), None));
        assert_eq!((&lines[3]["total"], &lines[3]["words"], &lines[3]["pairs"]), (&true.into(), &7.into(), &3.into()));
        assert!((lines[3]["perplexity"].as_f64().unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_has_perplexity_one() {
        assert_eq!(Measure::default().perplexity(), 1.0);
    }
}
