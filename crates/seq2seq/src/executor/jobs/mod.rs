//! What each task does: a few calls of the verbs, on the task's device.

mod lstm;
mod softmax;
mod update;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

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
    /// The probability, and what the masks are drawn from.
    dropout: Option<(f64, Key)>,
    divisor: f64,
    clip_norm: f64,
    rate: f64,
    /// By holder: its last task that adds to its weight's gradient.
    last_weights: Vec<Option<usize>>,
    pub outcome: OnceLock<Outcome>,
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
    batch: Option<DeviceBatch>,
    masks: HashMap<&'static str, HashMap<usize, Tensor>>,
    losses: Losses,
    /// Rows whose share of the softmax's weight gradient is still to be added.
    waiting: Waiting,
    counted: bool,
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
        self.scratch.batch.get_or_insert_with(|| DeviceBatch::new(batch, device))
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
    #[allow(clippy::too_many_arguments)] // It is made in one place, of what stands there.
    pub fn new(
        sizes: &'a Sizes,
        plan: &'a Plan,
        places: &'a Places,
        graph: &'a Graph,
        batch: &'a Batch,
        dropout: Option<(f64, Key)>,
        divisor: f64,
        clip_norm: f64,
        rate: f64,
    ) -> Step<'a> {
        let mut last_weights = vec![None; places.holders.len()];
        for (index, task) in graph.tasks.iter().enumerate() {
            if let Job::SoftmaxWeights { holder, .. } = task.job {
                last_weights[holder] = Some(index);
            }
        }
        let outcome = OnceLock::new();
        Step { sizes, plan, places, graph, batch, dropout, divisor, clip_norm, rate, last_weights, outcome }
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
        let Some((probability, key)) = self.dropout else { return x };
        let shape = [self.steps_of(site.side()), self.batch.sentences(), x.dim(-1)];
        let device = shard.device.clone();
        let (name, number) = site.name();
        let mask = shard.scratch.masks.entry(name).or_default().entry(number).or_insert_with(|| {
            let distribution = Distribution::Dropout { keep: 1.0 - probability };
            Tensor::random(distribution, site.key(key), shape, DType::F32, &device)
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
