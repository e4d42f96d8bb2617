//! Checkpoints: all that a run needs to go on, in a folder that is whole or not there.
//!
//! ```text
//! model.safetensors       parameters by path
//! optimiser.safetensors   the optimiser's state by name
//! state.json              anything else: counters, seeds, the schedule's place
//! …                       further files of the caller's, for instance configuration and vocabularies
//! checksums.json          the length and SHA-256 of each
//! ```
//!
//! A checkpoint is written to a hidden folder beside its place (`.NAME.writing`), every file and folder is synced to the medium, and
//! then the folder gets its name. So whatever happens meanwhile (a full disk, a kill, a power cut), what stands under a checkpoint's
//! name is whole. An old checkpoint of that name is first moved aside (`.NAME.replaced`), and moved back if the new one does not
//! arrive. A [`CheckpointStore`] keeps the numbered checkpoints of a run.
//!
//! ```
//! use unrolled_nn::checkpoint::{self, Checkpoint};
//! use unrolled_tensor::{Device, Tensor};
//!
//! # let run = tempfile::tempdir()?;
//! # let folder = run.path().join("0000012000");
//! let device = Device::cpu();
//! let mut saved = Checkpoint { state: serde_json::json!({"update": 12_000}), ..Checkpoint::default() };
//! saved.model.insert("output.bias".into(), Tensor::from_slice(&[0.5f32, -0.5], [2], &device));
//! checkpoint::write(&folder, &saved)?;
//!
//! let loaded = checkpoint::read(&folder, &device)?;
//! assert_eq!(loaded.state["update"], 12_000);
//! assert_eq!(loaded.model["output.bias"].to_vec::<f32>(), [0.5, -0.5]);
//!
//! std::fs::write(folder.join("state.json"), "{\"update\": 13000}")?;
//! assert!(checkpoint::verify(&folder).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checksums;
mod error;
mod pointer;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use unrolled_tensor::{Device, Tensor};

use crate::disk::{At, Disk, FileSystem, beside, is_there, replace_folder, restore_folder, write_file};
use crate::safetensors_file::{Plan, read_from};
use checksums::{Checksums, FORMAT, Summing, read_summed};

pub use error::CheckpointError;
pub use store::{CheckpointStore, Newest, Refused, Stored};

/// The file of the parameters.
pub const MODEL: &str = "model.safetensors";
/// The file of the optimiser's state.
pub const OPTIMISER: &str = "optimiser.safetensors";
/// The file of everything else.
pub const STATE: &str = "state.json";
/// The list of checksums.
pub const CHECKSUMS: &str = "checksums.json";

type Result<T> = std::result::Result<T, CheckpointError>;

/// All that a run needs to go on.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Parameters by path.
    pub model: BTreeMap<String, Tensor>,
    /// The optimiser's state by name.
    pub optimiser: BTreeMap<String, Tensor>,
    /// Anything else. Finite numbers come back to the bit; JSON has no NaN and no infinity (`serde_json` writes them as null).
    pub state: serde_json::Value,
    /// Further files by name, for instance the configuration and the vocabularies, so that a checkpoint can be used by itself.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Writes a checkpoint under `folder`, replacing an older one there. Folders above it are made.
///
/// # Errors
/// [`CheckpointError::Disk`] where a step fails ([`is_full`](CheckpointError::is_full) tells a full disk), and [`CheckpointError::InTheWay`]
/// where `folder` holds anything but a checkpoint. What stood under `folder` before is then still there.
pub fn write(folder: impl AsRef<Path>, checkpoint: &Checkpoint) -> Result<()> {
    write_on(&FileSystem, folder.as_ref(), checkpoint)
}

/// [`write()`] on a disk of the caller's.
///
/// # Errors
/// As [`write()`].
pub fn write_on(disk: &dyn Disk, folder: &Path, checkpoint: &Checkpoint) -> Result<()> {
    check_file_names(checkpoint)?;
    recover(disk, folder)?;
    if is_in_the_way(folder)? {
        return Err(CheckpointError::InTheWay { folder: folder.to_path_buf() });
    }
    let beside = beside(folder)?;
    let written = fill(disk, &beside, checkpoint).and_then(|()| Ok(replace_folder(disk, &beside, folder)?));
    if written.is_err() && beside.exists() {
        let _ = disk.remove_folder(&beside); // gives the room back; the first error is the one to report
    }
    written
}

/// Reads a checkpoint to `device`, verifying every file on the way.
///
/// # Errors
/// Where a file is missing, truncated, damaged, or cannot be read; or the device fails.
pub fn read(folder: impl AsRef<Path>, device: &Device) -> Result<Checkpoint> {
    read_but(folder.as_ref(), device, &[])
}

/// [`read`] without the optimiser's state, which can be twice as large as the model: for whoever does not train. Whether its file is sound is not
/// asked.
///
/// # Errors
/// As [`read`].
pub fn read_model(folder: impl AsRef<Path>, device: &Device) -> Result<Checkpoint> {
    read_but(folder.as_ref(), device, &[OPTIMISER])
}

/// Reads all files but those `left_out`.
fn read_but(folder: &Path, device: &Device, left_out: &[&str]) -> Result<Checkpoint> {
    let mut checkpoint = Checkpoint::default();
    let mut files = Checksums::read(folder)?.files;
    files.retain(|name, _| !left_out.contains(&name.as_str()));
    for (name, sum) in files {
        let file = folder.join(&name);
        let tensors = |input: &mut dyn Read, length| Ok(read_from(&file, input, length, device, None)?.tensors);
        match name.as_str() {
            MODEL => checkpoint.model = read_summed(&file, &sum, tensors)?,
            OPTIMISER => checkpoint.optimiser = read_summed(&file, &sum, tensors)?,
            STATE => checkpoint.state = read_summed(&file, &sum, |input, length| parse_state(&file, input, length))?,
            _ => {
                let content = read_summed(&file, &sum, |input, length| read_all(&file, input, length))?;
                checkpoint.files.insert(name, content);
            }
        }
    }
    Ok(checkpoint)
}

/// Reads only the state of a checkpoint, verified.
///
/// # Errors
/// As [`read`].
pub fn read_state(folder: impl AsRef<Path>) -> Result<serde_json::Value> {
    let file = folder.as_ref().join(STATE);
    let list = Checksums::read(folder.as_ref())?;
    read_summed(&file, &list.files[STATE], |input, length| parse_state(&file, input, length))
}

/// Checks that every file of a checkpoint is there with the content that was written.
///
/// # Errors
/// The first file that is not.
pub fn verify(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    let files = Checksums::read(folder)?.files;
    files.iter().try_for_each(|(name, sum)| read_summed(&folder.join(name), sum, |_, _| Ok(())))
}

/// Ends what an interrupted [`write()`] left behind beside `folder`: an old checkpoint that was moved aside comes back if the new one did
/// not arrive, and is removed if it did; an unfinished one is removed.
fn recover(disk: &dyn Disk, folder: &Path) -> Result<()> {
    restore_folder(disk, folder)?;
    let beside = beside(folder)?;
    if is_there(&beside)? {
        disk.remove_folder(&beside).at("remove", &beside)?;
    }
    Ok(())
}

/// True where `folder` is there and is neither a checkpoint nor empty.
fn is_in_the_way(folder: &Path) -> Result<bool> {
    if !is_there(folder)? || is_there(&folder.join(CHECKSUMS))? {
        return Ok(false);
    }
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(true),
        entries => Ok(entries.at("list", folder)?.next().is_some()),
    }
}

fn check_file_names(checkpoint: &Checkpoint) -> Result<()> {
    for name in checkpoint.files.keys() {
        let reason = if [MODEL, OPTIMISER, STATE, CHECKSUMS].contains(&name.as_str()) {
            "it is one of the checkpoint's own"
        } else if !is_plain(name) {
            "it must be a plain name that does not begin with a dot"
        } else {
            continue;
        };
        return Err(CheckpointError::FileName { name: name.clone(), reason });
    }
    Ok(())
}

/// True of a name that stays in its folder on any system.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}

/// Writes all files of a checkpoint to the new folder `beside`.
fn fill(disk: &dyn Disk, beside: &Path, checkpoint: &Checkpoint) -> Result<()> {
    disk.create_folder(beside).at("create", beside)?;
    let mut files = BTreeMap::new();
    let mut put = |name: &str, fill: &dyn Fn(&Path, &mut dyn Write) -> Result<()>| {
        let file = beside.join(name);
        write_file::<CheckpointError>(disk, &file, |out| {
            let mut summing = Summing::new(out);
            fill(&file, &mut summing)?;
            files.insert(name.to_string(), summing.finish());
            Ok(())
        })
    };
    for (name, tensors) in [(MODEL, &checkpoint.model), (OPTIMISER, &checkpoint.optimiser)] {
        put(name, &|file, out| Ok(Plan::new(file, tensors, &BTreeMap::new())?.write(out)?))?;
    }
    put(STATE, &|file, out| write_json(file, out, &checkpoint.state))?;
    for (name, content) in &checkpoint.files {
        put(name, &|file, out| Ok(out.write_all(content).at("write", file)?))?;
    }
    let list = Checksums { format: FORMAT, files };
    let file = beside.join(CHECKSUMS);
    write_file::<CheckpointError>(disk, &file, |out| write_json(&file, out, &list))?;
    Ok(disk.sync_folder(beside).at("sync", beside)?)
}

fn write_json(file: &Path, out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|source| json_error(file, source))?;
    text.push(b'\n');
    Ok(out.write_all(&text).at("write", file)?)
}

fn read_all(file: &Path, input: &mut dyn Read, length: u64) -> Result<Vec<u8>> {
    let mut content = Vec::with_capacity(length as usize);
    input.read_to_end(&mut content).at("read", file)?;
    Ok(content)
}

fn parse_state(file: &Path, input: &mut dyn Read, length: u64) -> Result<serde_json::Value> {
    let text = read_all(file, input, length)?;
    serde_json::from_slice(&text).map_err(|source| json_error(file, source))
}

fn json_error(file: &Path, source: serde_json::Error) -> CheckpointError {
    CheckpointError::Json { file: PathBuf::from(file), source }
}
