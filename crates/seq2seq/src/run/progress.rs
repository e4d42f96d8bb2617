//! Where a run stands, and where it ends.

use serde::{Deserialize, Serialize};
use unrolled_nn::ScalerState;
use unrolled_nn::schedule::Schedule;

use super::progress_meter::Window;
use super::validation::Translations;
use crate::config::{self, BestMetric, Config};
use crate::progress::{BleuScore, Reason};

/// Where a run stands: beside parameters and optimiser all that a resumed run needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Updates made.
    pub update: u64,
    /// Steps of the optimiser: updates without those that were not finite.
    pub optimiser_steps: u64,
    /// Batches from the beginning of the first pass over the data, if every pass had `batches_per_epoch`. The same as `update`, unless the
    /// data or the batch size changed when the run was resumed.
    pub batches: u64,
    /// Batches of one pass over the data.
    pub batches_per_epoch: u64,
    /// The update of the checkpoint `best`, and how bad it is by the configuration's `best_metric`: its perplexity, or its negative BLEU or chrF.
    pub best: Option<(u64, f64)>,
    /// The best checkpoints, as many as are kept, the best first.
    #[serde(default)]
    pub bests: Vec<(u64, f64)>,
    /// The lowest perplexity of all validations.
    #[serde(default)]
    pub lowest_perplexity: Option<f64>,
    /// What early stopping goes by.
    pub patience: Patience,
    /// The update of the last validation.
    pub validated: Option<u64>,
    /// Updates in a row whose loss or gradient was beyond all bounds.
    pub diverging: u64,
    /// Where the loss scaler stands, with precision "f16".
    #[serde(default)]
    pub loss_scaler: Option<ScalerState>,
    /// What the next report is to say of the updates so far.
    pub window: Window,
}

/// Counts validations that are not better. Only those at their time count, not the one that closes a run: so a run that was stopped and
/// resumed ends where one that never stopped does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Patience {
    lowest: Option<f64>,
    /// Validations in a row that are not better.
    pub without: usize,
}

/// Whether a perplexity, or another measure of how bad a model is, is lower than the lowest so far. One that is not finite never is.
pub(super) fn is_lower(badness: f64, lowest: Option<f64>) -> bool {
    badness.is_finite() && lowest.is_none_or(|lowest| badness < lowest)
}

impl Patience {
    /// Takes note of a validation.
    pub fn note(&mut self, badness: f64) {
        if is_lower(badness, self.lowest) {
            *self = Patience { lowest: Some(badness), without: 0 };
        } else {
            self.without += 1;
        }
    }
}

impl Progress {
    /// The beginning of a run.
    pub fn new(batches_per_epoch: u64) -> Progress {
        Progress { batches_per_epoch, ..Progress::default() }
    }

    /// Takes note of a validation; true where it is the best. `counts` says whether patience goes by it. One that lacks the measure that decides (a
    /// few translations before the first update are not scored) decides nothing.
    pub fn note(&mut self, config: &Config, perplexity: f64, translations: &Translations, counts: bool) -> bool {
        if is_lower(perplexity, self.lowest_perplexity) {
            self.lowest_perplexity = Some(perplexity);
        }
        let negative = |score: &Option<BleuScore>| score.as_ref().map(|score| -score.score);
        let badness = match config.best_metric {
            BestMetric::Perplexity => Some(perplexity),
            BestMetric::Bleu => negative(&translations.bleu),
            BestMetric::Chrf => negative(&translations.chrf),
        };
        let Some(badness) = badness else { return false };
        if counts {
            self.patience.note(badness);
        }
        self.keep(badness, config.keep_best);
        let best = is_lower(badness, self.best.map(|(_, badness)| badness));
        if best {
            self.best = Some((self.update, badness));
        }
        best
    }

    /// Takes this update among the best, if it is.
    fn keep(&mut self, badness: f64, count: usize) {
        if badness.is_finite() {
            let update = self.update;
            self.bests.retain(|&(before, _)| before != update);
            // Stable: of equals the earlier first.
            self.bests.push((update, badness));
            self.bests.sort_by(|a, b| a.1.total_cmp(&b.1));
            self.bests.truncate(count);
        }
    }

    /// The updates of checkpoints that are kept for their validation.
    pub fn kept(&self) -> Vec<u64> {
        self.bests.iter().map(|&(update, _)| update).collect()
    }

    /// Passes over the data.
    pub fn epoch(&self) -> f64 {
        self.batches as f64 / self.batches_per_epoch as f64
    }

    /// Goes on with another number of batches in a pass, at the same share of the same pass; true where that changed anything.
    pub fn refit(&mut self, batches_per_epoch: u64) -> bool {
        let before = std::mem::replace(&mut self.batches_per_epoch, batches_per_epoch);
        let scaled = self.batches as u128 * batches_per_epoch as u128 / before.max(1) as u128;
        self.batches = scaled as u64;
        before != batches_per_epoch
    }

    /// Whether a validation belongs here, after an update.
    pub fn validates(&self, config: &Config) -> bool {
        match config.validate_every {
            0 => self.batches.is_multiple_of(self.batches_per_epoch),
            n => self.update.is_multiple_of(n as u64),
        }
    }

    /// The update after which the run ends, as far as epochs and updates say.
    pub fn last_update(&self, config: &Config) -> Option<(u64, Reason)> {
        let by_epochs = (config.epochs > 0.0).then(|| {
            let batches = (config.epochs * self.batches_per_epoch as f64).ceil() as u64;
            ((self.update + batches).saturating_sub(self.batches), Reason::Epochs)
        });
        let by_updates = (config.updates > 0).then_some((config.updates as u64, Reason::Updates));
        by_epochs.into_iter().chain(by_updates).min_by_key(|(update, _)| *update)
    }

    /// The learning rate that a configuration asks for.
    pub fn schedule(&self, config: &Config) -> Schedule {
        let (rate, warm_up) = (config.learning_rate, config.warmup_updates as u64);
        match config.schedule {
            config::Schedule::Constant => Schedule::Constant { rate },
            config::Schedule::Paper => Schedule::Halving {
                rate,
                after_epochs: config.halve_after_epochs,
                every_epochs: config.halve_every_epochs,
            },
            config::Schedule::InverseSqrt => Schedule::InverseSquareRoot { rate, warm_up },
            config::Schedule::Cosine => {
                let total = self.last_update(config).map_or(u64::MAX, |(update, _)| update);
                Schedule::Cosine { rate, floor: config.minimum_learning_rate, warm_up, total }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_counts_perplexities_that_do_not_fall() {
        let mut patience = Patience::default();
        let counts = [9.0, 8.0, 8.0, 8.5, f64::NAN, 7.0, f64::INFINITY].map(|perplexity| {
            patience.note(perplexity);
            patience.without
        });
        assert_eq!(counts, [0, 0, 1, 2, 3, 0, 1]);
        patience.note(6.9);
        assert_eq!(patience, Patience { lowest: Some(6.9), without: 0 });
    }

    #[test]
    fn a_first_perplexity_that_is_not_finite_is_not_the_lowest() {
        let mut patience = Patience::default();
        patience.note(f64::INFINITY);
        patience.note(1e300);
        assert_eq!(patience, Patience { lowest: Some(1e300), without: 0 });
    }

    #[test]
    fn the_best_are_kept_by_the_measure_that_decides() {
        let config = Config { best_metric: BestMetric::Bleu, keep_best: 2, ..Config::default() };
        let mut progress = Progress::new(10);
        let mut note = |update, perplexity, bleu: Option<f64>| {
            progress.update = update;
            let bleu = bleu.map(|score| BleuScore { score, signature: String::new(), sentences: 1 });
            let translations = Translations { bleu, chrf: None, samples: vec![], monotony: None };
            let best = progress.note(&config, perplexity, &translations, true);
            (best, progress.kept(), progress.patience.without)
        };
        assert_eq!(note(0, 100.0, None), (false, vec![], 0), "not scored before the first update");
        assert_eq!(note(1, 9.0, Some(10.0)), (true, vec![1], 0));
        assert_eq!(note(2, 8.0, Some(9.0)), (false, vec![1, 2], 1));
        assert_eq!(note(3, 8.5, Some(9.5)), (false, vec![1, 3], 2));
        assert_eq!(note(4, 9.5, Some(12.0)), (true, vec![4, 1], 0));
        assert_eq!((progress.best, progress.lowest_perplexity), (Some((4, -12.0)), Some(8.0)));
    }

    #[test]
    fn the_run_ends_at_the_first_limit() {
        let progress = Progress::new(10);
        let last = |epochs, updates| progress.last_update(&Config { epochs, updates, ..Config::default() });
        assert_eq!(last(2.5, 0), Some((25, Reason::Epochs)));
        assert_eq!(last(2.51, 0), Some((26, Reason::Epochs)), "a part of a batch is a batch");
        assert_eq!(last(2.5, 20), Some((20, Reason::Updates)));
        assert_eq!(last(2.5, 30), Some((25, Reason::Epochs)));
        assert_eq!(last(0.0, 0), None);
    }

    #[test]
    fn another_batch_size_goes_on_in_the_same_part_of_the_same_epoch() {
        let mut progress = Progress { update: 25, batches: 25, ..Progress::new(10) };
        assert!(!progress.refit(10));
        assert_eq!((progress.batches, progress.epoch()), (25, 2.5));
        assert!(progress.refit(4));
        assert_eq!((progress.update, progress.batches, progress.epoch()), (25, 10, 2.5));
        let config = Config { epochs: 3.0, updates: 0, ..Config::default() };
        assert_eq!(progress.last_update(&config), Some((27, Reason::Epochs)), "two batches are left of the third pass");
    }
}
