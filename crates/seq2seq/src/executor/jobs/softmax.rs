//! The softmax, each device its slices of the vocabulary, or its share of the steps.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use unrolled_tensor::fused::{
    CrossEntropyArgs, CrossEntropyPartials, KeptLogits, KeptRows, MergedPartials, merge_partials,
};
use unrolled_tensor::{DType, SUM_BLOCK, Tensor};

use super::lstm::{assembled, place, whole};
use super::{Inputs, Site, Step};
use crate::executor::payload::{Payload, joined};
use crate::executor::places::sliced;
use crate::executor::shard::Shard;
use crate::schedule::{Job, Steps};

/// Losses of rows, `[steps, rows of the part]`.
pub(super) type Losses = Vec<(Steps, usize, Tensor)>;

/// Rows whose logits' gradients wait to be added to the weight's: they are added in whole blocks, so that it does not show in which pieces they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pieces: BTreeMap<(usize, usize), Piece>,
    /// Step and sentence, in order.
    rows: VecDeque<(usize, usize)>,
    /// Weight and bias of each slice, so far.
    sums: Vec<Option<(Tensor, Tensor)>>,
}

#[derive(Clone, Debug)]
struct Piece {
    steps: Steps,
    rows: Range<usize>,
    hidden: Tensor,
    kept: Arc<Mutex<Vec<KeptLogits>>>,
}

impl Piece {
    fn has(&self, (step, row): (usize, usize)) -> bool {
        (self.steps.first..self.steps.end).contains(&step) && self.rows.contains(&row)
    }

    fn row(&self, (step, row): (usize, usize)) -> u32 {
        ((step - self.steps.first) * self.rows.len() + row - self.rows.start) as u32
    }
}

/// Weight and bias of some words, and the word that they begin with.
struct Words {
    weight: Tensor,
    bias: Tensor,
    offset: usize,
}

/// The targets of some rows, flat.
struct Targets {
    targets: Tensor,
    row_weights: Tensor,
}

fn args<'a>(hidden: &'a Tensor, words: &'a Words, rows: &'a Targets) -> CrossEntropyArgs<'a> {
    CrossEntropyArgs {
        hidden,
        weight: &words.weight,
        bias: &words.bias,
        targets: &rows.targets,
        row_weights: &rows.row_weights,
        offset: words.offset,
    }
}

impl Step<'_> {
    /// What a holder computes with: its slices, or everything.
    fn words(&self, shard: &mut Shard, holder: usize) -> Vec<Words> {
        let dtype = self.recipe.dtype;
        let rounded = |x: &Tensor| x.cast(dtype).cast(DType::F32);
        if shard.whole.is_some() {
            let [weight, bias] = ["weight", "bias"]
                .into_iter()
                .enumerate()
                .map(|(i, name)| {
                    shard.rounded(name.to_owned(), dtype, |shard| rounded(&shard.whole.as_ref().expect("just seen")[i]))
                })
                .collect::<Vec<_>>()
                .try_into()
                .expect("weight and bias");
            return vec![Words { weight, bias, offset: 0 }];
        }
        let words = |slice: usize| {
            let mut part = |name| {
                let path = sliced(slice, name);
                shard.rounded(path.clone(), dtype, |shard| rounded(shard.value(&path)))
            };
            Words { weight: part("weight"), bias: part("bias"), offset: self.places.slices[slice].words.start }
        };
        self.places.slices_of(holder).into_iter().map(words).collect()
    }

    /// A gradient that the softmax has made, as that of the loss by which the step goes, in the step's dtype.
    fn of_loss(&self, gradient: Tensor) -> Tensor {
        let gradient = match self.recipe.loss_scale {
            None => gradient,
            Some(scale) => {
                let scale = Tensor::full([], scale, DType::F32, gradient.device());
                gradient.mul(&scale.affine(1.0 / self.recipe.divisor, 0.0))
            }
        };
        gradient.cast(self.recipe.dtype)
    }

    /// The number of each slice that a holder computes, in the order of its outputs.
    fn computed(&self, holder: usize) -> Vec<usize> {
        if self.places.whole { vec![0] } else { self.places.slices_of(holder) }
    }

    fn targets(&self, shard: &mut Shard, steps: Steps, part: usize) -> Targets {
        let (rows, shape) = (self.rows(part), [self.batch.target_steps, self.batch.sentences()]);
        let batch = shard.batch(self.batch);
        let part = |x: &Tensor| {
            let x = x.reshape(shape).narrow(0, steps.first, steps.count()).narrow(1, rows.start, rows.len());
            x.flatten().contiguous()
        };
        Targets { targets: part(&batch.target_output), row_weights: part(&batch.row_weights) }
    }

    pub(super) fn softmax_forward(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        holder: usize,
        steps: Steps,
        part: usize,
    ) -> Vec<Payload> {
        let found = inputs.take(|job, _| matches!(job, Job::LstmForward { .. }));
        let first = found.iter().map(|(job, _)| place(job).0.first).min().expect("a softmax has rows");
        let hidden = whole(found).narrow(0, steps.first - first, steps.count());
        let hidden = self.dropped(shard, Site::Projection, hidden, steps, part);
        let hidden = hidden.reshape([steps.count() * self.rows(part).len(), self.sizes.hidden]).contiguous();
        let hidden = hidden.cast(DType::F32);
        let rows = self.targets(shard, steps, part);
        let words = self.words(shard, holder);
        let begun = words.iter().map(|words| Tensor::linear_cross_entropy_begin(&args(&hidden, words, &rows)));
        let (partials, kept): (Vec<_>, Vec<_>) = begun.unzip();
        let partials = partials.into_iter().flat_map(|CrossEntropyPartials { max, sum, target }| [max, sum, target]);
        let kept = Some(Arc::new(Mutex::new(kept)));
        vec![Payload { kept, ..Payload::of([hidden]) }, Payload::of(partials)]
    }

    /// All slices' partials, merged in the vocabulary's order.
    fn merged(&self, inputs: &mut Inputs) -> MergedPartials {
        let mut by_slice: BTreeMap<usize, CrossEntropyPartials> = BTreeMap::new();
        for (job, payload) in inputs.take(|_, output| output == 1) {
            let Job::SoftmaxForward { holder, .. } = job else { unreachable!("{job} makes no partials") };
            for (slice, part) in self.computed(holder).into_iter().zip(payload.tensors.chunks_exact(3)) {
                let [max, sum, target] = [0, 1, 2].map(|i| part[i].clone());
                by_slice.insert(slice, CrossEntropyPartials { max, sum, target });
            }
        }
        merge_partials(&by_slice.into_values().collect::<Vec<_>>())
    }

    pub(super) fn softmax_backward(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        holder: usize,
        steps: Steps,
        part: usize,
    ) -> Vec<Payload> {
        let merged = self.merged(inputs);
        let (_, logits) = inputs.take(|job, output| matches!(job, Job::SoftmaxForward { .. }) && output == 0).remove(0);
        let rows = self.targets(shard, steps, part);
        // One of those who know them says the losses.
        if self.places.whole || holder == 0 {
            let shape = [steps.count(), self.rows(part).len()];
            shard.scratch.part.losses.push((steps, part, merged.losses(&rows.row_weights).reshape(shape)));
        }
        let (hidden, kept) = (&logits.tensors[0], logits.kept.expect("a forward pass keeps its logits"));
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let words = self.words(shard, holder);
        let made = words
            .iter()
            .zip(std::mem::take(&mut *kept))
            .map(|(words, kept)| Tensor::linear_cross_entropy_hidden(&args(hidden, words, &rows), kept, &merged));
        let (gradients, done): (Vec<Tensor>, Vec<KeptLogits>) = made.unzip();
        *kept = done;
        let shape = [steps.count(), self.rows(part).len(), self.sizes.hidden];
        vec![Payload::of(gradients.into_iter().map(|gradient| gradient.reshape(shape))), Payload::default()]
    }

    /// The gradient of h at these steps, `[steps, rows, H]`: the slices' parts added in the vocabulary's order.
    pub(super) fn of_slices(&self, found: Vec<(Job, Payload)>, steps: Steps, part: usize) -> Tensor {
        let mut pieces: BTreeMap<usize, (Steps, BTreeMap<usize, Tensor>)> = BTreeMap::new();
        for (job, payload) in found {
            let Job::SoftmaxBackward { holder, steps: of, .. } = job else { unreachable!("{job} is no softmax") };
            let both = Steps { first: of.first.max(steps.first), end: of.end.min(steps.end) };
            let piece = &mut pieces.entry(both.first).or_insert_with(|| (both, BTreeMap::new())).1;
            for (slice, gradient) in self.computed(holder).into_iter().zip(payload.tensors) {
                piece.insert(slice, gradient.narrow(0, both.first - of.first, both.count()));
            }
        }
        let sum = |(steps, slices): (Steps, BTreeMap<usize, Tensor>)| {
            let mut slices = slices.into_values();
            let mut sum = slices.next().expect("there is a slice");
            slices.for_each(|slice| sum.accumulate(&slice, 1.0));
            (steps, part, sum)
        };
        self.of_loss(assembled(pieces.into_values().map(sum).collect()))
    }

    pub(super) fn softmax_weights(
        &self,
        shard: &mut Shard,
        inputs: &mut Inputs,
        task: usize,
        holder: usize,
        steps: Steps,
    ) -> Vec<Payload> {
        let mut waiting = std::mem::take(&mut shard.scratch.part.waiting);
        for (job, payload) in inputs.take(|job, output| matches!(job, Job::SoftmaxForward { .. }) && output == 0) {
            let (of, part) = place(&job);
            let kept = payload.kept.expect("a forward pass keeps its logits");
            let (hidden, rows) = (payload.tensors[0].clone(), self.rows(part));
            waiting.pieces.insert((of.first, part), Piece { steps: of, rows, hidden, kept });
        }
        let counts = |(step, row): &(usize, usize)| *step < self.batch.target_lengths[*row] as usize;
        let own = |row: &(usize, usize)| waiting.pieces.values().any(|piece| piece.has(*row));
        let all = (steps.first..steps.end).flat_map(|step| (0..self.batch.sentences()).map(move |row| (step, row)));
        let rows: Vec<(usize, usize)> = all.filter(counts).filter(own).collect();
        waiting.rows.extend(rows);
        let last = self.last_weights[holder] == Some(task);
        let count = if last { waiting.rows.len() } else { waiting.rows.len() / SUM_BLOCK * SUM_BLOCK };
        waiting.sums.resize(self.computed(holder).len(), None);
        if count > 0 || last {
            waiting.add(count);
        }
        let mut outputs = vec![Payload::default()];
        if last {
            outputs.extend(self.finished(shard, &mut waiting, holder));
        }
        shard.scratch.part.waiting = waiting;
        outputs
    }

    /// The complete gradients to where the update looks for them; or, where others have a part of them too, cut up into each holder's share.
    fn finished(&self, shard: &mut Shard, waiting: &mut Waiting, holder: usize) -> Vec<Payload> {
        waiting.pieces.clear();
        let sums = std::mem::take(&mut waiting.sums).into_iter().map(|sum| sum.expect("the last rows were added"));
        if self.places.whole {
            let (weight, bias) = sums.last().expect("a holder has the whole vocabulary");
            let share = |at: &crate::executor::places::SliceAt| {
                Payload::of([&weight, &bias].map(|x| x.narrow(0, at.words.start, at.words.len())))
            };
            return self.places.slices.iter().map(share).collect();
        }
        for (slice, (weight, bias)) in self.places.slices_of(holder).into_iter().zip(sums) {
            for (name, gradient) in [("weight", weight), ("bias", bias)] {
                shard.add_gradient(sliced(slice, name), self.of_parameter(self.of_loss(gradient)));
            }
        }
        Vec::new()
    }

    /// Adds up a share, in the holders' order.
    pub(super) fn reduce(&self, shard: &mut Shard, inputs: &mut Inputs, holder: usize) -> Vec<Payload> {
        let mut shares = inputs.take(|_, _| true);
        shares.sort_by_key(|(job, _)| match job {
            Job::SoftmaxWeights { holder, .. } => *holder,
            _ => unreachable!("{job} has no share"),
        });
        for (i, name) in ["weight", "bias"].into_iter().enumerate() {
            let mut parts = shares.iter().map(|(_, payload)| &payload.tensors[i]);
            let mut sum = parts.next().expect("somebody had rows").clone();
            parts.for_each(|part| sum.accumulate(part, 1.0));
            shard.add_gradient(sliced(holder, name), self.of_parameter(self.of_loss(sum)));
        }
        vec![Payload::default()]
    }

    /// The losses of a device's rows of this part, added up, if it has any.
    pub(super) fn losses(&self, shard: &mut Shard) -> Option<Tensor> {
        let losses = std::mem::take(&mut shard.scratch.part.losses);
        (!losses.is_empty()).then(|| assembled(losses).flatten().sum(.., false))
    }

    /// Puts the updated shares of the whole projection together.
    pub(super) fn gather(&self, shard: &mut Shard, inputs: &mut Inputs) -> Vec<Payload> {
        let shares = inputs.take(|_, _| true);
        let part = |i: usize| joined(&shares.iter().map(|(_, share)| share.tensors[i].clone()).collect::<Vec<_>>(), 0);
        shard.whole = Some([part(0), part(1)]);
        Vec::new()
    }
}

impl Waiting {
    /// Adds the first `count` rows to the sums, and lets go of what is done.
    fn add(&mut self, count: usize) {
        let rows: Vec<(usize, usize)> = self.rows.drain(..count).collect();
        let pieces: Vec<Piece> = self.pieces.values().cloned().collect();
        let find = |&row: &(usize, usize)| {
            let piece = pieces.iter().position(|piece| piece.has(row)).expect("only rows of pieces wait");
            (piece as u32, pieces[piece].row(row))
        };
        let rows: Vec<(u32, u32)> = rows.iter().map(find).collect();
        let kept: Vec<_> =
            pieces.iter().map(|piece| piece.kept.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        for (slice, sum) in self.sums.iter_mut().enumerate() {
            let parts: Vec<KeptRows<'_>> = pieces
                .iter()
                .zip(&kept)
                .map(|(piece, kept)| KeptRows { kept: &kept[slice], hidden: &piece.hidden })
                .collect();
            *sum = Some(Tensor::linear_cross_entropy_weights(&parts, &rows, sum.take()));
        }
        // A piece whose rows are all before the next one that waits is done; where none waits, what others bring later is another piece.
        let next = self.rows.front().copied();
        self.pieces.retain(|_, piece| next.is_some_and(|(step, _)| piece.steps.end > step));
    }
}
