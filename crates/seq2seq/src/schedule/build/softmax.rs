//! The softmax over a vocabulary that several devices hold, or over rows that several devices share.

use super::lstm::Forward;
use super::{Builder, Job, Memory, Side, Steps, Vocabulary, When, within};
use crate::schedule::work::{self, F32};

/// What the softmax made. Values are by piece of time, then by holder or part.
pub(super) struct Softmax {
    pieces: Vec<Steps>,
    /// Parts of the gradients of h, `[piece][part]`: one value for each holder.
    hidden: Vec<Vec<Vec<usize>>>,
    /// Logits that have become gradients, and the values that say so, `[piece][holder]`.
    logits: Vec<Vec<Vec<usize>>>,
    /// By holder: the last weight gradient so far.
    weights: Vec<Option<usize>>,
}

impl Softmax {
    /// The gradients of h at these steps.
    pub(super) fn gradients(&self, steps: Steps, part: usize) -> Vec<usize> {
        let pieces = self.pieces.iter().zip(&self.hidden).filter(|(piece, _)| piece.overlap(steps));
        pieces.flat_map(|(_, parts)| parts[part].iter().copied()).collect()
    }
}

impl Builder<'_> {
    /// At each piece of time: logits of all holders, then gradients, then, if they are not put off, the weights'.
    pub(super) fn softmax(&mut self, decoder: &Forward) -> Softmax {
        let pieces = Steps::cut(self.steps(Side::Decoder), self.plan.chunks.softmax);
        let mut made = Softmax {
            hidden: Vec::new(),
            logits: vec![vec![Vec::new(); self.holders.len()]; pieces.len()],
            weights: vec![None; self.holders.len()],
            pieces,
        };
        for piece in 0..made.pieces.len() {
            let holders = self.holders_of(piece);
            let gradients = (0..self.parts()).map(|part| self.softmax_part(decoder, &mut made, piece, part)).collect();
            made.hidden.push(gradients);
            if self.plan.softmax_weights == When::AtOnce {
                let steps = made.pieces[piece];
                holders.into_iter().for_each(|holder| self.softmax_weights(decoder, &mut made, holder, steps));
            }
        }
        made
    }

    /// Who works on a piece of time: every slice does, but only one of those who share the rows.
    fn holders_of(&self, piece: usize) -> Vec<usize> {
        match &self.plan.vocabulary {
            Vocabulary::Slices(_) => (0..self.holders.len()).collect(),
            Vocabulary::Rows(dealt) => {
                let device = dealt[piece % dealt.len()];
                self.holders.iter().position(|holder| holder.device == device).into_iter().collect()
            }
        }
    }

    /// Forward and backward; gives the parts of the gradient of h.
    fn softmax_part(&mut self, decoder: &Forward, made: &mut Softmax, piece: usize, part: usize) -> Vec<usize> {
        let steps = made.pieces[piece];
        let rows = self.part_rows() * steps.count() as u64;
        let top = decoder.hidden.last().expect("a model has a layer");
        let hidden = within(&decoder.pieces, top, steps, Some(part));
        let holders = self.holders_of(piece);
        let mut partials = Vec::new();
        for &holder in &holders {
            let (device, words) = (self.holders[holder].device, self.holders[holder].words as u64);
            let work = work::softmax_forward(self.sizes, words, rows);
            let task = self.task(Job::SoftmaxForward { holder, steps, part }, device, work, hidden.clone());
            let logits = self.output(task, Memory::Logits, rows * words * F32);
            made.logits[piece][holder].push(logits);
            // Maximum, sum of exponentials, the target's logit: every holder merges all of them by itself.
            partials.push(self.numbers(task, 3 * rows * self.holders[holder].slices as u64));
        }
        let mut gradients = Vec::new();
        for &holder in &holders {
            let device = self.holders[holder].device;
            let (words, slices) = (self.holders[holder].words as u64, self.holders[holder].slices as u64);
            let work = work::softmax_backward(self.sizes, words, rows, slices);
            let mut inputs = partials.clone();
            inputs.extend(made.logits[piece][holder].last());
            let task = self.task(Job::SoftmaxBackward { holder, steps, part }, device, work, inputs);
            gradients.push(self.numbers(task, rows * self.hidden() * slices));
            let done = self.done(task);
            made.logits[piece][holder].push(done);
        }
        gradients
    }

    fn softmax_weights(&mut self, decoder: &Forward, made: &mut Softmax, holder: usize, steps: Steps) {
        let logits: Vec<Vec<usize>> = made.logits.iter().map(|holders| holders[holder].clone()).collect();
        let mut inputs = within(&made.pieces, &logits, steps, None);
        if inputs.is_empty() {
            return; // others have these rows
        }
        // Of these steps, those that this holder has.
        let own = made.pieces.iter().zip(&logits).filter(|(piece, logits)| !logits.is_empty() && piece.overlap(steps));
        let own: Vec<Steps> = own.map(|(piece, _)| *piece).collect();
        let top = decoder.hidden.last().expect("a model has a layer");
        inputs.extend(own.iter().flat_map(|&piece| within(&decoder.pieces, top, piece, None)));
        inputs.extend(made.weights[holder]);
        let count = own.iter().map(|piece| piece.end.min(steps.end) - piece.first.max(steps.first)).sum::<usize>();
        let (words, together) = (self.holders[holder].words as u64, self.summed_together());
        let work = work::softmax_weight_gradient(self.sizes, words, count as u64, self.batch(), together);
        let device = self.holders[holder].device;
        let task = self.task(Job::SoftmaxWeights { holder, steps }, device, work, inputs);
        made.weights[holder] = Some(self.done(task));
    }

    /// The weight gradients that were put off; gives, for each holder, the value that says that its gradient is complete, if it has any.
    pub(super) fn softmax_done(&mut self, decoder: &Forward, made: &mut Softmax) -> Vec<Option<usize>> {
        if self.plan.softmax_weights == When::Deferred {
            for steps in Steps::cut(self.steps(Side::Decoder), self.plan.chunks.weights) {
                for holder in 0..self.holders.len() {
                    self.softmax_weights(decoder, made, holder, steps);
                }
            }
        }
        made.weights.clone()
    }
}
