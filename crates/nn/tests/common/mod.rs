//! Checkpoints to write, and disks that fail.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use unrolled_nn::checkpoint::{self, Checkpoint};
use unrolled_nn::disk::{Disk, FileSystem, Output};
use unrolled_tensor::{Device, Tensor};

/// A small checkpoint, different for each `seed`.
pub fn example(seed: u64) -> Checkpoint {
    let tensor = |n: u64| Tensor::from_slice(&[seed as f32 + 0.1, n as f32, -1.5], [3], &Device::cpu());
    Checkpoint {
        model: [("encoder.weight".to_string(), tensor(1)), ("output.bias".to_string(), tensor(2))].into(),
        optimiser: [("encoder.weight.velocity".to_string(), tensor(3))].into(),
        state: serde_json::json!({"update": seed, "loss": 0.1 + seed as f64, "seed": u64::MAX}),
        files: [("config.toml".to_string(), format!("seed = {seed}\n").into_bytes())].into(),
    }
}

/// Which `seed` the checkpoint in `folder` was made of; checks that all of it is.
pub fn seed_in(folder: &Path) -> u64 {
    let found = checkpoint::read(folder, &Device::cpu()).unwrap();
    let seed = found.state["update"].as_u64().unwrap();
    let wanted = example(seed);
    assert_eq!((&found.state, &found.files), (&wanted.state, &wanted.files));
    for (found, wanted) in [(&found.model, &wanted.model), (&found.optimiser, &wanted.optimiser)] {
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (name, tensor) in wanted {
            assert_eq!(found[name].to_vec::<f32>(), tensor.to_vec::<f32>(), "{name}");
        }
    }
    seed
}

/// Names in a folder, sorted, without the lock.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

/// What happens to a step on the disk.
type Rule = dyn Fn(&'static str, &Path) -> io::Result<()> + Send + Sync;

/// A disk on which a rule may make any step fail. A write that fails still puts down half of its bytes. It syncs nothing to the medium:
/// a process that dies loses nothing by that, and the tests take seconds less.
#[derive(Clone)]
pub struct Faulty(Arc<Rule>);

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    /// `rule` is asked before each step, with its name and the path.
    pub fn new(rule: impl Fn(&'static str, &Path) -> io::Result<()> + Send + Sync + 'static) -> Faulty {
        Faulty(Arc::new(rule))
    }

    /// A disk without faults.
    pub fn sound() -> Faulty {
        Faulty::new(|_, _| Ok(()))
    }

    /// From step `n` on everything fails, as if the process had died: nothing is tidied up either. The counter tells how many steps
    /// were tried.
    pub fn dying_at(n: usize) -> (Faulty, Arc<AtomicUsize>) {
        let steps = Arc::new(AtomicUsize::new(0));
        let counter = steps.clone();
        let rule = move |_: &'static str, _: &Path| match counter.fetch_add(1, SeqCst) {
            step if step >= n => Err(io::Error::other("the process is dead")),
            _ => Ok(()),
        };
        (Faulty::new(rule), steps)
    }
}

struct FaultyOutput {
    inner: Box<dyn Output>,
    rule: Arc<Rule>,
    file: std::path::PathBuf,
}

impl Write for FaultyOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = (self.rule)("write", &self.file) {
            self.inner.write_all(&bytes[..bytes.len() / 2])?;
            self.inner.flush()?;
            return Err(error);
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Output for FaultyOutput {
    fn sync(&mut self) -> io::Result<()> {
        (self.rule)("sync", &self.file)?;
        self.inner.flush()
    }
}

impl Disk for Faulty {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        (self.0)("create_folder", folder)?;
        FileSystem.create_folder(folder)
    }

    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>> {
        (self.0)("create_file", file)?;
        let inner = FileSystem.create_file(file)?;
        Ok(Box::new(FaultyOutput { inner, rule: self.0.clone(), file: file.to_path_buf() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.0)("rename", to)?;
        FileSystem.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        (self.0)("sync_folder", folder)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        // Dies between two files of the folder: the first one is gone.
        if let Err(error) = (self.0)("remove_folder", folder) {
            if let Some(name) = std::fs::read_dir(folder)?.next() {
                let _ = std::fs::remove_file(name?.path());
            }
            return Err(error);
        }
        FileSystem.remove_folder(folder)
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        (self.0)("remove_file", file)?;
        FileSystem.remove_file(file)
    }
}
