//! What can go wrong on a device, and how a panic that carries it becomes a `Result` again.
//!
//! A wrong shape or dtype is a mistake in the caller's program and panics with a message. A device that runs out of memory
//! or is lost is not: the backend's verbs return [`DeviceError`], a [`Tensor`](crate::Tensor) method panics with that error as its
//! payload, and [`catch_device_error`] turns the panic back into a `Result`.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::Modes;

/// A failure of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// An allocation did not fit the device's memory or budget. All figures are in bytes.
    OutOfMemory {
        /// The device's name.
        device: String,
        /// What was asked for.
        requested: usize,
        /// What live tensors held at that moment.
        in_use: usize,
        /// The most that they may hold.
        budget: usize,
    },
    /// The device stopped answering or reported an error that it cannot go on from.
    Lost {
        /// The device's name.
        device: String,
        /// What its driver said.
        reason: String,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceError::OutOfMemory { device, requested, in_use, budget } => {
                write!(f, "out of memory on {device}: {} asked for, {}", Bytes(*requested), Bytes(*in_use))?;
                // The machine's own devices have all that the system gives.
                if *budget < usize::MAX {
                    write!(f, " of {}", Bytes(*budget))?;
                }
                f.write_str(" in use")
            }
            DeviceError::Lost { device, reason } => write!(f, "device {device} failed: {reason}"),
        }
    }
}

impl std::error::Error for DeviceError {}

/// A number of bytes, written for people: `1.5 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].iter();
        let mut unit = units.next().unwrap_or(&"B");
        while value >= 1024.0 {
            match units.next() {
                Some(next) => (value, unit) = (value / 1024.0, next),
                None => break,
            }
        }
        if *unit == "B" { write!(f, "{} B", self.0) } else { write!(f, "{value:.1} {unit}") }
    }
}

/// Runs `work`; a [`DeviceError`] that a tensor method inside it panics with comes back as `Err`. Any other panic goes on.
///
/// ```
/// use unrolled_tensor::{catch_device_error, Device, DType, DeviceError, Tensor};
///
/// let device = &Device::cpus_with_budget(1, 1 << 20)[0];
/// let result = catch_device_error(|| Tensor::zeros([1024, 1024], DType::F32, device));
/// assert!(matches!(result, Err(DeviceError::OutOfMemory { requested: 4194304, .. })));
/// ```
pub fn catch_device_error<T>(work: impl FnOnce() -> T) -> Result<T, DeviceError> {
    struct Caught;
    impl Drop for Caught {
        fn drop(&mut self) {
            Modes::change(|modes| modes.caught = modes.caught.saturating_sub(1));
        }
    }
    Modes::change(|modes| modes.caught += 1);
    let _caught = Caught;
    // Tensors are immutable and a failed verb leaves no half-written one behind, so nothing is observed in a broken state.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    outcome.or_else(|payload| match payload.downcast::<DeviceError>() {
        Ok(error) => Err(*error),
        Err(other) => panic::resume_unwind(other),
    })
}

impl DeviceError {
    /// Panics with this error as the payload, as tensor methods do: what a crate above does where a verb of a backend fails and its own
    /// function answers no `Result`. Inside [`catch_device_error`] the panic hook stays silent.
    #[track_caller]
    pub fn raise(self) -> ! {
        if Modes::now().caught > 0 {
            panic::resume_unwind(Box::new(self))
        }
        eprintln!("{self}");
        panic::panic_any(self)
    }
}

/// The value, or a panic with the device's error as its payload.
pub(crate) trait OrRaise<T> {
    #[track_caller]
    fn or_raise(self) -> T;
}

impl<T> OrRaise<T> for Result<T, DeviceError> {
    #[track_caller]
    fn or_raise(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => error.raise(),
        }
    }
}
