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

use unrolled_nn::{Module, Optimiser, clip_factor};
use unrolled_tensor::{Device, Tensor};

use crate::batch::Batch;
use crate::config::{Normalise, Precision};
use crate::cost_model::Machine;
use crate::model::{Model, Sizes};
use crate::schedule::{Graph, Lengths, Plan, Timeline, Vocabulary, even_slices};
use crate::training::{Recipe, StepReport};
use board::Board;
pub use error::StepError;
use jobs::Step;
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
    /// Where the plan does not fit the model, its slices are not the model's, it needs more devices, or the recipe's precision is not f32; and where a device has no room.
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
        if recipe.precision != Precision::F32 {
            return Err(StepError::Precision { precision: recipe.precision });
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
        Ok(Executor { sizes: sizes.clone(), plan, places, dropout, recipe, shards, machine, timed: false, broken: false })
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

    /// [`step`](Executor::step), and what happened when.
    ///
    /// # Errors
    /// As [`step`](Executor::step).
    pub fn traced_step(&mut self, batch: &Batch, update: u64, rate: f64) -> Result<(StepReport, Trace), StepError> {
        if self.broken {
            return Err(StepError::Broken);
        }
        let lengths = Lengths::of(batch);
        let plan = fitted(&self.plan, batch.sentences());
        let graph = Graph::of(&self.sizes, &lengths, &plan)?;
        let predictions = batch.target_words + batch.sentences() as u64;
        let divisor = match self.recipe.normalise {
            Normalise::Sentences => batch.sentences() as f64,
            Normalise::Words => predictions as f64,
        };
        let key = (self.dropout > 0.0).then(|| self.recipe.key.purpose("dropout").at(update));
        let (sizes, places, clip_norm) = (&self.sizes, &self.places, self.recipe.clip_norm);
        let dropout = key.map(|key| (self.dropout, key));
        let step = Step::new(sizes, &plan, places, &graph, batch, dropout, divisor, clip_norm, rate);
        let board = Board::new(&graph, &self.machine, self.timed);
        self.broken = true;
        worker::run(&board, &step, &mut self.shards);
        let timeline = board.finish()?;
        self.broken = false;
        let outcome = step.outcome.get().expect("the clip's task ran");
        let report = StepReport {
            loss: outcome.loss,
            predictions,
            gradient_norm: outcome.norm,
            clipped: outcome.taken && clip_factor(outcome.norm, clip_norm) < 1.0,
            taken: outcome.taken,
            loss_scale: None,
            overflowed: false,
        };
        drop(step);
        Ok((report, Trace { graph, timeline }))
    }
}

/// The plan for a batch of so many sentences: where they cannot be cut into as many micro-batches, into fewer. It shows in no bit.
fn fitted(plan: &Plan, sentences: usize) -> Plan {
    let fits = |parts: &usize| sentences.is_multiple_of(*parts);
    let micro_batches = (1..=plan.micro_batches).rev().find(fits).unwrap_or(1);
    Plan { micro_batches, ..plan.clone() }
}
