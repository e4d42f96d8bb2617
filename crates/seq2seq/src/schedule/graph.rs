//! The graph: tasks, the values that flow between them, and what stays on each device.

use std::iter::Sum;
use std::ops::{AddAssign, Index, IndexMut, SubAssign};

use serde::Serialize;

use super::{Group, Job, Lengths, Order, Plan, PlanError, Work, build};
use crate::model::Sizes;

/// One training step over devices.
///
/// Tasks stand in the plan's program order: every input of a task is the output of an earlier one, so a device that takes its own tasks in
/// this order never waits for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// How many devices there are.
    pub devices: usize,
    /// How a device chooses among its tasks.
    pub order: Order,
    /// In program order.
    pub tasks: Vec<Task>,
    /// What flows between them.
    pub values: Vec<Value>,
    /// Parameters and dense gradients, which stay.
    pub residents: Vec<Resident>,
    /// Words that the step counts.
    pub words: usize,
}

/// Something that one device does without a break.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What it does.
    pub job: Job,
    /// Where.
    pub device: usize,
    /// How much work that is.
    pub work: Work,
    /// Values it needs, on its device.
    pub inputs: Vec<usize>,
    /// Values it makes, on its device: room for them is taken when it starts.
    pub outputs: Vec<usize>,
}

/// What a task makes and others need. A copy goes to each other device that has a consumer, once; each copy is freed when its last reader is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Bytes held, and sent: 0 for a mere order.
    pub bytes: u64,
    /// What the bytes are.
    pub memory: Memory,
    /// Whose output it is.
    pub producer: usize,
    /// Whose input it is, ascending.
    pub consumers: Vec<usize>,
}

/// A kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Weights, biases, embeddings.
    Parameters,
    /// Their gradients: dense, but for embeddings only the rows of the batch's words.
    Gradients,
    /// What forward keeps for backward, messages, gradients on their way.
    Activations,
    /// Logits and their gradients, which take the same place.
    Logits,
}

impl Memory {
    /// All kinds.
    pub const ALL: [Memory; 4] = [Memory::Parameters, Memory::Gradients, Memory::Activations, Memory::Logits];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Memory::Parameters => "parameters",
            Memory::Gradients => "gradients",
            Memory::Activations => "activations",
            Memory::Logits => "logits",
        }
    }
}

/// Bytes by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// [`Memory::Parameters`].
    pub parameters: u64,
    /// [`Memory::Gradients`].
    pub gradients: u64,
    /// [`Memory::Activations`].
    pub activations: u64,
    /// [`Memory::Logits`].
    pub logits: u64,
}

impl Bytes {
    /// Of all kinds together.
    pub fn total(&self) -> u64 {
        Memory::ALL.iter().map(|&kind| self[kind]).sum()
    }
}

impl Index<Memory> for Bytes {
    type Output = u64;

    fn index(&self, kind: Memory) -> &u64 {
        match kind {
            Memory::Parameters => &self.parameters,
            Memory::Gradients => &self.gradients,
            Memory::Activations => &self.activations,
            Memory::Logits => &self.logits,
        }
    }
}

impl IndexMut<Memory> for Bytes {
    fn index_mut(&mut self, kind: Memory) -> &mut u64 {
        match kind {
            Memory::Parameters => &mut self.parameters,
            Memory::Gradients => &mut self.gradients,
            Memory::Activations => &mut self.activations,
            Memory::Logits => &mut self.logits,
        }
    }
}

impl AddAssign<(Memory, u64)> for Bytes {
    fn add_assign(&mut self, (kind, bytes): (Memory, u64)) {
        self[kind] += bytes;
    }
}

impl SubAssign<(Memory, u64)> for Bytes {
    fn sub_assign(&mut self, (kind, bytes): (Memory, u64)) {
        self[kind] -= bytes;
    }
}

impl Sum<(Memory, u64)> for Bytes {
    fn sum<I: Iterator<Item = (Memory, u64)>>(parts: I) -> Bytes {
        parts.fold(Bytes::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

/// What stays on a device from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The parameters in question.
    pub group: Group,
    /// Where they are.
    pub device: usize,
    /// The parameters themselves, or their gradient.
    pub memory: Memory,
    /// Their bytes.
    pub bytes: u64,
}

impl Graph {
    /// The graph of one training step.
    ///
    /// # Errors
    /// Where the plan does not fit the model or the batch.
    pub fn of(sizes: &Sizes, lengths: &Lengths, plan: &Plan) -> Result<Graph, PlanError> {
        plan.check(sizes, lengths)?;
        Ok(build::graph(sizes, lengths, plan, true))
    }

    /// That of a part of a batch that others follow: it ends with the gradients.
    ///
    /// # Errors
    /// As [`of`](Graph::of).
    pub(crate) fn of_part(sizes: &Sizes, lengths: &Lengths, plan: &Plan) -> Result<Graph, PlanError> {
        plan.check(sizes, lengths)?;
        Ok(build::graph(sizes, lengths, plan, false))
    }

    /// What stays on each device.
    pub fn resident(&self) -> Vec<Bytes> {
        let of = |device| self.residents.iter().filter(move |resident| resident.device == device);
        (0..self.devices).map(|device| of(device).map(|resident| (resident.memory, resident.bytes)).sum()).collect()
    }

    /// The other devices that a value goes to, ascending.
    pub fn destinations(&self, value: &Value) -> Vec<usize> {
        let home = self.tasks[value.producer].device;
        let mut devices: Vec<usize> =
            value.consumers.iter().map(|&task| self.tasks[task].device).filter(|&device| device != home).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }
}
