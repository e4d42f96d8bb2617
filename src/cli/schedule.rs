//! `unrolled schedule`: what a training step takes on devices that need not be there.

use std::fs;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use unrolled_seq2seq::config::{Config, Layers, Preset};
use unrolled_seq2seq::cost_model::{
    Comparison, Link, Machine, Report, Search, fraction_for, paper_fraction, published, search,
};
use unrolled_seq2seq::executor::Workload;
use unrolled_seq2seq::model::Sizes;
use unrolled_seq2seq::schedule::{Caption, Graph, Lengths, Plan, Sums, Timeline, chart};

use crate::cli::output::{check, stdout, write_whole};

mod measure;

/// Predict a training step on several devices: words/s, who waits for whom, memory, and a chart.
///
/// A plan says which device has which layer and which words of the softmax; the cost model runs it on published figures of devices and links,
/// calibrated on the paper's 1,700 words/s on one GPU and on nothing else.
///
/// Plans: single, paper, deferred, data-parallel-softmax, search (the fastest found that computes the paper plan's sums), search-slices (with the
/// number of softmax slices chosen too), or a TOML file as --dump-plan writes it.
#[derive(Debug, Args)]
pub(super) struct Schedule {
    /// The plan: a name, or a file that ends in .toml.
    #[arg(long, value_name = "PLAN", default_value = "paper")]
    plan: String,
    /// The devices: K20, K20X, K40, V100, A100, H100, H200 or cpu, as in 8xK40 or 4xK40+4xK20X.
    #[arg(long, value_name = "DEVICES", default_value = "8xK40")]
    devices: Machine,
    /// The model, as a preset.
    #[arg(long, value_name = "PRESET", default_value = "sutskever2014", value_parser = PossibleValuesParser::new(Preset::names()))]
    size: String,
    /// The model, from a configuration file.
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    config: Option<PathBuf>,
    /// Sentence pairs in a batch [default: the model's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch_size: Option<u32>,
    /// Words of a source sentence: 25, or 20-30 for lengths spread evenly.
    #[arg(long, value_name = "N|N-M", default_value = "25", value_parser = words)]
    source_words: RangeInclusive<usize>,
    /// Words of a target sentence.
    #[arg(long, value_name = "N|N-M", default_value = "29", value_parser = words)]
    target_words: RangeInclusive<usize>,
    /// Slices of the softmax [default: the model's, or one for each device that the paper's plan has left].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    slices: Option<u32>,
    /// The link between devices: pcie2, pcie3, nvlink2, nvlink3, nvlink4, memory [default: the devices' own].
    #[arg(long, value_name = "NAME", value_parser = link)]
    link: Option<Link>,
    /// Calibrate on so many words/s of the first device with everything on it, instead of the paper's figure.
    #[arg(long, value_name = "WORDS")]
    one_device_words_per_s: Option<f64>,
    /// Plans that a search may simulate.
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1..))]
    simulations: u32,
    /// A table of all plans.
    #[arg(long, conflicts_with_all = ["plan", "svg", "dump_plan", "published"])]
    compare: bool,
    /// Predict the published speeds, and say how far off that is.
    #[arg(long, conflicts_with_all = ["svg", "dump_plan"])]
    published: bool,
    /// Draw the chart into a file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure CPU devices of one thread each that are here, as many as --devices says (as in 2xcpu), and predict with what they do instead of with published figures.
    #[arg(long)]
    calibrate: bool,
    /// Calibrate, then run each plan on one and on all of these CPU devices, and tell how far the predictions are off.
    #[arg(long, conflicts_with_all = ["plan", "svg", "dump_plan", "published", "compare"])]
    measure: bool,
    /// With --measure: so many times, train in turn on one device without a plan and on all of them by the best plan.
    #[arg(long, value_name = "N", requires = "measure", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: Option<u32>,
    /// With --calibrate or --measure: steps that are timed of each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Print the plan as TOML and stop.
    #[arg(long, conflicts_with_all = ["json", "svg"])]
    dump_plan: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is to be scheduled, and where.
struct Setting {
    sizes: Sizes,
    lengths: Lengths,
    machine: Machine,
    /// The slices were asked for, by the command line or the model.
    sliced: bool,
}

const SEARCHED: [&str; 2] = ["search", "search-slices"];

impl Schedule {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.published {
            return self.print_published();
        }
        let setting = self.setting()?;
        if self.measure {
            return measure::run(&setting, &self.workload(&setting)?, self.steps as usize, self.pairs, self.json);
        }
        if self.compare {
            return self.print_comparison(&setting);
        }
        if let Some(path) = &self.svg {
            check(path, self.config.iter().chain([&PathBuf::from(&self.plan)]))?;
        }
        let plan = self.plan(&self.plan, &setting)?;
        if self.dump_plan {
            stdout().write_all(plan.to_toml().as_bytes())?;
            return Ok(());
        }
        let Setting { sizes, lengths, machine, .. } = &setting;
        let (report, graph, timeline) = Report::of(sizes, lengths, &plan, machine)?;
        let report = report.with_largest(sizes, lengths, &plan, machine)?;
        if let Some(path) = &self.svg {
            draw(path, &report, machine, &graph, &timeline)?;
        }
        let text = if self.json {
            serde_json::to_string(&report)?
        } else {
            format!("{plan}\n\n{report}").trim_end().to_owned()
        };
        writeln!(stdout(), "{text}")?;
        Ok(())
    }

    fn setting(&self) -> anyhow::Result<Setting> {
        let preset = self.config.is_none().then(|| self.size.clone());
        let config = Layers { preset, file: self.config.clone(), ..Layers::default() }.resolve()?.config;
        let batch = self.batch_size.map_or(config.batch_size, |size| size as usize);
        let lengths = Lengths::spread(batch, self.source_words.clone(), self.target_words.clone());
        let mut sizes = sizes_of(&config);
        let mut machine = self.devices.clone();
        machine.link = self.link.clone().unwrap_or(machine.link);
        let sliced = self.slices.is_some() || sizes.softmax_slices > 1;
        // One slice is no split: the paper's plan then cuts as many as it has devices for, and the others do the same.
        let left = (machine.devices.len() - sizes.layers.min(machine.devices.len() / 2)).max(1);
        let slices = if sizes.softmax_slices > 1 { sizes.softmax_slices } else { left };
        sizes.softmax_slices = self.slices.map_or(slices, |slices| slices as usize).min(sizes.target_words);
        if self.calibrate {
            let workload = Workload { sizes: sizes.clone(), ..self.workload_of(&sizes, &lengths)? };
            machine = workload.calibrate(&measure::devices(&machine)?, self.steps as usize)?;
            tell!("{}", measure::rates(&machine));
        }
        let machine = match self.one_device_words_per_s {
            None => machine.calibrated(paper_fraction()),
            Some(speed) if speed > 0.0 && speed.is_finite() => calibrated(machine, &sizes, &lengths, speed)?,
            Some(speed) => anyhow::bail!("--one-device-words-per-s must be above 0, not {speed}"),
        };
        Ok(Setting { sizes, lengths, machine, sliced })
    }

    fn workload(&self, setting: &Setting) -> anyhow::Result<Workload> {
        self.workload_of(&setting.sizes, &setting.lengths)
    }

    /// What is run on devices that are here: sentences of the longest length.
    fn workload_of(&self, sizes: &Sizes, lengths: &Lengths) -> anyhow::Result<Workload> {
        let (source_words, target_words) = (*self.source_words.end(), *self.target_words.end());
        Ok(Workload { sizes: sizes.clone(), sentences: lengths.sentences(), source_words, target_words })
    }

    fn plan(&self, name: &str, setting: &Setting) -> anyhow::Result<Plan> {
        let Setting { sizes, lengths, machine, .. } = setting;
        let simulations = self.simulations as usize;
        if name.ends_with(".toml") {
            let text = fs::read_to_string(name).with_context(|| format!("cannot open `{name}`"))?;
            return Plan::from_toml(&text).with_context(|| format!("`{name}`"));
        }
        let sums = if self.calibrate { Sums::ByRows } else { Sums::BySteps };
        if SEARCHED.contains(&name) {
            let slices = (name == "search" || self.slices.is_some()).then_some(sizes.softmax_slices);
            let found = search(sizes, lengths, machine, &Search { slices, simulations, sums })?;
            return Ok(Plan { name: name.to_owned(), ..found });
        }
        // What is measured runs with the sums of training.
        let plan = Plan::named(name, sizes, machine.devices.len())?;
        Ok(if self.calibrate { plan.for_training() } else { plan })
    }

    fn print_comparison(&self, setting: &Setting) -> anyhow::Result<()> {
        let Setting { sizes, lengths, machine, .. } = setting;
        let mut plans = Vec::new();
        for name in Plan::NAMES.into_iter().chain(SEARCHED) {
            let plan = match self.plan(name, setting) {
                Ok(plan) => plan,
                // One device has no other plan than `single`.
                Err(_) if machine.devices.len() == 1 => continue,
                Err(error) => return Err(error),
            };
            plans.push(Report::of(sizes, lengths, &plan, machine)?.0);
        }
        let comparison = Comparison { plans };
        let text = if self.json { serde_json::to_string(&comparison)? } else { comparison.to_string() };
        writeln!(stdout(), "{}", text.trim_end())?;
        Ok(())
    }

    fn print_published(&self) -> anyhow::Result<()> {
        let predictions = published();
        if self.json {
            writeln!(stdout(), "{}", serde_json::json!({ "published": predictions }))?;
            return Ok(());
        }
        writeln!(stdout(), "{:<36} {:<38} words/s   here   error", "", "layout")?;
        predictions.iter().try_for_each(|prediction| writeln!(stdout(), "{prediction}"))?;
        Ok(())
    }
}

fn sizes_of(config: &Config) -> Sizes {
    Sizes {
        source_words: config.source_vocabulary_size,
        target_words: config.target_vocabulary_size,
        embedding: config.embedding_size,
        hidden: config.hidden_size,
        layers: config.layers,
        softmax_slices: config.softmax_slices,
    }
}

/// Every device at the fraction of its peak that the first one reaches at that speed.
fn calibrated(mut machine: Machine, sizes: &Sizes, lengths: &Lengths, speed: f64) -> anyhow::Result<Machine> {
    let first = &machine.devices[0];
    let fraction = fraction_for(first, sizes, lengths, speed)?;
    anyhow::ensure!(fraction < 1.0, "one {} cannot do {speed} words/s, not even at its peak", first.name);
    machine.devices.iter_mut().for_each(|device| device.fraction = fraction);
    Ok(machine)
}

fn draw(path: &Path, report: &Report, machine: &Machine, graph: &Graph, timeline: &Timeline) -> anyhow::Result<()> {
    let devices = report.devices.iter().enumerate();
    let caption = Caption {
        title: format!(
            "Plan {} on {machine}: {:.0} words/s, {:.1} times one device",
            report.plan, report.words_per_s, report.speedup
        ),
        remark: format!(
            "One training step: {} words in {:.0} ms. What limits it: {}.",
            graph.words,
            1e3 * report.step_s,
            report.limit
        ),
        devices: devices.map(|(index, device)| (format!("{} {index}", device.name), device.holds.clone())).collect(),
    };
    write_whole(path, chart(graph, timeline, &caption).as_bytes())
}

/// `25` or `20-30`.
fn words(text: &str) -> Result<RangeInclusive<usize>, String> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&number| (1..=10_000).contains(&number));
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok(low..=high),
        _ => Err("write a number of words, or two as in 20-30".to_owned()),
    }
}

fn link(name: &str) -> Result<Link, String> {
    let known = || Link::ALL.map(|link| link.name).join(", ");
    Link::find(name).ok_or_else(|| format!("use {}", known()))
}
