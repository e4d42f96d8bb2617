//! What a GPU is, and which share of its matrix products' speed a step reaches.

use std::time::Instant;

use serde::Serialize;
use unrolled::found_devices;
use unrolled_seq2seq::config::Precision;
use unrolled_tensor::{DType, Device, DeviceError, MatmulPrecision, Tensor, catch_device_error};

use super::size::Work;
use super::train_step::rounded;

/// Of a device that is no CPU.
#[derive(Debug, Serialize)]
pub(super) struct Accelerator {
    device: String,
    /// Of a virtual GPU it says so.
    hardware: String,
    /// The most that tensors have held, in MiB.
    device_peak_mb: f64,
    /// Additions and multiplications of a step's products, in 10⁹.
    gflop: f64,
    gflop_per_s: f64,
    /// Of square products in the step's precision.
    matrix_peak_gflop_per_s: f64,
    share_of_peak: f64,
}

/// Side of the products whose speed is measured.
const SIDE: usize = 8192;
/// The same where every multiplication is interpreted.
const VIRTUAL_SIDE: usize = 64;

impl Accelerator {
    /// What there is to be told of a device whose step took so long; None of a CPU.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn of(
        device: &Device,
        work: &Work,
        step_s: f64,
        activations: Precision,
    ) -> Result<Option<Accelerator>, DeviceError> {
        let Some(found) = found_devices().into_iter().find(|found| found.name == device.name()) else {
            return Ok(None);
        };
        if found.name == "cpu" {
            return Ok(None);
        }
        let held = device.memory().peak as f64 / (1024.0 * 1024.0);
        let side = if found.hardware.starts_with("Virtual GPU") { VIRTUAL_SIDE } else { SIDE };
        let peak = catch_device_error(|| products_per_second(device, activations, side))?;
        let reached = work.flop() / step_s;
        Ok(Some(Accelerator {
            device: found.name,
            hardware: found.hardware,
            device_peak_mb: rounded(held, 10.0),
            gflop: rounded(work.flop() * 1e-9, 1e3),
            gflop_per_s: rounded(reached * 1e-9, 10.0),
            matrix_peak_gflop_per_s: rounded(peak * 1e-9, 10.0),
            share_of_peak: rounded(reached / peak, 1e4),
        }))
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "; {} ({}): {:.0} MiB of tensors at most, {:.0} GFLOP/s, {:.1}% of what square products reach",
            self.device,
            self.hardware,
            self.device_peak_mb,
            self.gflop_per_s,
            100.0 * self.share_of_peak
        )
    }
}

/// FLOP/s of square products of what the step multiplies: its activations, rounded where products of f32 are.
fn products_per_second(device: &Device, activations: Precision, side: usize) -> f64 {
    let dtype = match device.matmul_precision() {
        MatmulPrecision::Bf16 if activations == Precision::F32 => DType::BF16,
        _ => activations.dtype(),
    };
    let x = Tensor::full([side, side], 0.5, dtype, device);
    // Several in a row, so that the host is ahead.
    const TIMES: usize = 8;
    let round = || {
        let began = Instant::now();
        (0..TIMES).for_each(|_| drop(x.matmul(&x)));
        device.synchronize();
        began.elapsed().as_secs_f64() / TIMES as f64
    };
    round();
    let quickest = (0..4).map(|_| round()).fold(f64::INFINITY, f64::min);
    2.0 * (side as f64).powi(3) / quickest
}
