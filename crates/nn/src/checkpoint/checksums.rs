//! The list of a checkpoint's files with their lengths and SHA-256 sums.
//!
//! SHA-256 rather than a CRC: a person can check a file with `sha256sum`, and equal sums show that two checkpoints are equal to the bit,
//! which is what an exact resume promises. With the processor's instructions for it a gigabyte takes about a second.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CHECKSUMS, CheckpointError, MODEL, OPTIMISER, Result, STATE, is_plain};
use crate::disk::At;

/// The version of the folder's layout.
pub(super) const FORMAT: u64 = 1;

/// `checksums.json`. Written last, so a folder without it was never finished.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checksums {
    pub format: u64,
    pub files: BTreeMap<String, Sum>,
}

/// The length and the checksum of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

impl Checksums {
    /// Reads a checkpoint's list.
    pub fn read(folder: &Path) -> Result<Checksums> {
        let file = folder.join(CHECKSUMS);
        let text = match std::fs::read(&file) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(CheckpointError::NotACheckpoint { folder: folder.to_path_buf() });
            }
            other => other.at("read", &file)?,
        };
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let damaged = |problem: String| CheckpointError::List { file: file.clone(), problem };
        let json = |error: serde_json::Error| damaged(error.to_string());
        // The version first: a later format may have other fields.
        let version: Version = serde_json::from_slice(&text).map_err(json)?;
        if version.format != FORMAT {
            return Err(CheckpointError::Format { file, found: version.format });
        }
        let list: Checksums = serde_json::from_slice(&text).map_err(json)?;
        for (name, sum) in &list.files {
            if !is_plain(name) {
                return Err(damaged(format!("`{name}` is no plain name of a file")));
            }
            if sum.sha256.len() != 64 || !sum.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(damaged(format!("the sum of `{name}` is no SHA-256")));
            }
        }
        match [MODEL, OPTIMISER, STATE].into_iter().find(|&name| !list.files.contains_key(name)) {
            Some(name) => Err(damaged(format!("it does not list `{name}`"))),
            None => Ok(list),
        }
    }
}

/// A reader or writer that sums what passes through it.
pub(super) struct Summing<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Summing<T> {
    pub fn new(inner: T) -> Summing<T> {
        Summing { inner, hash: Sha256::new(), bytes: 0 }
    }

    pub fn finish(self) -> Sum {
        let hex = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Sum { bytes: self.bytes, sha256: hex }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Write> Write for Summing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summing<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.add(&bytes[..read]);
        Ok(read)
    }
}

/// Gives `work` the content and length of `file`, in one pass with its verification. Where the content is not what was written, that is
/// the error, whatever `work` made of it.
pub(super) fn read_summed<T>(
    file: &Path,
    expected: &Sum,
    work: impl FnOnce(&mut dyn Read, u64) -> Result<T>,
) -> Result<T> {
    let input = match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CheckpointError::Missing { file: file.to_path_buf() });
        }
        other => other.at("open", file)?,
    };
    let found = input.metadata().at("read", file)?.len();
    if found != expected.bytes {
        return Err(CheckpointError::Length { file: file.to_path_buf(), expected: expected.bytes, found });
    }
    let mut input = Summing::new(input);
    let result = work(&mut input, found);
    drain(&mut input).at("read", file)?;
    let sum = input.finish();
    if sum != *expected {
        let (expected, found) = (expected.sha256.clone(), sum.sha256);
        return Err(CheckpointError::Damaged { file: file.to_path_buf(), expected, found });
    }
    result
}

fn drain(input: &mut dyn Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_sha256() {
        // FIPS 180-2, appendix B.1.
        let mut summing = Summing::new(Vec::new());
        summing.write_all(b"a").unwrap();
        summing.write_all(b"bc").unwrap();
        let sum = summing.finish();
        assert_eq!(sum.bytes, 3);
        assert_eq!(sum.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
