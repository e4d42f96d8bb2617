//! `unrolled report`: a run as a page to read.

use std::path::{Path, PathBuf};

use clap::Args;
use unrolled_seq2seq::beam_search::DecodeOptions;
use unrolled_seq2seq::config::Config;
use unrolled_seq2seq::corpus::{Corpus, CorpusError};
use unrolled_seq2seq::report::{ReportOptions, phrase_groups, report};
use unrolled_seq2seq::run::{CONFIG_FILE, LOG_FILE};

use super::input::open;
use super::output::{check, is_stdout, write_whole};
use super::threads::use_threads;
use super::translate::{hypotheses, positive};

/// Write one page of HTML about a run: curves, the paper's figures, translations best and worst, cost, configuration.
///
/// The page needs nothing beside itself: its pictures are in it, and it has no script. The run's best checkpoint translates the test set (the run's
/// validation files, unless another is given), from which come BLEU against sentence length and against word rarity, and encodes the phrases for
/// the picture of the encoder's states.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The run folder.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where to write the page [default: report.html in the run folder].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Source sentences of the test set [default: the run's validation files].
    #[arg(long, value_name = "FILE", requires = "target")]
    source: Option<PathBuf>,
    /// Their reference translations, line for line.
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    /// The test set in one file, source and target separated by a tab.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "target"])]
    tsv: Option<PathBuf>,
    /// Translate at most so many sentences of the test set, from the first on.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = positive)]
    sentences: usize,
    /// Phrases for the picture of the encoder's states, one a line; an empty line begins another picture [default: the paper's twelve].
    #[arg(long, value_name = "FILE")]
    phrases: Option<PathBuf>,
    /// Hypotheses kept at each step; 1 is greedy.
    #[arg(long, visible_alias = "beam-size", value_name = "N", default_value_t = 12, value_parser = hypotheses)]
    beam: usize,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Threads of the CPU. 0: all cores. The numbers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

impl Report {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        let options = ReportOptions {
            test: self.test(),
            sentences: self.sentences,
            phrases: self.phrases.as_deref().map(phrases).transpose()?,
            decode: DecodeOptions { beam_size: self.beam, ..DecodeOptions::default() },
        };
        let path = self.output.clone().unwrap_or_else(|| self.run.join("report.html"));
        // Where there is no run, that is what is to be told.
        if self.run.join(CONFIG_FILE).exists() {
            check(&path, &self.inputs())?;
        }
        let report = report(&self.run, &unrolled::device(&self.device)?, &options)?;
        write_whole(&path, report.html().as_bytes())?;
        for reason in [report.measured.err(), report.groups.err()].into_iter().flatten() {
            tell!("{reason}");
        }
        if !is_stdout(&path) {
            tell!("The report is in {}.", path.display());
        }
        Ok(())
    }

    /// The files that are read, which the page must not take the place of.
    fn inputs(&self) -> Vec<PathBuf> {
        let config = self.run.join(CONFIG_FILE);
        let mut files = vec![self.run.join(LOG_FILE)];
        files.extend([&self.source, &self.target, &self.tsv, &self.phrases].into_iter().flatten().cloned());
        if let Ok(Config { valid_source, valid_target, valid_tsv, .. }) = Config::read(&config) {
            files.extend([valid_source, valid_target, valid_tsv].into_iter().flatten());
        }
        files.push(config);
        files
    }

    fn test(&self) -> Option<Corpus> {
        match (&self.source, &self.target, &self.tsv) {
            (Some(source), Some(target), _) => Some(Corpus::parallel(source, target)),
            (_, _, tsv) => tsv.as_ref().map(Corpus::tsv),
        }
    }
}

/// The groups of phrases in a file.
fn phrases(path: &Path) -> anyhow::Result<Vec<Vec<String>>> {
    let lines = open(path)?.collect::<Result<Vec<String>, CorpusError>>()?;
    let groups = phrase_groups(&lines.join("\n"));
    anyhow::ensure!(!groups.is_empty(), "`{}` has no phrase", path.display());
    Ok(groups)
}
