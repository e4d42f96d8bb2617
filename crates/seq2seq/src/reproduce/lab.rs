//! Training, translating and scoring, each once: what is done lies in files and is not done again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use unrolled_nn::checkpoint::{CheckpointError, CheckpointStore};
use unrolled_nn::disk::is_there;
use unrolled_tensor::{Device, catch_device_error};

use super::Error;
use super::models::Spec;
use crate::beam_search::DecodeOptions;
use crate::bleu::{Bleu, Convention, Scorer};
use crate::config::{Config, KEYS};
use crate::ensemble::Combination;
use crate::progress::{Observer, Reason};
use crate::report::History;
use crate::rescore::{Candidate, bleu_of, oracle};
use crate::run::{self, CONFIG_FILE, RunOptions};
use crate::translator::{Line, Request, Translator, Translators};

/// The paper's, on the model's words.
pub(super) const CONVENTION: Convention = Convention::MultiBleu;
/// Sentences computed together.
const BATCH: usize = 64;

/// A folder with models and their translations.
pub(super) struct Lab<'a> {
    pub folder: &'a Path,
    pub device: &'a Device,
    pub base: &'a Config,
    /// Source and reference.
    pub test: &'a [(String, String)],
    pub stop: &'a AtomicBool,
}

/// A translation in a list: its words, and what the model that made it thinks of it.
type Listed = (String, f64);

impl Lab<'_> {
    fn run_folder(&self, spec: Spec) -> PathBuf {
        self.folder.join("models").join(spec.name())
    }

    /// Trains a model, or goes on with it, or leaves it as it is where it is done; false where it was asked to stop.
    pub fn train(&self, spec: Spec, observer: &mut dyn Observer) -> Result<bool, Error> {
        let run = self.run_folder(spec);
        let config = Config { output: Some(run.clone()), ..spec.config(self.base) };
        let there = is_there(&run.join(CONFIG_FILE)).map_err(run::Error::from)?;
        if there {
            self.check(&run, &config)?;
            let ended = self.history(spec)?.ended;
            if ended.is_some_and(|reason| reason != Reason::Signal) {
                return Ok(true);
            }
        }
        // A run whose process was killed before its first checkpoint has nothing to go on from.
        let begun = there
            && match CheckpointStore::resolve(&run) {
                Ok(_) => true,
                Err(CheckpointError::NoModel { .. }) => false,
                Err(error) => return Err(run::Error::from(error).into()),
            };
        let options = RunOptions { resume: begun, overwrite: there && !begun };
        let ended = run::train(&config, self.device, &options, observer, self.stop)?;
        Ok(ended.reason != Reason::Signal)
    }

    /// Refuses a model of other settings: its numbers would be none of this table's.
    fn check(&self, run: &Path, wanted: &Config) -> Result<(), Error> {
        let path = run.join(CONFIG_FILE);
        let found = Config::read(&path).map_err(|error| run::Error::Config { path, error })?;
        let free = ["output", "device", "threads"];
        let differ = KEYS.iter().filter(|key| !free.contains(&key.name) && key.value(&found) != key.value(wanted));
        let names: Vec<&str> = differ.map(|key| key.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::OtherSettings { run: run.to_owned(), keys: names.join(", ") })
    }

    pub fn history(&self, spec: Spec) -> Result<History, Error> {
        let run = self.run_folder(spec);
        Ok(History::read(&run).map_err(run::Error::file("read", run.join(run::LOG_FILE)))?)
    }

    fn load(&self, specs: &[Spec]) -> Result<Vec<Translator>, Error> {
        specs.iter().map(|&spec| Ok(run::load(&self.run_folder(spec), self.device)?)).collect()
    }

    /// BLEU of the test set as one model translates it, or an ensemble.
    pub fn bleu(&self, specs: &[Spec], beam_size: usize) -> Result<Bleu, Error> {
        let name = format!("{}-beam{beam_size}", names(specs));
        let lists = self.lists(&name, specs, beam_size, 1)?;
        let references = self.references();
        let mut scorer = Scorer::new(CONVENTION);
        for (list, reference) in lists.iter().zip(&references) {
            scorer.add(&list[0].0, &[reference]);
        }
        Ok(scorer.bleu())
    }

    /// The `n` best translations of each test sentence, as words; read from a file where they were made before.
    fn lists(&self, name: &str, specs: &[Spec], beam_size: usize, n: usize) -> Result<Vec<Vec<Listed>>, Error> {
        let path = self.folder.join("translations").join(format!("{name}.json"));
        if let Some(lists) = self.read(&path) {
            return Ok(lists);
        }
        let members = self.load(specs)?;
        let translators = Translators::new(members.iter().collect(), Combination::default())?;
        let options = DecodeOptions { beam_size, n_best: n, batch_size: BATCH, ..DecodeOptions::default() };
        let lines: Vec<Line> = self.test.iter().map(|(source, _)| Line::from(source.as_str())).collect();
        let found = catch_device_error(|| {
            translators.translate_until(&lines, &Request::beam(options), &|| self.stop.load(Ordering::Relaxed))
        })
        .map_err(run::Error::from)?;
        let found: Vec<Vec<run::Hypothesis>> = found.into_iter().collect::<Option<_>>().ok_or(Error::Stopped)?;
        let words = |list: Vec<run::Hypothesis>| {
            list.into_iter().map(|one| (one.tokens.join(" "), one.log_probability)).collect::<Vec<Listed>>()
        };
        let lists: Vec<Vec<Listed>> = found.into_iter().map(words).collect();
        self.write(&path, &lists)?;
        Ok(lists)
    }

    /// Of each list of that name, the log-probability of every entry by one model or an ensemble.
    fn scores(&self, name: &str, lists: &[Vec<Listed>], specs: &[Spec]) -> Result<Vec<Vec<f64>>, Error> {
        let path = self.folder.join("translations").join(format!("{name}-by-{}.json", names(specs)));
        if let Some(scores) = self.read(&path) {
            return Ok(scores);
        }
        let members = self.load(specs)?;
        let translators = Translators::new(members.iter().collect(), Combination::default())?;
        let mut scores = Vec::with_capacity(lists.len());
        for (list, (source, _)) in lists.iter().zip(self.test) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            // Detokenised: the model cuts it into its own words again.
            let pairs: Vec<(String, String)> =
                list.iter().map(|(words, _)| (source.clone(), self.text(words))).collect();
            let found = catch_device_error(|| translators.score(&pairs, BATCH)).map_err(run::Error::from)?;
            scores.push(found.iter().map(|score| score.log_probability).collect::<Vec<f64>>());
        }
        self.write(&path, &scores)?;
        Ok(scores)
    }

    fn text(&self, words: &str) -> String {
        let tokens: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        self.base.tokeniser.detokenise(&tokens, self.base.target_language.as_str().into())
    }

    /// BLEU of the weak model's lists: as they are, rescored by each of `rescorers` with even weights, and of the oracle.
    pub fn rescored(&self, weak: Spec, n: usize, rescorers: &[&[Spec]]) -> Result<(f64, Vec<f64>, f64), Error> {
        let name = format!("{}-{n}best", weak.name());
        let lists = self.lists(&name, &[weak], n, n)?;
        let references = self.references();
        let candidates = |scores: Option<&[Vec<f64>]>| -> Vec<Vec<Candidate>> {
            let one = |place: usize, entry: usize, (words, own): &Listed| Candidate {
                features: vec![*own, scores.map_or(0.0, |scores| scores[place][entry])],
                counts: CONVENTION.segment(words, &[&references[place]]),
            };
            let list = |(place, list): (usize, &Vec<Listed>)| {
                list.iter().enumerate().map(|(e, listed)| one(place, e, listed)).collect()
            };
            lists.iter().enumerate().map(list).collect()
        };
        let plain = candidates(None);
        let mut scores = Vec::new();
        for specs in rescorers {
            let found = candidates(Some(&self.scores(&name, &lists, specs)?));
            // The paper's "even average".
            scores.push(bleu_of(&found, &[0.5, 0.5], CONVENTION).score);
        }
        Ok((bleu_of(&plain, &[1.0, 0.0], CONVENTION).score, scores, oracle(&plain, CONVENTION).score))
    }

    /// Perplexity of the references, with their `<EOS>`.
    pub fn perplexity(&self, spec: Spec) -> Result<f64, Error> {
        let translator = self.load(&[spec])?.remove(0);
        let scores = catch_device_error(|| translator.score(self.test, BATCH)).map_err(run::Error::from)?;
        let (sum, words) =
            scores.iter().fold((0.0, 0), |(sum, words), score| (sum + score.log_probability, words + score.words));
        Ok((-sum / words as f64).exp())
    }

    /// The references as the model's words.
    fn references(&self) -> Vec<String> {
        let cut = |(_, reference): &(String, String)| {
            self.base.tokeniser.tokenise(reference, self.base.target_language.as_str().into()).join(" ")
        };
        self.test.iter().map(cut).collect()
    }

    /// What was written before for as many sentences.
    fn read<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Option<Vec<T>> {
        let found: Vec<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (found.len() == self.test.len()).then_some(found)
    }

    /// Writes beside the place and renames, so that what is there is whole.
    fn write<T: serde::Serialize>(&self, path: &Path, value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value).expect("texts and numbers are JSON");
        write_whole(path, &bytes)
    }
}

/// Writes a file beside its place and renames it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(run::Error::file("create", folder))?;
    let beside = path.with_extension("writing");
    fs::write(&beside, bytes).map_err(run::Error::file("write", &beside))?;
    Ok(fs::rename(&beside, path).map_err(run::Error::file("write", path))?)
}

fn names(specs: &[Spec]) -> String {
    match specs {
        [one] => one.name(),
        [first, .., last] => format!("{}-to-{}", first.name(), last.seed),
        [] => String::new(),
    }
}
