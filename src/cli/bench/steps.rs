//! Training steps, timed.

use std::time::Instant;

use unrolled_nn::Optimiser;
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Config, Precision};
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use super::process::cpu_seconds;
use super::size::Work;

/// What the timed steps took.
#[derive(Debug)]
pub(super) struct Timed {
    /// Of each step, ascending.
    pub seconds: Vec<f64>,
    /// Processor time of all threads in a step, on average; `None` where the system does not say.
    pub cpu_seconds: Option<f64>,
    /// The last step's summed loss divided by its predictions, in nats.
    pub loss: f64,
    /// How many numbers are learnt.
    pub parameters: usize,
}

impl Timed {
    /// Trains a model of this size with the paper's recipe and activations of this precision, every step on a batch of its own.
    ///
    /// # Errors
    /// Where a loss or gradient is not finite.
    pub(super) fn steps(work: &Work, seed: u64, device: &Device, precision: Precision) -> anyhow::Result<Timed> {
        let (config, key) = (Config { precision, ..Config::default() }, Key::new(seed));
        let mut trainer = Trainer::new(work.model(key, device), Optimiser::sgd(), Recipe::of(&config));
        let all = work.warm_up + work.steps;
        let corpus = work.pairs(all * work.batch, key.purpose("words"));
        let (mut seconds, mut loss, mut before) = (Vec::with_capacity(all), 0.0, None);
        for step in 0..all {
            if step == work.warm_up {
                if let Some(profile) = device.profile() {
                    profile.reset();
                }
                before = cpu_seconds();
            }
            let pairs: Vec<u32> = (0..work.batch).map(|pair| (step * work.batch + pair) as u32).collect();
            let began = Instant::now();
            let batch = Batch::of(&corpus, &pairs, config.reverse_source);
            let report = device.run(|| trainer.step(&batch, step as u64, config.learning_rate));
            seconds.push(began.elapsed().as_secs_f64());
            anyhow::ensure!(report.taken, "the loss or the gradient of step {step} is not finite: {report:?}");
            loss = report.loss / report.predictions as f64;
        }
        let cpu_seconds = before.zip(cpu_seconds()).map(|(before, after)| (after - before) / work.steps as f64);
        let mut seconds = seconds.split_off(work.warm_up);
        seconds.sort_by(f64::total_cmp);
        Ok(Timed { seconds, cpu_seconds, loss, parameters: trainer.parameter_count() })
    }

    /// The seconds of a step: the middle of them all.
    pub(super) fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// The quickest step and the slowest.
    pub(super) fn range(&self) -> [f64; 2] {
        [self.seconds[0], self.seconds[self.seconds.len() - 1]]
    }
}

/// Of sorted numbers, at least one.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!((median(&[1.0]), median(&[1.0, 4.0]), median(&[1.0, 2.0, 9.0])), (1.0, 2.5, 2.0));
    }

    #[test]
    fn only_the_steps_after_the_warm_up_are_timed() {
        let work =
            Work { source_words: 9, target_words: 9, layers: 1, hidden: 4, batch: 2, length: 3, steps: 3, warm_up: 2 };
        let timed = Timed::steps(&work, 1, &Device::cpu(), Precision::F32).unwrap();
        assert_eq!((timed.seconds.len(), timed.parameters), (3, 2 * 9 * 4 + 2 * 16 * 9 + 9 * 5));
        assert!(timed.range()[0] <= timed.median() && timed.median() <= timed.range()[1]);
        assert!((timed.loss - 9f64.ln()).abs() < 0.3, "{timed:?}");
    }
}
