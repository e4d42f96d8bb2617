//! `unrolled evaluate`: one or more systems by several metrics, and whether they differ.

mod table;

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde::Serialize;
use unrolled_seq2seq::bleu::{BleuTokeniser, Convention, Smoothing};
use unrolled_seq2seq::corpus::{CorpusError, Lines};
use unrolled_seq2seq::evaluation::{Comparison, Confidence, Counts, Metric, Test, compare, confidence};

use super::input::{one_stdin, open};
use crate::cli::output::stdout;

/// Score the translations of one or more systems against references: BLEU, chrF, chrF++.
///
/// With --test, each system is compared with the first, the baseline: the p-value is the probability that two equally good systems differ so much.
/// Scores, p-values and intervals are those of sacreBLEU 2.6; each score comes with its signature.
#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// The reference translations, line by line; several files for several references.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    reference: Vec<PathBuf>,
    /// The systems' translations, line by line; the first is the baseline. `-` is standard input.
    #[arg(long, default_value = "-", num_args = 1.., value_name = "FILE")]
    system: Vec<PathBuf>,
    /// What to measure: bleu (sacreBLEU), multi-bleu (for tokenised text, as in the paper), chrf, chrf++.
    #[arg(long, num_args = 1.., value_name = "NAME", default_values = ["bleu", "chrf"])]
    metric: Vec<Metric>,
    /// Of bleu: how text is cut into words; 13a, intl or none.
    #[arg(long, value_name = "NAME", default_value = "13a")]
    tokeniser: BleuTokeniser,
    /// Compare each system with the first.
    #[arg(long, value_enum, value_name = "HOW")]
    test: Option<Paired>,
    /// Resampled or exchanged texts [default: 1000 for bootstrap, 10000 for randomisation].
    #[arg(long, value_name = "N", value_parser = trials)]
    trials: Option<usize>,
    /// Seed of the trials.
    #[arg(long, value_name = "N", default_value_t = 12345)]
    seed: u64,
    /// Give each score's 95% confidence interval, by bootstrap resampling.
    #[arg(long)]
    confidence: bool,
    /// Print each sentence's own scores instead, separated by tabs.
    #[arg(long, conflicts_with_all = ["test", "confidence", "json"])]
    sentences: bool,
    /// Print JSON lines, one for each system and metric.
    #[arg(long)]
    json: bool,
}

/// More would take hours, and memory for each.
const MOST_TRIALS: usize = 1_000_000;

fn trials(word: &str) -> Result<usize, String> {
    let found = word.parse().ok().filter(|found| (1..=MOST_TRIALS).contains(found));
    found.ok_or_else(|| format!("1 to {MOST_TRIALS} trials are possible"))
}

/// A paired test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Paired {
    /// Paired bootstrap resampling (Koehn 2004).
    Bootstrap,
    /// Paired approximate randomisation (Riezler and Maxwell 2005).
    Randomisation,
}

/// What is known of a system by a metric; a line of `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    system: String,
    metric: String,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_width: Option<f64>,
    signature: String,
}

/// A system's name, and its sentences' counts by each metric.
struct System {
    name: String,
    counts: Vec<Vec<Counts>>,
}

impl System {
    /// Whether each sentence has the other's score, by each metric: a bootstrap's p-value is then small, as sacreBLEU's, and means nothing.
    fn scores_as(&self, other: &System, metrics: &[Metric]) -> bool {
        metrics.iter().zip(self.counts.iter().zip(&other.counts)).all(|(metric, (ours, theirs))| {
            let mut pairs = ours.iter().zip(theirs);
            pairs.all(|(ours, theirs)| metric.sentence_score(ours) == metric.sentence_score(theirs))
        })
    }
}

impl Evaluate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.test.is_none() || self.system.len() > 1,
            "--test compares systems with the first: give two or more to --system"
        );
        one_stdin(self.reference.iter().chain(&self.system))?;
        let metrics: Vec<Metric> = self.metric.iter().map(|&metric| self.with_tokeniser(metric)).collect();
        let systems = self.systems(&metrics)?;
        let mut out = stdout();
        if self.sentences {
            return Ok(table::sentences(&mut out, &metrics, &systems)?);
        }
        let answers: Vec<Answer> =
            systems.iter().flat_map(|system| self.answers(&metrics, &systems[0], system)).collect();
        if self.json {
            for answer in &answers {
                writeln!(out, "{}", serde_json::to_string(answer)?)?;
            }
            return Ok(());
        }
        let signature = |(place, metric): (usize, &Metric)| format!("{metric}: {}", answers[place].signature);
        let mut notes: Vec<String> = metrics.iter().enumerate().map(signature).collect();
        if let Some(test) = self.test {
            let (test, trials) = (test.name(), self.trials(test.of()));
            notes.push(format!("p: {test}, {trials} trials, seed {}, against {}", self.seed, systems[0].name));
            let alike = systems[1..].iter().filter(|system| system.scores_as(&systems[0], &metrics));
            notes.extend(alike.map(|system| {
                format!(
                    "{}: every sentence scores as in {}; there is no difference to test",
                    system.name, systems[0].name
                )
            }));
        }
        Ok(table::scores(&mut out, &answers, metrics.len(), &notes)?)
    }

    fn with_tokeniser(&self, metric: Metric) -> Metric {
        match metric {
            Metric::Bleu(Convention::SacreBleu { .. }) => {
                Metric::Bleu(Convention::SacreBleu { tokeniser: self.tokeniser, smoothing: Smoothing::Exponential })
            }
            other => other,
        }
    }

    fn trials(&self, test: Test) -> usize {
        self.trials.unwrap_or(test.usual_trials())
    }

    /// Reads all files together, line by line.
    fn systems(&self, metrics: &[Metric]) -> anyhow::Result<Vec<System>> {
        let open_all = |paths: &[PathBuf]| paths.iter().map(|path| open(path)).collect::<Result<Vec<Lines>, _>>();
        let (mut references, mut files) = (open_all(&self.reference)?, open_all(&self.system)?);
        let name = |path: &PathBuf| path.display().to_string();
        let mut systems: Vec<System> = self
            .system
            .iter()
            .map(|path| System { name: name(path), counts: vec![Vec::new(); metrics.len()] })
            .collect();
        while let Some(line) = next(&mut references, &mut files)? {
            let (references, texts) = line.split_at(references.len());
            for (system, text) in systems.iter_mut().zip(texts) {
                for (counts, metric) in system.counts.iter_mut().zip(metrics) {
                    counts.push(metric.counts(text, references));
                }
            }
        }
        ensure!(
            !systems[0].counts[0].is_empty(),
            "there is nothing to evaluate: `{}` is empty",
            name(&self.reference[0])
        );
        Ok(systems)
    }

    fn answers(&self, metrics: &[Metric], baseline: &System, system: &System) -> Vec<Answer> {
        let is_baseline = std::ptr::eq(baseline, system);
        let of = |(place, &metric): (usize, &Metric)| {
            let (base, counts) = (&baseline.counts[place], &system.counts[place]);
            let compared = self
                .test
                .filter(|_| !is_baseline)
                .map(|test| compare(metric, test.of(), base, counts, self.trials(test.of()), self.seed));
            let interval = self.confidence.then(|| confidence(metric, counts, self.trials(Test::Bootstrap), self.seed));
            let interval: Option<Confidence> = interval.or(compared.and_then(|compared| compared.confidence));
            Answer {
                system: system.name.clone(),
                metric: metric.to_string(),
                score: metric.text_score(counts),
                p_value: compared.map(|compared: Comparison| compared.p_value),
                mean: interval.map(|interval| interval.mean),
                half_width: interval.map(|interval| interval.half_width),
                signature: metric.signature(self.reference.len()),
            }
        };
        metrics.iter().enumerate().map(of).collect()
    }
}

/// The next line of all files, or `None` at the end of all.
fn next(references: &mut [Lines], systems: &mut [Lines]) -> Result<Option<Vec<String>>, CorpusError> {
    let (first, rest) = references.split_first_mut().expect("one reference is required");
    let line = first.next_line()?.map(str::to_owned);
    let mut all: Vec<String> = line.iter().cloned().collect();
    for other in rest.iter_mut().chain(systems) {
        let text = other.next_line()?.map(str::to_owned);
        if text.is_some() != line.is_some() {
            return Err(CorpusError::unequal(other, first));
        }
        all.extend(text);
    }
    Ok(line.map(|_| all))
}

impl Paired {
    fn of(self) -> Test {
        match self {
            Self::Bootstrap => Test::Bootstrap,
            Self::Randomisation => Test::Randomisation,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "paired bootstrap",
            Self::Randomisation => "paired approximate randomisation",
        }
    }
}
