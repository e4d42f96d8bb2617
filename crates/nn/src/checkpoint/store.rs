//! The checkpoints of a run: numbered folders, `latest`, `best`.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pointer::{CHECKPOINTS, follow, name_of, point, update_of};
use super::{CHECKSUMS, Checkpoint, CheckpointError, Result, recover, verify, write_on};
use crate::disk::{At, Disk, FileSystem, REPLACED, WRITING, is_there, sibling};

/// The suffix of a checkpoint on its way out.
const REMOVING: &str = "removing";
const LOCK: &str = ".lock";

/// The checkpoints of one run, numbered by the update after which they were written.
///
/// ```text
/// RUN/checkpoints/0000012000/   a checkpoint
/// RUN/latest  RUN/best          text files: checkpoints/0000012000
/// ```
///
/// ```
/// use unrolled_nn::checkpoint::{Checkpoint, CheckpointStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let run = folder.path();
/// let store = CheckpointStore::create(run)?;
/// for update in [100, 200, 300, 400] {
///     store.save(update, &Checkpoint::default())?;
///     if update == 200 {
///         store.mark_best(update)?;
///     }
///     store.prune(2)?;
/// }
/// assert_eq!(store.updates()?, [200, 300, 400]);
/// assert_eq!(CheckpointStore::resolve(run)?, store.folder(200));
///
/// // A damaged checkpoint is passed over.
/// std::fs::write(store.folder(400).join("model.safetensors"), "")?;
/// let newest = store.newest_good()?;
/// assert_eq!(newest.good.unwrap().update, 300);
/// assert_eq!(newest.refused[0].update, 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    run: PathBuf,
    disk: Arc<dyn Disk>,
    /// Held while the store lives; the system lets go of it if the process dies.
    _lock: Option<Arc<File>>,
}

/// A checkpoint of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The update after which it was written.
    pub update: u64,
    /// Its folder.
    pub folder: PathBuf,
}

/// A checkpoint that is not sound.
#[derive(Debug)]
pub struct Refused {
    /// The update after which it was written.
    pub update: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub reason: CheckpointError,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint {} refused: {}", self.update, self.reason)
    }
}

/// The newest sound checkpoint of a run, and what was passed over.
#[derive(Debug)]
pub struct Newest {
    /// The newest checkpoint that verifies; none where the run has none.
    pub good: Option<Stored>,
    /// The newer ones that do not, newest first.
    pub refused: Vec<Refused>,
}

impl CheckpointStore {
    /// The store of a run that is to be written: makes its folders, locks it against other processes, and removes what interrupted
    /// writes left behind.
    ///
    /// # Errors
    /// Where the folders cannot be made or cleaned, and [`CheckpointError::InUse`] where another store that was made so is alive.
    pub fn create(run: impl AsRef<Path>) -> Result<CheckpointStore> {
        CheckpointStore::create_on(Arc::new(FileSystem), run)
    }

    /// [`create`](CheckpointStore::create) on a disk of the caller's.
    ///
    /// # Errors
    /// As [`create`](CheckpointStore::create).
    pub fn create_on(disk: Arc<dyn Disk>, run: impl AsRef<Path>) -> Result<CheckpointStore> {
        let run = run.as_ref();
        let folder = run.join(CHECKPOINTS);
        disk.create_folder(&folder).at("create", &folder)?;
        disk.sync_folder(run).at("sync", run)?;
        let store = CheckpointStore { run: run.into(), disk, _lock: Some(Arc::new(lock(run, &folder.join(LOCK))?)) };
        store.clean()?;
        Ok(store)
    }

    /// The store of a run that is only read; nothing on the disk changes.
    ///
    /// # Errors
    /// [`CheckpointError::NoModel`] where there is no run with checkpoints, [`CheckpointError::Disk`] where they cannot be listed.
    pub fn open(run: impl AsRef<Path>) -> Result<CheckpointStore> {
        let run = run.as_ref();
        let checkpoints = run.join(CHECKPOINTS);
        match fs::read_dir(&checkpoints) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(CheckpointError::NoModel { folder: run.to_path_buf() });
            }
            other => other.at("list", &checkpoints)?,
        };
        Ok(CheckpointStore { run: run.to_path_buf(), disk: Arc::new(FileSystem), _lock: None })
    }

    /// The run's folder.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Where the checkpoint of `update` is or would be.
    pub fn folder(&self, update: u64) -> PathBuf {
        self.run.join(CHECKPOINTS).join(name_of(update))
    }

    /// The updates of which there are checkpoints, ascending; whether they are sound is not asked.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn updates(&self) -> Result<Vec<u64>> {
        let mut updates: Vec<u64> = self.entries()?.iter().filter_map(|name| update_of(name)).collect();
        updates.sort_unstable();
        Ok(updates)
    }

    /// Writes the checkpoint of `update` (replacing an older one of that number) and makes it `latest`; answers its folder.
    ///
    /// # Errors
    /// As [`write()`](super::write()); all older checkpoints, `latest` and `best` are then as they were.
    pub fn save(&self, update: u64, checkpoint: &Checkpoint) -> Result<PathBuf> {
        let folder = self.folder(update);
        write_on(&*self.disk, &folder, checkpoint)?;
        point(&*self.disk, &self.run.join("latest"), update)?;
        Ok(folder)
    }

    /// Makes the checkpoint of `update` the best one.
    ///
    /// # Errors
    /// Where it does not exist, or `best` cannot be written.
    pub fn mark_best(&self, update: u64) -> Result<()> {
        let folder = self.folder(update);
        if !is_there(&folder.join(CHECKSUMS))? {
            return Err(CheckpointError::NotACheckpoint { folder });
        }
        point(&*self.disk, &self.run.join("best"), update)
    }

    /// The update of the checkpoint that was last saved.
    ///
    /// # Errors
    /// [`CheckpointError::Pointer`] where the file `latest` is damaged.
    pub fn latest(&self) -> Result<Option<u64>> {
        follow(&self.run.join("latest"))
    }

    /// The update of the checkpoint that was last marked as best.
    ///
    /// # Errors
    /// [`CheckpointError::Pointer`] where the file `best` is damaged.
    pub fn best(&self) -> Result<Option<u64>> {
        follow(&self.run.join("best"))
    }

    /// Removes all but the `keep` newest checkpoints, the latest and the best; answers the updates that were removed.
    ///
    /// # Errors
    /// Where a folder cannot be removed, and where `latest` or `best` is damaged: then nothing is removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<u64>> {
        self.prune_but(keep, &[])
    }

    /// [`prune`](CheckpointStore::prune), but the checkpoints of some updates stay in any case.
    ///
    /// # Errors
    /// As [`prune`](CheckpointStore::prune).
    pub fn prune_but(&self, keep: usize, stay: &[u64]) -> Result<Vec<u64>> {
        let kept = [self.latest()?, self.best()?];
        let mut old = self.updates()?;
        old.truncate(old.len().saturating_sub(keep));
        old.retain(|&update| !kept.contains(&Some(update)) && !stay.contains(&update));
        old.iter().try_for_each(|&update| self.remove(update))?;
        Ok(old)
    }

    /// Removes all checkpoints, `latest` and `best`, and nothing else: for another run in the same folder. The lock is held on.
    ///
    /// # Errors
    /// Where one of them cannot be removed.
    pub fn clear(&self) -> Result<()> {
        for pointer in ["best", "latest"].map(|name| self.run.join(name)) {
            if is_there(&pointer)? {
                self.disk.remove_file(&pointer).at("remove", &pointer)?;
            }
        }
        self.updates()?.iter().try_for_each(|&update| self.remove(update))
    }

    fn remove(&self, update: u64) -> Result<()> {
        // Out of its name first: a folder half removed must not look like a checkpoint.
        let folder = self.folder(update);
        let leaving = sibling(&folder, REMOVING)?;
        self.disk.rename(&folder, &leaving).at("remove", &folder)?;
        Ok(self.disk.remove_folder(&leaving).at("remove", &leaving)?)
    }

    /// The newest checkpoint that verifies, and the newer ones that do not, with the reasons. Reads every byte of those it looks at.
    ///
    /// # Errors
    /// Where the folder cannot be read, and [`CheckpointError::NoneGood`] where there are checkpoints but not one is sound.
    pub fn newest_good(&self) -> Result<Newest> {
        let mut refused = Vec::new();
        for update in self.updates()?.into_iter().rev() {
            let folder = self.folder(update);
            match verify(&folder) {
                Ok(()) => return Ok(Newest { good: Some(Stored { update, folder }), refused }),
                Err(reason) => refused.push(Refused { update, folder, reason }),
            }
        }
        if refused.is_empty() {
            Ok(Newest { good: None, refused })
        } else {
            Err(CheckpointError::NoneGood { run: self.run.clone(), refused })
        }
    }

    /// The checkpoint that a person means by `folder`: itself, or a run's best, else its latest, else its newest. A file `best` or
    /// `latest` of a run is followed.
    ///
    /// # Errors
    /// [`CheckpointError::NoModel`] where there is none, [`CheckpointError::Pointer`] where `best` or `latest` is damaged, [`CheckpointError::Disk`] where
    /// the system cannot say.
    pub fn resolve(folder: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = folder.as_ref();
        let no_model = || CheckpointError::NoModel { folder: folder.to_path_buf() };
        let is_file = match fs::metadata(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_model()),
            other => !other.at("read", folder)?.is_dir(),
        };
        if is_file {
            let store = match CheckpointStore::open(folder.parent().ok_or_else(no_model)?) {
                Err(CheckpointError::NoModel { .. }) => return Err(no_model()),
                other => other?,
            };
            // Not every file of a run names a checkpoint.
            let pointer = ["best", "latest"].iter().any(|name| folder.file_name().is_some_and(|file| file == *name));
            let update = if pointer { follow(folder)? } else { None };
            return store.existing(folder, update.ok_or_else(no_model)?);
        }
        if is_there(&folder.join(CHECKSUMS))? {
            return Ok(folder.to_path_buf());
        }
        let store = CheckpointStore::open(folder)?;
        for name in ["best", "latest"] {
            let file = store.run.join(name);
            if let Some(update) = follow(&file)? {
                return store.existing(&file, update);
            }
        }
        store.updates()?.last().map(|&update| store.folder(update)).ok_or_else(no_model)
    }

    /// The run that a checkpoint's folder belongs to, where it lies in one.
    pub fn run_of(checkpoint: &Path) -> Option<PathBuf> {
        let checkpoints = checkpoint.parent()?;
        let numbered = update_of(checkpoint.file_name()?.to_str()?).is_some();
        (numbered && checkpoints.file_name()? == CHECKPOINTS).then(|| checkpoints.parent().map(Path::to_path_buf))?
    }

    fn existing(&self, pointer: &Path, update: u64) -> Result<PathBuf> {
        let folder = self.folder(update);
        if is_there(&folder)? {
            return Ok(folder);
        }
        let content = format!("{CHECKPOINTS}/{}", name_of(update));
        Err(CheckpointError::Pointer { file: pointer.to_path_buf(), content })
    }

    /// Names in the folder of checkpoints, in ascending order.
    fn entries(&self) -> Result<Vec<String>> {
        let folder = self.run.join(CHECKPOINTS);
        let entries = fs::read_dir(&folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
        let entries = entries.at("list", &folder)?;
        let mut names: Vec<String> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Ends or removes what interrupted writes and removals left behind.
    fn clean(&self) -> Result<()> {
        let checkpoints = self.run.join(CHECKPOINTS);
        for name in self.entries()? {
            let Some((update, suffix)) = name.strip_prefix('.').and_then(|rest| rest.split_once('.')) else { continue };
            match (update_of(update), suffix) {
                (Some(_), WRITING | REPLACED) => recover(&*self.disk, &checkpoints.join(update))?,
                (Some(_), REMOVING) => {
                    let leaving = checkpoints.join(&name);
                    self.disk.remove_folder(&leaving).at("remove", &leaving)?;
                }
                _ => {}
            }
        }
        for pointer in ["best", "latest"] {
            let beside = sibling(&self.run.join(pointer), WRITING)?;
            if is_there(&beside)? {
                self.disk.remove_file(&beside).at("remove", &beside)?;
            }
        }
        Ok(())
    }
}

/// Takes the run's lock. A file system without locks is used without.
fn lock(run: &Path, file: &Path) -> Result<File> {
    let handle = File::options().create(true).truncate(false).write(true).open(file).at("create", file)?;
    match handle.try_lock() {
        Err(TryLockError::WouldBlock) => Err(CheckpointError::InUse { run: run.to_path_buf() }),
        _ => Ok(handle),
    }
}
