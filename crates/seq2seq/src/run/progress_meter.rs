//! Sums over the updates since the last report.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::progress::{Update, number_or_null};
use crate::training::StepReport;

/// Sums since the last report, and the process's clock.
pub(super) struct Meter {
    began: Instant,
    /// The sums.
    pub window: Window,
}

/// Sums since the last report. A checkpoint has them, so that a resumed run reports what one that never stopped would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    #[serde(deserialize_with = "number_or_null")]
    loss: f64,
    predictions: u64,
    clipped: u64,
    #[serde(default)]
    skipped: u64,
    pairs: u64,
    source_words: u64,
    target_words: u64,
    seconds: f64,
    updates: u64,
}

impl Meter {
    pub fn new() -> Meter {
        Meter { began: Instant::now(), window: Window::default() }
    }

    /// Seconds since this process began to train.
    pub fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn add(&mut self, batch: &Batch, step: &StepReport, seconds: f64) {
        let window = &mut self.window;
        window.loss += step.loss;
        window.predictions += step.predictions;
        window.clipped += step.clipped as u64;
        window.skipped += !step.taken as u64;
        window.pairs += batch.sentences() as u64;
        window.source_words += batch.source.words;
        window.target_words += batch.target_words;
        window.seconds += seconds;
        window.updates += 1;
    }

    /// The report of the window, whose last step is `step`, with the memory that was held at most until now; it begins anew. `None` where nothing
    /// happened in it.
    pub fn take(&mut self, update: u64, epoch: f64, rate: f64, step: &StepReport, peak_memory: u64) -> Option<Update> {
        let window = std::mem::take(&mut self.window);
        if window.updates == 0 {
            return None;
        }
        let loss_per_word = window.loss / window.predictions as f64;
        Some(Update {
            update,
            epoch,
            loss_per_word,
            perplexity: loss_per_word.exp(),
            gradient_norm: step.gradient_norm,
            clipped: window.clipped,
            skipped: window.skipped,
            loss_scale: step.loss_scale,
            learning_rate: rate,
            pairs: window.pairs,
            source_words: window.source_words,
            target_words: window.target_words,
            seconds: window.seconds,
            elapsed: self.elapsed(),
            peak_memory: Some(peak_memory),
        })
    }
}
