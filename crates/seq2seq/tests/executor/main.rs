//! A step over several devices is the step of one.

mod bits;
mod failures;

use unrolled_nn::Optimiser;
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Config, Precision};
use unrolled_seq2seq::executor::Executor;
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::schedule::Plan;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

/// A small model, and batches of sentences of different lengths: more rows than the sums' block.
struct Setting {
    sizes: Sizes,
    dropout: f64,
    optimiser: Optimiser,
    precision: Precision,
    /// Of a batch, one after another.
    parts: usize,
    corpus: NumberedCorpus,
    batch: usize,
}

impl Setting {
    fn new(layers: usize, softmax_slices: usize) -> Setting {
        let sizes = Sizes { source_words: 40, target_words: 53, embedding: 6, hidden: 8, layers, softmax_slices };
        let mut corpus = NumberedCorpus::new();
        let key = Key::new(3);
        for pair in 0..400 {
            let sentence = |name: &str, words: u64| -> Vec<u32> {
                let key = key.purpose(name);
                let length = 1 + key.below(pair, 14);
                (0..length).map(|i| 3 + key.below(1000 * (pair + 1) + i, words - 3) as u32).collect()
            };
            corpus.push(&sentence("source", 40), &sentence("target", 53));
        }
        let (optimiser, precision) = (Optimiser::sgd(), Precision::F32);
        Setting { sizes, dropout: 0.0, optimiser, precision, parts: 1, corpus, batch: 48 }
    }

    fn model(&self) -> Model {
        self.model_on(&Device::cpu())
    }

    fn model_on(&self, device: &Device) -> Model {
        Model::new(&self.sizes, self.dropout, 0.3.into(), Key::new(1), device)
    }

    fn recipe(&self) -> Recipe {
        let precision = self.precision;
        Recipe::of(&Config { dropout: self.dropout, clip_norm: 1.0, precision, ..Config::default() })
    }

    fn batch_of(&self, update: u64) -> Batch {
        let first = update as u32 * 31 % 300;
        let pairs: Vec<u32> = (first..first + self.batch as u32).collect();
        Batch::of(&self.corpus, &pairs, true)
    }

    fn single(&self) -> Trainer {
        self.single_on(&Device::cpu())
    }

    fn single_on(&self, device: &Device) -> Trainer {
        let mut trainer = Trainer::new(self.model_on(device), self.optimiser.clone(), self.recipe());
        trainer.parts = self.parts;
        trainer
    }

    fn executor(&self, plan: &Plan, devices: &[Device]) -> Executor {
        let optimiser = self.optimiser.clone();
        let executor = Executor::new(&self.sizes, self.model(), optimiser, self.recipe(), plan, devices).unwrap();
        executor.in_parts(self.parts)
    }
}

/// ‖a − b‖ / ‖b‖ over all tensors of a name.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_f64_vec(), b.to_f64_vec());
    let square = |x: f64| x * x;
    let difference: f64 = a.iter().zip(&b).map(|(a, b)| square(a - b)).sum();
    (difference / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
}
