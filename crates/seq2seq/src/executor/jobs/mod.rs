//! What each task does: a few calls of the verbs, on the task's device.

mod lstm;
mod softmax;
mod update;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use unrolled_autograd::Gradient;
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Tensor};

use super::payload::Payload;
use super::places::Places;
use super::shard::Shard;
use crate::batch::Batch;
use crate::model::{DeviceBatch, Sizes};
use crate::schedule::{Graph, Job, Plan, Side, Steps};
use softmax::{Losses, Waiting};

/// A step: what all tasks know.
pub(super) struct Step<'a> {
    sizes: &'a Sizes,
    plan: &'a Plan,
    places: &'a Places,
    graph: &'a Graph,
    batch: &'a Batch,
    recipe: StepRecipe,
    /// Whether no part of the same batch goes before, and none follows.
    pub ends: (bool, bool),
    /// By holder: its last task that adds to its weight's gradient.
    last_weights: Vec<Option<usize>>,
    pub outcome: OnceLock<Outcome>,
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepRecipe {
    /// What forward and backward compute in; parameters, their gradients and the softmax are in f32.
    pub dtype: DType,
    /// The probability of dropout, and what the masks are drawn from.
    pub dropout: Option<(f64, Key)>,
    /// What the loss is divided by, and multiplied by where it is scaled.
    pub divisor: f64,
    pub loss_scale: Option<f64>,
    pub clip_norm: f64,
    pub rate: f64,
}

impl StepRecipe {
    /// What the gradients, once they are there, are to be divided by.
    fn left(&self) -> f64 {
        self.loss_scale.unwrap_or(self.divisor)
    }
}

/// What a step comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub loss: f64,
    pub norm: f64,
    pub taken: bool,
}

/// What a device has in hand within a step.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    part: Part,
    /// The losses of the batch's parts before this one.
    losses: Vec<Tensor>,
    /// Parameters in the step's dtype, and the softmax's as they were rounded to it, where that is not their own.
    rounded: HashMap<String, Tensor>,
    counted: bool,
}

/// What it has of a part of the batch.
#[derive(Debug, Default)]
struct Part {
    batch: Option<DeviceBatch>,
    masks: HashMap<&'static str, HashMap<usize, Tensor>>,
    losses: Losses,
    /// Rows whose share of the softmax's weight gradient is still to be added.
    waiting: Waiting,
}

impl Shard {
    /// Before a step.
    pub fn begin(&mut self) {
        self.scratch = Scratch::default();
        self.gradients.clear();
    }

    /// After it, whether it went well or not: what a step needs does not stay.
    pub fn end(&mut self) {
        self.begin();
    }

    fn batch(&mut self, batch: &Batch) -> &DeviceBatch {
        let device = &self.device;
        self.scratch.part.batch.get_or_insert_with(|| DeviceBatch::new(batch, device))
    }

    /// A parameter's gradient, added to that of the parts before.
    fn add_gradient(&mut self, path: String, gradient: Gradient) {
        let sum = match self.gradients.remove(&path) {
            Some(before) => before.sum(gradient),
            None => gradient,
        };
        self.gradients.insert(path, sum);
    }

    /// `x` of this name, made once a step where it is not the parameter itself.
    fn rounded(&mut self, name: String, dtype: DType, make: impl FnOnce(&Shard) -> Tensor) -> Tensor {
        if dtype == DType::F32 {
            return make(self);
        }
        if let Some(made) = self.scratch.rounded.get(&name) {
            return made.clone();
        }
        let made = make(self);
        self.scratch.rounded.insert(name, made.clone());
        made
    }
}

/// An input with what it is: the job that made it, and which of its outputs it is.
struct Input {
    job: Job,
    output: usize,
    payload: Payload,
}

/// A task's inputs.
struct Inputs(Vec<Input>);

impl Inputs {
    /// Takes out those that `is` wants, in program order.
    fn take(&mut self, is: impl Fn(&Job, usize) -> bool) -> Vec<(Job, Payload)> {
        let (wanted, rest) = std::mem::take(&mut self.0).into_iter().partition(|input| is(&input.job, input.output));
        self.0 = rest;
        let wanted: Vec<Input> = wanted;
        wanted.into_iter().map(|input| (input.job, input.payload)).collect()
    }
}

impl<'a> Step<'a> {
    /// A step on a batch, or on the part of one that is number `part` of so many.
    pub fn new(
        (sizes, places): (&'a Sizes, &'a Places),
        plan: &'a Plan,
        graph: &'a Graph,
        batch: &'a Batch,
        recipe: StepRecipe,
        (part, parts): (usize, usize),
    ) -> Step<'a> {
        let mut last_weights = vec![None; places.holders.len()];
        for (index, task) in graph.tasks.iter().enumerate() {
            if let Job::SoftmaxWeights { holder, .. } = task.job {
                last_weights[holder] = Some(index);
            }
        }
        let (ends, outcome) = ((part == 0, part + 1 == parts), OnceLock::new());
        Step { sizes, plan, places, graph, batch, recipe, ends, last_weights, outcome }
    }

    /// Before a device's first task.
    pub fn open(&self, shard: &mut Shard) {
        if self.ends.0 {
            shard.begin();
        }
    }

    /// After its last one: what the parts that follow need stays.
    pub fn close(&self, shard: &mut Shard) {
        if self.ends.1 {
            return shard.end();
        }
        let loss = self.losses(shard);
        shard.scratch.losses.extend(loss);
        shard.scratch.part = Part::default();
    }

    /// Does a task; gives its outputs in the graph's order.
    pub fn perform(&self, task: usize, inputs: Vec<(usize, Payload)>, shard: &mut Shard) -> Vec<Payload> {
        let input = |(value, payload): (usize, Payload)| {
            let producer = &self.graph.tasks[self.graph.values[value].producer];
            let output = producer.outputs.iter().position(|&made| made == value).expect("a producer has its outputs");
            Input { job: producer.job, output, payload }
        };
        let mut inputs = Inputs(inputs.into_iter().map(input).collect());
        match self.graph.tasks[task].job {
            Job::Embed { side, steps, part } => self.embed(shard, side, steps, part),
            Job::LstmForward { side, layer, steps, part } => {
                self.lstm_forward(shard, &mut inputs, side, layer, steps, part)
            }
            Job::LstmBackward { side, layer, steps, part } => {
                self.lstm_backward(shard, &mut inputs, side, layer, steps, part)
            }
            Job::LstmWeights { side, layer, .. } => self.lstm_weights(shard, &mut inputs, side, layer),
            Job::EmbeddingWeights { side } => self.embedding_weights(shard, &mut inputs, side),
            Job::SoftmaxForward { holder, steps, part } => {
                self.softmax_forward(shard, &mut inputs, holder, steps, part)
            }
            Job::SoftmaxBackward { holder, steps, part } => {
                self.softmax_backward(shard, &mut inputs, holder, steps, part)
            }
            Job::SoftmaxWeights { holder, steps } => self.softmax_weights(shard, &mut inputs, task, holder, steps),
            Job::Reduce { holder } => self.reduce(shard, &mut inputs, holder),
            Job::Norm { group } => self.norm(shard, group),
            Job::Clip => self.clip(&mut inputs),
            Job::Update { group } => self.update(shard, &mut inputs, group),
            Job::Gather { .. } => self.gather(shard, &mut inputs),
        }
    }

    /// The sentences of a micro-batch.
    fn rows(&self, part: usize) -> Range<usize> {
        let rows = self.batch.sentences() / self.plan.micro_batches;
        part * rows..(part + 1) * rows
    }

    fn steps_of(&self, side: Side) -> usize {
        match side {
            Side::Encoder => self.batch.source.steps,
            Side::Decoder => self.batch.target_steps,
        }
    }

    /// `x` with the mask of a place in the model on it: these steps and sentences of the mask of the whole batch, `[T, B, width]`.
    fn dropped(&self, shard: &mut Shard, site: Site, x: Tensor, steps: Steps, part: usize) -> Tensor {
        let Some((probability, key)) = self.recipe.dropout else { return x };
        let shape = [self.steps_of(site.side()), self.batch.sentences(), x.dim(-1)];
        let device = shard.device.clone();
        let (name, number) = site.name();
        let mask = shard.scratch.part.masks.entry(name).or_default().entry(number).or_insert_with(|| {
            let distribution = Distribution::Dropout { keep: 1.0 - probability };
            Tensor::random(distribution, site.key(key), shape, self.recipe.dtype, &device)
        });
        let rows = self.rows(part);
        x.mul(&mask.narrow(0, steps.first, steps.count()).narrow(1, rows.start, rows.len()))
    }
}

/// Where a model drops activations; see [`Model`](crate::model::Model).
#[derive(Clone, Copy)]
enum Site {
    /// What a side's layer reads; 0 reads the embedded words.
    Below(Side, usize),
    /// What the projection reads.
    Projection,
}

impl Site {
    fn side(self) -> Side {
        match self {
            Site::Below(side, _) => side,
            Site::Projection => Side::Decoder,
        }
    }

    fn name(self) -> (&'static str, usize) {
        match self {
            Site::Below(side, layer) => (side.name(), layer),
            Site::Projection => ("projection", 0),
        }
    }

    fn key(self, key: Key) -> Key {
        match self {
            Site::Below(Side::Encoder, 0) => key.purpose("source"),
            Site::Below(Side::Decoder, 0) => key.purpose("target"),
            Site::Below(side, layer) => key.purpose(side.name()).purpose(&layer.to_string()),
            Site::Projection => key.purpose("projection"),
        }
    }
}
