//! Reading at a position.
//!
//! Shards are read a pair at a time, where it lies, rather than mapped into memory. A mapping needs `unsafe`, because somebody who cuts the file short meanwhile kills
//! the process (SIGBUS) or changes a slice that Rust takes for constant; on network file systems an error of reading is a signal too. A read gives an error that names the shard. The
//! system's page cache holds what is read as it would hold a mapping's pages, and a read of a pair costs about a microsecond: 0.1 ms a batch of 128.

use std::fmt::Debug;
use std::fs::File;
use std::io;

/// Bytes that can be read anywhere, by several threads.
pub(super) trait ReadAt: Debug + Send + Sync {
    /// Fills `bytes` from position `at` on.
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
    /// How many there are.
    fn length(&self) -> io::Result<u64>;
}

#[cfg(unix)]
impl ReadAt for File {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, bytes, at)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Elsewhere a file has one position, which readers must share.
#[cfg(not(unix))]
impl ReadAt for std::sync::Mutex<File> {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.lock().unwrap_or_else(std::sync::PoisonError::into_inner).metadata()?.len())
    }
}

/// A file to be read anywhere.
pub(super) fn file(file: File) -> Box<dyn ReadAt> {
    #[cfg(unix)]
    return Box::new(file);
    #[cfg(not(unix))]
    return Box::new(std::sync::Mutex::new(file));
}
