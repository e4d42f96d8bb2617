//! Who makes the updates: one device, or several by a plan.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use unrolled_nn::{LossScaler, Module, ScalerState};
use unrolled_tensor::profile::Profile;
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

use super::{Error, Placement, initial_range_of};
use crate::batch::Batch;
use crate::config::Config;
use crate::cost_model::{Machine, Search, search, simulate};
use crate::executor::{Executor, StepError, Trace, Workload, chrome_trace};
use crate::model::{Model, Sizes};
use crate::schedule::{Caption, CriticalPath, Graph, Lengths, Plan, Sums, chart, grouped};
use crate::training::{Recipe, StepReport, Trainer};

/// Steps of which a trace tells: the last ones.
const TRACED: u64 = 4;

pub(super) enum Learner {
    One(Box<Trainer>),
    Several(Box<Spread>),
}

/// A model spread over devices.
pub(super) struct Spread {
    executor: Executor,
    sizes: Sizes,
    config: Config,
    /// Where the whole model is put together, to validate.
    home: Device,
    /// As predicted of a plan that was searched for.
    words_per_s: Option<f64>,
    trace: Option<PathBuf>,
    traces: VecDeque<(u64, Trace)>,
}

impl Learner {
    pub fn several(
        Trainer { model, optimiser, scaler, parts, .. }: Trainer,
        recipe: Recipe,
        sizes: Sizes,
        config: &Config,
        Chosen { plan, machine, words_per_s }: Chosen,
        placement: &Placement,
    ) -> Result<Learner, Error> {
        let executor = Executor::new(&sizes, model, optimiser, recipe, &plan, &placement.devices)?;
        let executor = match machine {
            Some(machine) => executor.with_machine(machine),
            None => executor,
        };
        let executor = executor.in_parts(parts).with_scaler(scaler);
        let executor = if placement.trace.is_some() { executor.timed() } else { executor };
        Ok(Learner::Several(Box::new(Spread {
            executor,
            sizes,
            config: config.clone(),
            home: placement.home.clone(),
            words_per_s,
            trace: placement.trace.clone(),
            traces: VecDeque::new(),
        })))
    }

    /// Where the whole model is, or is put together.
    pub fn device(&self) -> Device {
        match self {
            Learner::One(trainer) => trainer.model.device().clone(),
            Learner::Several(spread) => spread.home.clone(),
        }
    }

    /// The device's name, or the devices' and their plan's.
    pub fn device_name(&self) -> String {
        match self {
            Learner::One(trainer) => trainer.model.device().name(),
            Learner::Several(spread) => {
                let names: Vec<String> = spread.executor.devices().map(Device::name).collect();
                let name = match &names[..] {
                    [one] => one.clone(),
                    [first, .., last] => format!("{first} to {last}"),
                    [] => "no device".to_owned(),
                };
                let by_plan = format!("{name} by plan `{}`", spread.executor.plan().name);
                match spread.words_per_s {
                    Some(speed) => format!("{by_plan}, found for these devices as measured: {speed:.0} words/s"),
                    None => by_plan,
                }
            }
        }
    }

    /// Threads of all devices.
    pub fn threads(&self) -> usize {
        let threads = |device: &Device| device.run(rayon::current_num_threads);
        match self {
            Learner::One(trainer) => threads(trainer.model.device()),
            Learner::Several(spread) => spread.executor.devices().map(threads).sum(),
        }
    }

    /// The most bytes of tensors that the devices have held, each at its own time, together.
    pub fn peak_memory(&self) -> u64 {
        let peak = |device: &Device| device.memory().peak as u64;
        match self {
            Learner::One(trainer) => peak(trainer.model.device()),
            Learner::Several(spread) => spread.executor.devices().map(peak).sum(),
        }
    }

    pub fn parameter_count(&self) -> usize {
        match self {
            Learner::One(trainer) => trainer.parameter_count(),
            Learner::Several(spread) => spread.executor.parameter_count(),
        }
    }

    pub fn step(&mut self, batch: &Batch, update: u64, rate: f64) -> Result<StepReport, Error> {
        match self {
            Learner::One(trainer) => {
                let device = trainer.model.device().clone();
                Ok(device.run(|| trainer.step(batch, update, rate)))
            }
            Learner::Several(spread) => spread.step(batch, update, rate),
        }
    }

    /// The model in one piece. Of one device it shares the parameters' storage: it must be gone before the next step changes them.
    pub fn model(&self) -> Result<Model, Error> {
        match self {
            Learner::One(trainer) => Ok(trainer.model.clone()),
            Learner::Several(spread) => spread.model(),
        }
    }

    /// Parameters and optimiser state by name; the same whoever made the updates. They may share storage as [`model`](Learner::model) does.
    pub fn states(&self) -> (BTreeMap<String, Tensor>, BTreeMap<String, Tensor>) {
        match self {
            Learner::One(trainer) => (trainer.model.state(), trainer.optimiser.state()),
            Learner::Several(spread) => (spread.executor.model_state(), spread.executor.optimiser_state()),
        }
    }

    pub fn optimiser_steps(&self) -> u64 {
        match self {
            Learner::One(trainer) => trainer.optimiser.steps(),
            Learner::Several(spread) => spread.executor.optimiser_steps(),
        }
    }

    pub fn scaler(&self) -> Option<ScalerState> {
        match self {
            Learner::One(trainer) => trainer.scaler.as_ref().map(LossScaler::state),
            Learner::Several(spread) => spread.executor.scaler().map(LossScaler::state),
        }
    }

    /// False where a step would have to copy a parameter that somebody else holds.
    pub fn holds_its_parameters_alone(&self) -> bool {
        match self {
            Learner::One(trainer) => {
                trainer.model.parameters().iter().all(|(_, parameter)| parameter.tensor().is_unique())
            }
            Learner::Several(_) => true,
        }
    }

    /// Writes what happened, if that was asked for.
    pub fn write_trace(&self) -> Result<(), Error> {
        match self {
            Learner::Several(spread) => spread.write_trace(),
            Learner::One(_) => Ok(()),
        }
    }
}

impl Spread {
    fn step(&mut self, batch: &Batch, update: u64, rate: f64) -> Result<StepReport, Error> {
        let (report, traces) = self.executor.traced_step(batch, update, rate)?;
        if self.trace.is_some() {
            self.traces.extend(traces.into_iter().map(|trace| (update, trace)));
            self.traces.retain(|(traced, _)| traced + TRACED > update);
        }
        Ok(report)
    }

    fn model(&self) -> Result<Model, Error> {
        let range = initial_range_of(&self.config);
        let mut model = Model::new(&self.sizes, self.config.dropout, range, Key::new(0), &self.home);
        model.load(&self.executor.model_state()).expect("the state is of a model of these sizes");
        Ok(model)
    }

    fn write_trace(&self) -> Result<(), Error> {
        let (Some(path), Some((update, last))) = (&self.trace, self.traces.back()) else { return Ok(()) };
        let names: Vec<String> = self.executor.devices().map(Device::name).collect();
        let steps: Vec<(u64, Trace)> = self.traces.iter().cloned().collect();
        let json = chrome_trace(self.executor.plan(), &names, &steps);
        write(path, json.to_string().as_bytes())?;
        write(&path.with_extension("svg"), picture(self.executor.plan(), &names, *update, last).as_bytes())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content).map_err(Error::file("write", path))
}

/// A step that happened, as a chart.
pub fn picture(plan: &Plan, names: &[String], update: u64, trace: &Trace) -> String {
    let Trace { graph, timeline } = trace;
    let seconds = timeline.makespan.max(f64::MIN_POSITIVE);
    let speed = grouped((graph.words as f64 / seconds).round() as usize);
    let busy = |device: usize| -> f64 {
        let own = graph.tasks.iter().zip(&timeline.spans).filter(|(task, _)| task.device == device);
        own.map(|(_, span)| span.end - span.start).sum::<f64>() / seconds
    };
    let mean = (0..graph.devices).map(busy).sum::<f64>() / graph.devices as f64;
    let path = CriticalPath::of(graph, timeline);
    let longest = path.by_phase().first().map_or(String::new(), |(phase, part)| {
        format!(" {} takes {:.0}% of the critical path.", phase.name(), 100.0 * part / seconds)
    });
    let caption = Caption {
        title: format!("Plan {}, update {}: {speed} words/s, measured", plan.name, update + 1),
        remark: format!(
            "One training step: {} words in {:.1} ms; a device computes {:.0}% of the time.{longest}",
            grouped(graph.words),
            1e3 * seconds,
            100.0 * mean
        ),
        devices: names.iter().enumerate().map(|(device, name)| (name.clone(), plan.on(device))).collect(),
    };
    chart(graph, timeline, &caption)
}

/// A plan, and how fast the devices are where that was measured to find it.
pub(super) struct Chosen {
    plan: Plan,
    machine: Option<Machine>,
    /// Words/s of a search's plan, as predicted.
    words_per_s: Option<f64>,
}

/// The plan that a configuration names, for a model of these sizes. `batch` is one like those to come: a search measures the devices with its shape, if
/// nobody has said how fast they are, and finds the best plan for it.
pub(super) fn plan_of(
    config: &Config,
    sizes: &Sizes,
    placement: &Placement,
    batch: &Batch,
) -> Result<Chosen, StepError> {
    let machine = placement.machine.clone();
    if config.plan != "search" {
        let plan = Plan::for_model(&config.plan, sizes, placement.devices.len())?;
        return Ok(Chosen { plan, machine, words_per_s: None });
    }
    let machine = match machine {
        Some(machine) => machine,
        None => {
            let (source_words, target_words) = (batch.source.steps.max(2) - 1, batch.target_steps.max(2) - 1);
            let sentences = batch.sentences();
            let workload = Workload { sizes: sizes.clone(), sentences, source_words, target_words };
            let machine = workload.calibrate(&placement.devices, 2)?;
            // What was measured was no training.
            placement.devices.iter().filter_map(Device::profile).for_each(Profile::reset);
            machine
        }
    };
    let (lengths, slices) = (Lengths::of(batch), Some(sizes.softmax_slices));
    let options = Search { slices, sums: Sums::ByRows, ..Search::default() };
    let plan = search(sizes, &lengths, &machine, &options)?;
    let graph = Graph::of(sizes, &lengths, &plan)?;
    let words_per_s = Some(graph.words as f64 / simulate(&graph, &machine).makespan);
    Ok(Chosen { plan, machine: Some(machine), words_per_s })
}

/// A plan in a file.
pub(super) fn plan_in(path: &Path) -> Result<Chosen, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    Ok(Chosen { plan: Plan::from_toml(&text).map_err(StepError::from)?, machine: None, words_per_s: None })
}
