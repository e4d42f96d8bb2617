//! How translations are found, as flags.

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use unrolled_seq2seq::beam_search::DecodeOptions;
use unrolled_seq2seq::run::{Request, Way};
use unrolled_seq2seq::sampling::SampleOptions;
use unrolled_seq2seq::unknown::{Copier, Unknown};
use unrolled_tensor::random::Key;

use super::hypotheses;
use crate::cli::input::open;

/// The flags.
#[derive(Debug, Args)]
pub(super) struct Finding {
    /// Hypotheses kept at each step; 1 is greedy.
    #[arg(long, visible_alias = "beam-size", value_name = "N", default_value_t = 12, value_parser = hypotheses)]
    beam: usize,
    /// Longest translation, in words. 0: twice the source's words and ten.
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_output_length: usize,
    /// Power of the length that a finished translation's log-probability is divided by. 0: none, as in the paper.
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = not_negative)]
    length_normalisation: f64,
    /// Length penalty of Wu et al. (2016): the log-probability is divided by ((5 + length) / 6)^X. 0: none, as in the paper.
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = not_negative, conflicts_with = "length_normalisation")]
    length_penalty: f64,
    /// Known from other toolkits, and refused.
    #[arg(long, value_name = "X", hide = true, value_parser = not_negative)]
    coverage_penalty: Option<f64>,
    /// Draw translations at random instead of searching for the most probable ones.
    #[arg(long, conflicts_with_all = ["beam", "length_normalisation", "length_penalty"])]
    sample: bool,
    /// With --sample: below 1 probable words gain, above 1 the others.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = above_zero, requires = "sample")]
    temperature: f64,
    /// With --sample: only the N most probable words can be drawn. 0: all.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sample")]
    top_k: usize,
    /// With --sample: only the most probable words can be drawn that together have this probability (nucleus sampling). 1: all.
    #[arg(long, visible_alias = "nucleus", value_name = "P", default_value_t = 1.0, value_parser = share, requires = "sample")]
    top_p: f64,
    /// With --sample: the seed. A line's samples depend on it and on the line's number, not on the batch.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "sample")]
    seed: u64,
    /// Among N candidates (the N best, or N samples) prefer those most like all others: the least expected risk, by sentence BLEU. The score of
    /// --n-best is then the expected BLEU.
    #[arg(long, visible_alias = "mbr", value_name = "N", value_parser = hypotheses)]
    minimum_risk: Option<usize>,
    /// What becomes of words that the model does not know.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Unk::Keep)]
    unk: Unk,
    /// With --unk copy: lines `source word TAB target word`; a copied word that is in it is translated by it.
    #[arg(long, value_name = "FILE")]
    dictionary: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Unk {
    /// They are written as UNK, as in the paper.
    Keep,
    /// They are left out.
    Drop,
    /// `unkpos_d` is replaced by the source word at its place (Luong et al. 2015), the n-th UNK by the n-th unknown source word.
    Copy,
    /// The model never writes one: the next best word is taken.
    Forbid,
}

pub(in crate::cli) fn not_negative(word: &str) -> Result<f64, String> {
    number(word, |number| number >= 0.0, "a number of 0 or more is needed")
}

pub(in crate::cli) fn above_zero(word: &str) -> Result<f64, String> {
    number(word, |number| number > 0.0, "a number above 0 is needed")
}

fn share(word: &str) -> Result<f64, String> {
    number(word, |number| number > 0.0 && number <= 1.0, "a number above 0 and at most 1 is needed")
}

fn number(word: &str, allowed: impl Fn(f64) -> bool, otherwise: &str) -> Result<f64, String> {
    let number = word.parse().ok().filter(|number: &f64| number.is_finite() && allowed(*number));
    number.ok_or_else(|| otherwise.to_owned())
}

impl Finding {
    /// The file with translations of copied words.
    pub(super) fn dictionary(&self) -> Option<&PathBuf> {
        self.dictionary.as_ref()
    }

    /// What is asked of the models, where `n_best` translations of each line are to be written.
    ///
    /// # Errors
    /// Where flags contradict each other, or the dictionary cannot be read.
    pub(super) fn request(&self, n_best: Option<usize>, batch_size: usize) -> anyhow::Result<Request> {
        self.check(n_best)?;
        let candidates = self.minimum_risk.or(n_best).unwrap_or(1);
        let (max_length, allow_unknown) = (self.max_output_length, self.unk != Unk::Forbid);
        let way = if self.sample {
            let Self { temperature, top_k, top_p: nucleus, .. } = *self;
            let (samples, key) = (candidates, Key::new(self.seed));
            Way::Sample(SampleOptions { samples, temperature, top_k, nucleus, max_length, allow_unknown, key })
        } else {
            Way::Beam(DecodeOptions {
                beam_size: self.beam,
                n_best: candidates,
                batch_size,
                max_length,
                length_normalisation: self.length_normalisation,
                length_penalty: self.length_penalty,
                allow_unknown,
            })
        };
        let unknown = match self.unk {
            Unk::Keep | Unk::Forbid => Unknown::Keep,
            Unk::Drop => Unknown::Drop,
            Unk::Copy => Unknown::Copy,
        };
        let copier = self.dictionary.as_deref().map(|path| anyhow::Ok(Copier::read(open(path)?)?)).transpose()?;
        Ok(Request {
            way,
            batch_size,
            minimum_risk: self.minimum_risk.is_some(),
            unknown,
            copier: copier.unwrap_or_default(),
        })
    }

    fn check(&self, n_best: Option<usize>) -> anyhow::Result<()> {
        ensure!(
            self.coverage_penalty.is_none_or(|penalty| penalty == 0.0),
            "--coverage-penalty counts how much attention each source word has had, and this model has no attention: leave it out, and \
             see --length-penalty and --length-normalisation for what it can do about short translations"
        );
        let (asked, name) = match (self.minimum_risk, n_best) {
            (Some(candidates), Some(n_best)) => {
                ensure!(
                    n_best <= candidates,
                    "--n-best {n_best} needs as many candidates: --minimum-risk {candidates} has fewer"
                );
                (candidates, "--minimum-risk")
            }
            (Some(candidates), None) => (candidates, "--minimum-risk"),
            (None, n_best) => (n_best.unwrap_or(1), "--n-best"),
        };
        ensure!(
            self.sample || asked <= self.beam,
            "{name} {asked} needs a beam at least as large: --beam {} finds fewer",
            self.beam
        );
        ensure!(
            self.dictionary.is_none() || self.unk == Unk::Copy,
            "--dictionary translates copied words: it needs --unk copy"
        );
        Ok(())
    }
}
