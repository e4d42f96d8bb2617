//! The mean of several checkpoints of one model: often better than the last alone, at the cost of one.

use std::path::{Path, PathBuf};

use unrolled_nn::checkpoint::{self, Checkpoint, CheckpointStore};
use unrolled_tensor::{Device, Tensor};

use crate::config::Config;
use crate::run::{CONFIG_FILE, Error, SOURCE_VOCABULARY, TARGET_VOCABULARY};

/// What the state of a mean has, and that of a run's checkpoint has not: the checkpoints that it is the mean of.
pub const MEAN_OF: &str = "mean-of";

/// Writes a checkpoint to `output` whose parameters are the means of those of other checkpoints (of a run folder, its best). It can be translated with
/// like any other, and has no optimiser's state, so that no run goes on from it. Sums are f64.
///
/// # Errors
/// Where a checkpoint cannot be read, or they are not of the same model and vocabularies, or the mean cannot be written.
///
/// # Panics
/// Where there is no checkpoint; and with a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
#[track_caller]
pub fn average(folders: &[PathBuf], output: &Path, device: &Device) -> Result<(), Error> {
    assert!(!folders.is_empty(), "average: at least one checkpoint is needed");
    let mut mean: Option<Mean> = None;
    for folder in folders {
        let folder = CheckpointStore::resolve(folder)?;
        let saved = checkpoint::read_model(&folder, device)?;
        match &mut mean {
            None => mean = Some(Mean::of(folder, saved)),
            Some(mean) => mean.add(&folder, &saved)?,
        }
    }
    let mean = mean.expect("there is a first").checkpoint(device);
    Ok(checkpoint::write(output, &mean)?)
}

/// The checkpoints of a run, the last `count` of them.
///
/// # Errors
/// Where there is no run.
pub fn last_checkpoints(run: &Path, count: usize) -> Result<Vec<PathBuf>, Error> {
    let store = CheckpointStore::open(run)?;
    let updates = store.updates()?;
    Ok(updates[updates.len().saturating_sub(count)..].iter().map(|&update| store.folder(update)).collect())
}

/// Parameters added up.
struct Mean {
    first: Checkpoint,
    sums: Vec<(String, Vec<f64>)>,
    folders: Vec<PathBuf>,
}

impl Mean {
    fn of(folder: PathBuf, saved: Checkpoint) -> Self {
        let sums = saved.model.iter().map(|(path, tensor)| (path.clone(), tensor.to_f64_vec())).collect();
        Self { first: saved, sums, folders: vec![folder] }
    }

    fn add(&mut self, folder: &Path, saved: &Checkpoint) -> Result<(), Error> {
        if let Some(reason) = self.difference(folder, saved)? {
            let (folder, first) = (folder.to_owned(), self.folders[0].clone());
            return Err(Error::UnlikeCheckpoints { folder, first, reason });
        }
        for (path, sum) in &mut self.sums {
            sum.iter_mut().zip(saved.model[path].to_f64_vec()).for_each(|(sum, value)| *sum += value);
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// What keeps a checkpoint from being averaged with the first.
    fn difference(&self, folder: &Path, saved: &Checkpoint) -> Result<Option<String>, Error> {
        for name in [SOURCE_VOCABULARY, TARGET_VOCABULARY] {
            if self.first.files.get(name) != saved.files.get(name) {
                return Ok(Some(format!("its `{name}` is another")));
            }
        }
        let (wanted, found) = (config(&self.folders[0], &self.first)?, config(folder, saved)?);
        let keys = ["tokeniser", "source-language", "target-language", "reverse-source"];
        let differing = wanted.differences(&found).into_iter().find(|difference| keys.contains(&difference.key.name));
        if let Some(difference) = differing {
            return Ok(Some(format!("its {difference}")));
        }
        let shapes = |saved: &Checkpoint| -> Vec<(String, Vec<usize>)> {
            saved.model.iter().map(|(path, tensor)| (path.clone(), tensor.shape().to_vec())).collect()
        };
        let (wanted, found) = (shapes(&self.first), shapes(saved));
        Ok((wanted != found).then(|| "its parameters have other names or shapes".to_owned()))
    }

    fn checkpoint(self, device: &Device) -> Checkpoint {
        let count = self.folders.len() as f64;
        let mean = |(path, sum): (String, Vec<f64>)| {
            let like = &self.first.model[&path];
            let values: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
            let tensor = Tensor::from_slice(&values, like.shape(), device).cast(like.dtype());
            (path, tensor)
        };
        let names: Vec<String> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        Checkpoint {
            model: self.sums.into_iter().map(mean).collect(),
            state: serde_json::json!({ MEAN_OF: names }),
            files: self.first.files.clone(),
            ..Checkpoint::default()
        }
    }
}

fn config(folder: &Path, saved: &Checkpoint) -> Result<Config, Error> {
    let path = folder.join(CONFIG_FILE);
    let bytes = saved.files.get(CONFIG_FILE).ok_or_else(|| Error::Incomplete { path: path.clone() })?;
    String::from_utf8_lossy(bytes).parse().map_err(|error| Error::Config { path, error })
}
