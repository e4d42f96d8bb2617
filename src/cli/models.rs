//! One or more models that translate together, as flags.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use unrolled_seq2seq::ensemble::Combination;
use unrolled_seq2seq::run::{self, Translator, Translators};
use unrolled_tensor::{Device, catch_device_error};

/// What an ensemble averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Average {
    /// Each word's probabilities.
    Probabilities,
    /// Each word's log-probabilities.
    LogProbabilities,
}

/// The flags.
#[derive(Debug, Args)]
pub(super) struct Models {
    /// The model: a run folder (its best checkpoint is taken) or a checkpoint. Several models with the same vocabularies translate together.
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    pub(super) model: Vec<PathBuf>,
    /// What is averaged over several models at each word.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Average::Probabilities)]
    pub(super) ensemble: Average,
}

/// The models, loaded.
pub(super) struct Loaded {
    members: Vec<Translator>,
    combination: Combination,
    names: Vec<String>,
}

impl Models {
    /// Loads the models to a device.
    ///
    /// # Errors
    /// Where one cannot be loaded.
    pub(super) fn load(&self, device: &Device) -> anyhow::Result<Loaded> {
        let loaded: Result<Vec<Translator>, _> = self.model.iter().map(|folder| run::load(folder, device)).collect();
        let combination = match self.ensemble {
            Average::Probabilities => Combination::Probabilities,
            Average::LogProbabilities => Combination::LogProbabilities,
        };
        let name = |folder: &PathBuf| Path::display(folder).to_string();
        Ok(Loaded { members: loaded?, combination, names: self.model.iter().map(name).collect() })
    }
}

impl Loaded {
    /// Shares the output vocabulary over devices; see [`Model::share_vocabulary`](unrolled_seq2seq::model::Model::share_vocabulary).
    ///
    /// # Errors
    /// Where there are several models, whose words' probabilities are averaged in one place, or a device has no room.
    pub(super) fn share_vocabulary(&mut self, devices: &[Device]) -> anyhow::Result<()> {
        let [one] = &mut self.members[..] else {
            anyhow::bail!("an ensemble averages all words on one device: leave out --devices, or give one --model");
        };
        Ok(catch_device_error(|| one.model.share_vocabulary(devices))?)
    }

    /// The models as one.
    ///
    /// # Errors
    /// Where they do not know the same words.
    pub(super) fn together(&self) -> anyhow::Result<Translators<'_>> {
        Translators::new(self.members.iter().collect(), self.combination)
            .with_context(|| format!("the models are {}", self.names.join(", ")))
    }
}
