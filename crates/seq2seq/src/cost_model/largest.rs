//! How large a model fits: what several devices' memory buys.

use serde::Serialize;

use super::{Machine, simulate};
use crate::model::Sizes;
use crate::schedule::{Graph, Lengths, Plan, PlanError, Timeline};

/// The largest model that fits a machine, of those with the layers and vocabularies of another and as many numbers in an embedding as cells in a
/// layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Largest {
    /// Cells in a layer; 0 where not even one fits.
    pub hidden: usize,
    /// Parameters.
    pub parameters: usize,
    /// The device that is full first.
    pub full_device: usize,
}

/// More cells than any machine in the table could hold.
const MOST: usize = 1 << 17;

/// The largest model under a plan; peak memory of a whole training step is what counts.
///
/// # Errors
/// Where the plan does not fit the model or the batch.
pub fn largest(sizes: &Sizes, lengths: &Lengths, machine: &Machine, plan: &Plan) -> Result<Largest, PlanError> {
    let with = |hidden| Sizes { hidden, embedding: hidden, ..sizes.clone() };
    let timeline = |hidden: usize| Ok(simulate(&Graph::of(&with(hidden), lengths, plan)?, machine));
    let (mut fits, mut too_large) = (0, MOST);
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        *(if machine.holds(&timeline(middle)?) { &mut fits } else { &mut too_large }) = middle;
    }
    let full_device = machine.fullest(&timeline(too_large)?);
    let parameters = if fits == 0 { 0 } else { with(fits).parameters() };
    Ok(Largest { hidden: fits, parameters, full_device })
}

impl Machine {
    /// Whether every device's memory suffices.
    pub fn holds(&self, timeline: &Timeline) -> bool {
        self.devices.iter().zip(&timeline.peak).all(|(device, peak)| peak.total() <= device.memory)
    }

    /// The device with the smallest part of its memory left.
    fn fullest(&self, timeline: &Timeline) -> usize {
        let part = |device: usize| timeline.peak[device].total() as f64 / self.devices[device].memory as f64;
        (0..self.devices.len()).max_by(|&a, &b| part(a).total_cmp(&part(b))).unwrap_or(0)
    }
}
