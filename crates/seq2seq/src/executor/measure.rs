//! Steps that are made to be timed: how fast the devices that are here are, and how well the cost model tells it.

use std::time::Instant;

use serde::Serialize;
use unrolled_nn::Optimiser;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use super::{Executor, StepError};
use crate::batch::Batch;
use crate::config::Config;
use crate::cost_model::{Machine, simulate};
use crate::model::{Model, Sizes};
use crate::numbered::NumberedCorpus;
use crate::schedule::{Chunks, Graph, Lengths, Order, Plan, Slice, Timeline, Vocabulary, When, even_slices};
use crate::training::{Recipe, Trainer};
use crate::vocabulary::SPECIALS;

/// A model and batches, all of one shape: every sentence has the same length.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The model.
    pub sizes: Sizes,
    /// Sentence pairs in a batch.
    pub sentences: usize,
    /// Words of each source, without `<EOS>`.
    pub source_words: usize,
    /// Words of each target, without `<EOS>`.
    pub target_words: usize,
}

/// A plan's step, predicted and measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The plan's name.
    pub plan: String,
    /// How many devices it uses.
    pub devices: usize,
    /// What the cost model says, in seconds.
    pub predicted_s: f64,
    /// The median of the steps that were timed.
    pub measured_s: f64,
    /// (predicted − measured) / measured
    pub error: f64,
}

/// One device and several, step after step in turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pairs {
    /// Seconds of a step on one device, as `unrolled train` runs it without a plan: the median of each pair.
    pub one_s: Vec<f64>,
    /// The same on several devices.
    pub several_s: Vec<f64>,
    /// Their quotients.
    pub speedups: Vec<f64>,
}

impl Workload {
    /// The lengths of every batch.
    pub fn lengths(&self) -> Lengths {
        Lengths::even(self.sentences, self.source_words, self.target_words)
    }

    /// A batch of words that are drawn at random.
    pub fn batch(&self, number: u64) -> Batch {
        let (mut corpus, key, special) = (NumberedCorpus::new(), Key::new(1).at(number), SPECIALS.len());
        for pair in 0..self.sentences as u64 {
            let side = |name: &str, words: usize, length: usize| -> Vec<u32> {
                let (key, first) = (key.purpose(name), pair * length as u64);
                let word = |i: u64| special as u64 + key.below(first + i, (words - special) as u64);
                (0..length as u64).map(|i| word(i) as u32).collect()
            };
            let source = side("source", self.sizes.source_words, self.source_words);
            corpus.push(&source, &side("target", self.sizes.target_words, self.target_words));
        }
        Batch::of(&corpus, &(0..self.sentences as u32).collect::<Vec<_>>(), true)
    }

    fn model(&self, slices: usize) -> Model {
        let sizes = Sizes { softmax_slices: slices, ..self.sizes.clone() };
        Model::new(&sizes, 0.0, 0.08.into(), Key::new(1), &Device::cpu())
    }

    /// An executor of this model by a plan, whose slices become the model's.
    ///
    /// # Errors
    /// Where the plan or the devices fail.
    pub fn executor(&self, plan: &Plan, devices: &[Device]) -> Result<Executor, StepError> {
        let slices = plan.arithmetic().slices.len().max(1);
        let sizes = Sizes { softmax_slices: slices, ..self.sizes.clone() };
        let recipe = Recipe::of(&Config::default());
        Executor::new(&sizes, self.model(slices), Optimiser::sgd(), recipe, plan, devices)
    }

    /// Measures these devices, all of which work at the same time: what each kind of task takes, what a message takes. Each holds an equal part of everything, in tasks of two
    /// lengths, for `steps` steps after one that does not count.
    ///
    /// # Errors
    /// Where a device fails.
    pub fn calibrate(&self, devices: &[Device], steps: usize) -> Result<Machine, StepError> {
        let mut runs: Vec<(Graph, Vec<Timeline>)> = Vec::new();
        for chunks in [(2, 2), (7, 5)] {
            let mut executor = self.executor(&self.everywhere(devices.len(), chunks), devices)?.timed();
            let mut timelines = Vec::new();
            let mut graph = None;
            for step in 0..=steps as u64 {
                let (_, traces) = executor.traced_step(&self.batch(step), step, 0.1)?;
                for trace in traces.into_iter().filter(|_| step > 0) {
                    timelines.push(trace.timeline);
                    graph = Some(trace.graph);
                }
            }
            runs.extend(graph.map(|graph| (graph, timelines)));
        }
        // Where nothing limits a device, as much as is written down for one.
        let known = crate::cost_model::Device::find("cpu").map_or(u64::MAX, |cpu| cpu.memory);
        let kind = |device: &Device| {
            let name = if device.name().starts_with("cuda") { "cuda" } else { "cpu" };
            (
                name,
                Some(device.memory().budget)
                    .filter(|&budget| budget < usize::MAX)
                    .map_or(known, |budget| budget as u64),
            )
        };
        Ok(Machine::measured(&devices.iter().map(kind).collect::<Vec<_>>(), &runs))
    }

    /// A plan that keeps all devices busy at the same time: layers in turn, a slice for each.
    fn everywhere(&self, devices: usize, (lstm, softmax): (usize, usize)) -> Plan {
        let layers: Vec<usize> = (0..self.sizes.layers).map(|layer| layer * devices / self.sizes.layers).collect();
        let words = even_slices(self.sizes.target_words, devices.min(self.sizes.target_words)).into_iter().enumerate();
        Plan {
            name: "calibration".to_owned(),
            source_embedding: layers[0],
            target_embedding: layers[0],
            encoder: layers.clone(),
            decoder: layers,
            lstm_weights: When::Deferred,
            softmax_weights: When::Deferred,
            order: Order::WeightsLast,
            chunks: Chunks { lstm, softmax, weights: softmax },
            vocabulary: Vocabulary::Slices(words.map(|(device, words)| Slice { words, device }).collect()),
            ..Plan::single(&self.sizes)
        }
    }

    /// A plan's step on these devices, beside what the cost model says for a machine like them.
    ///
    /// # Errors
    /// Where the plan or a device fails.
    pub fn measure(
        &self,
        plan: &Plan,
        machine: &Machine,
        devices: &[Device],
        steps: usize,
    ) -> Result<Measured, StepError> {
        let mut executor = self.executor(plan, devices)?.with_machine(machine.clone());
        let graph = Graph::of(&self.sizes, &self.lengths(), executor.plan())?;
        let predicted_s = simulate(&graph, machine).makespan;
        let mut seconds = Vec::new();
        for step in 0..=steps as u64 {
            let batch = self.batch(step);
            let began = Instant::now();
            executor.step(&batch, step, 0.1)?;
            wait_for(devices)?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        let measured_s = median(&mut seconds[1..]);
        let (plan, devices) = (plan.name.clone(), plan.devices());
        Ok(Measured { plan, devices, predicted_s, measured_s, error: predicted_s / measured_s - 1.0 })
    }

    /// Steps on one device without a plan and on several by a plan, in turn: `pairs` times `steps` of each, after one of each that does not count.
    ///
    /// # Errors
    /// Where the plan or a device fails.
    pub fn pairs(
        &self,
        plan: &Plan,
        machine: &Machine,
        (one, several): (&Device, &[Device]),
        pairs: usize,
        steps: usize,
    ) -> Result<Pairs, StepError> {
        let on_one = Model::new(&self.sizes, 0.0, 0.08.into(), Key::new(1), one);
        let mut trainer = Trainer::new(on_one, Optimiser::sgd(), Recipe::of(&Config::default()));
        let mut executor = self.executor(plan, several)?.with_machine(machine.clone());
        let mut found = Pairs { one_s: Vec::new(), several_s: Vec::new(), speedups: Vec::new() };
        let mut update = 0;
        for pair in 0..=pairs {
            let count = if pair == 0 { 1 } else { steps };
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..count {
                let batch = self.batch(update);
                let began = Instant::now();
                one.run(|| trainer.step(&batch, update, 0.1));
                wait_for(std::slice::from_ref(one))?;
                times[0].push(began.elapsed().as_secs_f64());
                let began = Instant::now();
                executor.step(&batch, update, 0.1)?;
                wait_for(several)?;
                times[1].push(began.elapsed().as_secs_f64());
                update += 1;
            }
            if pair > 0 {
                let [one, several] = times.map(|mut times| median(&mut times));
                found.one_s.push(one);
                found.several_s.push(several);
                found.speedups.push(one / several);
            }
        }
        Ok(found)
    }
}

/// A step's last updates may be under way when it returns.
fn wait_for(devices: &[Device]) -> Result<(), StepError> {
    let failed = |device: &Device, error| {
        let (device, task) = (device.name(), "waiting for the end of the step".to_owned());
        StepError::Device { device, task, error }
    };
    let wait = |device: &Device| device.backend().synchronize().map_err(|error| failed(device, error));
    devices.iter().try_for_each(wait)
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
