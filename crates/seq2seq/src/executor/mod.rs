//! A training step over several devices: the [schedule](crate::schedule)'s graph, run.
//!
//! Each device has a worker, a thread that takes the device's tasks as the plan orders them, fetches what they need from other devices, and computes. Parameters and
//! the optimiser's state live where they are used. The executor knows nothing of what a device is: CPU devices, GPUs, or a mix. GPUs copy from one another where they can reach each
//! other's memory, each copy behind the mark of the task that made the value, and the host runs ahead of them all.
//!
//! A plan does not change what is learnt: rows of a batch meet only in the weight gradients, and those are added up as one device adds them
//! ([`Sums::ByRows`](crate::schedule::Sums)), in blocks of [`SUM_BLOCK`](unrolled_tensor::SUM_BLOCK) rows from the first step to the last; the slices of the vocabulary
//! are the model's, and each has a sum of squares of its own. So losses and parameters are those of [`Trainer`](crate::training::Trainer) to the bit on devices whose
//! products add in an order that the contracted length alone decides, as the CPU's do, and a GPU's with [`F32Fma`](unrolled_tensor::MatmulPrecision); cuBLAS chooses its order by the
//! number of rows too, which a plan changes. A plan whose devices each add up the softmax's weight gradient over
//! their own steps ([`Vocabulary::Rows`](crate::schedule::Vocabulary)) adds the same terms in another order.
//!
//! ```
//! use unrolled_nn::Optimiser;
//! use unrolled_seq2seq::batch::Batch;
//! use unrolled_seq2seq::config::Config;
//! use unrolled_seq2seq::executor::Executor;
//! use unrolled_seq2seq::model::{Model, Sizes};
//! use unrolled_seq2seq::numbered::NumberedCorpus;
//! use unrolled_seq2seq::schedule::Plan;
//! use unrolled_seq2seq::training::{Recipe, Trainer};
//! use unrolled_tensor::{Device, random::Key};
//!
//! let sizes = Sizes { source_words: 20, target_words: 30, embedding: 4, hidden: 5, layers: 2, softmax_slices: 2 };
//! let model = || Model::new(&sizes, 0.0, 0.08.into(), Key::new(1), &Device::cpu());
//! let recipe = Recipe::of(&Config::default());
//! let mut corpus = NumberedCorpus::new();
//! corpus.push(&[3, 4, 5], &[6, 7]);
//! corpus.push(&[9], &[8, 9, 7]);
//! let batch = Batch::of(&corpus, &[0, 1], true);
//!
//! let plan = Plan::paper(&sizes, 4)?;
//! let mut four = Executor::new(&sizes, model(), Optimiser::sgd(), recipe, &plan, &Device::cpus(4))?;
//! let mut one = Trainer::new(model(), Optimiser::sgd(), recipe);
//! for update in 0..3 {
//!     assert_eq!(four.step(&batch, update, 0.7)?, one.step(&batch, update, 0.7));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod board;
mod error;
mod jobs;
mod measure;
mod payload;
mod places;
mod shard;
mod trace;
mod worker;

use std::collections::BTreeMap;

use unrolled_nn::{LossScaler, Module, Optimiser, clip_factor};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, Tensor};

use crate::batch::Batch;
use crate::config::{Normalise, Precision};
use crate::cost_model::Machine;
use crate::model::{Model, Sizes};
use crate::schedule::{Graph, Lengths, Plan, Timeline, Vocabulary, even_slices};
use crate::training::{Recipe, StepReport};
use board::Board;
pub use error::StepError;
use jobs::{Outcome, Step, StepRecipe};
pub use measure::{Measured, Pairs, Workload};
use places::Places;
use shard::Shard;
pub use trace::chrome_trace;

/// A model that learns, spread over devices.
#[derive(Debug)]
pub struct Executor {
    sizes: Sizes,
    plan: Plan,
    places: Places,
    /// The probability of dropout.
    dropout: f64,
    recipe: Recipe,
    /// In how many parts a batch's gradient is computed, one after another.
    parts: usize,
    scaler: Option<LossScaler>,
    shards: Vec<Shard>,
    /// What the order of tasks is decided by, where the plan leaves it open.
    machine: Machine,
    timed: bool,
    /// Steps begun, if any failed: parts of the model may have made it and others not.
    broken: bool,
}

/// What happened in a step.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The step's tasks.
    pub graph: Graph,
    /// When they ran.
    pub timeline: Timeline,
}

impl Executor {
    /// Spreads a model and an optimiser, whatever it remembers included, over devices by a plan, whose devices are numbered as these are.
    ///
    /// # Errors
    /// Where the plan does not fit the model, its slices are not the model's, or it needs more devices; and where a device has no room.
    pub fn new(
        sizes: &Sizes,
        model: Model,
        optimiser: Optimiser,
        recipe: Recipe,
        plan: &Plan,
        devices: &[Device],
    ) -> Result<Executor, StepError> {
        let (needed, given) = (plan.devices(), devices.len());
        if needed > given {
            return Err(StepError::Devices { plan: plan.name.clone(), needed, given });
        }
        if let Vocabulary::Slices(slices) = &plan.vocabulary {
            let (own, model) = (plan.arithmetic().slices, even_slices(sizes.target_words, sizes.softmax_slices));
            if own != model {
                return Err(StepError::Slices { plan: slices.len(), model: sizes.softmax_slices });
            }
        }
        let plan = plan.clone().for_training();
        // One sentence stands for all batches: what depends on the batch is checked at each step.
        Graph::of(sizes, &Lengths::even(plan.micro_batches.max(1), 1, 1), &plan)?;
        let places = Places::of(&plan, sizes);
        let shards = Shard::spread(&model, &optimiser, &places, devices)?;
        let dropout = if recipe.dropout { model.dropout_probability() } else { 0.0 };
        let machine = Machine::of_cpus(given);
        let scaler = (recipe.precision == Precision::F16).then(LossScaler::new);
        let (sizes, parts) = (sizes.clone(), 1);
        Ok(Executor {
            sizes,
            plan,
            places,
            dropout,
            recipe,
            parts,
            scaler,
            shards,
            machine,
            timed: false,
            broken: false,
        })
    }

    /// The plan, as it is run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The devices, as the plan numbers them.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.shards.iter().map(|shard| &shard.device)
    }

    /// Lets the order of tasks, where the plan leaves it open, be decided by how fast these devices are. No result depends on it.
    #[must_use]
    pub fn with_machine(self, machine: Machine) -> Executor {
        Executor { machine, ..self }
    }

    /// Lets every task wait for its device, so that a trace tells when a GPU has done it and not when it was given it to do. That costs some of what a GPU
    /// does while the next task is being prepared; CPU devices do not care.
    #[must_use]
    pub fn timed(self) -> Executor {
        Executor { timed: true, ..self }
    }

    /// Computes a batch's gradient in so many parts, one after another, whose sum makes the step; as [`Trainer::parts`](crate::training::Trainer::parts) says it.
    #[must_use]
    pub fn in_parts(self, parts: usize) -> Executor {
        Executor { parts, ..self }
    }

    /// What scales the loss, where the recipe's precision is f16.
    pub fn scaler(&self) -> Option<&LossScaler> {
        self.scaler.as_ref()
    }

    /// Goes on with a scaler that has been at work, where the recipe's precision is f16.
    #[must_use]
    pub fn with_scaler(self, scaler: Option<LossScaler>) -> Executor {
        Executor { scaler: self.scaler.and(scaler), ..self }
    }

    /// How many numbers are learnt.
    pub fn parameter_count(&self) -> usize {
        self.sizes.parameters()
    }

    /// Steps of the optimiser so far.
    pub fn optimiser_steps(&self) -> u64 {
        self.shards.iter().map(|shard| shard.optimiser.steps()).max().unwrap_or(0)
    }

    /// The parameters by path, as one device has them, on the host.
    pub fn model_state(&self) -> BTreeMap<String, Tensor> {
        shard::gathered(&self.places, self.shards.iter().map(|shard| shard.state()))
    }

    /// The optimiser's state by name, as one device has it, on the host.
    pub fn optimiser_state(&self) -> BTreeMap<String, Tensor> {
        shard::gathered(&self.places, self.shards.iter().map(|shard| shard.optimiser.state()))
    }

    /// One step on a batch; `update` (from 0) names the step for dropout.
    ///
    /// # Errors
    /// Where a device or a task fails: named, with the reason (a GPU's fault shows in the task that is given to it next, or waits for it). The others then stop too, and as some parameters may be a step ahead of others, every later step is refused: go on from
    /// a checkpoint.
    pub fn step(&mut self, batch: &Batch, update: u64, rate: f64) -> Result<StepReport, StepError> {
        self.traced_step(batch, update, rate).map(|(report, _)| report)
    }

    /// [`step`](Executor::step), and what happened when, in each part of the batch.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    pub fn traced_step(
        &mut self,
        batch: &Batch,
        update: u64,
        rate: f64,
    ) -> Result<(StepReport, Vec<Trace>), StepError> {
        if self.broken {
            return Err(StepError::Broken);
        }
        let predictions = batch.target_words + batch.sentences() as u64;
        let divisor = match self.recipe.normalise {
            Normalise::Sentences => batch.sentences() as f64,
            Normalise::Words => predictions as f64,
        };
        let key = self.recipe.key.purpose("dropout").at(update);
        let recipe = StepRecipe {
            dtype: self.recipe.precision.dtype(),
            dropout: (self.dropout > 0.0).then_some((self.dropout, key)),
            divisor,
            loss_scale: self.scaler.as_ref().map(LossScaler::factor),
            clip_norm: self.recipe.clip_norm,
            rate,
        };
        let parts = if self.parts > 1 { batch.parts(self.parts) } else { vec![batch.clone()] };
        let (mut traces, mut outcome) = (Vec::new(), None);
        for (number, part) in parts.iter().enumerate() {
            let lengths = Lengths::of(part);
            let plan = self.fitted(&lengths);
            let whole = if number + 1 == parts.len() { Graph::of } else { Graph::of_part };
            let graph = whole(&self.sizes, &lengths, &plan)?;
            // Each part has masks of its own.
            let key = |key: Key| if self.parts > 1 { key.purpose(&format!("part {number}")) } else { key };
            let recipe = StepRecipe { dropout: recipe.dropout.map(|(p, drawn)| (p, key(drawn))), ..recipe };
            let step = Step::new((&self.sizes, &self.places), &plan, &graph, part, recipe, (number, parts.len()));
            let board = Board::new(&graph, &self.machine, self.timed);
            self.broken = true;
            worker::run(&board, &step, &mut self.shards);
            let timeline = board.finish();
            if timeline.is_err() {
                self.shards.iter_mut().for_each(Shard::end);
            }
            outcome = step.outcome.get().copied();
            drop(step);
            traces.push(Trace { graph, timeline: timeline? });
        }
        self.broken = false;
        let Outcome { loss, norm, taken } = outcome.expect("the clip's task ran");
        if let Some(scaler) = &mut self.scaler {
            scaler.decide(norm);
        }
        let report = StepReport {
            loss,
            predictions,
            gradient_norm: if taken || self.scaler.is_none() { norm } else { f64::INFINITY },
            clipped: taken && clip_factor(norm, recipe.clip_norm) < 1.0,
            taken,
            loss_scale: recipe.loss_scale,
            overflowed: !taken && loss.is_finite() && self.scaler.as_ref().is_some_and(LossScaler::can_fall),
        };
        Ok((report, traces))
    }

    /// The plan for a batch: where its sentences cannot be cut into as many micro-batches, into fewer. It shows in no bit. In short floats a layer's backward pass is
    /// one task: devices keep what it sums up in more bits than they hand over, and between two tasks it would be rounded.
    fn fitted(&self, lengths: &Lengths) -> Plan {
        let (sentences, mut plan) = (lengths.sentences(), self.plan.clone());
        if self.recipe.precision != Precision::F32 {
            plan.chunks.lstm = lengths.source_steps().max(lengths.target_steps()).max(1);
            plan.micro_batches = 1;
        }
        let fits = |parts: &usize| sentences.is_multiple_of(*parts);
        plan.micro_batches = (1..=plan.micro_batches).rev().find(fits).unwrap_or(1);
        plan
    }
}
