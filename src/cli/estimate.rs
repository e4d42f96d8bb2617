//! `unrolled estimate`: what a training run will take.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::config::{Config, Layers};
use unrolled_seq2seq::estimate::{CorpusSize, Measured, measure};
use unrolled_seq2seq::wording::counted;

use super::bench::process::peak_mb;
use super::config_flags::ConfigFlags;
use super::threads::use_threads;
use super::translate::flags::not_negative;
use crate::cli::output::stdout;

/// Say what a training run will take: parameters, memory, time of an epoch.
///
/// The configuration is given as to `unrolled train`; no run folder is needed or made. The corpus is read once, every n-th pair cut into words; then
/// some steps of the real size are made on pairs like these. Time without validation and checkpoints.
#[derive(Debug, Args)]
pub(super) struct Estimate {
    /// A configuration file (TOML, flat).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A configuration that comes with the program.
    #[arg(long, value_name = "NAME", value_parser = super::train::presets())]
    preset: Option<String>,
    /// Measure for so many seconds, one step at least.
    #[arg(long, value_name = "X", default_value_t = 10.0, value_parser = not_negative)]
    seconds: f64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: ConfigFlags,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer {
    parameters: usize,
    source_vocabulary: usize,
    target_vocabulary: usize,
    pairs: u64,
    pairs_kept: u64,
    source_words: u64,
    target_words: u64,
    updates_per_epoch: u64,
    words_per_second: f64,
    seconds_per_epoch: f64,
    /// All epochs that the configuration asks for; `null` where something else ends the run.
    seconds_in_all: Option<f64>,
    /// What the process took at its fullest while it measured, with the numbered corpus; `null` where the system does not say.
    memory_mb: Option<f64>,
    checkpoint_mb: f64,
    steps_measured: usize,
}

const MIB: f64 = 1024.0 * 1024.0;

impl Estimate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let layers = Layers { run: None, preset: self.preset, file: self.config, flags: self.flags.0 };
        let config = layers.resolve()?.config;
        ensure!(
            !config.tsv.is_empty() || !config.source.is_empty() || config.prepared.is_some(),
            "no training data: give --source and --target, --tsv, or --prepared"
        );
        use_threads(config.threads)?;
        let device = unrolled::device(&config.device)?;
        device.set_matmul_precision(config.matmul_precision.into());
        let corpus = CorpusSize::read(&config)?;
        let time = Duration::from_secs_f64(self.seconds.clamp(0.0, 1e6));
        let measured = catch_device_error(|| measure(&config, &corpus, &device, time))??;
        let answer = Answer::of(&config, &corpus, &measured);
        let text = if self.json { serde_json::to_string(&answer)? } else { answer.text() };
        writeln!(stdout(), "{text}")?;
        Ok(())
    }
}

impl Answer {
    fn of(config: &Config, corpus: &CorpusSize, measured: &Measured) -> Self {
        let words = (corpus.source_words + corpus.target_words) as f64;
        let seconds_per_epoch = words / measured.words_per_second;
        let [source_vocabulary, target_vocabulary] = corpus.vocabularies(config);
        let by_epochs = (config.epochs > 0.0).then_some(config.epochs);
        let by_updates = (config.updates > 0).then(|| config.updates as f64 / measured.updates_per_epoch as f64);
        let epochs = by_epochs.into_iter().chain(by_updates).min_by(f64::total_cmp);
        Self {
            parameters: measured.parameters,
            source_vocabulary,
            target_vocabulary,
            pairs: corpus.pairs,
            pairs_kept: corpus.kept,
            source_words: corpus.source_words,
            target_words: corpus.target_words,
            updates_per_epoch: measured.updates_per_epoch,
            words_per_second: measured.words_per_second.round(),
            seconds_per_epoch,
            seconds_in_all: epochs.map(|epochs| epochs * seconds_per_epoch),
            memory_mb: peak_mb().map(|mb| (mb + corpus.bytes() as f64 / MIB).round()),
            checkpoint_mb: (measured.checkpoint_bytes as f64 / MIB * 10.0).round() / 10.0,
            steps_measured: measured.steps,
        }
    }

    fn text(&self) -> String {
        let memory = self.memory_mb.map_or("unknown".to_owned(), |mb| format!("{mb:.0} MiB at most"));
        let all = self.seconds_in_all.map_or(String::new(), |seconds| format!(", {} in all", duration(seconds)));
        let Self { source_vocabulary, target_vocabulary, pairs, pairs_kept, .. } = self;
        [
            format!(
                "parameters    {} ({source_vocabulary} source words, {target_vocabulary} target words)",
                self.parameters
            ),
            format!(
                "corpus        {pairs_kept} of {}, {} and {}",
                counted(*pairs, "pair"),
                counted(self.source_words, "source word"),
                counted(self.target_words, "target word")
            ),
            format!(
                "speed         {:.0} words/s of both languages, from {}",
                self.words_per_second,
                counted(self.steps_measured, "step")
            ),
            format!(
                "time          {} for an epoch of {}{all}",
                duration(self.seconds_per_epoch),
                counted(self.updates_per_epoch, "update")
            ),
            format!("memory        {memory}"),
            format!("a checkpoint  {:.1} MiB", self.checkpoint_mb),
        ]
        .join("\n")
    }
}

/// A time as people say it.
fn duration(seconds: f64) -> String {
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} minutes", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.1} hours", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_a_fitting_unit() {
        let told = [3.2, 119.0, 600.0, 9000.0, 864_000.0].map(duration);
        assert_eq!(told, ["3 s", "119 s", "10 minutes", "2.5 hours", "10.0 days"]);
    }
}
