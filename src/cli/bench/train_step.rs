//! `unrolled bench train-step`: what a training step of the translator costs.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use unrolled_nn::Optimiser;
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::Config;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::Device;
use unrolled_tensor::profile::Profile;
use unrolled_tensor::random::Key;

use super::process::peak_mb;
use super::profile::ProfileAnswer;
use super::size::{Size, Work};
use crate::cli::matmul_precision::Precision;
use crate::cli::threads::use_threads;

/// Time training steps of the translator: forward, backward, clipping at 5, SGD at 0.7.
///
/// Every step has a batch of its own, of full-length sentences whose words are drawn at random. It runs what `unrolled train` runs. Words are those of
/// both languages without <EOS>; the time is the median over steps, after some that are not counted; memory is the most that the process has had
/// resident.
#[derive(Debug, Args)]
pub(super) struct TrainStep {
    /// How large model and batch are.
    #[arg(long, value_enum)]
    size: Size,
    /// Threads. 0: all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Steps to time [default: s 15, m 5, l 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Steps before them, which do not count [default: s 3, m 1, l 1].
    #[arg(long, value_name = "N")]
    warm_up: Option<u32>,
    #[command(flatten)]
    precision: Precision,
    /// Tell where the time of a step goes, operation by operation.
    #[arg(long)]
    profile: bool,
    /// Seed of parameters and words.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer {
    size: &'static str,
    threads: usize,
    step_s: f64,
    words_per_s: f64,
    tgt_words_per_s: f64,
    params: usize,
    /// `null` where the system does not say.
    peak_mb: Option<f64>,
    step_s_range: [f64; 2],
    steps: usize,
    precision: &'static str,
    /// The last step's summed loss divided by its predictions, in nats: the same for the same seed and number of steps, on any number of threads.
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileAnswer>,
}

impl TrainStep {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        let work = self.size.work();
        let (device, profile) = self.device()?;
        let (mut seconds, loss, params) = self.measure(&work, &device)?;
        // Of the process's memory, before the large product that is measured next.
        let peak_mb = peak_mb();
        seconds.sort_by(f64::total_cmp);
        let report = profile.map(|profile| {
            profile.measure_peak();
            profile.report()
        });
        let (step_s, words) = (median(&seconds), work.words() as f64);
        let answer = Answer {
            size: self.size.name(),
            threads: rayon::current_num_threads(),
            step_s: rounded(step_s, 1e5),
            words_per_s: rounded(2.0 * words / step_s, 10.0),
            tgt_words_per_s: rounded(words / step_s, 10.0),
            params,
            peak_mb: peak_mb.map(|mb| rounded(mb, 10.0)),
            step_s_range: [rounded(seconds[0], 1e5), rounded(seconds[seconds.len() - 1], 1e5)],
            steps: seconds.len(),
            precision: self.precision.name(),
            loss,
            profile: report.as_ref().map(ProfileAnswer::of),
        };
        let mut output = io::stdout().lock();
        match report {
            _ if self.json => writeln!(output, "{}", serde_json::to_string(&answer)?),
            Some(report) => writeln!(output, "{}\n{report}", answer.sentence()),
            None => writeln!(output, "{}", answer.sentence()),
        }
        .context("printing the answer")
    }

    fn device(&self) -> anyhow::Result<(Device, Option<Arc<Profile>>)> {
        let cpu = Device::cpu();
        self.precision.set(&cpu)?;
        if !self.profile {
            return Ok((cpu, None));
        }
        let (device, profile) = cpu.profiled();
        Ok((device, Some(profile)))
    }

    /// The seconds of each timed step, the last step's loss a prediction, and how many numbers are learnt.
    fn measure(&self, work: &Work, device: &Device) -> anyhow::Result<(Vec<f64>, f64, usize)> {
        let (config, key) = (Config::default(), Key::new(self.seed));
        let mut trainer = Trainer::new(work.model(key, device), Optimiser::sgd(), Recipe::of(&config));
        let warm_up = self.warm_up.map_or(work.warm_up, |n| n as usize);
        let all = warm_up + self.steps.map_or(work.steps, |n| n as usize);
        let corpus = work.pairs(all * work.batch, key.purpose("words"));
        let (mut seconds, mut loss) = (Vec::with_capacity(all), 0.0);
        for step in 0..all {
            if let (true, Some(profile)) = (step == warm_up, device.profile()) {
                profile.reset();
            }
            let pairs: Vec<u32> = (0..work.batch).map(|pair| (step * work.batch + pair) as u32).collect();
            let began = Instant::now();
            let batch = Batch::of(&corpus, &pairs, config.reverse_source);
            let report = trainer.step(&batch, step as u64, config.learning_rate);
            seconds.push(began.elapsed().as_secs_f64());
            anyhow::ensure!(report.taken, "the loss or the gradient of step {step} is not finite: {report:?}");
            loss = report.loss / report.predictions as f64;
        }
        Ok((seconds.split_off(warm_up), loss, trainer.parameter_count()))
    }
}

impl Answer {
    fn sentence(&self) -> String {
        let memory = self.peak_mb.map_or("memory unknown".into(), |mb| format!("{mb:.0} MiB at most"));
        format!(
            "size {}, {} threads: {:.4} s a step ({:.4} to {:.4} in {}), {:.0} words/s, {memory}",
            self.size,
            self.threads,
            self.step_s,
            self.step_s_range[0],
            self.step_s_range[1],
            self.steps,
            self.words_per_s
        )
    }
}

/// Of sorted numbers.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) }
}

pub(super) fn rounded(x: f64, parts: f64) -> f64 {
    (x * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!((median(&[1.0]), median(&[1.0, 4.0]), median(&[1.0, 2.0, 9.0])), (1.0, 2.5, 2.0));
    }
}
