//! The LSTM's passes: a wavefront over layers and time.

use super::softmax::Softmax;
use super::{Builder, Job, Memory, Side, Steps, Sums, When, within};
use crate::schedule::work;

/// What a side's forward pass made. Values are by layer, piece of time and part of the batch.
pub(super) struct Forward {
    pub(super) side: Side,
    pub(super) pieces: Vec<Steps>,
    pub(super) embedded: Vec<Vec<usize>>,
    pub(super) hidden: Vec<Vec<Vec<usize>>>,
    /// Gates and cells, for the backward pass.
    saved: Vec<Vec<Vec<usize>>>,
    /// By layer and part: h and c after the last step.
    last: Vec<Vec<usize>>,
}

/// What a side's backward pass made.
pub(super) struct Backward {
    /// The gates' gradients, by layer, piece and part.
    gates: Vec<Vec<Vec<usize>>>,
    /// The embedded words' gradients, by piece and part.
    embedded: Vec<Vec<usize>>,
    /// By layer and part: gradient of h and c before the first step.
    first: Vec<Vec<usize>>,
    /// By layer: the last weight gradient so far.
    weights: Vec<Option<usize>>,
}

impl Builder<'_> {
    /// Time runs outside, layers inside: so each layer's output is passed on as soon as it is there.
    pub(super) fn forward(&mut self, side: Side, start: Option<&Forward>) -> Forward {
        let layers = self.sizes.layers;
        let mut made = Forward {
            side,
            pieces: Steps::cut(self.steps(side), self.plan.chunks.lstm),
            embedded: Vec::new(),
            hidden: vec![Vec::new(); layers],
            saved: vec![Vec::new(); layers],
            last: start.map_or(vec![Vec::new(); layers], |start| start.last.clone()),
        };
        for steps in made.pieces.clone() {
            let embedded: Vec<usize> = (0..self.parts()).map(|part| self.embed(side, steps, part)).collect();
            made.embedded.push(embedded.clone());
            for layer in 0..layers {
                made.hidden[layer].push(Vec::new());
                made.saved[layer].push(Vec::new());
            }
            for (part, &embedded) in embedded.iter().enumerate() {
                let mut below = embedded;
                for layer in 0..layers {
                    below = self.layer_forward(&mut made, layer, steps, part, below);
                }
            }
        }
        made
    }

    fn embed(&mut self, side: Side, steps: Steps, part: usize) -> usize {
        let rows = self.part_rows() * steps.count() as u64;
        let work = work::embed(self.sizes, rows);
        let task = self.task(Job::Embed { side, steps, part }, self.plan.embedding(side), work, Vec::new());
        self.numbers(task, rows * self.sizes.embedding as u64)
    }

    fn layer_forward(&mut self, made: &mut Forward, layer: usize, steps: Steps, part: usize, below: usize) -> usize {
        let (side, device) = (made.side, self.plan.layers(made.side)[layer]);
        let (count, rows) = (steps.count() as u64, self.part_rows());
        let mut inputs = vec![below];
        inputs.extend(made.last[layer].get(part));
        let work = work::lstm_forward(self.sizes, layer, count, rows);
        let task = self.task(Job::LstmForward { side, layer, steps, part }, device, work, inputs);
        let numbers = rows * self.hidden();
        let hidden = self.numbers(task, count * numbers);
        let saved = self.numbers(task, count * 5 * numbers);
        let state = self.numbers(task, 2 * numbers);
        made.hidden[layer].last_mut().expect("a piece was begun").push(hidden);
        made.saved[layer].last_mut().expect("a piece was begun").push(saved);
        match made.last[layer].get_mut(part) {
            Some(last) => *last = state,
            None => made.last[layer].push(state),
        }
        hidden
    }

    /// `after` is the decoder's pass, whose gradients of its initial state are those of the encoder's last.
    pub(super) fn backward(
        &mut self,
        forward: &Forward,
        softmax: Option<&Softmax>,
        after: Option<&Backward>,
    ) -> Backward {
        let (layers, parts) = (self.sizes.layers, self.parts());
        let shape = || vec![vec![0; parts]; forward.pieces.len()];
        let mut made = Backward {
            gates: vec![shape(); layers],
            embedded: shape(),
            first: after.map_or(vec![Vec::new(); layers], |after| after.first.clone()),
            weights: vec![None; layers],
        };
        for piece in (0..forward.pieces.len()).rev() {
            let steps = forward.pieces[piece];
            for part in 0..parts {
                let mut above = softmax.map_or(Vec::new(), |softmax| softmax.gradients(steps, part));
                for layer in (0..layers).rev() {
                    above = vec![self.layer_backward(forward, &mut made, layer, piece, part, above)];
                }
                made.embedded[piece][part] = above[0];
            }
            if (self.plan.lstm_weights, self.plan.sums) == (When::AtOnce, Sums::BySteps) {
                for layer in (0..layers).rev() {
                    self.layer_weights(forward, &mut made, layer, steps);
                }
            }
        }
        if (self.plan.lstm_weights, self.plan.sums) == (When::AtOnce, Sums::ByRows) {
            let all = Steps { first: 0, end: self.steps(forward.side) };
            (0..layers).rev().for_each(|layer| self.layer_weights(forward, &mut made, layer, all));
        }
        made
    }

    fn layer_backward(
        &mut self,
        forward: &Forward,
        made: &mut Backward,
        layer: usize,
        piece: usize,
        part: usize,
        above: Vec<usize>,
    ) -> usize {
        let (side, steps) = (forward.side, forward.pieces[piece]);
        let (count, rows, hidden) = (steps.count() as u64, self.part_rows(), self.hidden());
        let step_bytes = rows * hidden * work::F32;
        // Each slice of the vocabulary sends its own part, and they are added up here, in the slices' order.
        let incoming = above.iter().map(|&value| self.values[value].bytes).sum::<u64>() / (step_bytes * count);
        let work = work::lstm_backward(self.sizes, layer, count, rows, incoming);
        let mut inputs = above;
        inputs.push(forward.saved[layer][piece][part]);
        inputs.extend(made.first[layer].get(part));
        let device = self.plan.layers(side)[layer];
        let task = self.task(Job::LstmBackward { side, layer, steps, part }, device, work, inputs);
        made.gates[layer][piece][part] = self.numbers(task, count * 4 * rows * hidden);
        let below = self.numbers(task, count * rows * work::inputs(self.sizes, layer));
        let state = self.numbers(task, 2 * rows * hidden);
        match made.first[layer].get_mut(part) {
            Some(first) => *first = state,
            None => made.first[layer].push(state),
        }
        below
    }

    fn layer_weights(&mut self, forward: &Forward, made: &mut Backward, layer: usize, steps: Steps) {
        let below = if layer == 0 { &forward.embedded } else { &forward.hidden[layer - 1] };
        let before = Steps { first: steps.first.saturating_sub(1), end: steps.end };
        let mut inputs = within(&forward.pieces, &made.gates[layer], steps, None);
        inputs.extend(within(&forward.pieces, below, steps, None));
        inputs.extend(within(&forward.pieces, &forward.hidden[layer], before, None));
        // Sums are added in a fixed order.
        inputs.extend(made.weights[layer]);
        let together = self.summed_together();
        let work = work::lstm_weight_gradient(self.sizes, layer, steps.count() as u64, self.batch(), together);
        let device = self.plan.layers(forward.side)[layer];
        let task = self.task(Job::LstmWeights { side: forward.side, layer, steps }, device, work, inputs);
        made.weights[layer] = Some(self.done(task));
    }

    /// The weight gradients that were put off; gives, for each layer, the value that says that its gradient is complete.
    pub(super) fn lstm_done(&mut self, forward: &Forward, backward: &mut Backward) -> Vec<(Side, usize, usize)> {
        let layers = self.sizes.layers;
        if self.plan.lstm_weights == When::Deferred {
            let all = self.steps(forward.side);
            // What is added up row by row from the first step on cannot begin before the last piece is there: nothing is gained by cutting.
            let chunk = if self.plan.sums == Sums::ByRows { all } else { self.plan.chunks.weights };
            for steps in Steps::cut(all, chunk).into_iter().rev() {
                for layer in (0..layers).rev() {
                    self.layer_weights(forward, backward, layer, steps);
                }
            }
        }
        let done = |layer: usize| backward.weights[layer].expect("every step's gradient was added");
        (0..layers).map(|layer| (forward.side, layer, done(layer))).collect()
    }

    /// The gradient of a side's embedding: the value, and how many numbers it has.
    pub(super) fn embedding_done(&mut self, forward: &Forward, backward: &Backward) -> (Side, usize, u64) {
        let side = forward.side;
        let words = match side {
            Side::Encoder => self.sizes.source_words,
            Side::Decoder => self.sizes.target_words,
        };
        let (width, cells) = (self.sizes.embedding as u64, self.batch() * self.steps(side) as u64);
        let numbers = cells.min(words as u64) * width;
        let inputs = backward.embedded.concat();
        let work = work::elementwise(2 * cells * width + numbers);
        let task = self.task(Job::EmbeddingWeights { side }, self.plan.embedding(side), work, inputs);
        (side, self.output(task, Memory::Gradients, numbers * work::F32), numbers)
    }
}
