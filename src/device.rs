//! Device names: the one place that knows which backends exist.

use std::fmt;
use std::ops::RangeInclusive;

use unrolled_tensor::{Device, machine_memory};

/// The one device that `name` means: `cpu`, `cuda:0`.
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

/// All devices that `name` means: `cpu`, `8xcpu` for eight CPU devices that share the machine's threads, `cuda:0` for a GPU, `cuda:0-7` for eight; or
/// several of these, as in `cuda:0-3+2xcpu`. All CPU devices share the threads among them.
///
/// ```
/// assert_eq!(unrolled::devices("3xcpu").unwrap().len(), 3);
/// let names: Vec<String> = unrolled::devices("1xcpu+2xcpu").unwrap().iter().map(|device| device.name()).collect();
/// assert_eq!(names, ["cpu:0", "cpu:1", "cpu:2"]);
/// ```
///
/// # Errors
/// Where the name means no device, or one that cannot be had here.
pub fn devices(name: &str) -> Result<Vec<Device>, DeviceNameError> {
    let unknown = || DeviceNameError::Unknown { name: name.to_owned() };
    let parts = name.split('+').map(|part| Part::of(part).ok_or_else(unknown)).collect::<Result<Vec<Part>, _>>()?;
    let shares = parts.iter().map(|part| if let Part::Shares(count) = part { *count } else { 0 });
    let mut shares = Device::cpus(shares.sum()).into_iter();
    let mut found: Vec<Device> = Vec::new();
    for part in parts {
        match part {
            Part::Cpu => found.push(Device::cpu()),
            Part::Shares(count) => found.extend(shares.by_ref().take(count)),
            Part::Gpus(numbers) => {
                let gpus = numbers.map(|index| gpu::device(name, index));
                found.extend(gpus.collect::<Result<Vec<Device>, _>>()?);
            }
        }
    }
    let twice = (1..found.len()).find(|&i| found[..i].contains(&found[i]));
    match twice {
        Some(i) => Err(DeviceNameError::Twice { name: name.to_owned(), device: found[i].name() }),
        None => Ok(found),
    }
}

/// What stands between two `+`.
enum Part {
    /// All of the CPU.
    Cpu,
    /// So many CPU devices.
    Shares(usize),
    Gpus(RangeInclusive<usize>),
}

impl Part {
    fn of(name: &str) -> Option<Part> {
        if name == "cpu" {
            return Some(Part::Cpu);
        }
        match name.strip_suffix("xcpu") {
            Some(count) => count.parse().ok().filter(|n| (1..=1024).contains(n)).map(Part::Shares),
            None => name.strip_prefix("cuda:").and_then(numbers).map(Part::Gpus),
        }
    }
}

/// `3`, or `0-7`.
fn numbers(text: &str) -> Option<RangeInclusive<usize>> {
    let number = |text: &str| text.parse().ok().filter(|&n: &usize| n < 1024);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = number(first)?..=number(last)?;
    (!range.is_empty()).then_some(range)
}

/// A device of this machine, or what stands in the way of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundDevice {
    /// Its name here: `cpu`, `cuda:0`; `cuda` where there is none.
    pub name: String,
    /// What it is; empty where that cannot be found out.
    pub hardware: String,
    /// Bytes of memory.
    pub memory: Option<usize>,
    /// What else is known: `compute capability`, `9.0`.
    pub details: Vec<(&'static str, String)>,
    /// Why it cannot be used, if so.
    pub unusable: Option<String>,
}

/// The devices of this machine, those included that cannot be used.
///
/// ```
/// let found = unrolled::found_devices();
/// assert!(found[0].name == "cpu" && found[0].unusable.is_none());
/// ```
pub fn found_devices() -> Vec<FoundDevice> {
    std::iter::once(cpu()).chain(gpu::found()).collect()
}

fn cpu() -> FoundDevice {
    // What Linux tells; elsewhere it stays empty.
    let hardware = || {
        let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    FoundDevice {
        name: "cpu".into(),
        hardware: hardware().unwrap_or_default(),
        memory: machine_memory(),
        details: vec![("threads", threads.to_string())],
        unusable: None,
    }
}

#[cfg(feature = "cuda")]
mod gpu {
    use super::*;
    use unrolled_cuda::DeviceInfo;

    pub fn device(name: &str, index: usize) -> Result<Device, DeviceNameError> {
        unrolled_cuda::device(index)
            .map_err(|why| DeviceNameError::Unusable { name: name.to_owned(), why: why.to_string() })
    }

    pub fn found() -> Vec<FoundDevice> {
        match unrolled_cuda::probe() {
            Ok(driver) => (0..driver.devices).map(one).collect(),
            Err(why) => vec![nothing("cuda".into(), why.to_string())],
        }
    }

    fn nothing(name: String, why: String) -> FoundDevice {
        FoundDevice { name, hardware: String::new(), memory: None, details: Vec::new(), unusable: Some(why) }
    }

    fn one(index: usize) -> FoundDevice {
        let name = format!("cuda:{index}");
        let info = match DeviceInfo::of(index) {
            Ok(info) => info,
            Err(why) => return nothing(name, why.to_string()),
        };
        let (major, minor) = info.capability;
        let products = if unrolled_cuda::has_cublas() { "cuBLAS" } else { "own kernels: cuBLAS was not found" };
        FoundDevice {
            name,
            memory: Some(info.memory),
            details: vec![
                ("compute capability", format!("{major}.{minor}")),
                ("multiprocessors", info.multiprocessors.to_string()),
                ("driver", format!("CUDA {}.{}", info.driver / 1000, info.driver % 1000 / 10)),
                ("products", products.into()),
            ],
            unusable: info.usable().err().map(|why| why.to_string()),
            hardware: info.name,
        }
    }
}

#[cfg(not(feature = "cuda"))]
mod gpu {
    use super::*;

    pub fn device(name: &str, _: usize) -> Result<Device, DeviceNameError> {
        let why = "this build has no CUDA: the feature `cuda` was left out".into();
        Err(DeviceNameError::Unusable { name: name.to_owned(), why })
    }

    pub fn found() -> Vec<FoundDevice> {
        Vec::new()
    }
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
    /// A device stands there more than once.
    Twice {
        /// The name.
        name: String,
        /// Which one.
        device: String,
    },
    /// The device is not here, or something that it needs is missing.
    Unusable {
        /// The name.
        name: String,
        /// What stands in the way.
        why: String,
    },
}

impl fmt::Display for DeviceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceNameError::Unknown { name } => {
                write!(
                    f,
                    "device `{name}` is unknown: it is `cpu`, `8xcpu` for eight CPU devices, `cuda:0` for a GPU or `cuda:0-7` for eight, or several joined by `+`"
                )
            }
            DeviceNameError::Several { name, count } => {
                write!(f, "device `{name}` means {count} devices where one is needed: use `cpu` or `cuda:0`")
            }
            DeviceNameError::Twice { name, device } => write!(f, "`{name}` has the device `{device}` twice"),
            DeviceNameError::Unusable { name, why } => {
                write!(f, "device `{name}` cannot be used: {why}")
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
            ("cuda", "unknown"),
            ("cuda:", "unknown"),
            ("cuda:-1", "unknown"),
            ("cuda:7-0", "unknown"),
            ("cuda:1000", "cannot be used"),
            ("cpu+", "unknown"),
            ("cpu+2xcpu+cpu", "has the device `cpu` twice"),
            ("cpu+2xcpu", "means 3"),
        ] {
            let message = device(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(says), "{message}");
        }
        assert_eq!(numbers("0-7"), Some(0..=7));
        assert_eq!(numbers("3"), Some(3..=3));
    }

    #[test]
    fn what_is_listed_can_be_used_or_says_why_not() {
        let found = found_devices();
        assert!(found.len() > usize::from(cfg!(feature = "cuda")));
        for FoundDevice { name, unusable, .. } in found {
            assert_eq!(device(&name).is_ok(), unusable.is_none(), "{name}: {unusable:?}");
        }
    }
}
