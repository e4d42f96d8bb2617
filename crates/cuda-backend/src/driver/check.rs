//! The driver's errors as the seam's.

use cudarc::driver::result::DriverError;
use unrolled_tensor::DeviceError;

/// An error's name and description: `CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)`.
pub(crate) fn told(error: DriverError) -> String {
    let name = error.error_name().ok().and_then(|name| name.to_str().ok());
    let name = name.map_or_else(|| format!("{:?}", error.0), str::to_owned);
    match error.error_string().ok().and_then(|text| text.to_str().ok()) {
        Some(text) => format!("{name} ({text})"),
        None => name,
    }
}

/// A call that failed, as the failure of a device.
pub(crate) trait Lost<T> {
    /// With the device's name and what was being done.
    fn lost(self, device: &str, doing: &str) -> Result<T, DeviceError>;
}

impl<T> Lost<T> for Result<T, DriverError> {
    fn lost(self, device: &str, doing: &str) -> Result<T, DeviceError> {
        self.map_err(|error| DeviceError::Lost {
            device: device.to_owned(),
            reason: format!("{doing}: {}", told(error)),
        })
    }
}
