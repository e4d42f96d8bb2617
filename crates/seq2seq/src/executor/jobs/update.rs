//! The end of a step: norm, clip, update.

use std::collections::BTreeMap;

use unrolled_autograd::Gradient;
use unrolled_nn::clip_factor;
use unrolled_tensor::Tensor;

use super::{Inputs, Outcome, Step};
use crate::executor::payload::Payload;
use crate::executor::places::sliced;
use crate::executor::shard::Shard;
use crate::schedule::{Group, Job};

impl Step<'_> {
    /// A sum of squares for each parameter of a group; of the projection the loss too.
    pub(super) fn norm(&self, shard: &mut Shard, group: Group) -> Vec<Payload> {
        let squares = |path: String| match &shard.gradients[&path] {
            Gradient::Dense(gradient) => gradient.tensor().sum_squares(.., false),
            Gradient::Rows(rows) => rows.values.sum_squares(.., false),
        };
        // All are asked for before the first is read: a device is waited for once.
        let squares: Vec<Tensor> = self.places.paths(group).into_iter().map(squares).collect();
        let mut losses = Vec::new();
        if let Group::Projection(_) = group {
            losses = std::mem::take(&mut shard.scratch.losses);
            losses.extend(self.losses(shard));
        }
        let number = |x: &Tensor| x.to_f64_vec()[0];
        let mut numbers: Vec<f64> = squares.iter().map(number).collect();
        if let Group::Projection(_) = group {
            numbers.push(losses.iter().map(number).fold(0.0, |sum, loss| sum + loss));
        }
        vec![Payload::numbers(numbers)]
    }

    /// What the gradients are multiplied by, from all sums of squares in the order of the model's parameters; and whether they shall be used.
    pub(super) fn clip(&self, inputs: &mut Inputs) -> Vec<Payload> {
        let mut squares: BTreeMap<String, f64> = BTreeMap::new();
        let mut loss = 0.0;
        for (job, payload) in inputs.take(|_, _| true) {
            let Job::Norm { group } = job else { unreachable!("{job} has no norm") };
            let paths = self.places.paths(group);
            loss += payload.numbers.get(paths.len()).copied().unwrap_or(0.0);
            squares.extend(paths.into_iter().zip(payload.numbers));
        }
        let sum = self.places.all_paths().iter().map(|path| squares[path]).fold(0.0, |sum, square| sum + square);
        let norm = sum.sqrt() / self.recipe.left();
        let factor = clip_factor(norm, self.recipe.clip_norm);
        // A scaled loss may be infinite where its gradients are not.
        let taken = norm.is_finite() && (loss.is_finite() || self.recipe.loss_scale.is_some());
        self.outcome.set(Outcome { loss, norm, taken }).expect("a step has one clip");
        vec![Payload::numbers(vec![factor / self.recipe.left(), f64::from(u8::from(taken))])]
    }

    pub(super) fn update(&self, shard: &mut Shard, inputs: &mut Inputs, group: Group) -> Vec<Payload> {
        let (_, clip) = inputs.take(|job, _| matches!(job, Job::Clip)).remove(0);
        if clip.numbers[1] == 1.0 {
            if !std::mem::replace(&mut shard.scratch.counted, true) {
                shard.optimiser.begin_step();
            }
            for path in self.places.paths(group) {
                let gradient = shard.gradients.remove(&path).expect("a gradient is made before it is used");
                let parameter = shard.parameters.get_mut(&path).expect("a parameter is where its gradient is");
                shard.optimiser.change(&path, parameter, gradient, self.recipe.rate, clip.numbers[0]);
            }
        }
        match group {
            Group::Projection(holder) if self.places.whole => {
                let value = |name| shard.value(&sliced(holder, name)).copy();
                vec![Payload::of(["weight", "bias"].map(value))]
            }
            _ => vec![Payload::default()],
        }
    }
}
