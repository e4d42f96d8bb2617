//! The training loop.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use unrolled_nn::Module;
use unrolled_nn::checkpoint::{self, Checkpoint, CheckpointStore};
use unrolled_nn::schedule::Schedule;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use super::data::{self, Data};
use super::progress_meter::Meter;
use super::{
    CONFIG_FILE, Error, LOG_FILE, RunOptions, SOURCE_VOCABULARY, Summary, TARGET_VOCABULARY, VALIDATION_FOLDER,
    initial_range_of, sizes_of, validation,
};
use crate::batch::{Batch, BatchPlan};
use crate::config::{self, Config};
use crate::model::Model;
use crate::progress::{Event, JsonLines, Observer, Reason, Started, Tee, Validation};
use crate::training::{Recipe, Trainer, optimiser_of};
use crate::translator::Translator;

/// So many updates in a row without a finite loss end a run.
const DIVERGED: u64 = 50;
/// Translations of the untrained model: enough to see that translating works before hours of training.
const DRY_RUN: usize = 4;

/// Where a run stands; beside parameters and optimiser all that a resumed run needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// Updates made.
    update: u64,
    /// Steps of the optimiser: updates without those that were not finite.
    optimiser_steps: u64,
    best_perplexity: Option<f64>,
    /// Validations in a row without a lower perplexity.
    without_improvement: usize,
    /// The update of the last validation.
    validated: Option<u64>,
}

pub(super) fn train(
    config: &Config,
    device: &Device,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    let run = config.output.clone().ok_or(Error::NoOutput)?;
    prepare_folder(&run, options)?;
    let store = CheckpointStore::create(&run)?;
    let known = if options.resume { Some(data::load_vocabularies(&run)?) } else { None };
    let data = data::read(config, known)?;
    let files = write_files(&run, config, &data)?;
    let log_path = run.join(LOG_FILE);
    let log = File::options().create(true).append(true).open(&log_path).map_err(Error::file("write", &log_path))?;
    let mut log = JsonLines::new(log);
    let mut observer = Tee(observer, &mut log);
    let mut session = Session::new(config, device, data, store, files, run)?;
    if options.resume {
        session.resume(device, &mut observer)?;
    }
    session.run(&mut observer, stop)
}

/// Refuses a folder that has a run already, unless it is to be resumed or overwritten.
fn prepare_folder(run: &Path, options: &RunOptions) -> Result<(), Error> {
    let is_run = run.join(CONFIG_FILE).exists();
    let is_empty = fs::read_dir(run).map_or(true, |mut entries| entries.next().is_none());
    match (is_run, options) {
        (true, RunOptions { resume: true, .. }) => {}
        (true, RunOptions { overwrite: true, .. }) => fs::remove_dir_all(run).map_err(Error::file("delete", run))?,
        (true, _) => return Err(Error::RunExists { path: run.to_owned() }),
        (false, RunOptions { resume: true, .. }) => {
            return Err(Error::NothingToResume { path: run.to_owned(), refused: String::new() });
        }
        (false, _) if !is_empty => return Err(Error::NotARun { path: run.to_owned() }),
        (false, _) => {}
    }
    fs::create_dir_all(run).map_err(Error::file("create", run))
}

/// The files that a run and each of its checkpoints hold.
fn write_files(run: &Path, config: &Config, data: &Data) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let files = BTreeMap::from([
        (SOURCE_VOCABULARY.to_owned(), data::vocabulary_bytes(&data.source)),
        (TARGET_VOCABULARY.to_owned(), data::vocabulary_bytes(&data.target)),
        (CONFIG_FILE.to_owned(), config.to_toml().into_bytes()),
    ]);
    for (name, bytes) in &files {
        // Beside, then renamed: a crash in between never leaves half a file.
        let (path, beside) = (run.join(name), run.join(format!(".{name}.writing")));
        fs::write(&beside, bytes).map_err(Error::file("write", &beside))?;
        fs::rename(&beside, &path).map_err(Error::file("write", &path))?;
    }
    Ok(files)
}

struct Session<'a> {
    config: &'a Config,
    data: Data,
    store: CheckpointStore,
    files: BTreeMap<String, Vec<u8>>,
    run: PathBuf,
    trainer: Trainer,
    schedule: Schedule,
    progress: Progress,
    updates_per_epoch: u64,
    key: Key,
    meter: Meter,
    saved: Option<u64>,
}

impl<'a> Session<'a> {
    fn new(
        config: &'a Config,
        device: &Device,
        data: Data,
        store: CheckpointStore,
        files: BTreeMap<String, Vec<u8>>,
        run: PathBuf,
    ) -> Result<Session<'a>, Error> {
        let key = Key::new(config.seed);
        let sizes = sizes_of(config, &data.source, &data.target);
        let model = Model::new(&sizes, config.dropout, initial_range_of(config), key.purpose("parameters"), device);
        let updates_per_epoch = data.training.len().div_ceil(config.batch_size) as u64;
        Ok(Session {
            schedule: schedule_of(config, updates_per_epoch),
            trainer: Trainer::new(model, optimiser_of(config), Recipe::of(config)),
            progress: Progress::default(),
            meter: Meter::new(),
            saved: None,
            config,
            data,
            store,
            files,
            run,
            updates_per_epoch,
            key,
        })
    }

    /// Takes over the newest sound checkpoint.
    fn resume(&mut self, device: &Device, observer: &mut dyn Observer) -> Result<(), Error> {
        let newest = self.store.newest_good()?;
        for refused in &newest.refused {
            observer.event(&Event::Warning { message: refused.to_string() });
        }
        let Some(good) = newest.good else {
            let refused = newest.refused.iter().map(|refused| format!("; {refused}")).collect();
            return Err(Error::NothingToResume { path: self.run.clone(), refused });
        };
        let path = good.folder;
        let saved = checkpoint::read(&path, device)?;
        self.progress =
            serde_json::from_value(saved.state).map_err(|error| Error::State { path: path.clone(), error })?;
        let misfit = |error| Error::Model { path: path.clone(), error };
        self.trainer.model.load(&saved.model).map_err(misfit)?;
        let steps = self.progress.optimiser_steps;
        self.trainer.optimiser.load(steps, &saved.optimiser, &self.trainer.model).map_err(misfit)?;
        self.saved = Some(self.progress.update);
        Ok(())
    }

    fn epoch(&self) -> f64 {
        self.progress.update as f64 / self.updates_per_epoch as f64
    }

    /// The update after which the run ends, as far as epochs and updates say.
    fn last_update(&self) -> Option<(u64, Reason)> {
        let by_epochs = (self.config.epochs > 0.0)
            .then(|| ((self.config.epochs * self.updates_per_epoch as f64).ceil() as u64, Reason::Epochs));
        let by_updates = (self.config.updates > 0).then_some((self.config.updates as u64, Reason::Updates));
        by_epochs.into_iter().chain(by_updates).min_by_key(|(update, _)| *update)
    }

    fn started(&self) -> Started {
        let minutes = self.config.minutes;
        Started {
            output: self.run.clone(),
            device: self.trainer.model.device().name(),
            threads: self.trainer.model.device().run(rayon::current_num_threads),
            parameters: self.trainer.parameter_count() as u64,
            source_vocabulary: self.data.source.len(),
            target_vocabulary: self.data.target.len(),
            training_pairs: self.data.training.len() as u64,
            skipped_pairs: self.data.training.skipped().total(),
            validation_pairs: self.data.validation.len() as u64,
            update: self.progress.update,
            updates_per_epoch: self.updates_per_epoch,
            last_update: self.last_update().map(|(update, _)| update),
            seconds_limit: (minutes > 0.0).then_some(minutes * 60.0),
        }
    }

    fn run(mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Summary, Error> {
        observer.event(&Event::Started(self.started()));
        for message in std::mem::take(&mut self.data.warnings) {
            observer.event(&Event::Warning { message });
        }
        if self.saved.is_none() {
            // What would fail after hours (validation, translating, writing a checkpoint) fails now.
            self.validate(observer, true)?;
            self.save(observer)?;
        }
        let reason = self.train(observer, stop)?;
        if reason != Reason::Signal && self.progress.validated != Some(self.progress.update) {
            self.validate(observer, false)?;
        }
        self.save(observer)?;
        let (update, epoch) = (self.progress.update, self.epoch());
        observer.event(&Event::Finished { reason, update, epoch, seconds: self.meter.elapsed() });
        let best_perplexity = self.progress.best_perplexity;
        Ok(Summary { reason, updates: update, epochs: epoch, best_perplexity })
    }

    fn train(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Reason, Error> {
        let config = self.config;
        let last = self.last_update();
        let mut plan: Option<(u64, BatchPlan)> = None;
        let mut not_finite = 0;
        loop {
            if let Some(reason) = self.reason_to_stop(last, stop) {
                return Ok(reason);
            }
            let update = self.progress.update;
            let epoch = update / self.updates_per_epoch;
            if plan.as_ref().is_none_or(|(planned, _)| *planned != epoch) {
                let made =
                    BatchPlan::shuffled(&self.data.training, config.batch_size, self.key.purpose("batches"), epoch);
                plan = Some((epoch, made));
            }
            let (_, batches) = plan.as_ref().expect("planned just before");
            let pairs = batches.batch((update % self.updates_per_epoch) as usize);
            let began = Instant::now();
            let batch = Batch::of(&self.data.training, pairs, config.reverse_source);
            let rate = self.schedule.rate(update, self.epoch());
            let device = self.trainer.model.device().clone();
            let step = device.run(|| self.trainer.step(&batch, update, rate));
            self.meter.add(&batch, &step, began.elapsed().as_secs_f64());
            self.progress.update += 1;
            not_finite = if step.taken { 0 } else { not_finite + 1 };
            if !step.taken {
                let message = format!("update {}: loss or gradient is not finite; the step was not taken", update + 1);
                observer.event(&Event::Warning { message });
            }
            if not_finite >= DIVERGED {
                return Err(Error::Diverged { count: not_finite, update: update + 1 });
            }
            self.report_and_save(observer, rate, step.gradient_norm)?;
        }
    }

    /// What follows an update: a line of the log, a validation, a checkpoint.
    fn report_and_save(&mut self, observer: &mut dyn Observer, rate: f64, norm: f64) -> Result<(), Error> {
        let config = self.config;
        let update = self.progress.update;
        let every = |n: usize| n > 0 && update.is_multiple_of(n as u64);
        let validates = match config.validate_every {
            0 => update.is_multiple_of(self.updates_per_epoch),
            n => every(n),
        };
        if every(config.log_every) || validates {
            let epoch = self.epoch();
            if let Some(report) = self.meter.take(update, epoch, rate, norm) {
                observer.event(&Event::Update(report));
            }
        }
        if validates {
            self.validate(observer, false)?;
        }
        if validates || every(config.checkpoint_every) {
            self.save(observer)?;
        }
        Ok(())
    }

    fn reason_to_stop(&self, last: Option<(u64, Reason)>, stop: &AtomicBool) -> Option<Reason> {
        let patience = self.config.patience;
        if let Some((update, reason)) = last
            && self.progress.update >= update
        {
            Some(reason)
        } else if stop.load(Ordering::Relaxed) {
            Some(Reason::Signal)
        } else if patience > 0 && self.progress.without_improvement >= patience {
            Some(Reason::Patience)
        } else if self.config.minutes > 0.0 && self.meter.elapsed() >= self.config.minutes * 60.0 {
            Some(Reason::Minutes)
        } else {
            None
        }
    }

    /// Measures the model; the untrained one (`dry`) translates only a few sentences.
    fn validate(&mut self, observer: &mut dyn Observer, dry: bool) -> Result<(), Error> {
        if self.data.validation.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let device = self.trainer.model.device().clone();
        let perplexity = device.run(|| validation::perplexity(&self.trainer.model, &self.data.validation, self.config));
        let all = self.data.validation_text.len();
        let count = if dry { all.min(DRY_RUN) } else { all };
        let update = self.progress.update;
        let translations = self.with_translator(|translator, data, run| {
            let path = run.join(VALIDATION_FOLDER).join(format!("{update:010}.txt"));
            let score = !dry && translator.config.valid_bleu_sentences > 0;
            validation::translations(translator, &data.validation_text[..count], score, &path)
        })?;
        let best = self.progress.best_perplexity.is_none_or(|best| perplexity < best);
        if best {
            self.progress.best_perplexity = perplexity.is_finite().then_some(perplexity);
            self.progress.without_improvement = 0;
        } else {
            self.progress.without_improvement += 1;
        }
        self.progress.validated = Some(update);
        observer.event(&Event::Validation(Validation {
            update,
            epoch: self.epoch(),
            perplexity,
            bleu: translations.bleu,
            samples: translations.samples,
            best,
            seconds: began.elapsed().as_secs_f64(),
        }));
        if best {
            self.save(observer)?;
            self.store.mark_best(update)?;
        }
        Ok(())
    }

    /// Lends model and vocabularies to a translator: clones share their storage, and are gone before the next step changes it.
    fn with_translator<T>(&self, work: impl FnOnce(&Translator, &Data, &Path) -> T) -> T {
        let translator = Translator {
            model: self.trainer.model.clone(),
            source_vocabulary: self.data.source.clone(),
            target_vocabulary: self.data.target.clone(),
            config: self.config.clone(),
        };
        work(&translator, &self.data, &self.run)
    }

    /// Writes a checkpoint, unless the one of this update is there.
    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let update = self.progress.update;
        self.progress.optimiser_steps = self.trainer.optimiser.steps();
        let state = serde_json::to_value(&self.progress).expect("plain numbers are JSON");
        let checkpoint = Checkpoint {
            model: self.trainer.model.state(),
            optimiser: self.trainer.optimiser.state(),
            state,
            files: self.files.clone(),
        };
        if self.saved == Some(update) {
            return Ok(());
        }
        let path = self.store.save(update, &checkpoint)?;
        self.store.prune(self.config.keep_checkpoints)?;
        self.saved = Some(update);
        observer.event(&Event::Checkpoint { update, path });
        Ok(())
    }
}

/// The learning rate that a configuration asks for.
fn schedule_of(config: &Config, updates_per_epoch: u64) -> Schedule {
    let (rate, warm_up) = (config.learning_rate, config.warmup_updates as u64);
    match config.schedule {
        config::Schedule::Constant => Schedule::Constant { rate },
        config::Schedule::Paper => {
            Schedule::Halving { rate, after_epochs: config.halve_after_epochs, every_epochs: config.halve_every_epochs }
        }
        config::Schedule::InverseSqrt => Schedule::InverseSquareRoot { rate, warm_up },
        config::Schedule::Cosine => {
            let by_epochs = (config.epochs * updates_per_epoch as f64).ceil() as u64;
            let totals = [by_epochs, config.updates as u64];
            let total = totals.into_iter().filter(|&n| n > 0).min().unwrap_or(u64::MAX);
            Schedule::Cosine { rate, floor: config.minimum_learning_rate, warm_up, total }
        }
    }
}
