//! `unrolled prepare`: a corpus cleaned, cut into words and numbered, once for many runs.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unrolled_seq2seq::corpus::Corpus;
use unrolled_seq2seq::prepare::{
    Manifest, PrepareOptions, PreparedCorpus, Progress, SOURCE_VOCABULARY, Settings, Stage, TARGET_VOCABULARY, prepare,
};
use unrolled_seq2seq::tokenise::Tokeniser;
use unrolled_seq2seq::wording::counted;

use super::signals::stop_flag;
use super::threads::use_threads;

/// Prepare a corpus for `unrolled train --prepared`: clean, cut into words, count, number, write as shards.
///
/// Memory does not grow with the corpus (but with --deduplicate by about 16 bytes a pair), and a run begins at once, however large it is. The files
/// are the same on any number of threads. SIGTERM and SIGINT save and stop; after them, or a kill, the same command goes on.
#[derive(Debug, Args)]
pub(super) struct Prepare {
    /// Text of the source language, one sentence a line, UTF-8; `.gz` and `.sgm` are understood.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present_any = ["tsv", "check"])]
    source: Vec<PathBuf>,
    /// Text of the target language, line for line the translation of `source`.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present_any = ["tsv", "check"])]
    target: Vec<PathBuf>,
    /// Pairs in one file, source and target separated by a tab; instead of `source` and `target`.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["source", "target"])]
    tsv: Vec<PathBuf>,
    /// The folder for the prepared corpus; it is made where it is missing.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// How a line becomes words: whitespace, moses or words.
    #[arg(long, value_name = "NAME", default_value_t = Tokeniser::Moses)]
    tokeniser: Tokeniser,
    /// The source's language code; the Moses tokeniser's rules depend on it.
    #[arg(long, value_name = "CODE", default_value = "en")]
    source_language: String,
    /// The target's language code.
    #[arg(long, value_name = "CODE", default_value = "fr")]
    target_language: String,
    /// Source words to keep, the special symbols included: the most frequent of the whole text.
    #[arg(long, value_name = "N", default_value_t = 160_000)]
    source_vocabulary_size: usize,
    /// Target words to keep.
    #[arg(long, value_name = "N", default_value_t = 80_000)]
    target_vocabulary_size: usize,
    /// A vocabulary made before, by `vocab` or with another corpus; then the source's words are not counted.
    #[arg(long, value_name = "FILE")]
    source_vocabulary: Option<PathBuf>,
    /// The same for the target.
    #[arg(long, value_name = "FILE")]
    target_vocabulary: Option<PathBuf>,
    /// Drop pairs with a shorter side, in words.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_length: usize,
    /// Drop pairs with a longer side, in words. 0: no limit but that of the format, 65535.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_length: usize,
    /// Drop pairs of which one side is so many times longer than the other. 0: no limit.
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    max_ratio: f64,
    /// Drop pairs whose two lines were there before.
    #[arg(long)]
    deduplicate: bool,
    /// Threads. 0: all cores. The files do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Replace a prepared corpus that is in the folder, which stays until the new one is whole; and give up one that is under way with other settings.
    #[arg(long)]
    overwrite: bool,
    /// Prepare nothing: read the prepared corpus that is in the folder and verify every checksum.
    #[arg(long, conflicts_with_all = ["source", "target", "tsv", "overwrite"])]
    check: bool,
    /// Show nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

impl Prepare {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        if self.check {
            let corpus = PreparedCorpus::open(&self.output)?;
            corpus.verify()?;
            self.tell(&corpus.manifest().clone(), "sound");
            return Ok(());
        }
        let (sources, targets) = (self.source.len(), self.target.len());
        anyhow::ensure!(
            sources == targets,
            "{} and {}: each needs its counterpart",
            counted(sources, "source file"),
            counted(targets, "target file")
        );
        let stop = stop_flag().context("cannot listen for signals")?;
        let shown = !self.quiet && io::stderr().is_terminal();
        let mut bar = Bar::new(shown);
        let options = PrepareOptions { overwrite: self.overwrite, ..PrepareOptions::default() };
        let outcome =
            prepare(&self.corpus(), &self.settings(), &self.output, options, &mut |progress| bar.show(progress), &stop);
        bar.bar.finish_and_clear();
        let prepared = outcome?;
        if !self.quiet {
            prepared.warnings.iter().for_each(|warning| tell!("warning: {warning}"));
        }
        self.tell(&prepared.manifest, "prepared");
        Ok(())
    }

    fn corpus(&self) -> Corpus {
        let parallel = self.source.iter().zip(&self.target).map(|(source, target)| Corpus::parallel(source, target));
        Corpus::concat(parallel.chain(self.tsv.iter().map(Corpus::tsv)))
    }

    fn settings(&self) -> Settings {
        Settings {
            tokeniser: self.tokeniser,
            source_language: self.source_language.clone(),
            target_language: self.target_language.clone(),
            source_vocabulary_size: self.source_vocabulary_size,
            target_vocabulary_size: self.target_vocabulary_size,
            source_vocabulary: self.source_vocabulary.clone(),
            target_vocabulary: self.target_vocabulary.clone(),
            min_length: self.min_length,
            max_length: self.max_length,
            max_ratio: self.max_ratio,
            deduplicate: self.deduplicate,
        }
    }

    fn tell(&self, manifest: &Manifest, what: &str) {
        if self.quiet {
            return;
        }
        let Manifest { lines, pairs, dropped, words, known, vocabulary, shards, .. } = manifest;
        let share = |side: usize| 100.0 * known[side] as f64 / words[side].max(1) as f64;
        let (lines, shards) = (counted(*lines, "pair"), counted(shards.len(), "shard"));
        tell!("{pairs} of {lines} {what} in `{}`, {shards}", self.output.display());
        if dropped.total() > 0 {
            tell!("{dropped}");
        }
        for (side, name) in [SOURCE_VOCABULARY, TARGET_VOCABULARY].into_iter().enumerate() {
            tell!("{name}: {} words, which cover {:.2}% of {}", vocabulary[side], share(side), words[side]);
        }
    }
}

/// What a person at a terminal sees meanwhile.
struct Bar {
    bar: ProgressBar,
    stage: Option<Stage>,
}

impl Bar {
    fn new(shown: bool) -> Bar {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bar { bar: ProgressBar::with_draw_target(None, target), stage: None }
    }

    fn show(&mut self, Progress { stage, pairs, total }: Progress) {
        if self.stage != Some(stage) {
            self.stage = Some(stage);
            // The rate of the other pass says nothing about this one.
            self.bar.reset();
            self.bar.set_message(match stage {
                Stage::Counting => "counting words",
                Stage::Numbering => "numbering",
            });
            let template = match total {
                Some(total) => {
                    self.bar.set_length(total);
                    "{msg}: {bar:20} {human_pos} of {human_len} pairs, {per_sec}, {eta} left"
                }
                None => "{msg}: {human_pos} pairs, {per_sec}",
            };
            let style = ProgressStyle::with_template(template).expect("a template that a test draws");
            self.bar.set_style(style.with_key(
                "per_sec",
                |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(out, "{} lines/s", HumanCount(state.per_sec() as u64));
                },
            ));
        }
        self.bar.set_position(pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stages_have_a_template() {
        let mut bar = Bar::new(false);
        for (stage, total) in [(Stage::Counting, None), (Stage::Numbering, Some(9)), (Stage::Numbering, Some(9))] {
            bar.show(Progress { stage, pairs: 5, total });
            assert_eq!((bar.bar.position(), bar.stage), (5, Some(stage)));
        }
    }
}
