//! The training loop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use unrolled_nn::checkpoint::{Checkpoint, CheckpointStore};
use unrolled_nn::disk::Disk;
use unrolled_nn::schedule::Schedule;
use unrolled_tensor::profile::Profile;
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, MatmulPrecision, catch_device_error};

use super::data::{self, Data};
use super::feed::{Feed, Maker};
use super::folder::{self, Claim};
use super::learner::{Learner, plan_in, plan_of};
use super::log::Watchers;
use super::progress::Progress;
use super::progress_meter::Meter;
use super::{
    Error, Placement, RunOptions, Summary, VALIDATION_FOLDER, initial_range_of, room, sizes_of, validation, warm_start,
};
use crate::config::Config;
use crate::model::Model;
use crate::progress::{Event, Observer, Reason, Started, Validation};
use crate::training::{Recipe, StepReport, Trainer, optimiser_of};
use crate::translator::Translator;

/// So many updates in a row with a loss beyond all bounds end a run.
const DIVERGED: u64 = 50;
/// A loss for each word, in nats, that no model has that learns: a guess among all words costs 12 at most, and the exponential of this is the
/// largest number that there is.
const BEYOND_BOUNDS: f64 = 700.0;
/// Translations of the untrained model: enough to see that translating works before hours of training.
const DRY_RUN: usize = 4;

pub(super) fn train(
    disk: Arc<dyn Disk>,
    config: &Config,
    placement: &Placement,
    options: &RunOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    config.check_for_training()?;
    let run = config.output.clone().expect("checked just before");
    // Each once: whoever is set twice would be set back to what the first time made of it.
    let home = Some(&placement.home).filter(|home| !placement.devices.contains(home));
    let devices = placement.devices.iter().chain(home);
    let _products =
        devices.map(|device| ProductsIn::new(device, config.matmul_precision.into())).collect::<Result<Vec<_>, _>>()?;
    let claim = Claim::new(&disk, &run, options)?;
    if options.resume {
        folder::check_resumed(&run, config)?;
    } else {
        warm_start::check(config, &run)?;
    }
    let known = if options.resume { Some(data::load_vocabularies(&run)?) } else { warm_start::vocabularies(config)? };
    let in_memory = is_made_on(placement, config).name().starts_with("cpu");
    if in_memory {
        room::check_unread(config)?;
    }
    let data = data::read(config, known)?;
    if in_memory {
        let words = room::Words { all: data.training.words(), batches: data.batches_per_epoch(config) as usize };
        room::check(&sizes_of(config, &data.source, &data.target), config, words)?;
    }
    let store = claim.store(&disk, &run)?;
    let mut session = Session::new(config, placement, data, disk, store, run, options.resume)?;
    if options.overwrite {
        // Only now, when the new run's data, model and devices are known to be sound.
        folder::clear(&*session.disk, &session.store)?;
    }
    session.files = folder::write_files(&*session.disk, &session.run, config, &session.data)?;
    let logged = options.resume.then_some(session.progress.update);
    let mut watchers = Watchers::open(observer, &session.run, logged)?;
    if config.tensorboard {
        watchers = watchers.with_curves(&session.run, session.progress.update)?;
    }
    let outcome = catch_device_error(|| session.run(&mut watchers, stop)).unwrap_or_else(|error| Err(error.into()));
    if let Err(error) = &outcome {
        watchers.event(&Event::Failed { message: error.with_causes() });
    }
    outcome
}

/// Where the whole model is made: what is to be spread over devices need not fit one of them.
fn is_made_on(placement: &Placement, config: &Config) -> Device {
    if config.plan.is_empty() { placement.home.clone() } else { Device::cpu() }
}

/// A device whose products run in a precision until this is dropped.
struct ProductsIn<'a> {
    device: &'a Device,
    before: MatmulPrecision,
}

impl ProductsIn<'_> {
    fn new(device: &Device, precision: MatmulPrecision) -> Result<ProductsIn<'_>, Error> {
        let products = ProductsIn { device, before: device.matmul_precision() };
        device.set_matmul_precision(precision);
        if precision == MatmulPrecision::Tf32 && device.matmul_precision() != precision {
            return Err(Error::NoTf32 { device: device.name() });
        }
        Ok(products)
    }
}

impl Drop for ProductsIn<'_> {
    fn drop(&mut self) {
        self.device.set_matmul_precision(self.before);
    }
}

/// When a validation takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// Before the first update: what would fail after hours of training (memory, translating, writing) fails now.
    DryRun,
    /// When the configuration says so.
    Due,
    /// At the end of a run that ends between two that are due.
    Closing,
}

pub(super) struct Session<'a> {
    pub(super) config: &'a Config,
    pub(super) data: Data,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) store: CheckpointStore,
    /// What each checkpoint holds beside parameters and progress.
    files: BTreeMap<String, Vec<u8>>,
    pub(super) run: PathBuf,
    pub(super) learner: Learner,
    pub(super) schedule: Schedule,
    pub(super) progress: Progress,
    key: Key,
    pub(super) meter: Meter,
    /// What the newest checkpoint says.
    pub(super) saved: Option<Progress>,
}

impl<'a> Session<'a> {
    #[allow(clippy::too_many_arguments)] // They are what `train` has prepared, in its order.
    fn new(
        config: &'a Config,
        placement: &Placement,
        data: Data,
        disk: Arc<dyn Disk>,
        store: CheckpointStore,
        run: PathBuf,
        resume: bool,
    ) -> Result<Session<'a>, Error> {
        let key = Key::new(config.seed);
        let sizes = sizes_of(config, &data.source, &data.target);
        let first = is_made_on(placement, config);
        let range = initial_range_of(config);
        let model = Model::new(&sizes, config.dropout, range, key.purpose("parameters"), &first);
        let progress = Progress::new(data.batches_per_epoch(config));
        let recipe = Recipe::of(config);
        let mut trainer = Trainer::new(model, optimiser_of(config), recipe);
        (trainer.parts, trainer.pad_steps) = (config.accumulate, config.pad_steps);
        let mut session = Session {
            learner: Learner::One(Box::new(trainer)),
            schedule: progress.schedule(config),
            progress,
            meter: Meter::new(),
            files: BTreeMap::new(),
            saved: None,
            config,
            data,
            disk,
            store,
            run,
            key,
        };
        match &config.start_from {
            _ if resume => session.resume(&first)?,
            Some(start) => {
                let Learner::One(trainer) = &mut session.learner else { unreachable!("made just before") };
                warm_start::load(&mut trainer.model, start, &first)?;
            }
            None => {}
        }
        if config.plan.is_empty() {
            return Ok(session);
        }
        let plan = if config.plan.ends_with(".toml") {
            plan_in(Path::new(&config.plan))?
        } else {
            let batch = session.feed(Some(session.progress.update + 1)).next()?;
            plan_of(config, &sizes, placement, &batch)?
        };
        let Learner::One(whole) = session.learner else { unreachable!("made just before") };
        session.learner = Learner::several(*whole, recipe, sizes, config, plan, placement)?;
        Ok(session)
    }

    fn started(&self) -> Started {
        let minutes = self.config.minutes;
        Started {
            output: self.run.clone(),
            device: self.learner.device_name(),
            threads: self.learner.threads(),
            parameters: self.learner.parameter_count() as u64,
            source_vocabulary: self.data.source.len(),
            target_vocabulary: self.data.target.len(),
            training_pairs: self.data.training.len() as u64,
            skipped_pairs: self.data.training.skipped().total(),
            validation_pairs: self.data.validation.len() as u64,
            update: self.progress.update,
            updates_per_epoch: self.progress.batches_per_epoch,
            last_update: self.progress.last_update(self.config).map(|(update, _)| update),
            seconds_limit: (minutes > 0.0).then_some(minutes * 60.0),
        }
    }

    fn run(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Summary, Error> {
        observer.event(&Event::Started(self.started()));
        for message in std::mem::take(&mut self.data.warnings) {
            observer.event(&Event::Warning { message });
        }
        // At the beginning; or where the run was stopped amid a validation, which is then made up for.
        if self.progress.validates(self.config) && self.is_not_validated() {
            let occasion = if self.progress.update == 0 { Occasion::DryRun } else { Occasion::Due };
            self.validate(observer, stop, occasion)?;
        }
        self.save(observer)?;
        let reason = self.train(observer, stop);
        self.learner.write_trace()?;
        let reason = reason?;
        if reason != Reason::Signal && self.is_not_validated() {
            self.validate(observer, stop, Occasion::Closing)?;
        }
        self.save(observer)?;
        let (update, epoch) = (self.progress.update, self.progress.epoch());
        observer.event(&Event::Finished { reason, update, epoch, seconds: self.meter.elapsed() });
        let best_perplexity = self.progress.lowest_perplexity;
        Ok(Summary { reason, updates: update, epochs: epoch, best_perplexity })
    }

    fn is_not_validated(&self) -> bool {
        self.progress.validated != Some(self.progress.update)
    }

    fn train(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Reason, Error> {
        let last = self.progress.last_update(self.config);
        let mut feed = self.feed(last.map(|(update, _)| update));
        loop {
            if let Some(reason) = self.reason_to_stop(last, stop) {
                return Ok(reason);
            }
            self.update(&mut feed, observer, stop)?;
        }
    }

    /// The batches from here to the last update.
    fn feed(&self, last: Option<u64>) -> Feed {
        let (batch_size, reverse_source) = (self.config.size_of_batches(), self.config.reverse_source);
        let Progress { batches_per_epoch, batches, update, .. } = self.progress;
        let corpus = Arc::clone(&self.data.training);
        let maker = Maker::new(corpus, batch_size, batches_per_epoch, reverse_source, self.key.purpose("batches"));
        let count = last.map_or(u64::MAX, |last| last.saturating_sub(update));
        Feed::new(maker, batches, count)
    }

    /// One update, and what follows it.
    fn update(&mut self, feed: &mut Feed, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<(), Error> {
        debug_assert!(self.learner.holds_its_parameters_alone(), "a shared parameter would be copied by the step");
        let began = Instant::now();
        let device = self.learner.device();
        let in_step = device.profile().map(Profile::step);
        let batch = match device.profile() {
            Some(profile) => profile.time("wait for a batch", || feed.next()),
            None => feed.next(),
        }?;
        let update = self.progress.update;
        let rate = self.schedule.rate(update, self.progress.epoch());
        let step = self.learner.step(&batch, update, rate)?;
        drop(in_step);
        self.meter.add(&batch, &step, began.elapsed().as_secs_f64());
        let progress = &mut self.progress;
        (progress.update, progress.batches) = (update + 1, progress.batches + 1);
        let sound = step.taken && step.loss / step.predictions as f64 <= BEYOND_BOUNDS;
        // A step that only the loss's scale has cost says nothing of the model.
        if !step.overflowed {
            progress.diverging = if sound { 0 } else { progress.diverging + 1 };
        }
        let (count, update) = (progress.diverging, progress.update);
        if count == 1 && !step.overflowed {
            let what = if step.taken { "beyond all bounds" } else { "not finite, so the step was not taken" };
            let message = format!("update {update}: loss or gradient is {what}; {DIVERGED} such in a row end the run");
            observer.event(&Event::Warning { message });
        }
        if count >= DIVERGED {
            return Err(Error::Diverged { count, update });
        }
        self.report_and_save(observer, stop, rate, &step)
    }

    /// What follows an update: a line of the log, a validation, a checkpoint.
    fn report_and_save(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
        rate: f64,
        step: &StepReport,
    ) -> Result<(), Error> {
        let update = self.progress.update;
        let every = |n: usize| n > 0 && update.is_multiple_of(n as u64);
        let validates = self.progress.validates(self.config);
        if (every(self.config.log_every) || validates)
            && let Some(report) = self.meter.take(update, self.progress.epoch(), rate, step, self.learner.peak_memory())
        {
            observer.event(&Event::Update(report));
        }
        if validates {
            self.validate(observer, stop, Occasion::Due)?;
        }
        // What diverges must not push out the checkpoints from before.
        if (validates || every(self.config.checkpoint_every)) && self.progress.diverging == 0 {
            self.save(observer)?;
        }
        Ok(())
    }

    fn reason_to_stop(&self, last: Option<(u64, Reason)>, stop: &AtomicBool) -> Option<Reason> {
        let Config { patience, minutes, .. } = *self.config;
        if let Some((update, reason)) = last
            && self.progress.update >= update
        {
            Some(reason)
        } else if stop.load(Ordering::Relaxed) {
            Some(Reason::Signal)
        } else if patience > 0 && self.progress.patience.without >= patience {
            Some(Reason::Patience)
        } else if minutes > 0.0 && self.meter.elapsed() >= minutes * 60.0 {
            Some(Reason::Minutes)
        } else {
            None
        }
    }

    /// Measures the model. Asked to stop meanwhile, it leaves off, and the resumed run begins with this validation.
    fn validate(&mut self, observer: &mut dyn Observer, stop: &AtomicBool, occasion: Occasion) -> Result<(), Error> {
        if self.data.validation.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let (update, dry) = (self.progress.update, occasion == Occasion::DryRun);
        // Clones share their storage, and are gone before the next step changes it.
        let (device, model, corpus) = (self.learner.device(), self.learner.model()?, &self.data.validation);
        let measured = device.run(|| validation::perplexity(&model, corpus, self.config, stop));
        let Some(perplexity) = measured else { return Ok(()) };
        let Some(translations) = self.translate(model, update, dry, stop)? else { return Ok(()) };
        let best = self.progress.note(self.config, perplexity, &translations, occasion != Occasion::Closing);
        self.progress.validated = Some(update);
        let validation::Translations { bleu, chrf, samples, monotony } = translations;
        let (epoch, seconds) = (self.progress.epoch(), began.elapsed().as_secs_f64());
        observer.event(&Event::Validation(Validation {
            update,
            epoch,
            perplexity,
            bleu,
            chrf,
            samples,
            best,
            seconds,
        }));
        if let (false, Some(message)) = (dry, monotony) {
            observer.event(&Event::Warning { message });
        }
        if best {
            self.save(observer)?;
            self.store.mark_best(update)?;
        }
        Ok(())
    }

    /// Translates validation sentences into a file of the run; a dry run takes only a few. `None` where it was asked to stop.
    fn translate(
        &self,
        model: Model,
        update: u64,
        dry: bool,
        stop: &AtomicBool,
    ) -> Result<Option<validation::Translations>, Error> {
        let all = self.data.validation_text.len();
        let pairs = &self.data.validation_text[..if dry { all.min(DRY_RUN) } else { all }];
        let translator = Translator {
            model,
            source_vocabulary: self.data.source.clone(),
            target_vocabulary: self.data.target.clone(),
            config: self.config.clone(),
        };
        let score = !dry && self.config.valid_bleu_sentences > 0;
        let Some((text, translations)) = validation::translations(&translator, pairs, score, stop) else {
            return Ok(None);
        };
        let folder = self.run.join(VALIDATION_FOLDER);
        self.disk.create_folder(&folder).map_err(Error::file("create", &folder))?;
        folder::write(&*self.disk, &folder.join(format!("{update:010}.txt")), text.as_bytes())?;
        Ok(Some(translations))
    }

    /// Writes a checkpoint, unless the newest says the same.
    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let update = self.progress.update;
        self.progress.optimiser_steps = self.learner.optimiser_steps();
        self.progress.loss_scaler = self.learner.scaler();
        self.progress.window = self.meter.window.clone();
        if self.saved.as_ref() == Some(&self.progress) {
            return Ok(());
        }
        // It shares the parameters' storage, and is gone before the next step changes them.
        let (model, optimiser) = self.learner.states();
        let checkpoint = Checkpoint {
            model,
            optimiser,
            state: serde_json::to_value(&self.progress).expect("plain numbers are JSON"),
            files: self.files.clone(),
        };
        // Parameters that overflowed must not take the place of the last good ones.
        let finite = |parameter: &unrolled_tensor::Tensor| parameter.sum_squares(.., false).to_f64_vec()[0].is_finite();
        if let Some((path, _)) = checkpoint.model.iter().find(|(_, parameter)| !finite(parameter)) {
            return Err(Error::NotFinite { update, parameter: path.clone() });
        }
        let path = self.store.save(update, &checkpoint)?;
        self.saved = Some(self.progress.clone());
        self.store.prune_but(self.config.keep_checkpoints, &self.progress.kept())?;
        observer.event(&Event::Checkpoint { update, path });
        Ok(())
    }
}
