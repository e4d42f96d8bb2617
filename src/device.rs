//! Device names: the one place that knows which backends exist.

use std::fmt;

use unrolled_tensor::Device;

/// The one device that `name` means: `cpu`.
///
/// ```
/// assert_eq!(unrolled::device("cpu").unwrap().name(), "cpu");
/// assert!(unrolled::device("gpu").unwrap_err().to_string().contains("cpu"));
/// ```
///
/// # Errors
/// Where the name means no device, or several, or one that cannot be had here.
pub fn device(name: &str) -> Result<Device, DeviceNameError> {
    let mut found = devices(name)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        count => Err(DeviceNameError::Several { name: name.to_owned(), count }),
    }
}

/// All devices that `name` means: `cpu`, or `8xcpu` for eight CPU devices that share the machine's threads.
///
/// ```
/// assert_eq!(unrolled::devices("3xcpu").unwrap().len(), 3);
/// ```
///
/// # Errors
/// Where the name means no device, or one that cannot be had here.
pub fn devices(name: &str) -> Result<Vec<Device>, DeviceNameError> {
    let unknown = || DeviceNameError::Unknown { name: name.to_owned() };
    if name == "cpu" {
        return Ok(vec![Device::cpu()]);
    }
    if let Some(count) = name.strip_suffix("xcpu") {
        let count = count.parse().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(unknown)?;
        return Ok(Device::cpus(count));
    }
    if name == "cuda" || name.starts_with("cuda:") {
        return Err(DeviceNameError::NotBuilt { name: name.to_owned() });
    }
    Err(unknown())
}

/// Why a device name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceNameError {
    /// The name is not one.
    Unknown {
        /// The name.
        name: String,
    },
    /// One device is needed.
    Several {
        /// The name.
        name: String,
        /// How many it means.
        count: usize,
    },
    /// This build has no such backend.
    NotBuilt {
        /// The name.
        name: String,
    },
}

impl fmt::Display for DeviceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceNameError::Unknown { name } => {
                write!(f, "device `{name}` is unknown: it is `cpu`, or `8xcpu` for eight CPU devices")
            }
            DeviceNameError::Several { name, count } => {
                write!(f, "device `{name}` means {count} devices where one is needed: use `cpu`")
            }
            DeviceNameError::NotBuilt { name } => {
                write!(f, "device `{name}` cannot be used: this version computes on the CPU alone; use `cpu`")
            }
        }
    }
}

impl std::error::Error for DeviceNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_name_is_told_why() {
        for (name, says) in [
            ("gpu", "unknown"),
            ("0xcpu", "unknown"),
            ("xcpu", "unknown"),
            ("2xcpu", "means 2"),
            ("cuda:0", "CPU alone"),
        ] {
            let message = device(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(says), "{message}");
        }
    }
}
