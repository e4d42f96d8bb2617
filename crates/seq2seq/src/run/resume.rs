//! Going on where a checkpoint left.

use std::collections::BTreeMap;
use std::path::Path;

use unrolled_nn::Module;
use unrolled_nn::checkpoint;
use unrolled_tensor::Device;

use super::learner::Learner;
use super::session::Session;
use super::{Error, SOURCE_VOCABULARY, TARGET_VOCABULARY};
use crate::wording::counted;

impl Session<'_> {
    /// Takes over the newest sound checkpoint.
    pub(super) fn resume(&mut self, device: &Device) -> Result<(), Error> {
        let newest = self.store.newest_good()?;
        let good = newest.good.ok_or_else(|| Error::NothingToResume { path: self.run.clone() })?;
        for refused in &newest.refused {
            self.data.warnings.push(format!("{refused}; going on from checkpoint {}", good.update));
        }
        let path = good.folder;
        let saved = checkpoint::read(&path, device)?;
        self.check_vocabularies(&saved.files, &path)?;
        self.progress =
            serde_json::from_value(saved.state).map_err(|error| Error::State { path: path.clone(), error })?;
        let misfit = |error| Error::Model { path: path.clone(), error };
        let Learner::One(trainer) = &mut self.learner else { unreachable!("what is loaded is spread afterwards") };
        trainer.model.load(&saved.model).map_err(misfit)?;
        let steps = self.progress.optimiser_steps;
        trainer.optimiser.load(steps, &saved.optimiser, &trainer.model).map_err(misfit)?;
        if let (Some(scaler), Some(state)) = (&mut trainer.scaler, self.progress.loss_scaler) {
            scaler.load(state);
        }
        self.meter.window = self.progress.window.clone();
        self.saved = Some(self.progress.clone());
        self.refit();
        self.schedule = self.progress.schedule(self.config);
        self.mark_best_again()
    }

    /// Refuses vocabularies in the run's folder that are not those of its checkpoint.
    fn check_vocabularies(&self, saved: &BTreeMap<String, Vec<u8>>, checkpoint: &Path) -> Result<(), Error> {
        for (name, vocabulary) in [(SOURCE_VOCABULARY, &self.data.source), (TARGET_VOCABULARY, &self.data.target)] {
            if saved.get(name).is_some_and(|saved| *saved != vocabulary.bytes()) {
                let (vocabulary, checkpoint) = (self.run.join(name), checkpoint.to_owned());
                return Err(Error::OtherVocabulary { vocabulary, checkpoint });
            }
        }
        Ok(())
    }

    /// Data or batch size may have changed meanwhile.
    fn refit(&mut self) {
        let before = self.progress.batches_per_epoch;
        let now = self.data.batches_per_epoch(self.config);
        if self.progress.refit(now) {
            self.data.warnings.push(format!(
                "an epoch has {} now and had {before} before: the run goes on at epoch {:.2}, \
                 but not as it would have gone on",
                counted(now, "batch"),
                self.progress.epoch()
            ));
        }
    }

    /// `best` must say what the checkpoint says: a run can die between the two, and a checkpoint that was the best be damaged since.
    fn mark_best_again(&self) -> Result<(), Error> {
        let best = self.progress.best.map(|(update, _)| update);
        let best = best.filter(|&update| checkpoint::verify(self.store.folder(update)).is_ok());
        match (best, self.store.best()) {
            (best, Ok(marked)) if best == marked => Ok(()),
            (Some(update), _) => Ok(self.store.mark_best(update)?),
            (None, _) => {
                let pointer = self.run.join("best");
                Ok(self.disk.remove_file(&pointer).map_err(Error::file("delete", pointer))?)
            }
        }
    }
}
