//! `unrolled train`: a run folder from parallel text.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use unrolled::display::Display;
use unrolled_nn::disk::is_there;
use unrolled_seq2seq::config::{Config, Layers, Origin, PRESETS, Resolved};
use unrolled_seq2seq::progress::{Event, Observer, Silent};
use unrolled_seq2seq::run::{self, Placement, RunOptions};
use unrolled_seq2seq::schedule::Plan;
use unrolled_tensor::Device;
use unrolled_tensor::profile::Profile;

use super::config_flags::ConfigFlags;
use super::signals::stop_flag_unless;
use super::threads::use_threads;
use crate::cli::output::{self, stdout};

/// Train a translator on parallel text, into a run folder.
///
/// Every key of the configuration is a flag. Values come from the defaults (the paper's recipe), a preset, a TOML file and flags, each over
/// the one before; --dump-config prints the outcome, with what every key means and where its value came from.
///
/// SIGTERM and SIGINT save a checkpoint and stop, with exit status 143 or 130; a second one stops at once, and so does the first while the text is read. On Linux SIGHUP, of a terminal that goes away, is taken for SIGTERM (status 129), unless `nohup` ignores it. --resume goes on exactly where the last checkpoint left.
#[derive(Debug, Args)]
pub(super) struct Train {
    /// A configuration file (TOML, flat).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A configuration that comes with the program.
    #[arg(long, value_name = "NAME", value_parser = presets())]
    preset: Option<String>,
    /// Go on with the run in the folder `output`, from its last checkpoint; its own configuration lies under the one given.
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Delete a run that is in the folder `output`, once the new one's data and model are known to be sound; other files in it stay.
    #[arg(long)]
    overwrite: bool,
    /// Print the configuration as TOML and stop.
    #[arg(long)]
    dump_config: bool,
    /// Show nothing but errors; the run's log has it all.
    #[arg(long, short)]
    quiet: bool,
    /// In the end tell on standard error where the time of an update goes, operation by operation; validation and checkpoints are not in it.
    #[arg(long)]
    profile: bool,
    /// With a plan: write what each device did in the last updates, as a trace for Chrome and Perfetto, and a chart of the last one beside it (FILE with `.svg`).
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    flags: ConfigFlags,
}

/// Notes that data and model are there and training begins: from now on a signal has something to save.
struct UntilItTrains {
    display: Box<dyn Observer>,
    reading: Arc<AtomicBool>,
}

impl Observer for UntilItTrains {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::Started(_)) {
            self.reading.store(false, Ordering::SeqCst);
        }
        self.display.event(event);
    }
}

/// The devices that a plan has: those of `devices`, or of `device`.
fn placement(resolved: &Resolved) -> anyhow::Result<Placement> {
    let config = &resolved.config;
    let named = if config.devices.is_empty() { &config.device } else { &config.devices };
    let devices = unrolled::devices(named)?;
    // The whole model is validated where `device` says; else on a GPU, or with all of the CPU's threads.
    let said = !matches!(resolved.origin("device"), Origin::Default);
    let gpu = devices.iter().find(|device| device.name().starts_with("cuda"));
    let home = match (unrolled::device(&config.device), gpu) {
        (Ok(home), None) => home,
        (Ok(home), Some(_)) if said => home,
        (_, Some(gpu)) => gpu.clone(),
        (Err(_), None) => Device::cpu(),
    };
    Ok(Placement { devices, home, machine: None, trace: None })
}

/// Where a plan shares the softmax over devices, and nobody has said into how many slices it is cut: into as many as the plan can use.
fn share_softmax(resolved: &mut Resolved) -> anyhow::Result<()> {
    let said = !matches!(resolved.origin("softmax-slices"), Origin::Default);
    let config = &resolved.config;
    if config.plan.is_empty() || said {
        return Ok(());
    }
    let slices = if config.plan.ends_with(".toml") {
        let text = std::fs::read_to_string(&config.plan).with_context(|| format!("cannot open `{}`", config.plan))?;
        Plan::from_toml(&text).with_context(|| format!("`{}`", config.plan))?.arithmetic().slices.len().max(1)
    } else {
        Plan::slices_wanted(&config.plan, config.layers, placement(resolved)?.devices.len())
    };
    resolved.config.softmax_slices = slices;
    Ok(())
}

/// The device with a clock, which knows already how fast products can be.
fn with_profile(device: &Device, config: &Config) -> (Device, Option<Arc<Profile>>) {
    let (profiled, profile) = device.profiled();
    device.set_matmul_precision(config.matmul_precision.into());
    profile.measure_peak();
    (profiled, Some(profile))
}

/// The devices of a plan, each with a clock; what the clocks tell, by the devices' names.
fn with_profiles(placement: &mut Placement, config: &Config) -> Vec<(String, Arc<Profile>)> {
    let clock = |device: &mut Device| {
        let (profiled, profile) = with_profile(device, config);
        // Where the whole model is put together is one of them, or another.
        if placement.home == *device {
            placement.home = profiled.clone();
        }
        *device = profiled;
        profile.map(|profile| (device.name(), profile))
    };
    placement.devices.iter_mut().filter_map(clock).collect()
}

pub(super) fn presets() -> PossibleValuesParser {
    PossibleValuesParser::new(PRESETS.iter().map(|preset| PossibleValue::new(preset.name).help(preset.summary())))
}

impl Train {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut resolved = self.resolve()?;
        share_softmax(&mut resolved)?;
        if self.dump_config {
            stdout().write_all(resolved.to_toml().as_bytes())?;
            return Ok(());
        }
        let config = &resolved.config;
        config.check_for_training()?;
        let reading = Arc::new(AtomicBool::new(true));
        let stop = stop_flag_unless(&reading).context("cannot listen for signals")?;
        use_threads(config.threads)?;
        let options = RunOptions { resume: self.resume, overwrite: self.overwrite };
        let display: Box<dyn Observer> = if self.quiet { Box::new(Silent) } else { Box::new(Display::on_stderr()) };
        let mut display = UntilItTrains { display, reading };
        if !config.plan.is_empty() {
            let mut placement = Placement { trace: self.trace.clone(), ..placement(&resolved)? };
            self.check_trace(config)?;
            let profiles = if self.profile { with_profiles(&mut placement, config) } else { Vec::new() };
            let outcome = run::train_over(config, &placement, &options, &mut display, &stop);
            profiles.iter().for_each(|(name, profile)| tell!("{name}: {}", profile.report().to_string().trim_end()));
            outcome?;
            return Ok(());
        }
        anyhow::ensure!(
            config.devices.is_empty(),
            "`devices` need a `plan` that says which has what: try --plan search"
        );
        anyhow::ensure!(self.trace.is_none(), "--trace tells of several devices: give a --plan");
        let device = unrolled::device(&config.device)?;
        let (device, profile) = if self.profile { with_profile(&device, config) } else { (device, None) };
        let outcome = run::train(config, &device, &options, &mut display, &stop);
        // Of a run that failed, too: it may be why.
        if let Some(profile) = profile {
            tell!("{}", profile.report().to_string().trim_end());
        }
        outcome?;
        Ok(())
    }

    /// Found out before the training, which the trace ends: that it can be written, and would not take the place of what is read.
    fn check_trace(&self, config: &Config) -> anyhow::Result<()> {
        let Some(trace) = &self.trace else { return Ok(()) };
        anyhow::ensure!(
            !output::is_stdout(trace),
            "--trace writes two files, which standard output cannot take: name one"
        );
        let chart = trace.with_extension("svg");
        anyhow::ensure!(
            chart != *trace,
            "the chart would take the place of the trace `{}`: end its name in .json",
            trace.display()
        );
        let plan = PathBuf::from(&config.plan);
        let files = [
            &config.source,
            &config.target,
            &config.tsv,
            &config.valid_source,
            &config.valid_target,
            &config.valid_tsv,
        ];
        let others =
            self.config.iter().chain(&config.source_vocabulary).chain(&config.target_vocabulary).chain([&plan]);
        let inputs: Vec<&PathBuf> = files.into_iter().flatten().chain(others).collect();
        [trace, &chart].into_iter().try_for_each(|path| output::check(path, inputs.iter().copied()))
    }

    fn resolve(&self) -> anyhow::Result<Resolved> {
        let mut layers =
            Layers { run: None, preset: self.preset.clone(), file: self.config.clone(), flags: self.flags.0.clone() };
        if !self.resume {
            return Ok(layers.resolve()?);
        }
        let folder = layers.output()?.context("--resume needs the run's folder: give --output")?;
        let path = folder.join(run::CONFIG_FILE);
        anyhow::ensure!(
            is_there(&path)?,
            "there is no run to resume in `{}`: it has no `{}`",
            folder.display(),
            run::CONFIG_FILE
        );
        layers.run = Some(path.clone());
        let resolved = layers.resolve()?;
        if !self.quiet {
            changes(&path, &resolved)?.iter().for_each(|line| tell!("{line}"));
        }
        Ok(resolved)
    }
}

/// Which value of each setting won over the run's own.
fn changes(path: &Path, resolved: &Resolved) -> anyhow::Result<Vec<String>> {
    let before = Config::read(path)?;
    let differences = before.differences(&resolved.config).into_iter();
    Ok(differences.map(|difference| format!("{difference}, by {}", resolved.origin(difference.key.name))).collect())
}
