//! Words, layers, and their gradients.

use unrolled_autograd::{Gradient, Rows, Var};
use unrolled_tensor::fused::{LstmArgs, LstmOutput, LstmOutputGradients, LstmWeightArgs};
use unrolled_tensor::{DType, Tensor};

use super::{Inputs, Site, Step};
use crate::executor::payload::{Payload, joined};
use crate::executor::shard::Shard;
use crate::schedule::{Group, Job, Side, Steps};

/// What a layer keeps of its forward pass: one payload, in this order.
struct Saved {
    input: Tensor,
    hidden_before: Tensor,
    cell_before: Tensor,
    output: LstmOutput,
}

impl Saved {
    fn payload(self) -> Payload {
        let Saved { input, hidden_before, cell_before, output } = self;
        let LstmOutput { sequence, hidden, cell, cells, gates } = output;
        Payload::of([input, hidden_before, cell_before, sequence, hidden, cell, cells, gates])
    }

    fn of(payload: Payload) -> Saved {
        let tensors: [Tensor; 8] = payload.tensors.try_into().expect("a forward pass saves eight tensors");
        let [input, hidden_before, cell_before, sequence, hidden, cell, cells, gates] = tensors;
        Saved { input, hidden_before, cell_before, output: LstmOutput { sequence, hidden, cell, cells, gates } }
    }
}

/// A layer, and which of its steps.
struct Layer {
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    /// Of the micro-batch's sentences.
    lengths: Tensor,
    start: usize,
}

impl Layer {
    /// The verb's arguments.
    fn args<'a>(&'a self, input: &'a Tensor, [hidden, cell]: [&'a Tensor; 2]) -> LstmArgs<'a> {
        let Layer { weight_ih, weight_hh, bias, lengths, start } = self;
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths: Some(lengths), start: *start }
    }
}

/// h and c, or their gradients.
fn pair(payload: Payload) -> [Tensor; 2] {
    payload.tensors.try_into().expect("a state is two tensors")
}

fn one(mut payload: Payload) -> Tensor {
    payload.tensors.swap_remove(0)
}

/// The pieces of a sequence, each with its place, as one: `[T, B, ·]`.
pub(super) fn assembled(pieces: Vec<(Steps, usize, Tensor)>) -> Tensor {
    let mut pieces = pieces;
    pieces.sort_by_key(|(steps, part, _)| (steps.first, *part));
    let rows: Vec<Tensor> = pieces
        .chunk_by(|a, b| a.0 == b.0)
        .map(|parts| joined(&parts.iter().map(|(.., x)| x.clone()).collect::<Vec<_>>(), 1))
        .collect();
    joined(&rows, 0)
}

/// The place of a job that is about some steps of a micro-batch.
pub(super) fn place(job: &Job) -> (Steps, usize) {
    match *job {
        Job::Embed { steps, part, .. }
        | Job::LstmForward { steps, part, .. }
        | Job::LstmBackward { steps, part, .. }
        | Job::SoftmaxForward { steps, part, .. }
        | Job::SoftmaxBackward { steps, part, .. } => (steps, part),
        _ => unreachable!("{job} is not about a micro-batch"),
    }
}

/// The first tensors of these payloads as one.
pub(super) fn whole(found: Vec<(Job, Payload)>) -> Tensor {
    let piece = |(job, payload): (Job, Payload)| {
        let (steps, part) = place(&job);
        (steps, part, one(payload))
    };
    assembled(found.into_iter().map(piece).collect())
}

fn is_below(side: Side, layer: usize) -> impl Fn(&Job, usize) -> bool {
    move |job, output| match *job {
        Job::Embed { side: at, .. } => layer == 0 && at == side,
        Job::LstmForward { side: at, layer: of, .. } => output == 0 && at == side && of + 1 == layer,
        _ => false,
    }
}

impl Step<'_> {
    pub(super) fn embed(&self, shard: &mut Shard, side: Side, steps: Steps, part: usize) -> Vec<Payload> {
        let rows = self.rows(part);
        let batch = shard.batch(self.batch);
        let ids = match side {
            Side::Encoder => &batch.source,
            Side::Decoder => &batch.target_input,
        };
        let ids = ids.narrow(0, steps.first, steps.count()).narrow(1, rows.start, rows.len()).flatten();
        let path = &self.places.paths(Group::Embedding(side))[0];
        // Looked up and then rounded, which are as many numbers as are needed.
        let words = shard.value(path).index_select(0, &ids).cast(self.recipe.dtype);
        let words = words.reshape([steps.count(), rows.len(), words.dim(1)]);
        vec![Payload::of([words])]
    }

    fn layer(&self, shard: &mut Shard, side: Side, layer: usize, steps: Steps, part: usize) -> Layer {
        let (rows, dtype) = (self.rows(part), self.recipe.dtype);
        let batch = shard.batch(self.batch);
        let lengths = match side {
            Side::Encoder => &batch.source_lengths,
            Side::Decoder => &batch.target_lengths,
        };
        let lengths = lengths.narrow(0, rows.start, rows.len());
        let mut paths = self.places.paths(Group::Lstm(side, layer)).into_iter();
        let mut next = || {
            let path = paths.next().expect("a layer has three parameters");
            shard.rounded(path.clone(), dtype, |shard| shard.value(&path).cast(dtype))
        };
        Layer { weight_ih: next(), weight_hh: next(), bias: next(), lengths, start: steps.first }
    }

    /// A parameter's gradient, from that of what was computed with in its place.
    pub(super) fn of_parameter(&self, gradient: Tensor) -> Gradient {
        Gradient::Dense(Var::constant(gradient.cast(DType::F32)))
    }

    pub(super) fn lstm_forward(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        side: Side,
        layer: usize,
        steps: Steps,
        part: usize,
    ) -> Vec<Payload> {
        let input = whole(inputs.take(is_below(side, layer)));
        let input = self.dropped(shard, Site::Below(side, layer), input, steps, part);
        let before = inputs.take(|job, output| matches!(job, Job::LstmForward { .. }) && output == 2).pop();
        let zeros = || Tensor::zeros([self.rows(part).len(), self.sizes.hidden], self.recipe.dtype, input.device());
        let [hidden_before, cell_before] = before.map_or_else(|| [zeros(), zeros()], |(_, state)| pair(state));
        let layer = self.layer(shard, side, layer, steps, part);
        let again = self.plan.micro_batches > 1 || steps.count() < self.steps_of(side);
        if again && self.recipe.dtype == DType::F32 {
            // They are used again within this step; the update drops what is kept.
            layer.weight_ih.keep_packed(1);
            layer.weight_hh.keep_packed(4);
        }
        let output = Tensor::lstm_sequence(&layer.args(&input, [&hidden_before, &cell_before]));
        let hidden = Payload::of([output.sequence.clone()]);
        let state = Payload::of([output.hidden.clone(), output.cell.clone()]);
        vec![hidden, Saved { input, hidden_before, cell_before, output }.payload(), state]
    }

    pub(super) fn lstm_backward(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        side: Side,
        layer: usize,
        steps: Steps,
        part: usize,
    ) -> Vec<Payload> {
        let above = inputs.take(|job, output| matches!(job, Job::LstmBackward { .. }) && output == 1).pop();
        let softmax = inputs.take(|job, _| matches!(job, Job::SoftmaxBackward { .. }));
        let arriving = match above {
            Some((_, above)) => Some(one(above)),
            None if softmax.is_empty() => None,
            None => {
                let sum = self.of_slices(softmax, steps, part);
                Some(self.dropped(shard, Site::Projection, sum, steps, part))
            }
        };
        let carried = inputs.take(|job, output| matches!(job, Job::LstmBackward { .. }) && output == 2).pop();
        let carried = carried.map(|(_, state)| pair(state));
        let (_, saved) = inputs.take(|job, _| matches!(job, Job::LstmForward { .. })).remove(0);
        let Saved { input, hidden_before, cell_before, output } = Saved::of(saved);
        let of_layer = self.layer(shard, side, layer, steps, part);
        let args = of_layer.args(&input, [&hidden_before, &cell_before]);
        let gradients = LstmOutputGradients {
            sequence: arriving.as_ref(),
            hidden: carried.as_ref().map(|state| &state[0]),
            cell: carried.as_ref().map(|state| &state[1]),
        };
        if self.recipe.dtype != DType::F32 {
            // Between the two halves of the verb short floats would be rounded.
            let made = Tensor::lstm_sequence_backward_last(&args, output, &gradients);
            let paths = self.places.paths(Group::Lstm(side, layer));
            for (path, gradient) in paths.into_iter().zip([made.weight_ih, made.weight_hh, made.bias]) {
                shard.add_gradient(path, self.of_parameter(gradient));
            }
            let below = self.dropped(shard, Site::Below(side, layer), made.input, steps, part);
            return vec![Payload::default(), Payload::of([below]), Payload::of([made.hidden, made.cell])];
        }
        let made = Tensor::lstm_sequence_backward_data(&args, output, &gradients);
        let below = self.dropped(shard, Site::Below(side, layer), made.input, steps, part);
        // The weights' gradients need h before the first step; nobody else has it there.
        let first = (steps.first == 0).then_some(hidden_before);
        let gates = Payload::of([made.sums].into_iter().chain(first));
        vec![gates, Payload::of([below]), Payload::of([made.hidden, made.cell])]
    }

    pub(super) fn lstm_weights(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        side: Side,
        layer: usize,
    ) -> Vec<Payload> {
        if self.recipe.dtype != DType::F32 {
            return vec![Payload::default()];
        }
        let gates = inputs.take(|job, _| matches!(job, Job::LstmBackward { .. }));
        let first = |(job, payload): &(Job, Payload)| Some((place(job).1, payload.tensors.get(1)?.clone()));
        let mut first: Vec<(usize, Tensor)> = gates.iter().filter_map(first).collect();
        first.sort_by_key(|(part, _)| *part);
        let hidden = joined(&first.into_iter().map(|(_, hidden)| hidden).collect::<Vec<_>>(), 0);
        let sums = whole(gates);
        let all = Steps { first: 0, end: self.steps_of(side) };
        let input = inputs.take(is_below(side, layer)).into_iter().map(|(job, payload)| {
            let (steps, part) = place(&job);
            (steps, part, self.dropped(shard, Site::Below(side, layer), one(payload), steps, part))
        });
        let input = assembled(input.collect());
        let sequence = whole(inputs.take(is_below(side, layer + 1)));
        debug_assert_eq!(sums.dim(0), all.count(), "the rows of all steps are added up together");
        let args = LstmWeightArgs { sums: &sums, input: &input, hidden: &hidden, sequence: &sequence };
        let made = Tensor::lstm_weight_gradients(&args);
        let paths = self.places.paths(Group::Lstm(side, layer));
        for (path, gradient) in paths.into_iter().zip([made.weight_ih, made.weight_hh, made.bias]) {
            shard.add_gradient(path, self.of_parameter(gradient));
        }
        vec![Payload::default()]
    }

    pub(super) fn embedding_weights(&self, shard: &mut Shard, inputs: &mut Inputs, side: Side) -> Vec<Payload> {
        let words = whole(inputs.take(|job, output| matches!(job, Job::LstmBackward { .. }) && output == 1));
        let words = words.reshape([words.dim(0) * words.dim(1), words.dim(2)]).cast(DType::F32);
        let batch = shard.batch(self.batch);
        let ids = match side {
            Side::Encoder => batch.source.flatten(),
            Side::Decoder => batch.target_input.flatten(),
        };
        let (index, values) = words.coalesce(&ids);
        let path = self.places.paths(Group::Embedding(side)).remove(0);
        let table = shard.value(&path);
        let shape = [table.dim(0), table.dim(1)];
        shard.add_gradient(path, Gradient::Rows(Rows { index, values, shape }.into()));
        vec![Payload::default()]
    }
}
