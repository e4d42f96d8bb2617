//! A disk for tests.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use unrolled_nn::disk::{Disk, FileSystem, Output};

/// A disk with room for so many bytes; what is deleted gives none back. It does not wait for the medium, as no test cuts the power.
#[derive(Clone, Debug)]
pub struct Medium(Arc<AtomicU64>);

impl Medium {
    pub fn with_room(bytes: u64) -> Medium {
        Medium(Arc::new(AtomicU64::new(bytes)))
    }

    /// The bytes that are left.
    pub fn room(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct MediumFile(Unsynced, Arc<AtomicU64>);

/// A file that does not wait for the medium.
pub struct Unsynced(pub Box<dyn Output>);

impl Write for Unsynced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output for Unsynced {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Write for MediumFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.load(Ordering::Relaxed);
        let left = room.checked_sub(bytes.len() as u64);
        self.1.store(left.unwrap_or(0), Ordering::Relaxed);
        left.ok_or(ErrorKind::StorageFull)?;
        self.0.write_all(bytes)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output for MediumFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

impl Disk for Medium {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        FileSystem.create_folder(folder)
    }
    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(MediumFile(Unsynced(FileSystem.create_file(file)?), self.0.clone())))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        FileSystem.remove_folder(folder)
    }
    fn remove_file(&self, file: &Path) -> io::Result<()> {
        FileSystem.remove_file(file)
    }
}
