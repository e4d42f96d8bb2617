//! `unrolled bleu`: the score of translations, and which BLEU it is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde::Serialize;
use unrolled_seq2seq::bleu::{BleuTokeniser, Convention, ORDER, Smoothing};

use super::input::{one_stdin, open};
use crate::cli::output::stdout;

/// Score translations against references: BLEU, as multi-bleu.perl or sacreBLEU compute it.
///
/// The two give different scores for the same text, so the score comes with its signature.
#[derive(Debug, Args)]
pub(super) struct Bleu {
    /// The reference translations, line by line; several files for several references.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    reference: Vec<PathBuf>,
    /// The translations to score; `-` is standard input.
    #[arg(long, default_value = "-", value_name = "FILE")]
    hypotheses: PathBuf,
    /// Which BLEU: sacrebleu for text as people write it, multi-bleu for tokenised text, as in the paper.
    #[arg(long, value_enum, default_value_t = Style::Sacrebleu)]
    style: Style,
    /// sacrebleu: how text is cut into words, 13a, intl or none [default: 13a].
    #[arg(long, value_name = "NAME")]
    tokeniser: Option<BleuTokeniser>,
    /// sacrebleu: what is done where no n-gram matches; exp, floor, add-k or none [default: exp].
    #[arg(long, value_name = "NAME")]
    smoothing: Option<Smoothing>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Style {
    Sacrebleu,
    MultiBleu,
}

/// What `--json` prints; lengths are in words.
#[derive(Debug, Serialize)]
struct Answer {
    name: &'static str,
    score: f64,
    signature: String,
    precisions: [f64; ORDER],
    bp: f64,
    hyp_len: u64,
    ref_len: u64,
}

impl Bleu {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let convention = self.convention()?;
        one_stdin(self.reference.iter().chain([&self.hypotheses]))?;
        let references = self.reference.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        let bleu = unrolled_seq2seq::bleu::Bleu::of_lines(convention, open(&self.hypotheses)?, references)?;
        ensure!(
            bleu.reference_length > 0,
            "there is nothing to evaluate: `{}` has no words",
            self.reference[0].display()
        );
        let text = if self.json {
            serde_json::to_string(&Answer {
                name: self.style.name(),
                score: bleu.score,
                signature: bleu.signature(),
                precisions: bleu.precisions,
                bp: bleu.brevity_penalty,
                hyp_len: bleu.hypothesis_length,
                ref_len: bleu.reference_length,
            })?
        } else {
            format!("{bleu}\n{}: {}", self.style.name(), bleu.signature())
        };
        writeln!(stdout(), "{text}")?;
        Ok(())
    }

    fn convention(&self) -> anyhow::Result<Convention> {
        match self.style {
            Style::MultiBleu if self.tokeniser.is_some() || self.smoothing.is_some() => {
                anyhow::bail!("--tokeniser and --smoothing belong to --style sacrebleu: multi-bleu has neither")
            }
            Style::MultiBleu => Ok(Convention::MultiBleu),
            Style::Sacrebleu => Ok(Convention::SacreBleu {
                tokeniser: self.tokeniser.unwrap_or(BleuTokeniser::ThirteenA),
                smoothing: self.smoothing.unwrap_or(Smoothing::Exponential),
            }),
        }
    }
}

impl Style {
    fn name(self) -> &'static str {
        match self {
            Self::Sacrebleu => "sacrebleu",
            Self::MultiBleu => "multi-bleu",
        }
    }
}
