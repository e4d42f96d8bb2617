//! What products of f32 matrices run in, as a flag.

use clap::{Args, ValueEnum};
use unrolled_tensor::{Device, MatmulPrecision};

/// A precision's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// In f32's accuracy, by the fastest way to it.
    F32,
    /// f32 multiply–adds throughout.
    F32Fma,
    /// Operands rounded to TF32 by the tensor cores of a CUDA device, sums in f32.
    Tf32,
    /// Operands rounded to bf16, sums in f32: faster where the processor has such products, and a little less exact.
    Bf16,
}

/// The flag.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Precision {
    /// What products of matrices run in.
    #[arg(long = "matmul-precision", alias = "precision", value_enum, default_value_t = Name::F32)]
    name: Name,
}

impl Precision {
    /// Sets the device to it.
    ///
    /// # Errors
    /// Where the device has no such products.
    pub(super) fn set(self, device: &Device) -> anyhow::Result<()> {
        let wanted = match self.name {
            Name::F32 => MatmulPrecision::F32,
            Name::F32Fma => MatmulPrecision::F32Fma,
            Name::Tf32 => MatmulPrecision::Tf32,
            Name::Bf16 => MatmulPrecision::Bf16,
        };
        device.set_matmul_precision(wanted);
        anyhow::ensure!(
            device.matmul_precision() == wanted,
            "{device} has no products in {}: leave out --matmul-precision",
            self.name()
        );
        Ok(())
    }

    pub(super) fn name(self) -> &'static str {
        match self.name {
            Name::F32 => "f32",
            Name::F32Fma => "f32-fma",
            Name::Tf32 => "tf32",
            Name::Bf16 => "bf16",
        }
    }
}
