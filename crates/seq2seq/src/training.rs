//! The paper's training step: gradient of the summed loss divided by the sentences, clipped by its global norm, one step of the optimiser.

mod captured;

use std::borrow::Cow;

use unrolled_autograd::{Gradients, Var, is_watched};
use unrolled_nn::{LossScaler, Module, Optimiser, clip_factor};
use unrolled_tensor::DType;
use unrolled_tensor::ops::Update as Rule;
use unrolled_tensor::profile::Profile;
use unrolled_tensor::random::Key;

use crate::batch::Batch;
use crate::config::{self, Config, Normalise, Precision};
use crate::model::{DeviceBatch, Model};

/// A model that learns: with its optimiser and the recipe's numbers.
#[derive(Debug)]
pub struct Trainer {
    /// The model.
    pub model: Model,
    /// What turns gradients into steps.
    pub optimiser: Optimiser,
    /// What scales the loss, where the recipe's precision is f16.
    pub scaler: Option<LossScaler>,
    /// In how many parts a batch's gradient is computed, one after another; their sum makes the step. 1 at first.
    pub parts: usize,
    /// The multiple of time steps that a batch is padded to where the device captures its work. 1 at first.
    pub pad_steps: usize,
    recipe: Recipe,
}

/// The numbers of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// What the summed gradient is divided by.
    pub normalise: Normalise,
    /// The largest global norm; 0 for no clipping.
    pub clip_norm: f64,
    /// Whether dropout masks are drawn.
    pub dropout: bool,
    /// What everything random in training is drawn from.
    pub key: Key,
    /// What forward and backward compute in. The model's parameters stay as they are.
    pub precision: Precision,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The summed negative log-probability, in nats.
    pub loss: f64,
    /// Target words with their `<EOS>`.
    pub predictions: u64,
    /// Global norm of the divided gradient, before clipping.
    pub gradient_norm: f64,
    /// Whether it was above the limit.
    pub clipped: bool,
    /// False where the loss or the norm was not finite; the parameters then stayed as they were.
    pub taken: bool,
    /// What the loss was multiplied by, in f16.
    pub loss_scale: Option<f64>,
    /// Whether the step was not taken because of that factor, which has fallen then: all is well with the model.
    pub overflowed: bool,
}

/// The optimiser that a configuration asks for.
pub fn optimiser_of(config: &Config) -> Optimiser {
    let adam = |weight_decay, decoupled| Rule::Adam {
        beta1: config.adam_beta1,
        beta2: config.adam_beta2,
        epsilon: config.adam_epsilon,
        weight_decay,
        decoupled,
    };
    Optimiser::new(match config.optimiser {
        config::Optimiser::Sgd => Rule::Sgd { momentum: 0.0 },
        config::Optimiser::Momentum => Rule::Sgd { momentum: config.momentum },
        config::Optimiser::Adam => adam(0.0, false),
        config::Optimiser::AdamW => adam(config.weight_decay, true),
    })
}

impl Recipe {
    /// The recipe that a configuration asks for.
    pub fn of(config: &Config) -> Recipe {
        Recipe {
            normalise: config.normalise,
            clip_norm: config.clip_norm,
            dropout: config.dropout > 0.0,
            key: Key::new(config.seed).purpose("training"),
            precision: config.precision,
        }
    }

    /// The summed loss, in f32; whatever else is on the way to it in this precision.
    fn loss(&self, model: &Model, batch: &DeviceBatch, dropout: Option<Key>) -> Var {
        match self.precision.dtype() {
            DType::F32 => model.loss(batch, dropout),
            dtype => model.in_dtype(dtype).loss(batch, dropout),
        }
    }
}

impl Trainer {
    /// A trainer of a model with a fresh optimiser.
    pub fn new(model: Model, optimiser: Optimiser, recipe: Recipe) -> Trainer {
        let scaler = (recipe.precision == Precision::F16).then(LossScaler::new);
        Trainer { model, optimiser, scaler, parts: 1, pad_steps: 1, recipe }
    }

    /// One step on a batch; `update` (from 0) names the step for dropout.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn step(&mut self, batch: &Batch, update: u64, rate: f64) -> StepReport {
        let device = self.model.device().clone();
        let _step = device.profile().map(Profile::step);
        let predictions = batch.target_words + batch.sentences() as u64;
        let divisor = match self.recipe.normalise {
            Normalise::Sentences => batch.sentences() as f64,
            Normalise::Words => predictions as f64,
        };
        let dropout = self.recipe.dropout.then(|| self.recipe.key.purpose("dropout").at(update));
        let loss_scale = self.scaler.as_ref().map(LossScaler::factor);
        let (loss, norm, taken) = if self.is_captured() {
            self.captured_step(batch, divisor, dropout, rate)
        } else {
            let (loss, mut gradients) = self.gradients(batch, divisor, dropout);
            let (norm, taken) = match self.scaler {
                Some(_) => self.scaled_step(&mut gradients, rate),
                None => self.plain_step(loss, &mut gradients, divisor, rate),
            };
            (loss, norm, taken)
        };
        StepReport {
            loss,
            predictions,
            gradient_norm: norm,
            clipped: taken && clip_factor(norm, self.recipe.clip_norm) < 1.0,
            taken,
            loss_scale,
            overflowed: !taken && loss.is_finite() && self.scaler.as_ref().is_some_and(LossScaler::can_fall),
        }
    }

    /// Whether the device records a step. Which rows a softmax in slices leaves out is read by the host, as all is where anomalies are looked for.
    fn is_captured(&self) -> bool {
        let can_be = self.model.softmax_slices() == 1 && self.optimiser.can_step_by() && !is_watched();
        can_be && self.model.device().captures()
    }

    /// The summed loss, the global norm, and whether a step was taken.
    fn captured_step(&mut self, batch: &Batch, divisor: f64, dropout: Option<Key>, rate: f64) -> (f64, f64, bool) {
        let batch = if self.pad_steps > 1 { Cow::Owned(batch.padded(self.pad_steps)) } else { Cow::Borrowed(batch) };
        let parts = if self.parts <= 1 {
            vec![batch]
        } else {
            // All of one shape, where shapes shall be few.
            let padded = |part: Batch| if self.pad_steps > 1 { part.padded_as(&batch) } else { part };
            batch.parts(self.parts).into_iter().map(|part| Cow::Owned(padded(part))).collect()
        };
        let [loss, norm] = captured::step(self, &parts, divisor, dropout, rate);
        let taken = match &mut self.scaler {
            Some(scaler) => scaler.decide(norm),
            None => loss.is_finite() && norm.is_finite(),
        };
        if taken {
            self.optimiser.begin_step();
        }
        (loss, if taken || self.scaler.is_none() { norm } else { f64::INFINITY }, taken)
    }

    /// The summed loss in nats, and its gradients, in f16 of the scaled and divided loss: f16 has no room for a whole batch's sum.
    fn gradients(&self, batch: &Batch, divisor: f64, dropout: Option<Key>) -> (f64, Gradients) {
        let of = |part: &Batch, dropout: Option<Key>| {
            let loss = self.recipe.loss(&self.model, &DeviceBatch::new(part, self.model.device()), dropout);
            let gradients = match &self.scaler {
                Some(scaler) => scaler.scale(&(&loss * (1.0 / divisor))).backward(),
                None => loss.backward(),
            };
            (loss.tensor().to_f64_vec()[0], gradients)
        };
        if self.parts <= 1 {
            return of(batch, dropout);
        }
        let (mut sum, mut gradients) = (0.0, Gradients::default());
        for (place, part) in batch.parts(self.parts).iter().enumerate() {
            let (loss, of_part) = of(part, dropout.map(|key| part_key(key, place)));
            sum += loss;
            gradients.accumulate(of_part);
        }
        (sum, gradients)
    }

    /// The global norm, and whether a step was taken.
    fn plain_step(&mut self, loss: f64, gradients: &mut Gradients, divisor: f64, rate: f64) -> (f64, bool) {
        // The division is put off to the optimiser's step, where it costs nothing.
        let norm = self.model.gradient_norm(gradients) / divisor;
        let factor = clip_factor(norm, self.recipe.clip_norm);
        let taken = loss.is_finite() && norm.is_finite();
        if taken {
            self.optimiser.step(&mut self.model, gradients, rate, factor / divisor);
        }
        (norm, taken)
    }

    /// As [`plain_step`](Self::plain_step), of the gradients of the scaled and divided loss.
    fn scaled_step(&mut self, gradients: &mut Gradients, rate: f64) -> (f64, bool) {
        let Trainer { model, optimiser, scaler: Some(scaler), recipe, .. } = self else {
            unreachable!("asked for where there is a scaler");
        };
        let scale = scaler.factor();
        let norm = model.gradient_norm(gradients) / scale;
        if !scaler.decide(norm) {
            return (f64::INFINITY, false);
        }
        optimiser.step(model, gradients, rate, clip_factor(norm, recipe.clip_norm) / scale);
        (norm, true)
    }

    /// How many numbers are learnt.
    pub fn parameter_count(&self) -> usize {
        self.model.parameter_count()
    }
}

/// What a part of a batch draws its masks from.
fn part_key(dropout: Key, place: usize) -> Key {
    dropout.purpose(&format!("part {place}"))
}
