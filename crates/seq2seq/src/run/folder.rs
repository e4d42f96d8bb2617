//! The run folder on disk: when a run may begin in it, and the files that do not change while it trains.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use unrolled_nn::checkpoint::{CheckpointError, CheckpointStore};
use unrolled_nn::disk::{Disk, DiskError, is_there, replace_file};

use super::data::Data;
use super::{
    CONFIG_FILE, Error, LOG_FILE, RunOptions, SOURCE_VOCABULARY, TARGET_VOCABULARY, TENSORBOARD_FOLDER,
    VALIDATION_FOLDER,
};
use crate::config::{Config, ConfigError, Problem};

/// A folder in which the run may begin, or go on. Nothing in it has changed yet.
pub(super) struct Claim {
    /// The store of the run that is there, which keeps other processes out.
    store: Option<CheckpointStore>,
}

impl Claim {
    /// Refuses a folder that holds anything but this run to be resumed, or a run to be overwritten.
    pub fn new(disk: &Arc<dyn Disk>, run: &Path, options: &RunOptions) -> Result<Claim, Error> {
        let configured = is_there(&run.join(CONFIG_FILE))?;
        if options.resume && !configured {
            return Err(Error::NothingToResume { path: run.to_owned() });
        }
        // Other programs' folders have a file of that name too, and must not be taken for a run to be deleted.
        let is_run = configured && (options.resume || has_parts_of_a_run(run)?);
        if is_run && !options.resume && !options.overwrite {
            return Err(Error::RunExists { path: run.to_owned() });
        }
        if !is_run && !is_unused(run)? {
            return Err(Error::NotARun { path: run.to_owned() });
        }
        let store = is_run.then(|| CheckpointStore::create_on(disk.clone(), run)).transpose()?;
        Ok(Claim { store })
    }

    /// The store of the run; its folder is made where there was none.
    pub fn store(self, disk: &Arc<dyn Disk>, run: &Path) -> Result<CheckpointStore, Error> {
        self.store.map_or_else(|| Ok(CheckpointStore::create_on(disk.clone(), run)?), Ok)
    }
}

/// Deletes what an old run has written, and nothing else that is in its folder. Vocabularies and configuration stay until the new run's take their
/// places: a process that dies in between leaves a run that can be overwritten.
pub(super) fn clear(disk: &dyn Disk, store: &CheckpointStore) -> Result<(), Error> {
    store.clear()?;
    let log = store.run().join(LOG_FILE);
    if is_there(&log)? {
        disk.remove_file(&log).map_err(Error::file("delete", &log))?;
    }
    for folder in [VALIDATION_FOLDER, TENSORBOARD_FOLDER].map(|name| store.run().join(name)) {
        if is_there(&folder)? {
            disk.remove_folder(&folder).map_err(Error::file("delete", &folder))?;
        }
    }
    Ok(())
}

fn has_parts_of_a_run(run: &Path) -> Result<bool, Error> {
    for name in [SOURCE_VOCABULARY, TARGET_VOCABULARY] {
        if !is_there(&run.join(name))? {
            return Ok(false);
        }
    }
    Ok(store_in(run)?.is_some())
}

/// The store of a run to be read, where the folder has one.
fn store_in(run: &Path) -> Result<Option<CheckpointStore>, Error> {
    match CheckpointStore::open(run) {
        Err(CheckpointError::NoModel { .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// True of a folder that is not there, is empty, or has only what a run leaves behind that was stopped before its configuration was
/// written, so before its first checkpoint.
fn is_unused(run: &Path) -> Result<bool, Error> {
    let entries = match fs::read_dir(run) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(false),
        other => other.map_err(Error::file("read", run))?,
    };
    let ours = [SOURCE_VOCABULARY, TARGET_VOCABULARY, LOG_FILE, VALIDATION_FOLDER, TENSORBOARD_FOLDER, "checkpoints"];
    let is_ours = |name: &str| {
        ours.contains(&name) || name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".writing")).is_some()
    };
    let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let names = names.map_err(Error::file("read", run))?;
    let no_checkpoint = match store_in(run)? {
        Some(store) => store.updates()?.is_empty(),
        None => true,
    };
    Ok(no_checkpoint && names.iter().all(|name| name.to_str().is_some_and(is_ours)))
}

/// Writes the files that a run and each of its checkpoints hold, the configuration last: where it is, the others are.
pub(super) fn write_files(
    disk: &dyn Disk,
    run: &Path,
    config: &Config,
    data: &Data,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let files = [
        (SOURCE_VOCABULARY, data.source.bytes()),
        (TARGET_VOCABULARY, data.target.bytes()),
        (CONFIG_FILE, config.to_toml().into_bytes()),
    ];
    for (name, bytes) in &files {
        write(disk, &run.join(name), bytes)?;
    }
    Ok(files.map(|(name, bytes)| (name.to_owned(), bytes)).into())
}

/// Writes a file beside its place and renames it.
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let written = replace_file::<DiskError>(disk, path, |out| {
        out.write_all(bytes).map_err(|source| DiskError { action: "write", file: path.to_owned(), source })
    });
    Ok(written?)
}

/// Refuses to go on with a run under a configuration whose model, data or optimiser differ from the run's own.
pub(super) fn check_resumed(run: &Path, config: &Config) -> Result<(), Error> {
    let path = run.join(CONFIG_FILE);
    let before = Config::read(&path).map_err(|error| Error::Config { path, error })?;
    let changed = before.differences(config).into_iter().filter(|difference| difference.key.fixed);
    let problems: Vec<Problem> = changed
        .map(|difference| {
            let (key, kept, wanted) = (difference.key.name, difference.before, difference.after);
            Problem::Conflict(format!("`{key}` of a resumed run must stay {kept}, found {wanted}"))
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }.into()) }
}
