//! How large the models of the tables are, and how long they learn.

use std::fmt;
use std::str::FromStr;

use crate::config::{Config, Optimiser, Schedule};
use crate::grammar::Counts;

/// A scale. On the built-in corpus it sizes corpus and models; on data of one's own it names a preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Shows that everything works, and nothing else: the models learn next to nothing.
    Seconds,
    /// Under an hour on two cores: models of 256 cells, a layer each where the paper has four.
    #[default]
    Minutes,
    /// A night on two cores: two layers of 512 cells.
    Hours,
    /// The paper's own: four layers of 1000 cells, 160,000 and 80,000 words.
    Paper,
}

impl Scale {
    /// Every scale, the smallest first.
    pub const ALL: [Scale; 4] = [Scale::Seconds, Scale::Minutes, Scale::Hours, Scale::Paper];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Scale::Seconds => "seconds",
            Scale::Minutes => "minutes",
            Scale::Hours => "hours",
            Scale::Paper => "paper",
        }
    }

    /// The preset of its models on data of one's own.
    pub(super) const fn preset(self) -> &'static str {
        match self {
            Scale::Seconds => "tiny",
            Scale::Minutes => "s",
            Scale::Hours => "m",
            Scale::Paper => "sutskever2014",
        }
    }

    /// Pairs of the built-in corpus.
    pub(super) const fn counts(self) -> Counts {
        match self {
            Scale::Seconds => Counts { train: 400, valid: 40, test: 40 },
            Scale::Minutes => Counts { train: 120_000, valid: 400, test: 1_000 },
            Scale::Hours | Scale::Paper => Counts { train: 1_000_000, valid: 1_000, test: 3_003 },
        }
    }

    /// Translations of each sentence in the lists that are rescored; the paper's had 1000.
    pub(super) const fn n_best(self) -> usize {
        match self {
            Scale::Seconds => 5,
            Scale::Minutes => 30,
            Scale::Hours => 100,
            Scale::Paper => 1000,
        }
    }

    /// The model of the tables' main rows on the built-in corpus: Adam instead of the paper's SGD, which learns in minutes what takes hours otherwise, and first
    /// weights as large beside the number of cells as the paper's ±0.08 are beside its 1000: with fewer cells ±0.08 lets signals fade from layer to layer.
    pub(super) fn built_in(self) -> Config {
        let (layers, cells, batch_size, updates) = match self {
            Scale::Seconds => (1, 16, 32, 12),
            Scale::Minutes => (1, 256, 128, 900),
            Scale::Hours | Scale::Paper => (2, 512, 128, 8_000),
        };
        Config {
            source_vocabulary_size: 3_000,
            target_vocabulary_size: 3_000,
            layers,
            hidden_size: cells,
            embedding_size: cells,
            batch_size,
            optimiser: Optimiser::Adam,
            initial_range: 0.08 * (1000.0 / cells as f64).sqrt(),
            initial_embedding_range: 1.0,
            learning_rate: 0.003,
            schedule: Schedule::Cosine,
            warmup_updates: (updates / 20).min(50),
            epochs: 0.0,
            updates,
            validate_every: updates.div_ceil(3),
            checkpoint_every: updates.div_ceil(3),
            log_every: 50.min(updates),
            keep_checkpoints: 1,
            valid_bleu_sentences: 0,
            valid_samples: 1,
            ..Config::default()
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A word that names no scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scale: use seconds, minutes, hours or paper")]
pub struct UnknownScale(String);

impl FromStr for Scale {
    type Err = UnknownScale;

    fn from_str(name: &str) -> Result<Self, UnknownScale> {
        Scale::ALL.into_iter().find(|scale| scale.name() == name).ok_or_else(|| UnknownScale(name.to_owned()))
    }
}
