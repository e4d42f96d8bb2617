//! A plan: where everything lives, and when the weight gradients are done. Written so that a person can read it, and write one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Lengths;
use super::Side;
use crate::model::Sizes;
use crate::wording::{counted, plural};

/// Who computes what, and in which order. Devices are counted from 0.
///
/// In TOML it looks like this; [`Plan::to_toml`] writes it and [`Plan::from_toml`] reads it:
///
/// ```
/// use unrolled_seq2seq::schedule::{Plan, When};
///
/// let plan = Plan::from_toml(
///     r#"
///     name = "mine"
///     encoder = [0, 1]                # the device of each layer
///     decoder = [0, 1]
///     source-embedding = 0
///     target-embedding = 0
///     lstm-weights = "at-once"        # or "deferred"
///     softmax-weights = "deferred"
///     order = "program"               # or "critical-path"
///     [[vocabulary.slices]]
///     words = 60
///     device = 2
///     [[vocabulary.slices]]
///     words = 40
///     device = 3
///     "#,
/// )?;
/// assert_eq!((plan.devices(), plan.lstm_weights, plan.micro_batches), (4, When::AtOnce, 1));
/// assert_eq!(Plan::from_toml(&plan.to_toml())?, plan);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// The device of each encoder layer.
    pub encoder: Vec<usize>,
    /// The device of each decoder layer.
    pub decoder: Vec<usize>,
    /// The device of the source embedding.
    pub source_embedding: usize,
    /// The device of the target embedding.
    pub target_embedding: usize,
    /// When the LSTM's weight gradients are done.
    pub lstm_weights: When,
    /// When the softmax's are.
    pub softmax_weights: When,
    /// How a device chooses among tasks that are ready.
    pub order: Order,
    /// Parts of the batch that go through forward and backward one behind the other. Weight gradients are always of the whole batch, so the sums
    /// stay the same.
    #[serde(default = "one")]
    pub micro_batches: usize,
    /// How many time steps a task covers.
    #[serde(default)]
    pub chunks: Chunks,
    /// Steps whose rows make one product of a weight gradient; products are added to what is there, for the LSTM from the last step to the
    /// first, for the softmax from the first to the last.
    #[serde(default = "one")]
    pub steps_summed_together: usize,
    /// Which terms of a weight gradient are added up first.
    #[serde(default)]
    pub sums: Sums,
    /// Who computes the softmax.
    pub vocabulary: Vocabulary,
}

fn one() -> usize {
    1
}

/// Who computes the softmax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vocabulary {
    /// Each slice of the vocabulary on a device, for all rows.
    Slices(Vec<Slice>),
    /// The whole vocabulary on each of these devices; time steps are dealt out in this order, again and again, and the weight's gradients are
    /// added up over devices. A device that stands here twice gets twice as many.
    Rows(Vec<usize>),
}

/// Words in a row of the output vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// How many.
    pub words: usize,
    /// Where they live.
    pub device: usize,
}

/// When a weight gradient is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Together with the backward pass of the same steps.
    AtOnce,
    /// After all that others wait for.
    Deferred,
}

/// How a device chooses its next task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The order of the program, waiting where the next task is not ready.
    Program,
    /// Of those that are ready, the one with the longest way from it to the end of the step.
    CriticalPath,
    /// The same, but weight gradients only when nothing else is ready: other devices wait for all the rest.
    WeightsLast,
}

/// Which terms of a weight gradient are added up first. Not what is computed, but in which order, and so its last bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sums {
    /// Those of [`steps_summed_together`](Plan::steps_summed_together) steps, as soon as they are there: what a machine with little memory does.
    #[default]
    BySteps,
    /// Rows of the batch in blocks from the first step to the last, as one product over all of them adds: the order of training, whatever the plan.
    /// An LSTM's weight gradients then wait for the whole backward pass of their layer.
    ByRows,
}

/// How many time steps one task covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Chunks {
    /// Of the LSTM, forward and backward.
    pub lstm: usize,
    /// Of the softmax.
    pub softmax: usize,
    /// Of weight gradients that are deferred.
    pub weights: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Chunks { lstm: 1, softmax: 1, weights: 1 }
    }
}

/// What decides a step's last bits: plans that agree in it compute the same sums in the same order, on however many devices.
///
/// Rows of a batch never meet in forward and in the gradients of activations; they meet in the weight gradients, which every plan adds up over the whole
/// batch, step by step. What is left is how the vocabulary is cut (its slices' maxima, sums and gradients of h are merged in turn) and whether
/// each device adds up a part of the steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// Words of each slice.
    pub slices: Vec<usize>,
    /// Steps whose rows make one product of a weight gradient; 0 where rows are added up whichever step they are of.
    pub steps_summed_together: usize,
    /// Devices that each add up the softmax's weight gradient over their own steps.
    pub partial_sums: usize,
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// It is no TOML, or not a plan.
    #[error("not a plan: {0}")]
    Form(String),
    /// Its layers are not the model's.
    #[error("the plan has {plan} {} {}, the model {model}", side.name(), plural(plan, "layer"))]
    Layers {
        /// Encoder or decoder.
        side: Side,
        /// Layers in the plan.
        plan: usize,
        /// Layers in the model.
        model: usize,
    },
    /// Its slices are not the model's vocabulary.
    #[error("the plan's slices hold {}, the target vocabulary has {model}", counted(*plan, "word"))]
    Words {
        /// Words in the plan.
        plan: usize,
        /// Words in the model.
        model: usize,
    },
    /// A number that must be at least 1 is 0, or a slice or list is empty.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// Parts do not come out even.
    #[error("{} cannot be cut into {parts} equal micro-batches", counted(*sentences, "sentence"))]
    MicroBatches {
        /// Sentences of the batch.
        sentences: usize,
        /// Micro-batches asked for.
        parts: usize,
    },
    /// Tasks would cut the sums differently from the plan's own word.
    #[error("chunks of {chunk} steps cannot be summed {together} steps at a time: use a multiple")]
    Sums {
        /// Steps of a task.
        chunk: usize,
        /// Steps summed together.
        together: usize,
    },
    /// The plan needs more devices than there are.
    #[error("plan `{plan}` needs {} or more, not {given}", counted(*needed, "device"))]
    Devices {
        /// The plan's name.
        plan: String,
        /// What it needs.
        needed: usize,
        /// What there is.
        given: usize,
    },
    /// There is no plan of that name.
    #[error("there is no plan `{0}`: use {known}, search, search-slices, or a file that ends in .toml", known = super::plans::NAMES.join(", "))]
    Unknown(String),
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Where it is no TOML, lacks a key or has one too many.
    pub fn from_toml(text: &str) -> Result<Plan, PlanError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            PlanError::Form(format!("line {line}: {}", error.message().replace('\n', " ")))
        })
    }

    /// Writes it down.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a plan is a table of numbers and words")
    }

    /// The device of each layer of a side.
    pub fn layers(&self, side: Side) -> &[usize] {
        match side {
            Side::Encoder => &self.encoder,
            Side::Decoder => &self.decoder,
        }
    }

    /// The device of a side's embedding.
    pub fn embedding(&self, side: Side) -> usize {
        match side {
            Side::Encoder => self.source_embedding,
            Side::Decoder => self.target_embedding,
        }
    }

    /// How many devices it speaks of: one more than the highest.
    pub fn devices(&self) -> usize {
        let softmax = self.softmax_devices();
        let layers = self.encoder.iter().chain(&self.decoder).chain(&softmax);
        layers.chain([&self.source_embedding, &self.target_embedding]).max().map_or(1, |&highest| highest + 1)
    }

    /// The devices that compute the softmax, each once, in the vocabulary's order.
    pub fn softmax_devices(&self) -> Vec<usize> {
        let all: Vec<usize> = match &self.vocabulary {
            Vocabulary::Slices(slices) => slices.iter().map(|slice| slice.device).collect(),
            Vocabulary::Rows(devices) => devices.clone(),
        };
        let mut once = Vec::new();
        for device in all {
            if !once.contains(&device) {
                once.push(device);
            }
        }
        once
    }

    /// What decides the last bits of a step under this plan.
    pub fn arithmetic(&self) -> Arithmetic {
        let (slices, partial_sums) = match &self.vocabulary {
            Vocabulary::Slices(slices) => (slices.iter().map(|slice| slice.words).collect(), 1),
            Vocabulary::Rows(_) => (Vec::new(), self.softmax_devices().len()),
        };
        let steps_summed_together = if self.sums == Sums::ByRows { 0 } else { self.steps_summed_together };
        Arithmetic { slices, steps_summed_together, partial_sums }
    }

    /// The plan with the sums of training: on whatever devices, the gradients of one that has everything.
    #[must_use]
    pub fn for_training(self) -> Plan {
        Plan { sums: Sums::ByRows, ..self }
    }

    /// Whether it fits a model and a batch.
    pub(super) fn check(&self, sizes: &Sizes, lengths: &Lengths) -> Result<(), PlanError> {
        for side in Side::ALL {
            let plan = self.layers(side).len();
            if plan != sizes.layers {
                return Err(PlanError::Layers { side, plan, model: sizes.layers });
            }
        }
        let at_least_one = [
            ("micro-batches", self.micro_batches),
            ("chunks.lstm", self.chunks.lstm),
            ("chunks.softmax", self.chunks.softmax),
            ("chunks.weights", self.chunks.weights),
            ("steps-summed-together", self.steps_summed_together),
            ("the number of sentences", lengths.sentences()),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, number)| *number == 0) {
            return Err(PlanError::Zero(name));
        }
        if !lengths.sentences().is_multiple_of(self.micro_batches) {
            return Err(PlanError::MicroBatches { sentences: lengths.sentences(), parts: self.micro_batches });
        }
        self.check_sums()?;
        self.check_vocabulary(sizes)
    }

    fn check_sums(&self) -> Result<(), PlanError> {
        let chunk = |when, at_once| if when == When::AtOnce { at_once } else { self.chunks.weights };
        let chunks = [chunk(self.lstm_weights, self.chunks.lstm), chunk(self.softmax_weights, self.chunks.softmax)];
        let together = self.steps_summed_together;
        if self.sums == Sums::ByRows {
            return Ok(());
        }
        match chunks.into_iter().find(|chunk| !chunk.is_multiple_of(together)) {
            Some(chunk) => Err(PlanError::Sums { chunk, together }),
            None => Ok(()),
        }
    }

    fn check_vocabulary(&self, sizes: &Sizes) -> Result<(), PlanError> {
        match &self.vocabulary {
            Vocabulary::Rows(devices) if devices.is_empty() => Err(PlanError::Zero("vocabulary.rows")),
            Vocabulary::Rows(_) => Ok(()),
            Vocabulary::Slices(slices) => {
                let plan = slices.iter().map(|slice| slice.words).sum();
                if slices.iter().any(|slice| slice.words == 0) {
                    Err(PlanError::Zero("a slice's words"))
                } else if plan != sizes.target_words {
                    Err(PlanError::Words { plan, model: sizes.target_words })
                } else {
                    Ok(())
                }
            }
        }
    }
}
