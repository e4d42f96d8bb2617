//! What flows between tasks.

use std::sync::{Arc, Mutex};

use unrolled_tensor::fused::KeptLogits;
use unrolled_tensor::{Device, Event, Tensor};

/// A value of the graph: tensors on one device, numbers on the host, logits that stay where they are.
#[derive(Clone, Default)]
pub(super) struct Payload {
    /// Without gaps, so that another device can read them without this one's help.
    pub tensors: Vec<Tensor>,
    /// Where another device reads the value: its own device's mark behind the work that makes it.
    pub made: Option<Event>,
    pub numbers: Vec<f64>,
    /// One for each slice of the device; none while a task works on them.
    pub kept: Option<Arc<Mutex<Vec<KeptLogits>>>>,
}

impl Payload {
    pub fn of(tensors: impl IntoIterator<Item = Tensor>) -> Payload {
        Payload { tensors: tensors.into_iter().map(|x| x.contiguous()).collect(), ..Payload::default() }
    }

    pub fn numbers(numbers: Vec<f64>) -> Payload {
        Payload { numbers, ..Payload::default() }
    }

    /// A copy on another device.
    pub fn to_device(&self, device: &Device) -> Payload {
        assert!(self.kept.is_none(), "logits are never sent");
        let copy = |x: &Tensor| match &self.made {
            Some(made) => x.to_device_after(device, made),
            None => x.to_device(device),
        };
        let tensors = self.tensors.iter().map(copy).collect();
        Payload { tensors, numbers: self.numbers.clone(), ..Payload::default() }
    }
}

/// The parts one after another; one alone is not copied.
pub(super) fn joined(parts: &[Tensor], axis: isize) -> Tensor {
    match parts {
        [one] => one.clone(),
        parts => Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis),
    }
}
