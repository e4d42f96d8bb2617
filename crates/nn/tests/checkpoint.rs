//! Single checkpoints: round trip, every kind of damage, disks that refuse.

mod common;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use common::{Faulty, example, names_in, seed_in};
use unrolled_nn::checkpoint::{self, CHECKSUMS, Checkpoint, CheckpointError, MODEL, OPTIMISER, STATE};
use unrolled_nn::disk::{Disk, FileSystem, Output};
use unrolled_tensor::{DType, Device, Tensor};

/// A written example and its folder.
fn written() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("checkpoint");
    checkpoint::write_on(&Faulty::sound(), &folder, &example(1)).unwrap();
    (parent, folder)
}

#[test]
fn everything_comes_back_and_equal_checkpoints_are_equal_files() {
    let (parent, folder) = written();
    assert_eq!(seed_in(&folder), 1);
    assert_eq!(names_in(&folder), [CHECKSUMS, "config.toml", MODEL, OPTIMISER, STATE]);
    let other = parent.path().join("deep/down/other");
    checkpoint::write(&other, &example(1)).unwrap();
    for name in names_in(&folder) {
        assert_eq!(fs::read(folder.join(&name)).unwrap(), fs::read(other.join(&name)).unwrap(), "{name}");
    }
    assert_eq!(checkpoint::read_state(&folder).unwrap(), example(1).state);
    checkpoint::write(&folder, &Checkpoint::default()).unwrap();
    let empty = checkpoint::read(&folder, &Device::cpu()).unwrap();
    assert!(empty.model.is_empty() && empty.optimiser.is_empty() && empty.files.is_empty() && empty.state.is_null());
    assert_eq!(names_in(parent.path()), ["checkpoint", "deep"]);
}

#[test]
fn a_model_can_be_read_without_its_optimiser() {
    let (_parent, folder) = written();
    let whole = checkpoint::read(&folder, &Device::cpu()).unwrap();
    assert!(!whole.model.is_empty() && !whole.optimiser.is_empty());
    fs::write(folder.join(OPTIMISER), "").unwrap();
    assert!(checkpoint::read(&folder, &Device::cpu()).is_err());
    let part = checkpoint::read_model(&folder, &Device::cpu()).unwrap();
    assert!(part.optimiser.is_empty() && part.files == whole.files && part.state == whole.state);
    assert!(part.model.keys().eq(whole.model.keys()));
    fs::write(folder.join(MODEL), "").unwrap();
    assert!(checkpoint::read_model(&folder, &Device::cpu()).is_err());
}

#[test]
fn numbers_of_the_state_come_back_to_the_bit() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("checkpoint");
    let key = unrolled_tensor::random::Key::new(5);
    let numbers: Vec<f64> = (0..2000).map(|i| key.normal(i) * 10f64.powi(key.below(i, 600) as i32 - 300)).collect();
    let state = serde_json::to_value(&numbers).unwrap();
    checkpoint::write(&folder, &Checkpoint { state, ..Checkpoint::default() }).unwrap();
    let back: Vec<f64> = serde_json::from_value(checkpoint::read_state(&folder).unwrap()).unwrap();
    assert!(numbers.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
}

/// Both ways of looking at a checkpoint refuse it, with one message.
fn refusal(folder: &Path) -> CheckpointError {
    let error = checkpoint::verify(folder).unwrap_err();
    assert_eq!(checkpoint::read(folder, &Device::cpu()).unwrap_err().to_string(), error.to_string());
    error
}

#[test]
fn every_flipped_bit_is_found() {
    let (_parent, folder) = written();
    for name in names_in(&folder) {
        let file = folder.join(&name);
        let sound = fs::read(&file).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            // In the list itself, white space may become other white space.
            if name == CHECKSUMS && sound[at].is_ascii_whitespace() {
                continue;
            }
            fs::write(&file, &damaged).unwrap();
            let error = checkpoint::verify(&folder).expect_err(&format!("{name} at {at}"));
            if name != CHECKSUMS {
                assert!(matches!(&error, CheckpointError::Damaged { file: named, .. } if *named == file), "{error}");
            }
            if at % 37 == 0 {
                refusal(&folder);
            }
        }
        fs::write(&file, &sound).unwrap();
    }
    checkpoint::verify(&folder).unwrap();
}

#[test]
fn truncated_and_missing_files_are_named() {
    let (_parent, folder) = written();
    for name in [MODEL, OPTIMISER, STATE, "config.toml"] {
        let file = folder.join(name);
        let sound = fs::read(&file).unwrap();
        for length in [0, 1, sound.len() - 1] {
            fs::write(&file, &sound[..length]).unwrap();
            let error = refusal(&folder);
            assert!(
                matches!(&error, CheckpointError::Length { file: named, expected, found }
                if *named == file && *expected == sound.len() as u64 && *found == length as u64),
                "{error}"
            );
        }
        fs::remove_file(&file).unwrap();
        assert!(matches!(refusal(&folder), CheckpointError::Missing { file: named } if named == file));
        fs::write(&file, &sound).unwrap();
    }
    fs::remove_file(folder.join(CHECKSUMS)).unwrap();
    assert!(matches!(refusal(&folder), CheckpointError::NotACheckpoint { .. }));
    assert!(matches!(refusal(&folder.join("none")), CheckpointError::NotACheckpoint { .. }));
}

#[test]
fn lists_that_make_no_sense_are_refused() {
    let (_parent, folder) = written();
    let list = folder.join(CHECKSUMS);
    let sound = fs::read_to_string(&list).unwrap();
    let sum = "\"sha256\": \"";
    for (text, says) in [
        (String::new(), "damaged: EOF while parsing a value at line 1"),
        (sound[..sound.len() / 2].to_owned(), "damaged: EOF while parsing"),
        (sound.replace("config.toml", "../config.toml"), "`../config.toml` is no plain name of a file"),
        (sound.replace(STATE, "other.json"), "it does not list `state.json`"),
        (sound.replace(sum, &format!("{sum}x")), "the sum of `config.toml` is no SHA-256"),
    ] {
        fs::write(&list, text).unwrap();
        let error = refusal(&folder);
        assert!(matches!(&error, CheckpointError::List { file, .. } if *file == list), "{error}");
        let error = error.to_string();
        assert!(error.contains(says) && error.ends_with(": use another checkpoint"), "{error}");
    }
    fs::write(&list, sound.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(matches!(refusal(&folder), CheckpointError::Format { found: 2, .. }));
}

#[test]
fn a_state_that_is_no_json_is_named_even_where_the_sum_fits() {
    let (_parent, folder) = written();
    // Take the sum of a file of the caller's, whose content is free.
    let text = b"{\"update\": ".to_vec();
    let mut with_text = example(1);
    with_text.files.insert("text".into(), text.clone());
    checkpoint::write(&folder, &with_text).unwrap();
    let mut list: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(CHECKSUMS)).unwrap()).unwrap();
    list["files"][STATE] = list["files"]["text"].clone();
    fs::write(folder.join(CHECKSUMS), list.to_string()).unwrap();
    fs::write(folder.join(STATE), text).unwrap();
    let error = checkpoint::read(&folder, &Device::cpu()).unwrap_err();
    assert!(matches!(&error, CheckpointError::Json { file, .. } if file.ends_with(STATE)), "{error}");
}

#[test]
fn names_of_further_files_are_checked() {
    let (_parent, folder) = written();
    for name in [STATE, CHECKSUMS, "", ".hidden", "a/b", "..", "a\\b", "C:x"] {
        let files = [(name.to_string(), Vec::new())].into();
        let error = checkpoint::write(&folder, &Checkpoint { files, ..Checkpoint::default() }).unwrap_err();
        assert!(matches!(error, CheckpointError::FileName { .. }), "{name}: {error}");
    }
    assert_eq!(seed_in(&folder), 1);
}

#[test]
fn what_is_no_checkpoint_is_not_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let precious = parent.path().join("precious");
    fs::create_dir(&precious).unwrap();
    checkpoint::write(&precious, &example(1)).unwrap(); // an empty folder is not in the way
    fs::remove_file(precious.join(CHECKSUMS)).unwrap();
    assert!(matches!(checkpoint::write(&precious, &example(2)), Err(CheckpointError::InTheWay { .. })));
    assert_eq!(names_in(&precious).len(), 4);
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(checkpoint::write(&file, &example(2)), Err(CheckpointError::InTheWay { .. })));
    assert!(matches!(checkpoint::write(file.join("below"), &example(2)), Err(CheckpointError::Disk(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");
}

/// Writing to each file in turn meets a full disk: the error names it, the old checkpoint stands, the room is given back.
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let (parent, folder) = written();
    for name in [MODEL, OPTIMISER, STATE, "config.toml", CHECKSUMS] {
        for step in ["create_file", "write", "sync"] {
            let disk = Faulty::new(move |this, path| match this == step && path.ends_with(name) {
                true => Err(ErrorKind::StorageFull.into()),
                false => Ok(()),
            });
            let error = checkpoint::write_on(&disk, &folder, &example(2)).unwrap_err();
            assert!(error.is_full() && error.to_string().contains(name), "{step} {name}: {error}");
            assert!(error.to_string().contains("free some space"), "{error}");
            assert_eq!(seed_in(&folder), 1);
            assert_eq!(names_in(parent.path()), ["checkpoint"]);
        }
    }
    checkpoint::write(&folder, &example(2)).unwrap();
    assert_eq!(seed_in(&folder), 2);
}

/// A file system on which the model's file is the device that is always full.
#[derive(Debug)]
struct DevFull;

impl Disk for DevFull {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        FileSystem.create_folder(folder)
    }
    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>> {
        FileSystem.create_file(if file.ends_with(MODEL) { Path::new("/dev/full") } else { file })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        FileSystem.sync_folder(folder)
    }
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        FileSystem.remove_folder(folder)
    }
    fn remove_file(&self, file: &Path) -> io::Result<()> {
        FileSystem.remove_file(file)
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_systems_own_full_disk_is_recognised() {
    let (parent, folder) = written();
    let mut large = example(2);
    for n in [1, 1 << 20] {
        // Small ones fail when the buffer is flushed, large ones at once.
        large.model.insert("large".into(), Tensor::zeros([n], DType::F32, &Device::cpu()));
        let error = checkpoint::write_on(&DevFull, &folder, &large).unwrap_err();
        assert!(error.is_full() && error.to_string().contains(MODEL), "{error}");
        assert_eq!((seed_in(&folder), names_in(parent.path()).len()), (1, 1));
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let (parent, folder) = written();
    let disk = Faulty::new(|_, _| Err(ErrorKind::PermissionDenied.into()));
    let error = checkpoint::write_on(&disk, &folder, &example(2)).unwrap_err();
    assert!(error.to_string().contains("checkpoint") && error.to_string().contains("check its permissions"), "{error}");
    assert!(!error.is_full());
    assert_eq!(seed_in(&folder), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |mode| fs::set_permissions(parent.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        // The superuser may write anywhere; for anybody else it must be refused.
        let allowed = fs::write(parent.path().join("probe"), "").is_ok();
        let result = checkpoint::write(&folder, &example(3));
        mode(0o755);
        assert_eq!(result.is_ok(), allowed, "{result:?}");
        assert_eq!(seed_in(&folder), if allowed { 3 } else { 1 });
    }
}

/// Dies at every single step of replacing a checkpoint; after each death the folder, or the next writer, has the old one or the new one whole.
#[test]
fn a_kill_at_any_step_leaves_the_old_checkpoint_or_the_new_one() {
    let mut seen = [false; 2];
    for n in 0.. {
        let (parent, folder) = written();
        let (disk, _) = Faulty::dying_at(n);
        let died = checkpoint::write_on(&disk, &folder, &example(2)).is_err();
        if folder.exists() {
            let seed = seed_in(&folder);
            seen[seed as usize - 1] = true;
            assert!(died || seed == 2);
        }
        // Whatever was left, the next write succeeds and tidies up, and never before the old one is safe.
        let (disk, _) = Faulty::dying_at(n % 7);
        let _ = checkpoint::write_on(&disk, &folder, &example(3));
        assert!(folder.exists() || names_in(parent.path()).contains(&".checkpoint.replaced".to_string()), "{n}");
        checkpoint::write_on(&Faulty::sound(), &folder, &example(3)).unwrap();
        assert_eq!(seed_in(&folder), 3);
        assert_eq!(names_in(parent.path()), ["checkpoint"]);
        if !died && n > 30 {
            assert_eq!(seen, [true; 2]);
            return;
        }
    }
}
