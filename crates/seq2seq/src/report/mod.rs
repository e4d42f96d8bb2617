//! A run as one page to read: curves, the paper's figures, translations, cost and configuration.
//!
//! [`report`] measures, [`Report::html`] writes. The page is one file with its pictures inside, needs no script, no font and no network, follows
//! the reader's dark theme, and prints. A run without validation, without BLEU, or without a checkpoint is reported as far as it goes, and the page
//! says what is missing.

mod buckets;
mod chart;
mod figures_part;
mod history;
mod html;
mod measure;
mod page;
mod pca;
mod phrases;
mod samples_part;
mod scatter;
mod scores_part;
mod settings_part;
mod style;
mod training_part;
mod words;

use std::fs;
use std::path::Path;

use unrolled_nn::checkpoint::CheckpointStore;
use unrolled_nn::disk::is_there;
use unrolled_tensor::{Device, catch_device_error};

pub use buckets::{Bucket, buckets};
pub use history::{Cost, History};
pub use measure::{Measured, Score, Sentence};
pub use pca::{Pca, pca};
pub use phrases::{Group, PAPER as PAPER_PHRASES, phrase_groups};

use crate::beam_search::DecodeOptions;
use crate::config::Config;
use crate::corpus::Corpus;
use crate::run::{self, CONFIG_FILE, Error};
use crate::translator::Translator;

/// What is measured for a report.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// The test set; where there is none, the run's validation files.
    pub test: Option<Corpus>,
    /// At most so many of its sentences are translated, from the first on.
    pub sentences: usize,
    /// Groups of phrases for the figure of the encoder's states; where there is none, the paper's twelve in their two groups.
    pub phrases: Option<Vec<Vec<String>>>,
    /// How the test set is translated.
    pub decode: DecodeOptions,
}

impl Default for ReportOptions {
    /// The run's validation files, all of them up to 5,000 sentences; the paper's phrases; a beam of 12.
    fn default() -> ReportOptions {
        ReportOptions { test: None, sentences: 5_000, phrases: None, decode: DecodeOptions::default() }
    }
}

/// A run, measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run folder's name.
    pub name: String,
    /// What the log says.
    pub history: History,
    /// The run's configuration.
    pub config: Config,
    /// The translated test set, or why there is none.
    pub measured: Result<Measured, String>,
    /// The encoder's states of groups of phrases, or why there are none.
    pub groups: Result<Vec<Group>, String>,
    /// Bytes of a checkpoint on disk.
    pub checkpoint_bytes: Option<u64>,
}

/// Measures the run in a folder: its best checkpoint translates the test set and encodes the phrases.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use unrolled_seq2seq::config::Config;
/// use unrolled_seq2seq::progress::Silent;
/// use unrolled_seq2seq::report::{ReportOptions, report};
/// use unrolled_seq2seq::run::{self, RunOptions};
/// use unrolled_tensor::Device;
///
/// let folder = tempfile::tempdir()?;
/// let text = folder.path().join("pairs.tsv");
/// std::fs::write(&text, "one two\tun deux\ntwo one\tdeux un\n")?;
/// let mut config = Config::preset("tiny")?;
/// (config.tsv, config.valid_tsv, config.output) = (vec![text.clone()], vec![text], Some(folder.path().join("run")));
/// (config.epochs, config.updates) = (0.0, 3);
/// run::train(&config, &Device::cpu(), &RunOptions::default(), &mut Silent, &AtomicBool::new(false))?;
///
/// let report = report(&folder.path().join("run"), &Device::cpu(), &ReportOptions::default())?;
/// assert_eq!(report.measured.as_ref().unwrap().sentences.len(), 2);
/// assert!(report.html().contains("<h1>run</h1>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the folder has no run's configuration, its log or a test set that was asked for cannot be read or has no sentence, or the device fails. A run whose
/// checkpoints or validation files are missing is reported without them.
pub fn report(folder: &Path, device: &Device, options: &ReportOptions) -> Result<Report, Error> {
    let path = folder.join(CONFIG_FILE);
    if !is_there(&path)? {
        return Err(Error::NoRun { path: folder.to_owned() });
    }
    let config = Config::read(&path).map_err(|error| Error::Config { path, error })?;
    let history = History::read(folder).map_err(Error::file("read", folder.join(run::LOG_FILE)))?;
    let (measured, groups) = match run::load(folder, device) {
        Ok(translator) => catch_device_error(|| measure_all(&translator, options))??,
        Err(Error::Device(error)) => return Err(error.into()),
        Err(error) => {
            let reason = format!("The run has no checkpoint that can be loaded: {}.", error.with_causes());
            (Err(reason.clone()), Err(reason))
        }
    };
    let name = fs::canonicalize(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| folder.display().to_string());
    Ok(Report { name, history, config, measured, groups, checkpoint_bytes: checkpoint_bytes(folder) })
}

type Both = (Result<Measured, String>, Result<Vec<Group>, String>);

fn measure_all(translator: &Translator, options: &ReportOptions) -> Result<Both, Error> {
    let phrases = options.phrases.clone().unwrap_or_else(phrases::paper);
    let groups = phrases.iter().map(|group| phrases::group(translator, group)).collect();
    let none = || "There is no test set: the run has no validation files, and none was given.".to_owned();
    let measured = match &options.test {
        Some(corpus) => {
            Ok(measure::measure(translator, corpus, options.sentences, &options.decode)?.ok_or_else(|| {
                let skipped = "it has no pair of sentences with words".to_owned();
                Error::NoPairs { purpose: "test", corpus: corpus.to_string(), skipped }
            })?)
        }
        None => {
            let corpus = run::validation_corpus(&translator.config);
            match measure::measure(translator, &corpus, options.sentences, &options.decode) {
                Ok(measured) => measured.ok_or_else(none),
                // The run may have come here from another machine.
                Err(error) => Err(format!("The run's validation files cannot be read: {error}.")),
            }
        }
    };
    Ok((measured, Ok(groups)))
}

/// The files of the best checkpoint together.
fn checkpoint_bytes(folder: &Path) -> Option<u64> {
    let checkpoint = CheckpointStore::resolve(folder).ok()?;
    let files = fs::read_dir(checkpoint).ok()?.map_while(Result::ok);
    Some(files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum())
}

impl Report {
    /// The page: one file of HTML.
    pub fn html(&self) -> String {
        page::page(self)
    }
}
