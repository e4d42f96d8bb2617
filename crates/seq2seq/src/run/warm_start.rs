//! Starting from another run's parameters.

use std::path::Path;

use unrolled_nn::Module;
use unrolled_nn::checkpoint::{self, CheckpointStore};
use unrolled_tensor::Device;

use super::{Error, data};
use crate::config::{Config, ConfigError, Problem};
use crate::model::Model;
use crate::vocabulary::Vocabulary;

/// The vocabularies of the checkpoint that a new run starts from, if it does.
pub(super) fn vocabularies(config: &Config) -> Result<Option<[Vocabulary; 2]>, Error> {
    let Some(start) = &config.start_from else { return Ok(None) };
    data::load_vocabularies(&CheckpointStore::resolve(start)?).map(Some)
}

/// Refuses to start from a model that goes when the run in the folder `run` begins.
pub(super) fn check(config: &Config, run: &Path) -> Result<(), Error> {
    let Some(start) = &config.start_from else { return Ok(()) };
    let start = CheckpointStore::resolve(start)?;
    match (start.canonicalize(), run.canonicalize()) {
        (Ok(start), Ok(run)) if start.starts_with(&run) => {
            let problem = "`start-from` is in `output`, whose run would be deleted: choose another `output`".to_owned();
            Err(ConfigError { problems: vec![Problem::Conflict(problem)] }.into())
        }
        _ => Ok(()),
    }
}

/// Gives a model the parameters of a run (its best checkpoint) or of a checkpoint.
pub(super) fn load(model: &mut Model, start: &Path, device: &Device) -> Result<(), Error> {
    let path = CheckpointStore::resolve(start)?;
    let saved = checkpoint::read_model(&path, device)?;
    model.load(&saved.model).map_err(|error| Error::Model { path, error })
}
