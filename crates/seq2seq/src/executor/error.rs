//! Why a step over devices fails.

use unrolled_tensor::DeviceError;

use crate::schedule::PlanError;
use crate::wording::counted;

/// Why a step failed, or could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The plan does not fit the model or the batch.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan needs more devices than there are.
    #[error("plan `{plan}` needs {}, not {given}", counted(*needed, "device"))]
    Devices {
        /// Its name.
        plan: String,
        /// What it needs.
        needed: usize,
        /// What there is.
        given: usize,
    },
    /// The slices belong to the model.
    #[error(
        "the plan cuts the vocabulary into {}, the model into {model}: set `softmax-slices` to {plan}, or use another plan",
        counted(*plan, "slice")
    )]
    Slices {
        /// The plan's slices.
        plan: usize,
        /// The model's.
        model: usize,
    },
    /// A device failed.
    #[error("the step failed in `{task}` on {device}")]
    Device {
        /// The device's name.
        device: String,
        /// What it was doing.
        task: String,
        /// What it said.
        #[source]
        error: DeviceError,
    },
    /// A task panicked.
    #[error("the step failed in `{task}` on {device}: {reason}")]
    Task {
        /// The device's name.
        device: String,
        /// What it was doing.
        task: String,
        /// What it panicked with.
        reason: String,
    },
    /// An earlier step failed half-way.
    #[error("an earlier step failed, so parts of the model may be ahead of others: go on from a checkpoint")]
    Broken,
}
