//! `best` and `latest`: small text files that name a checkpoint of their run, `checkpoints/0000012000`.
//!
//! Text rather than symbolic links, which not every system and archive has; a person reads them with `cat`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{CheckpointError, Result};
use crate::disk::{At, Disk, replace_file};

/// The folder of a run's checkpoints.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// The folder name of the checkpoint after `update` updates. Ten digits, so that names sort like numbers.
pub(super) fn name_of(update: u64) -> String {
    format!("{update:010}")
}

/// The inverse of [`name_of`].
pub(super) fn update_of(name: &str) -> Option<u64> {
    let update = name.parse().ok()?;
    (name_of(update) == name).then_some(update)
}

/// Makes `file` name the checkpoint of `update`, in one step.
pub(super) fn point(disk: &dyn Disk, file: &Path, update: u64) -> Result<()> {
    replace_file(disk, file, |out: &mut dyn Write| {
        Ok(out.write_all(format!("{CHECKPOINTS}/{}\n", name_of(update)).as_bytes()).at("write", file)?)
    })
}

/// The update whose checkpoint `file` names; none where there is no such file.
pub(super) fn follow(file: &Path) -> Result<Option<u64>> {
    let content = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.at("read", file)?,
    };
    let text = String::from_utf8_lossy(&content);
    let update = text.trim_end().strip_prefix(CHECKPOINTS).and_then(|rest| update_of(rest.strip_prefix('/')?));
    match update {
        Some(update) => Ok(Some(update)),
        None => {
            let content = text.chars().take(80).collect();
            Err(CheckpointError::Pointer { file: file.to_path_buf(), content })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileSystem;

    #[test]
    fn names_and_updates_are_inverse() {
        for update in [0, 7, 12_000, 9_999_999_999, 10_000_000_000, u64::MAX] {
            assert_eq!(update_of(&name_of(update)), Some(update));
        }
        for other in ["", "12000", "+000012000", "00000000012000", "000001200x", ".0000012000.writing"] {
            assert_eq!(update_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_pointer_is_followed_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("best");
        assert_eq!(follow(&file).unwrap(), None);
        point(&FileSystem, &file, 12_000).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "checkpoints/0000012000\n");
        assert_eq!(follow(&file).unwrap(), Some(12_000));
        for damaged in ["", "0000012000", "checkpoints/../0000012000", "checkpoints/12", "\u{1}\u{2}"] {
            fs::write(&file, damaged).unwrap();
            assert!(matches!(follow(&file), Err(CheckpointError::Pointer { .. })), "{damaged}");
        }
    }
}
