//! A run: a folder that training fills and translating reads.
//!
//! ```text
//! config.toml                       every key with its value
//! source.vocabulary                 the words of both languages
//! target.vocabulary
//! checkpoints/0000001000/           parameters, optimiser, progress; with a copy of the three files above
//! best, latest                      which checkpoint validated best (`best-metric`), and which is the last
//! log.jsonl                         one event a line: see `progress`
//! validation/0000001000.txt         the validation translations
//! tensorboard/                      curves, where they are asked for
//! ```
//!
//! A checkpoint is written whole or not at all; whatever ends a run (a signal, a full disk, a kill), its last checkpoint is sound, and a resumed run
//! goes on to the bit as if it had never stopped: parameters, optimiser, validations, and the log, whose lines after the checkpoint are cut off and
//! written again.

mod data;
mod error;
mod feed;
mod folder;
mod learner;
mod log;
mod progress;
mod progress_meter;
mod resume;
pub(crate) mod room;
mod session;
mod training_data;
mod validation;
mod warm_start;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use unrolled_nn::Module;
use unrolled_nn::checkpoint::{self, CheckpointStore};
use unrolled_nn::disk::{Disk, FileSystem};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor, catch_device_error};

use crate::config::Config;
use crate::corpus::{Corpus, Lines};
use crate::cost_model::Machine;
use crate::model::{InitialRange, Model, Sizes};
use crate::progress::{Observer, Reason};
use crate::vocabulary::Vocabulary;

pub use crate::translator::{Hypothesis, Line, Request, Score, Translator, Translators, UnlikeModels, Way};
pub use error::Error;

/// The configuration in a run folder and in each checkpoint.
pub const CONFIG_FILE: &str = "config.toml";
/// The source vocabulary, likewise.
pub const SOURCE_VOCABULARY: &str = "source.vocabulary";
/// The target vocabulary, likewise.
pub const TARGET_VOCABULARY: &str = "target.vocabulary";
/// The log in a run folder.
pub const LOG_FILE: &str = "log.jsonl";
/// The folder of validation translations.
pub const VALIDATION_FOLDER: &str = "validation";

/// The folder of curves for TensorBoard.
pub const TENSORBOARD_FOLDER: &str = "tensorboard";

/// How a run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Go on from the newest sound checkpoint of the run in the folder.
    pub resume: bool,
    /// Delete a run that is in the folder.
    pub overwrite: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Why.
    pub reason: Reason,
    /// Updates in all.
    pub updates: u64,
    /// Passes over the training pairs.
    pub epochs: f64,
    /// The lowest validation perplexity, if there were validations.
    pub best_perplexity: Option<f64>,
}

/// Trains a translator by `config` into its run folder `output`. Stops when the configuration says so or `stop` becomes true, and then writes a
/// last checkpoint; a resumed run goes on from there as if it had not stopped.
///
/// It computes on `device` with the threads of the caller's rayon pool; the keys `device` and `threads` of the configuration are for the command to
/// obey.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use unrolled_seq2seq::config::Config;
/// use unrolled_seq2seq::progress::Silent;
/// use unrolled_seq2seq::run::{self, RunOptions};
/// use unrolled_tensor::Device;
///
/// let folder = tempfile::tempdir()?;
/// let text = folder.path().join("pairs.tsv");
/// std::fs::write(&text, "one two\tun deux\ntwo one\tdeux un\n")?;
/// let mut config = Config::preset("tiny")?;
/// (config.tsv, config.output) = (vec![text], Some(folder.path().join("run")));
/// (config.epochs, config.updates) = (0.0, 3);
///
/// let device = Device::cpu();
/// let ended = run::train(&config, &device, &RunOptions::default(), &mut Silent, &AtomicBool::new(false))?;
/// assert_eq!(ended.updates, 3);
/// let translator = run::load(&folder.path().join("run"), &device)?;
/// assert_eq!(translator.translate_lines(&["one".into()], &Default::default()).len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where configuration, data, folder, device or disk fail; see [`Error`]. The last checkpoint stays as it is.
pub fn train(
    config: &Config,
    device: &Device,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    train_on(Arc::new(FileSystem), config, device, options, observer, stop)
}

/// [`train`] on a disk of the caller's.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    disk: Arc<dyn Disk>,
    config: &Config,
    device: &Device,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    let placement = Placement::one(device);
    let config = Config { plan: String::new(), ..config.clone() };
    catch_device_error(|| session::train(disk, &config, &placement, options, observer, stop))?
}

/// [`train`] on several devices, by the plan that `config` names: a plan's [name](crate::schedule::Plan::NAMES), `search`, or a TOML file. It is the run of one device with
/// the same number of softmax slices, to the bit: losses, checkpoints, log; and can be resumed on other devices, or on one.
///
/// # Errors
/// As [`train`]; and where the plan does not fit the model or the devices.
pub fn train_over(
    config: &Config,
    placement: &Placement,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    let disk = Arc::new(FileSystem);
    catch_device_error(|| session::train(disk, config, placement, options, observer, stop))?
}

/// The devices of a run.
#[derive(Clone, Debug)]
pub struct Placement {
    /// As the plan numbers them.
    pub devices: Vec<Device>,
    /// Where the whole model is put together for validation and translating: a device with room for all of it.
    pub home: Device,
    /// How fast they are, for a search and for the order of tasks. Without it a search measures them first, and the order is that of CPU devices.
    pub machine: Option<Machine>,
    /// Where to write what happened in the last updates, as a trace for Chrome and Perfetto; a chart of the last one goes beside it, with the extension `svg`.
    pub trace: Option<PathBuf>,
}

impl Placement {
    /// Everything on one device.
    pub fn one(device: &Device) -> Placement {
        Placement { devices: vec![device.clone()], home: device.clone(), machine: None, trace: None }
    }
}

/// Loads a model for translating: of a run folder its best checkpoint (or its last, where there was no validation), or a checkpoint itself.
///
/// # Errors
/// Where there is no sound checkpoint, or it does not fit its own configuration.
pub fn load(folder: &Path, device: &Device) -> Result<Translator, Error> {
    let folder = CheckpointStore::resolve(folder)?;
    let saved = catch_device_error(|| checkpoint::read_model(&folder, device))??;
    let file = |name: &str| {
        let path = folder.join(name);
        saved.files.get(name).map(Vec::as_slice).ok_or(Error::Incomplete { path })
    };
    let text = String::from_utf8_lossy(file(CONFIG_FILE)?).into_owned();
    let config: Config = text.parse().map_err(|error| Error::Config { path: folder.join(CONFIG_FILE), error })?;
    let vocabulary = |name: &str| -> Result<Vocabulary, Error> {
        let bytes = std::io::Cursor::new(file(name)?.to_vec());
        Ok(Vocabulary::read(Lines::from_reader(&folder.join(name).display().to_string(), bytes))?)
    };
    let (source_vocabulary, target_vocabulary) = (vocabulary(SOURCE_VOCABULARY)?, vocabulary(TARGET_VOCABULARY)?);
    let sizes = sizes_of(&config, &source_vocabulary, &target_vocabulary);
    check_size(&folder, &sizes, &saved.model)?;
    let model = catch_device_error(|| {
        let mut model = Model::new(&sizes, 0.0, initial_range_of(&config), Key::new(0), device);
        model.load(&saved.model).map(|()| model)
    })?;
    let model = model.map_err(|error| Error::Model { path: folder.clone(), error })?;
    Ok(Translator { model, source_vocabulary, target_vocabulary, config })
}

/// Refuses a model of which the checkpoint has but a fraction, before memory is asked for on the configuration's word. What differs less is told better
/// by the names and shapes, when the values are put in.
fn check_size(path: &Path, sizes: &Sizes, values: &BTreeMap<String, Tensor>) -> Result<(), Error> {
    let found: usize = values.values().map(Tensor::elements).sum();
    let wanted = sizes.parameters_as_f64();
    let bound = 4.0 * found as f64 + (1 << 20) as f64;
    if wanted <= bound { Ok(()) } else { Err(Error::Size { path: path.to_owned(), wanted, found }) }
}

/// The validation pairs that a configuration names.
pub(crate) fn validation_corpus(config: &Config) -> Corpus {
    data::corpus(&config.valid_source, &config.valid_target, &config.valid_tsv)
}

/// The training corpus of a configuration.
pub(crate) fn training_corpus(config: &Config) -> Corpus {
    data::corpus(&config.source, &config.target, &config.tsv)
}

/// The model's sizes by a configuration and the vocabularies as they are.
pub(crate) fn sizes_of(config: &Config, source: &Vocabulary, target: &Vocabulary) -> Sizes {
    Sizes {
        source_words: source.len(),
        target_words: target.len(),
        embedding: config.embedding_size,
        hidden: config.hidden_size,
        layers: config.layers,
        softmax_slices: config.softmax_slices.min(target.len()),
    }
}

/// Where a configuration lets parameters start.
pub(crate) fn initial_range_of(config: &Config) -> InitialRange {
    let parameters = config.initial_range;
    let embeddings = if config.initial_embedding_range > 0.0 { config.initial_embedding_range } else { parameters };
    InitialRange { parameters, embeddings }
}
