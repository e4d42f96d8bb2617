//! Several devices together.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{DEVICES, Device, Link};
use crate::schedule::Task;

/// Devices, and the link by which each reaches each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// In the order in which plans number them.
    pub devices: Vec<Device>,
    /// Between any two.
    pub link: Link,
}

/// A word that names no machine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MachineError {
    /// The form is wrong.
    #[error("`{0}` names no devices: write 8xK40, or 4xK40+4xK20X")]
    Form(String),
    /// The device is unknown.
    #[error("no device `{0}` is known: use {known}", known = DEVICES.each_ref().map(|device| device.name).join(", "))]
    Unknown(String),
}

/// More than anybody has, and few enough to be simulated.
const MOST: usize = 1024;

impl FromStr for Machine {
    type Err = MachineError;

    /// `8xK40`, `K40`, `4xK40+4xK20X`.
    fn from_str(text: &str) -> Result<Machine, MachineError> {
        let form = || MachineError::Form(text.to_owned());
        let mut devices: Vec<Device> = Vec::new();
        for part in text.split('+') {
            let (count, name) = match part.split_once('x').map(|(count, name)| (count.parse::<usize>(), name)) {
                Some((Ok(count), name)) => (count, name),
                _ => (1, part),
            };
            if count == 0 || devices.len() + count > MOST || name.is_empty() {
                return Err(form());
            }
            let device = Device::find(name).ok_or_else(|| MachineError::Unknown(name.to_owned()))?;
            devices.extend(std::iter::repeat_n(device.clone(), count));
        }
        let link = devices.iter().map(|device| device.link.clone()).reduce(Link::slower).ok_or_else(form)?;
        Ok(Machine { devices, link })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.devices.chunk_by(|a, b| a.name == b.name);
        let parts: Vec<String> = runs.map(|run| format!("{} × {}", run.len(), run[0].name)).collect();
        formatter.write_str(&parts.join(" + "))
    }
}

impl Machine {
    /// With matrix products that reach this fraction of each published card's peak.
    pub fn calibrated(mut self, fraction: f64) -> Machine {
        self.devices.iter_mut().filter(|device| device.published).for_each(|device| device.fraction = fraction);
        self
    }

    /// So many CPU devices, as in `8xcpu`.
    pub fn of_cpus(count: usize) -> Machine {
        let cpu = Device::find("cpu").expect("it is in the table");
        Machine { devices: vec![cpu.clone(); count], link: cpu.link.clone() }
    }

    /// Its first device alone.
    pub fn first(&self) -> Machine {
        Machine { devices: self.devices[..1].to_vec(), link: self.link.clone() }
    }

    /// Seconds that a task takes where it is.
    pub fn seconds(&self, task: &Task) -> f64 {
        let device = &self.devices[task.device];
        device.rates.as_ref().and_then(|rates| rates.seconds(task)).unwrap_or_else(|| device.seconds(&task.work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_named() {
        let machine: Machine = "8xK40".parse().unwrap();
        assert_eq!((machine.devices.len(), machine.to_string().as_str()), (8, "8 × K40"));
        let mixed: Machine = "2xk40+K20X".parse().unwrap();
        assert_eq!((mixed.to_string().as_str(), mixed.link.name), ("2 × K40 + 1 × K20X", "pcie2"));
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "0xK40", "8x", "K40+", "5000xK40"] {
            assert_eq!(text.parse::<Machine>(), Err(MachineError::Form(text.to_owned())), "{text}");
        }
        let message = "8xK80".parse::<Machine>().unwrap_err().to_string();
        assert!(message.starts_with("no device `K80` is known: use K20, K20X, K40, V100"), "{message}");
    }
}
