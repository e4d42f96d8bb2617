//! What writing asks of a file system: new files, fsync, renames.
//!
//! It is a trait so that a test can stand in for a disk that runs full or a process that dies between two steps.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is being written.
pub trait Output: Write {
    /// Returns when everything written so far is on the medium (fsync).
    fn sync(&mut self) -> io::Result<()>;
}

/// The steps that writing takes on a file system; [`FileSystem`] is the machine's own.
///
/// ```
/// use std::io;
/// use std::path::Path;
/// use unrolled_nn::disk::{Disk, DiskError, FileSystem, Output, replace_file};
///
/// /// A disk with no room for another file.
/// #[derive(Debug)]
/// struct Full;
///
/// impl Disk for Full {
///     fn create_folder(&self, folder: &Path) -> io::Result<()> {
///         FileSystem.create_folder(folder)
///     }
///     fn create_file(&self, _: &Path) -> io::Result<Box<dyn Output>> {
///         Err(io::ErrorKind::StorageFull.into())
///     }
///     fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
///         FileSystem.rename(from, to)
///     }
///     fn sync_folder(&self, folder: &Path) -> io::Result<()> {
///         FileSystem.sync_folder(folder)
///     }
///     fn remove_folder(&self, folder: &Path) -> io::Result<()> {
///         FileSystem.remove_folder(folder)
///     }
///     fn remove_file(&self, file: &Path) -> io::Result<()> {
///         FileSystem.remove_file(file)
///     }
/// }
/// # let folder = tempfile::tempdir().unwrap();
/// let file = folder.path().join("best");
/// let error = replace_file::<DiskError>(&Full, &file, |_| Ok(())).unwrap_err();
/// assert!(error.is_full());
/// ```
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder and those above it; it may exist already.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// A new file, or an old one emptied.
    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>>;
    /// Gives a file or a folder another name in one step; an old file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns when the folder's entries are on the medium.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Removes a folder and all that is in it.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, file: &Path) -> io::Result<()>;
}

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Output for BufWriter<File> {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.get_ref().sync_all()
    }
}

impl Disk for FileSystem {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(BufWriter::with_capacity(1 << 18, File::create(file)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(()); // elsewhere a folder cannot be opened as a file, and renames are journalled
        }
        match File::open(folder)?.sync_all() {
            // Some network and user-space file systems have no fsync for folders; there is nothing more to do on them.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            other => other,
        }
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir_all(folder)
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }
}

/// A file or folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}{}", .file.display(), self.advice())]
pub struct DiskError {
    /// What was tried: `read`, `write`, `rename`, ….
    pub action: &'static str,
    /// The file or folder.
    pub file: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// True where the disk, or the user's quota of it, has no room left.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    }

    fn advice(&self) -> &'static str {
        match self.source.kind() {
            _ if self.is_full() => "; free some space, or write to another disk",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "; check its permissions, or choose another folder"
            }
            ErrorKind::NotFound => "; check the path",
            _ => "",
        }
    }
}

/// Adds what was tried, and on which file, to an error of the system.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, file: &Path) -> Result<T, DiskError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, file: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { action, file: file.to_path_buf(), source })
    }
}

/// True where there is something under `path`. Unlike [`Path::exists`], it does not take what may not be looked at for what is not there.
///
/// # Errors
/// Where the system cannot say: a folder on the way may not be entered, its links go in a circle, the medium fails.
pub fn is_there(path: &Path) -> Result<bool, DiskError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error).at("read", path),
    }
}

/// Keeps other processes that ask the same out of a folder until the file is dropped. A system that locks no folders is used without: `None`.
///
/// # Errors
/// [`ErrorKind::ResourceBusy`] where another process is in it.
pub fn claim_folder(folder: &Path) -> Result<Option<File>, DiskError> {
    // Elsewhere a folder cannot be opened as a file.
    let Some(file) = File::open(folder).ok().filter(|_| cfg!(unix)) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => {
            let busy = io::Error::new(ErrorKind::ResourceBusy, "another process is at work in it");
            Err(busy).at("write into", folder)
        }
        Err(fs::TryLockError::Error(_)) => Ok(None),
    }
}

/// The folder that holds `path`.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The hidden sibling of `path` that is in the state `suffix`: `.NAME.suffix`.
pub(crate) fn sibling(path: &Path, suffix: &str) -> Result<PathBuf, DiskError> {
    let name = path.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path ends in no name"));
    let name = name.at("write", path)?.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{suffix}")))
}

/// The suffix of files and folders that are not whole yet.
pub(crate) const WRITING: &str = "writing";

/// Writes a file beside `file` and renames it, so that under this name there is always the old content or the new, whole.
///
/// # Errors
/// Where a step fails; the old file is then untouched.
pub fn replace_file<E: From<DiskError>>(
    disk: &dyn Disk,
    file: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let beside = sibling(file, WRITING)?;
    let written = write_file(disk, &beside, fill).and_then(|()| {
        disk.rename(&beside, file).at("write", file)?;
        Ok(disk.sync_folder(parent_of(file)).at("sync", parent_of(file))?)
    });
    if written.is_err() {
        let _ = disk.remove_file(&beside); // the first error is the one to report
    }
    written
}

/// The suffix of a folder that was moved aside for a new one of its name.
pub(crate) const REPLACED: &str = "replaced";

/// Where the folder is written that is to replace `folder`: its hidden sibling `.NAME.writing`.
///
/// # Errors
/// Where the path ends in no name.
pub fn beside(folder: &Path) -> Result<PathBuf, DiskError> {
    sibling(folder, WRITING)
}

/// Gives `new`, whole and on the medium, the name `folder`. What has that name is moved aside first (`.NAME.replaced`), moved back if `new` does not
/// arrive, and removed if it does; [`restore_folder`] ends what a kill in between leaves.
///
/// # Errors
/// Where a step fails; what stood under `folder` then still does.
pub fn replace_folder(disk: &dyn Disk, new: &Path, folder: &Path) -> Result<(), DiskError> {
    let parent = parent_of(folder);
    let aside = sibling(folder, REPLACED)?;
    let replaces = is_there(folder)?;
    if replaces {
        disk.rename(folder, &aside).at("move aside", folder)?;
    }
    if let Err(error) = disk.rename(new, folder).at("write", folder) {
        if replaces {
            let _ = disk.rename(&aside, folder); // where this fails too, `restore_folder` does it next time
        }
        return Err(error);
    }
    disk.sync_folder(parent).at("sync", parent)?;
    if replaces {
        let _ = disk.remove_folder(&aside); // the new one stands; `restore_folder` removes what is left
    }
    Ok(())
}

/// Ends an interrupted [`replace_folder`]: the old folder comes back if the new one did not arrive, and is removed if it did.
///
/// # Errors
/// Where a step fails.
pub fn restore_folder(disk: &dyn Disk, folder: &Path) -> Result<(), DiskError> {
    let (aside, parent) = (sibling(folder, REPLACED)?, parent_of(folder));
    if !is_there(&aside)? {
        return Ok(());
    }
    if is_there(folder)? {
        return disk.remove_folder(&aside).at("remove", &aside);
    }
    disk.rename(&aside, folder).at("restore", folder)?;
    disk.sync_folder(parent).at("sync", parent)
}

/// Writes a new file and waits until it is on the medium.
pub(crate) fn write_file<E: From<DiskError>>(
    disk: &dyn Disk,
    file: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut output = disk.create_file(file).at("create", file)?;
    fill(&mut output)?;
    Ok(output.sync().at("write", file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("best");
        replace_file::<DiskError>(&FileSystem, &file, |out| out.write_all(b"old").at("write", &file)).unwrap();
        let error = replace_file::<DiskError>(&FileSystem, &file, |out| {
            out.write_all(b"ne").at("write", &file)?;
            Err(io::Error::from(ErrorKind::StorageFull)).at("write", &file)
        });
        assert!(error.unwrap_err().is_full());
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file_and_say_what_to_do() {
        let file = Path::new("no-such-folder").join("file");
        let error = replace_file::<DiskError>(&FileSystem, &file, |_| Ok(())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no-such-folder") && text.ends_with("check the path"), "{text}");
        assert!(sibling(Path::new(".."), WRITING).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_is_claimed_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let claim = claim_folder(folder.path()).unwrap();
        assert!(claim.is_some());
        let told = claim_folder(folder.path()).unwrap_err().to_string();
        assert!(told.contains("another process is at work in it"), "{told}");
        drop(claim);
        assert!(claim_folder(folder.path()).unwrap().is_some());
    }

    #[test]
    #[cfg(unix)]
    fn what_cannot_be_looked_at_is_not_taken_for_absent() {
        let folder = tempfile::tempdir().unwrap();
        let [file, circle] = ["file", "circle"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        assert!(is_there(&file).unwrap());
        assert!(!is_there(&folder.path().join("none")).unwrap() && !is_there(&file.join("below")).unwrap());
        let told = is_there(&circle.join("below")).unwrap_err().to_string();
        assert!(told.contains("circle/below") && told.contains("os error"), "{told}");
    }
}
