//! A device's share of the model.

use std::collections::BTreeMap;

use unrolled_autograd::Gradient;
use unrolled_nn::{Module, Optimiser, Parameter};
use unrolled_tensor::{Device, Tensor, catch_device_error};

use super::StepError;
use super::jobs::Scratch;
use super::places::{Places, sliced};
use crate::model::Model;

/// What lives on a device: parameters, what the optimiser remembers of them, and within a step their gradients.
#[derive(Debug)]
pub(super) struct Shard {
    pub device: Device,
    pub parameters: BTreeMap<String, Parameter>,
    pub optimiser: Optimiser,
    pub gradients: BTreeMap<String, Gradient>,
    /// Weight and bias of the whole projection, where the plan gives every holder a copy.
    pub whole: Option<[Tensor; 2]>,
    pub scratch: Scratch,
}

impl Module for Shard {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        debug_assert!(path.is_empty(), "a shard is no part of a module");
        found.extend(self.parameters.iter().map(|(path, parameter)| (path.clone(), parameter)));
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        debug_assert!(path.is_empty(), "a shard is no part of a module");
        found.extend(self.parameters.iter_mut().map(|(path, parameter)| (path.clone(), parameter)));
    }
}

impl Shard {
    /// Brings each parameter, and what the optimiser remembers of it, to its device.
    pub fn spread(
        model: &Model,
        optimiser: &Optimiser,
        places: &Places,
        devices: &[Device],
    ) -> Result<Vec<Shard>, StepError> {
        let (values, states) = (cut(&model.state(), places), cut(&optimiser.state(), places));
        let shard = |(index, device): (usize, &Device)| {
            let filled = catch_device_error(|| {
                let mut shard = Shard {
                    device: device.clone(),
                    parameters: BTreeMap::new(),
                    optimiser: optimiser.clone(),
                    gradients: BTreeMap::new(),
                    whole: None,
                    scratch: Scratch::default(),
                };
                // On the host device itself a copy too: the model that was given may live on.
                let own = |x: &Tensor| if x.device() == device { x.copy() } else { x.to_device(device) };
                for (path, (at, value)) in &values {
                    if *at == index {
                        shard.parameters.insert(path.clone(), Parameter::new(own(value)));
                    }
                }
                if places.whole && places.holders.contains(&index) {
                    shard.whole = Some([&model.projection.weight, &model.projection.bias].map(|x| own(x.tensor())));
                }
                let state = states.iter().filter(|(_, (at, _))| *at == index);
                let state = state.map(|(name, (_, value))| (name.clone(), value.clone())).collect();
                let steps = optimiser.steps();
                let mut own = optimiser.clone();
                own.load(steps, &state, &shard).expect("an optimiser's state fits the model that it is of");
                shard.optimiser = own;
                shard
            });
            let (device, task) = (device.name(), "taking the parameters".to_owned());
            filled.map_err(|error| StepError::Device { device, task, error })
        };
        devices.iter().enumerate().map(shard).collect()
    }

    /// A parameter's value.
    ///
    /// # Panics
    /// Where it lives elsewhere.
    pub fn value(&self, path: &str) -> &Tensor {
        self.parameters.get(path).unwrap_or_else(|| panic!("{path} is not on {}", self.device)).tensor()
    }
}

/// Tensors by name, those of the projection cut into their slices, each with its device. A name is a parameter's path, or that and a number.
fn cut(all: &BTreeMap<String, Tensor>, places: &Places) -> BTreeMap<String, (usize, Tensor)> {
    let mut found = BTreeMap::new();
    for (name, value) in all {
        match places.device_of(name) {
            Some(device) => {
                found.insert(name.clone(), (device, value.clone()));
            }
            None => {
                let rest = name.strip_prefix(crate::model::PROJECTION).expect("nothing else is left");
                for (number, slice) in places.slices.iter().enumerate() {
                    let part = value.narrow(0, slice.words.start, slice.words.len()).contiguous();
                    found.insert(sliced(number, rest), (slice.device, part));
                }
            }
        }
    }
    found
}

/// The reverse of [`cut`]: all tensors of all shards, on the host, the projection's slices put together.
pub(super) fn gathered(
    places: &Places,
    shards: impl Iterator<Item = BTreeMap<String, Tensor>>,
) -> BTreeMap<String, Tensor> {
    let host = Device::cpu();
    let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
    shards.for_each(|shard| all.extend(shard.into_iter().map(|(name, value)| (name, value.to_device(&host)))));
    let first = format!("{}0.", crate::model::PROJECTION);
    let rests: Vec<String> = all.keys().filter_map(|name| name.strip_prefix(&first)).map(str::to_owned).collect();
    for rest in rests {
        let take = |slice| all.remove(&sliced(slice, &rest)).expect("every slice has what the first one has");
        let parts: Vec<Tensor> = (0..places.slices.len()).map(take).collect();
        all.insert(format!("{}{rest}", crate::model::PROJECTION), super::payload::joined(&parts, 0));
    }
    all
}
