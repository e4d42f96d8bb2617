//! `unrolled rescore`: lists of translations in the order of several scores.

mod lists;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use unrolled_seq2seq::bleu::{Bleu, Convention};
use unrolled_seq2seq::rescore::{self, Candidate, SCORE, TuneOptions, WORDS, Weights};

use super::input::{one_stdin, open};
use super::models::{Average, Models};
use super::output::{check, create, write_whole};
use super::threads::use_threads;
use super::translate::positive;
use lists::{Lists, Scored};

/// Put n-best lists in the order of several scores together, a model's log-probability among them.
///
/// The lists are Moses's (`id ||| hypothesis ||| features ||| score`). With --model, each hypothesis gets its log-probability as the feature LSTM, and
/// unless --weights say otherwise the new score is the even average of the list's score and that, as in the paper. --tune finds weights with which a
/// list with references (a development set) has the highest BLEU. What BLEU there was, is now and could be goes to standard error.
#[derive(Debug, Args)]
pub(super) struct Rescore {
    /// The lists; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    n_best: PathBuf,
    /// The source sentences, one a line: for --model.
    #[arg(long, value_name = "FILE", required_unless_present = "weights")]
    source: Option<PathBuf>,
    /// A model that scores the hypotheses (a run folder or a checkpoint); several score as an ensemble.
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "source", required_unless_present = "weights")]
    model: Vec<PathBuf>,
    /// What is averaged over several models at each word.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Average::Probabilities)]
    ensemble: Average,
    /// The name of the models' feature.
    #[arg(long, value_name = "NAME", default_value = "LSTM")]
    feature: String,
    /// What each feature weighs: lines `name weight`. Score is the list's own score, Words the number of words.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The reference translations, one file or several: BLEU of the lists, and the oracle's.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    reference: Vec<PathBuf>,
    /// Find the weights with the highest BLEU, use them, and write them to a file.
    #[arg(long, value_name = "FILE", requires = "reference")]
    tune: Option<PathBuf>,
    /// With --tune: which features [default: those of --weights, or else Score, LSTM and Words].
    #[arg(long, value_name = "NAME", num_args = 1.., requires = "tune", conflicts_with = "weights")]
    tune_features: Vec<String>,
    /// With --tune: random points from which the search begins again.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "tune")]
    restarts: usize,
    /// With --tune: their seed.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "tune")]
    seed: u64,
    /// Which BLEU: multi-bleu for tokenised text, as in the paper, or sacrebleu.
    #[arg(long, value_enum, default_value_t = Style::MultiBleu)]
    style: Style,
    /// Write the best translation of each source line instead of lists; of a line without any an empty one.
    #[arg(long)]
    best: bool,
    /// Where to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Hypotheses scored together; the scores do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    batch_size: usize,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Threads of the CPU. 0: all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Style {
    Sacrebleu,
    MultiBleu,
}

impl Style {
    fn convention(self) -> Convention {
        match self {
            Self::Sacrebleu => Convention::SACREBLEU,
            Self::MultiBleu => Convention::MultiBleu,
        }
    }
}

impl Rescore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        one_stdin([&self.n_best].into_iter().chain(&self.source).chain(&self.weights).chain(&self.reference))?;
        let weights = self.start()?;
        let device = unrolled::device(&self.device)?;
        let models = Models { model: self.model.clone(), ensemble: self.ensemble };
        let models = (!self.model.is_empty()).then(|| models.load(&device)).transpose()?;
        let scored = match &models {
            Some(models) => {
                let source = self.source.as_deref().context("--model needs --source")?;
                Scored::By { translators: models.together()?, source: open(source)?, feature: &self.feature }
            }
            None => Scored::Already { source: self.source.as_deref().map(open).transpose()? },
        };
        let references = self.reference.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        let lists = Lists::new(open(&self.n_best)?, scored, references, self.batch_size);
        // The weights are read already, and tuned ones may take their place.
        let inputs = || [&self.n_best].into_iter().chain(&self.source).chain(&self.reference);
        if let Some(file) = &self.tune {
            check(file, inputs())?;
            let other = self.output.as_ref().is_none_or(|output| output != file);
            ensure!(other, "`{}` cannot take both the weights and the lists", file.display());
        }
        let mut output = BufWriter::new(create(self.output.as_deref(), inputs())?);
        // Without tuning a list is written before the next is read, whatever their number.
        let result = match &self.tune {
            None => self.apply(lists, &weights, &mut output),
            Some(file) => self.tune_and_apply(lists, &weights, file, &mut output),
        };
        result.and_then(|()| Ok(output.flush()?))
    }

    /// The weights given, or those that tuning begins with, or the even average.
    fn start(&self) -> anyhow::Result<Weights> {
        if let Some(path) = &self.weights {
            let weights = Weights::read(open(path)?)?;
            ensure!(weights.names().next().is_some(), "`{}` has no weights", path.display());
            return Ok(weights);
        }
        let even = [SCORE, self.feature.as_str()];
        Ok(match (&self.tune, &self.tune_features[..]) {
            (None, _) => Weights::even(even),
            (Some(_), []) => Weights::even(even.into_iter().chain([WORDS])),
            (Some(_), names) => Weights::even(names.iter().map(String::as_str)),
        })
    }

    fn apply(&self, mut lists: Lists<'_>, weights: &Weights, output: &mut impl Write) -> anyhow::Result<()> {
        let mut candidates = Vec::new();
        let mut lines = 0;
        while let Some(block) = lists.next_block(weights, self.style.convention())? {
            for mut list in block {
                list.sort(weights)?;
                lists::write(output, &list.list, self.best, &mut lines)?;
                if !self.reference.is_empty() {
                    candidates.push(list.candidates);
                }
            }
            output.flush()?;
        }
        lists.check_ends()?;
        if self.best {
            lists.finish(output, &mut lines)?;
        }
        self.report(&candidates, weights);
        Ok(())
    }

    fn tune_and_apply(
        &self,
        mut lists: Lists<'_>,
        start: &Weights,
        file: &Path,
        output: &mut impl Write,
    ) -> anyhow::Result<()> {
        let mut all = Vec::new();
        while let Some(block) = lists.next_block(start, self.style.convention())? {
            all.extend(block);
        }
        ensure!(!all.is_empty(), "there are no lists to tune on");
        lists.check_ends()?;
        let candidates: Vec<Vec<Candidate>> = all.iter().map(|list| list.candidates.clone()).collect();
        let options = TuneOptions { convention: self.style.convention(), restarts: self.restarts, seed: self.seed };
        let tuned = rescore::tune(&candidates, &start.values(), &options);
        let weights = start.with_values(&tuned.weights);
        write_whole(file, weights.to_string().as_bytes())?;
        let mut lines = 0;
        for list in &mut all {
            list.sort(&weights)?;
            lists::write(output, &list.list, self.best, &mut lines)?;
        }
        if self.best {
            lists.finish(output, &mut lines)?;
        }
        self.report(&candidates, &weights);
        Ok(())
    }

    /// What BLEU the lists had, have and could have, where there are references.
    fn report(&self, candidates: &[Vec<Candidate>], weights: &Weights) {
        if self.reference.is_empty() || candidates.is_empty() {
            return;
        }
        let convention = self.style.convention();
        let first = candidates.iter().map(|list| list[0].counts).sum();
        let now = rescore::bleu_of(candidates, &weights.values(), convention);
        let tell = |name: &str, bleu: &Bleu| tell!("{name:<9} {bleu}");
        tell("before:", &convention.score(&first));
        tell("rescored:", &now);
        tell("oracle:", &rescore::oracle(candidates, convention));
        let shown: Vec<String> = weights.to_string().lines().map(|line| line.replace(' ', " × ")).collect();
        tell!("weights: {}", shown.join(", "));
        tell!("signature: {}", convention.signature(&self.reference.len().to_string()));
    }
}
