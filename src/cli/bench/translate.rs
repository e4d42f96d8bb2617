//! `unrolled bench translate`: what a translation costs.

use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use unrolled_seq2seq::batch::Sources;
use unrolled_seq2seq::beam_search::{DecodeOptions, translate};
use unrolled_seq2seq::model::Model;
use unrolled_seq2seq::vocabulary::{EOS, PAD};
use unrolled_seq2seq::wording::counted;
use unrolled_tensor::profile::Profile;
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

use super::process::{cpu_seconds, peak_mb};
use super::profile::{ProfileAnswer, print, print_json};
use super::size::{Size, Work};
use crate::cli::matmul_precision::Precision;
use crate::cli::threads::use_threads;
use crate::cli::translate::{hypotheses, positive};
use crate::cli::weights::Weights;

/// Time greedy or beam search, with random weights on sources of full length.
///
/// Every translation has as many words as its source: the bias of <EOS> is so low that no hypothesis ends before the limit. A batch so takes one step
/// for each word and one to end. It runs what `unrolled translate` runs, batch after batch; words are those of both languages without <EOS>; neither
/// making the model nor the first few sentences count; memory is the most that the process has had resident.
#[derive(Debug, Args)]
pub(super) struct Translate {
    /// How large the model is.
    #[arg(long, value_enum)]
    size: Size,
    /// Threads. 0: all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Sentences translated together.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    batch_size: usize,
    /// Hypotheses kept at each step; 1 is greedy.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = hypotheses)]
    beam: usize,
    /// Sentences to translate [default: one by one s 16, m 4, l 2; in batches s 128, m 64, l 64, and never less than a batch].
    #[arg(long, value_name = "N", value_parser = positive)]
    sentences: Option<usize>,
    #[command(flatten)]
    precision: Precision,
    #[command(flatten)]
    weights: Weights,
    /// Tell where the time of a batch goes, operation by operation: a step of the table is a batch.
    #[arg(long)]
    profile: bool,
    /// Seed of parameters and words.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The bias of what no translation may have before its limit.
const NEVER: f32 = -10_000.0;
/// Sentences before those that count.
const WARM_UP: usize = 8;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer {
    size: &'static str,
    threads: usize,
    beam: usize,
    batch_size: usize,
    sentences: usize,
    seconds: f64,
    words_per_s: f64,
    tgt_words_per_s: f64,
    /// `null` where the system does not say.
    peak_mb: Option<f64>,
    /// Of all threads; `null` where the system does not say.
    cpu_seconds: Option<f64>,
    precision: &'static str,
    weights: &'static str,
    /// The sum of the best translations' log-probabilities as if `<EOS>` had no such bias: the same on any number of threads and for any batch size.
    log_probability: f64,
    /// Its steps are batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileAnswer>,
}

impl Translate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        let plain = Device::cpu();
        self.precision.set(&plain)?;
        let (device, profile) = match self.profile.then(|| plain.profiled()) {
            Some((device, profile)) => (device, Some(profile)),
            None => (plain, None),
        };
        let work = self.size.work();
        let model = model_without_end(&work, Key::new(self.seed), &device);
        self.weights.round(&model)?;
        model.keep_packed();
        let sentences = self.sentences();
        let corpus = work.pairs(sentences, Key::new(self.seed).purpose("words"));
        let sources: Vec<&[u32]> = (0..sentences).map(|i| corpus.source(i)).collect();
        self.translate(&model, &sources[..sentences.min(self.batch_size).min(WARM_UP)], &work)?;
        if let Some(profile) = &profile {
            profile.reset();
        }
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        let log_probability = self.translate(&model, &sources, &work)?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
        // Of the translations, not of the large products that are measured next.
        let peak_mb = peak_mb();
        let report = profile.map(|profile| {
            profile.measure_peak();
            profile.report()
        });
        let words = (sentences * work.length) as f64;
        let answer = Answer {
            size: self.size.name(),
            threads: rayon::current_num_threads(),
            beam: self.beam,
            batch_size: self.batch_size,
            sentences,
            seconds: rounded(seconds, 1e4),
            words_per_s: rounded(2.0 * words / seconds, 10.0),
            tgt_words_per_s: rounded(words / seconds, 10.0),
            peak_mb: peak_mb.map(|mb| rounded(mb, 10.0)),
            cpu_seconds: cpu.map(|seconds| rounded(seconds, 1e4)),
            precision: self.precision.name(),
            weights: self.weights.name(),
            log_probability,
            profile: report.as_ref().map(ProfileAnswer::of),
        };
        if self.json { print_json(&answer) } else { print(&answer.sentence(), report.as_ref()) }
    }

    fn sentences(&self) -> usize {
        let [one_by_one, in_batches] = match self.size {
            Size::Tiny | Size::S => [16, 128],
            Size::M => [4, 64],
            Size::L => [2, 64],
        };
        self.sentences.unwrap_or(if self.batch_size == 1 { one_by_one } else { self.batch_size.max(in_batches) })
    }

    /// The sum of the best translations' log-probabilities, without the bias of their ends.
    fn translate(&self, model: &Model, sources: &[&[u32]], work: &Work) -> anyhow::Result<f64> {
        let options = DecodeOptions {
            beam_size: self.beam,
            n_best: 1,
            batch_size: self.batch_size,
            max_length: work.length,
            ..DecodeOptions::default()
        };
        let mut sum = 0.0;
        for batch in sources.chunks(self.batch_size) {
            let _step = model.device().profile().map(Profile::step);
            for found in model.device().run(|| translate(model, &Sources::of(batch, true), &options)) {
                let best = found.first().context("a sentence has no translation")?;
                anyhow::ensure!(best.words.len() == work.length, "a translation of {} words", best.words.len());
                sum += best.log_probability - f64::from(NEVER);
            }
        }
        Ok(sum)
    }
}

/// A random model whose translations end where they must and nowhere else.
fn model_without_end(work: &Work, key: Key, device: &Device) -> Model {
    let mut model = work.model(key, device);
    let mut bias = model.projection.bias.tensor().to_vec::<f32>();
    for word in [PAD, EOS] {
        bias[word as usize] = NEVER;
    }
    model.projection.bias.set(Tensor::from_slice(&bias, [bias.len()], device));
    model
}

impl Answer {
    fn sentence(&self) -> String {
        let memory = self.peak_mb.map_or("memory unknown".into(), |mb| format!("{mb:.0} MiB at most"));
        format!(
            "size {}, {}, beam {}, batches of {}: {} in {:.3} s, {:.0} words/s, {:.0} of them written, {memory}",
            self.size,
            counted(self.threads, "thread"),
            self.beam,
            self.batch_size,
            counted(self.sentences, "sentence"),
            self.seconds,
            self.words_per_s,
            self.tgt_words_per_s
        )
    }
}

fn rounded(x: f64, parts: f64) -> f64 {
    (x * parts).round() / parts
}
