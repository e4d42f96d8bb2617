//! From a plan to its graph: each pass of a training step adds its tasks, in program order.

mod lstm;
mod softmax;
mod update;

use super::graph::{Graph, Memory, Resident, Task, Value};
use super::work::{F32, Work};
use super::{Group, Job, Lengths, Plan, Side, Steps, Sums, Vocabulary, When};
use crate::model::Sizes;
use unrolled_tensor::SUM_BLOCK;

/// The graph of a plan that fits, to its end or to where the gradients are there.
pub(super) fn graph(sizes: &Sizes, lengths: &Lengths, plan: &Plan, update: bool) -> Graph {
    let mut builder = Builder::new(sizes, lengths, plan);
    let encoder = builder.forward(Side::Encoder, None);
    let decoder = builder.forward(Side::Decoder, Some(&encoder));
    let mut softmax = builder.softmax(&decoder);
    let mut decoder_back = builder.backward(&decoder, Some(&softmax), None);
    let mut encoder_back = builder.backward(&encoder, None, Some(&decoder_back));
    let projection = builder.softmax_done(&decoder, &mut softmax);
    let mut lstm = builder.lstm_done(&decoder, &mut decoder_back);
    lstm.extend(builder.lstm_done(&encoder, &mut encoder_back));
    let passes = [(&encoder, &encoder_back), (&decoder, &decoder_back)];
    let embeddings = passes.map(|(forward, backward)| builder.embedding_done(forward, backward));
    let gradients = builder.gradients(projection, lstm, embeddings);
    if update {
        builder.update(&gradients);
    }
    builder.finish()
}

/// A graph that is being built.
struct Builder<'a> {
    sizes: &'a Sizes,
    lengths: &'a Lengths,
    plan: &'a Plan,
    holders: Vec<Holder>,
    tasks: Vec<Task>,
    values: Vec<Value>,
    residents: Vec<Resident>,
}

/// A device that computes part of the softmax.
struct Holder {
    device: usize,
    words: usize,
    /// Into how many slices its words are cut: each has its own part of the gradient of h.
    slices: usize,
}

impl Holder {
    fn all(plan: &Plan, sizes: &Sizes) -> Vec<Holder> {
        let holder = |device: usize| match &plan.vocabulary {
            Vocabulary::Rows(_) => Holder { device, words: sizes.target_words, slices: 1 },
            Vocabulary::Slices(slices) => {
                let own = || slices.iter().filter(|slice| slice.device == device);
                Holder { device, words: own().map(|slice| slice.words).sum(), slices: own().count() }
            }
        };
        plan.softmax_devices().into_iter().map(holder).collect()
    }
}

impl<'a> Builder<'a> {
    fn new(sizes: &'a Sizes, lengths: &'a Lengths, plan: &'a Plan) -> Builder<'a> {
        let holders = Holder::all(plan, sizes);
        Builder { sizes, lengths, plan, holders, tasks: Vec::new(), values: Vec::new(), residents: Vec::new() }
    }

    /// Adds a task; gives its index.
    fn task(&mut self, job: Job, device: usize, work: Work, mut inputs: Vec<usize>) -> usize {
        let task = self.tasks.len();
        inputs.sort_unstable();
        inputs.dedup();
        for &value in &inputs {
            self.values[value].consumers.push(task);
        }
        self.tasks.push(Task { job, device, work, inputs, outputs: Vec::new() });
        task
    }

    /// Adds an output to a task; gives the value's index.
    fn output(&mut self, task: usize, memory: Memory, bytes: u64) -> usize {
        let value = self.values.len();
        self.values.push(Value { bytes, memory, producer: task, consumers: Vec::new() });
        self.tasks[task].outputs.push(value);
        value
    }

    /// An output of so many numbers in f32, kept for the backward pass or passed on.
    fn numbers(&mut self, task: usize, numbers: u64) -> usize {
        self.output(task, Memory::Activations, numbers * F32)
    }

    /// An output that only says that the task is done.
    fn done(&mut self, task: usize) -> usize {
        self.output(task, Memory::Activations, 0)
    }

    fn resident(&mut self, group: Group, device: usize, memory: Memory, numbers: u64) {
        self.residents.push(Resident { group, device, memory, bytes: numbers * F32 });
    }

    fn parts(&self) -> usize {
        self.plan.micro_batches
    }

    /// Sentences in a micro-batch.
    fn part_rows(&self) -> u64 {
        (self.lengths.sentences() / self.parts()) as u64
    }

    /// Steps whose rows make one product of a weight gradient.
    fn summed_together(&self) -> u64 {
        match self.plan.sums {
            Sums::BySteps => self.plan.steps_summed_together as u64,
            Sums::ByRows => (SUM_BLOCK as u64 / self.batch().max(1)).max(1),
        }
    }

    fn batch(&self) -> u64 {
        self.lengths.sentences() as u64
    }

    fn hidden(&self) -> u64 {
        self.sizes.hidden as u64
    }

    fn steps(&self, side: Side) -> usize {
        match side {
            Side::Encoder => self.lengths.source_steps(),
            Side::Decoder => self.lengths.target_steps(),
        }
    }

    fn finish(self) -> Graph {
        Graph {
            devices: self.plan.devices(),
            order: self.plan.order,
            tasks: self.tasks,
            values: self.values,
            residents: self.residents,
            words: self.lengths.words(),
        }
    }
}

/// The values of those pieces that have a step in common with `steps`, of every part or of one.
fn within(pieces: &[Steps], values: &[Vec<usize>], steps: Steps, part: Option<usize>) -> Vec<usize> {
    let rows = pieces.iter().zip(values).filter(|(piece, _)| piece.overlap(steps));
    rows.flat_map(|(_, parts)| match part {
        Some(part) => &parts[part..=part],
        None => &parts[..],
    })
    .copied()
    .collect()
}
