//! `unrolled annotate`: training targets whose rare words say where they come from.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use unrolled_seq2seq::corpus::CorpusError;
use unrolled_seq2seq::unknown::annotate;
use unrolled_seq2seq::vocabulary::Vocabulary;

use super::input::{one_stdin, open};
use crate::cli::output::stdout;

/// Replace each target word that the vocabulary lacks by `unkpos_d`, where d says how far from it its source word stands.
///
/// A model trained on such targets (with --tokeniser whitespace, and a vocabulary of the annotated text) writes these symbols, and `unrolled translate
/// --unk copy` puts the source's words in their places: Luong et al., "Addressing the Rare Word Problem in Neural Machine Translation" (2015).
#[derive(Debug, Args)]
pub(super) struct Annotate {
    /// Target sentences, tokenised; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    target: PathBuf,
    /// Their alignment with the source, line by line, as Moses and fast_align write it: `0-0 1-2 …`, source before target, from 0.
    #[arg(long, value_name = "FILE")]
    alignment: PathBuf,
    /// The target words that are known.
    #[arg(long, value_name = "FILE")]
    vocabulary: PathBuf,
}

impl Annotate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        one_stdin([&self.target, &self.alignment])?;
        let vocabulary = Vocabulary::load(&self.vocabulary)?;
        let (mut targets, mut alignments) = (open(&self.target)?, open(&self.alignment)?);
        let mut output = BufWriter::new(stdout());
        loop {
            let target = targets.next_line()?.map(str::to_owned);
            let alignment = alignments.next_line()?.map(str::to_owned);
            match (target, alignment) {
                (Some(target), Some(alignment)) => {
                    let words: Vec<&str> = target.split_whitespace().collect();
                    let pairs = pairs(&alignment, words.len())
                        .with_context(|| format!("`{}`, line {}", alignments.name(), alignments.line()))?;
                    writeln!(output, "{}", annotate(&words, &pairs, &vocabulary).join(" "))?;
                }
                (None, None) => return Ok(output.flush()?),
                _ => return Err(CorpusError::unequal(&mut targets, &mut alignments).into()),
            }
        }
    }
}

/// The pairs of places in a line, whose target has so many words.
fn pairs(line: &str, words: usize) -> anyhow::Result<Vec<(usize, usize)>> {
    let pair = |word: &str| {
        let (source, target) = word.split_once('-')?;
        Some((source.parse().ok()?, target.parse().ok()?))
    };
    let pair = |word: &str| -> anyhow::Result<(usize, usize)> {
        let (source, target) = pair(word).with_context(|| format!("`{word}` is no pair of places such as 0-2"))?;
        ensure!(target < words, "`{word}` asks for word {target} of a target that has {words}, counted from 0");
        Ok((source, target))
    };
    line.split_whitespace().map(pair).collect()
}
