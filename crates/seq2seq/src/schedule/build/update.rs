//! The end of a step: the global norm, which every device waits for, the clip, and the optimiser.

use super::{Builder, Group, Job, Memory, Side, Vocabulary};
use crate::schedule::work::{self, F32, Work};

/// Bytes of a sum of squares, in f64.
const NORM: u64 = 8;

/// A gradient that is complete.
pub(super) struct Gradient {
    group: Group,
    device: usize,
    /// The value that says so, or holds it.
    ready: usize,
    /// Its numbers, each with a parameter to update.
    numbers: u64,
    /// Parts of the model that each have a sum of squares of their own.
    norms: u64,
}

impl Builder<'_> {
    /// All gradients, complete.
    pub(super) fn gradients(
        &mut self,
        projection: Vec<Option<usize>>,
        lstm: Vec<(Side, usize, usize)>,
        embeddings: [(Side, usize, u64); 2],
    ) -> Vec<Gradient> {
        let mut gradients: Vec<Gradient> = embeddings.into_iter().map(|found| self.embedding_gradient(found)).collect();
        gradients.extend(lstm.into_iter().map(|found| self.lstm_gradient(found)));
        gradients.extend(match self.plan.vocabulary {
            Vocabulary::Slices(_) => self.slice_gradients(&projection),
            Vocabulary::Rows(_) => self.shared_gradients(&projection),
        });
        gradients
    }

    /// Norm, clip and optimiser.
    pub(super) fn update(&mut self, gradients: &[Gradient]) {
        let clip = self.clip(gradients);
        let updated: Vec<usize> = gradients.iter().map(|gradient| self.step(gradient, clip)).collect();
        if let Vocabulary::Rows(_) = self.plan.vocabulary {
            self.gather(gradients, &updated);
        }
    }

    fn embedding_gradient(&mut self, (side, ready, numbers): (Side, usize, u64)) -> Gradient {
        let (group, device) = (Group::Embedding(side), self.plan.embedding(side));
        let words = match side {
            Side::Encoder => self.sizes.source_words,
            Side::Decoder => self.sizes.target_words,
        };
        self.resident(group, device, Memory::Parameters, (words * self.sizes.embedding) as u64);
        Gradient { group, device, ready, numbers, norms: 1 }
    }

    fn lstm_gradient(&mut self, (side, layer, ready): (Side, usize, usize)) -> Gradient {
        let (group, device) = (Group::Lstm(side, layer), self.plan.layers(side)[layer]);
        let numbers = work::lstm_weights(self.sizes, layer) + 4 * self.hidden();
        self.resident(group, device, Memory::Parameters, numbers);
        self.resident(group, device, Memory::Gradients, numbers);
        Gradient { group, device, ready, numbers, norms: 1 }
    }

    fn slice_gradients(&mut self, ready: &[Option<usize>]) -> Vec<Gradient> {
        let mut gradients = Vec::new();
        for (holder, ready) in ready.iter().enumerate() {
            let (group, device) = (Group::Projection(holder), self.holders[holder].device);
            let numbers = self.holders[holder].words as u64 * (self.hidden() + 1);
            self.resident(group, device, Memory::Parameters, numbers);
            self.resident(group, device, Memory::Gradients, numbers);
            let ready = ready.expect("every slice has a gradient");
            gradients.push(Gradient { group, device, ready, numbers, norms: self.holders[holder].slices as u64 });
        }
        gradients
    }

    /// Every holder has a gradient of the whole weight, from its own rows: each adds up one share of it, in the holders' order.
    fn shared_gradients(&mut self, ready: &[Option<usize>]) -> Vec<Gradient> {
        let whole = self.sizes.target_words as u64 * (self.hidden() + 1);
        let count = self.holders.len() as u64;
        let share = whole.div_ceil(count);
        let producers: Vec<usize> = ready.iter().flatten().map(|&value| self.values[value].producer).collect();
        let mut gradients = Vec::new();
        for holder in 0..self.holders.len() {
            let device = self.holders[holder].device;
            self.resident(Group::Projection(holder), device, Memory::Parameters, whole);
            // The shares are the gradient itself, cut up: they are its memory too.
            let shares = producers.iter().map(|&task| self.output(task, Memory::Gradients, share * F32)).collect();
            let work = work::elementwise((producers.len() as u64 + 1) * share);
            let task = self.task(Job::Reduce { holder }, device, work, shares);
            let ready = self.output(task, Memory::Gradients, share * F32);
            gradients.push(Gradient { group: Group::Projection(holder), device, ready, numbers: share, norms: 1 });
        }
        gradients
    }

    /// A few bytes from every gradient to one device, and the factor back.
    fn clip(&mut self, gradients: &[Gradient]) -> usize {
        let mut norms = Vec::new();
        for gradient in gradients {
            let work = work::elementwise(gradient.numbers);
            let task = self.task(Job::Norm { group: gradient.group }, gradient.device, work, vec![gradient.ready]);
            norms.push(self.output(task, Memory::Activations, NORM * gradient.norms));
        }
        let task = self.task(Job::Clip, self.plan.encoder[0], work::elementwise(0), norms);
        self.output(task, Memory::Activations, NORM)
    }

    /// Reads parameter and gradient, writes the parameter; gives the updated parameters where others need them.
    fn step(&mut self, gradient: &Gradient, clip: usize) -> usize {
        let work = work::elementwise(3 * gradient.numbers);
        let inputs = vec![gradient.ready, clip];
        let task = self.task(Job::Update { group: gradient.group }, gradient.device, work, inputs);
        match (gradient.group, &self.plan.vocabulary) {
            (Group::Projection(_), Vocabulary::Rows(_)) => {
                self.output(task, Memory::Parameters, gradient.numbers * F32)
            }
            _ => self.done(task),
        }
    }

    fn gather(&mut self, gradients: &[Gradient], updated: &[usize]) {
        let shares =
            gradients.iter().zip(updated).filter(|(gradient, _)| matches!(gradient.group, Group::Projection(_)));
        let shares: Vec<usize> = shares.map(|(_, &value)| value).collect();
        for holder in 0..self.holders.len() {
            let device = self.holders[holder].device;
            self.task(Job::Gather { holder }, device, Work::default(), shares.clone());
        }
    }
}
