//! The driver: whether there is one, which devices it has, and thin owners of what it hands out.
//!
//! Everything of `cudarc` that can panic where a library is missing is called behind [`probe`] alone.

mod check;
mod context;
mod event;
mod graph;
mod pinned;
mod stream;

pub(crate) use check::{Lost, told};
pub(crate) use context::Context;
pub(crate) use event::Event;
pub(crate) use graph::{Capture, Graph};
pub(crate) use pinned::Pinned;
pub(crate) use stream::Stream;

use std::sync::OnceLock;

use cudarc::driver::{result, sys};

/// The oldest version of CUDA that a driver may be of: what the kernels' PTX says.
const OLDEST: i32 = 12_000;
/// The oldest compute capability: the kernels' target.
const OLDEST_CAPABILITY: (u32, u32) = (7, 0);

/// Why a CUDA device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// The driver's library is not on this machine.
    #[error("no NVIDIA driver was found: libcuda.so.1 is not on the library path")]
    NoDriver,
    /// The driver is there, and no device.
    #[error("the NVIDIA driver finds no GPU")]
    NoDevice,
    /// The driver is too old for the kernels.
    #[error("the NVIDIA driver is too old: it knows CUDA {}.{}, and 12.0 (driver 525 or later) is needed", version / 1000, version % 1000 / 10)]
    OldDriver {
        /// CUDA's version as the driver tells it, 11040 for 11.4.
        version: i32,
    },
    /// The device is too old for the kernels.
    #[error("{name} is too old: its compute capability is {}.{}, and 7.0 or later is needed", capability.0, capability.1)]
    OldDevice {
        /// The device's name.
        name: String,
        /// Its compute capability.
        capability: (u32, u32),
    },
    /// There are fewer devices.
    #[error("there is no GPU {index}: the driver finds {count}")]
    NoSuchDevice {
        /// What was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A call of the driver failed.
    #[error("the NVIDIA driver failed: {call}: {reason}")]
    Failed {
        /// The call.
        call: &'static str,
        /// The driver's name and description of the error.
        reason: String,
    },
}

/// A driver that is there and new enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driver {
    /// CUDA's version as the driver tells it: 12080 for 12.8.
    pub version: i32,
    /// How many devices it has.
    pub devices: usize,
}

impl Driver {
    /// CUDA's version as a person writes it: `12.8`.
    pub fn cuda(&self) -> String {
        format!("{}.{}", self.version / 1000, self.version % 1000 / 10)
    }
}

/// The driver of this machine; looked for once.
///
/// # Errors
/// Where there is none, or none that can be used.
pub fn probe() -> Result<Driver, Unusable> {
    static PROBED: OnceLock<Result<Driver, Unusable>> = OnceLock::new();
    PROBED.get_or_init(look).clone()
}

fn look() -> Result<Driver, Unusable> {
    // SAFETY: loads the driver's library, if it is there; its start-up code is as trusted as the driver itself.
    if !unsafe { sys::is_culib_present() } {
        return Err(Unusable::NoDriver);
    }
    let mut version = 0;
    // SAFETY: the one argument is a place for the answer; every driver has this call, before `cuInit` too.
    failed("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&mut version) }.result())?;
    if version < OLDEST {
        return Err(Unusable::OldDriver { version });
    }
    match result::init() {
        Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE => return Err(Unusable::NoDevice),
        other => failed("cuInit", other)?,
    }
    let devices = failed("cuDeviceGetCount", result::device::get_count())? as usize;
    if devices == 0 { Err(Unusable::NoDevice) } else { Ok(Driver { version, devices }) }
}

fn failed<T>(call: &'static str, outcome: Result<T, result::DriverError>) -> Result<T, Unusable> {
    outcome.map_err(|error| Unusable::Failed { call, reason: told(error) })
}

/// What the driver says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number: the 0 of `cuda:0`.
    pub index: usize,
    /// The GPU's name; of a virtual one it begins with `Virtual GPU`.
    pub name: String,
    /// Bytes of memory.
    pub memory: usize,
    /// Compute capability, `(9, 0)` for 9.0.
    pub capability: (u32, u32),
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// CUDA's version as the driver tells it.
    pub driver: i32,
}

impl DeviceInfo {
    /// What the driver says of device `index`, without making it ready for work.
    ///
    /// # Errors
    /// Where there is no such device, or no driver.
    pub fn of(index: usize) -> Result<DeviceInfo, Unusable> {
        let driver = probe()?;
        if index >= driver.devices {
            return Err(Unusable::NoSuchDevice { index, count: driver.devices });
        }
        let device = failed("cuDeviceGet", result::device::get(index as i32))?;
        let attribute = |which| {
            // SAFETY: the device is one that the driver has just named.
            failed("cuDeviceGetAttribute", unsafe { result::device::get_attribute(device, which) }).map(|n| n as u32)
        };
        use sys::CUdevice_attribute::*;
        Ok(DeviceInfo {
            index,
            name: failed("cuDeviceGetName", result::device::get_name(device))?,
            // SAFETY: as above.
            memory: failed("cuDeviceTotalMem", unsafe { result::device::total_mem(device) })?,
            capability: (
                attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            multiprocessors: attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
            driver: driver.version,
        })
    }

    /// Says why the device cannot be used, if so.
    ///
    /// # Errors
    /// Where it is too old.
    pub fn usable(&self) -> Result<(), Unusable> {
        if self.capability < OLDEST_CAPABILITY {
            return Err(Unusable::OldDevice { name: self.name.clone(), capability: self.capability });
        }
        Ok(())
    }

    /// Whether this is a stand-in of the tests and no hardware.
    pub fn is_virtual(&self) -> bool {
        self.name.starts_with("Virtual GPU")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_in_words() {
        let old = Unusable::OldDriver { version: 11_040 }.to_string();
        assert!(old.contains("11.4") && old.contains("525"), "{old}");
        let few = Unusable::NoSuchDevice { index: 3, count: 1 }.to_string();
        assert!(few.contains("GPU 3") && few.contains("finds 1"), "{few}");
        let device = DeviceInfo {
            index: 0,
            name: "Tesla K40".into(),
            memory: 12 << 30,
            capability: (3, 5),
            multiprocessors: 15,
            driver: 12_000,
        };
        let aged = device.usable().unwrap_err().to_string();
        assert!(aged.contains("Tesla K40") && aged.contains("3.5"), "{aged}");
        assert_eq!(DeviceInfo { capability: (7, 0), ..device }.usable(), Ok(()));
    }

    /// Whatever this machine has, asking is an answer and not a panic.
    #[test]
    fn probing_never_panics() {
        match probe() {
            Ok(driver) => assert!(DeviceInfo::of(driver.devices).is_err() && DeviceInfo::of(0).is_ok()),
            Err(why) => assert_eq!(DeviceInfo::of(0), Err(why)),
        }
    }
}
