//! `unrolled bench train-step`: what a training step of the translator costs.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;
use unrolled_seq2seq::config;
use unrolled_seq2seq::wording::counted;
use unrolled_tensor::profile::Profile;
use unrolled_tensor::{Device, catch_device_error};

use super::accelerator::Accelerator;
use super::process::peak_mb;
use super::profile::{ProfileAnswer, print, print_json};
use super::size::{Size, Work};
use super::steps::Timed;
use crate::cli::matmul_precision::Precision;
use crate::cli::threads::use_threads;

/// Time training steps of the translator: forward, backward, clipping at 5, SGD at 0.7.
///
/// Every step has a batch of its own, of full-length sentences whose words are drawn at random. It runs what `unrolled train` runs. Words are those of
/// both languages without <EOS>; the time is the median over steps, after some that are not counted; memory is the most that the process has had
/// resident. Of a GPU it also tells what its tensors held at most, how fast its matrix products can be, and which share of that a step reaches.
#[derive(Debug, Args)]
pub(super) struct TrainStep {
    /// How large model and batch are.
    #[arg(long, value_enum)]
    size: Size,
    /// The device: `cpu`, or `cuda:0`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Threads. 0: all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Steps to time [default: s 15, m 5, l 1; of a GPU at least 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Steps before them, which do not count [default: s 3, m 1, l 1; of a GPU 3, after which its graph is captured].
    #[arg(long, value_name = "N")]
    warm_up: Option<u32>,
    #[command(flatten)]
    precision: Precision,
    /// What activations and the weights that meet them are, as `precision` of a configuration.
    #[arg(long, value_enum, default_value_t = Activations::F32)]
    activations: Activations,
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

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Activations {
    /// 32-bit floats.
    F32,
    /// 16-bit floats with the range of f32.
    Bf16,
}

impl From<Activations> for config::Precision {
    fn from(activations: Activations) -> Self {
        match activations {
            Activations::F32 => Self::F32,
            Activations::Bf16 => Self::Bf16,
        }
    }
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
    /// Processor time of all threads in a step, on average; `null` where the system does not say.
    cpu_step_s: Option<f64>,
    step_s_range: [f64; 2],
    steps: usize,
    precision: &'static str,
    activations: &'static str,
    /// Of a GPU.
    #[serde(flatten)]
    accelerator: Option<Accelerator>,
    /// The last step's summed loss divided by its predictions, in nats: the same for the same seed and number of steps, on any number of threads.
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileAnswer>,
}

impl TrainStep {
    pub(super) fn run(self) -> anyhow::Result<()> {
        use_threads(self.threads)?;
        let (device, profile) = self.device()?;
        let work = self.work();
        let activations = config::Precision::from(self.activations);
        let timed = catch_device_error(|| Timed::steps(&work, self.seed, &device, activations))??;
        // Of the steps, not of the large products that are measured next.
        let peak_mb = peak_mb();
        let accelerator = Accelerator::of(&device, &work, timed.median(), activations)?;
        let report = profile.map(|profile| {
            profile.measure_peak();
            profile.report()
        });
        let (step_s, words) = (timed.median(), work.words() as f64);
        let answer = Answer {
            size: self.size.name(),
            threads: rayon::current_num_threads(),
            step_s: rounded(step_s, 1e5),
            words_per_s: rounded(2.0 * words / step_s, 10.0),
            tgt_words_per_s: rounded(words / step_s, 10.0),
            params: timed.parameters,
            peak_mb: peak_mb.map(|mb| rounded(mb, 10.0)),
            cpu_step_s: timed.cpu_seconds.map(|seconds| rounded(seconds, 1e5)),
            step_s_range: timed.range().map(|seconds| rounded(seconds, 1e5)),
            steps: work.steps,
            precision: self.precision.name(),
            activations: activations.word(),
            accelerator,
            loss: timed.loss,
            profile: report.as_ref().map(ProfileAnswer::of),
        };
        if self.json { print_json(&answer) } else { print(&answer.sentence(), report.as_ref()) }
    }

    fn device(&self) -> anyhow::Result<(Device, Option<Arc<Profile>>)> {
        let plain = unrolled::device(&self.device)?;
        self.precision.set(&plain)?;
        if !self.profile {
            return Ok((plain, None));
        }
        let (device, profile) = plain.profiled();
        Ok((device, Some(profile)))
    }

    fn work(&self) -> Work {
        let mut work = self.size.work();
        if self.device != "cpu" && self.size != Size::Tiny {
            (work.steps, work.warm_up) = (work.steps.max(10), work.warm_up.max(3));
        }
        work.steps = self.steps.map_or(work.steps, |n| n as usize);
        work.warm_up = self.warm_up.map_or(work.warm_up, |n| n as usize);
        work
    }
}

impl Answer {
    fn sentence(&self) -> String {
        let memory = self.peak_mb.map_or("memory unknown".into(), |mb| format!("{mb:.0} MiB at most"));
        let accelerator = self.accelerator.as_ref().map(Accelerator::sentence).unwrap_or_default();
        format!(
            "size {}, {}: {:.4} s a step ({:.4} to {:.4} in {}), {:.0} words/s, {memory}{accelerator}",
            self.size,
            counted(self.threads, "thread"),
            self.step_s,
            self.step_s_range[0],
            self.step_s_range[1],
            self.steps,
            self.words_per_s
        )
    }
}

pub(super) fn rounded(x: f64, parts: f64) -> f64 {
    (x * parts).round() / parts
}
