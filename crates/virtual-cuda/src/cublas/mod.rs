//! The few calls of cuBLAS that a tensor library makes.
//!
//! Matrices are column-major, as cuBLAS has them. Products are summed over ascending k in the compute type; no promise is made that
//! hardware gives the same bits. The driver's library exports these functions too: under the name `libcublas.so.12` it is the same
//! loaded image, and so knows the driver's streams and memory.

mod api;
mod gemm;

pub use api::*;
pub use gemm::{Element, Matrix, Product};

use crate::driver::Handle;

/// A cuBLAS handle.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    /// Its device.
    pub device: usize,
    /// Its stream.
    pub stream: Handle,
    /// `cublasSetMathMode`: 3 allows TF32.
    pub math: u32,
    /// Are α and β in device memory?
    pub device_scalars: bool,
}

/// `cublasStatus_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(pub u32);

#[expect(missing_docs, reason = "the names are cuBLAS's own")]
impl Status {
    pub const NOT_INITIALIZED: Status = Status(1);
    pub const INVALID_VALUE: Status = Status(7);
    pub const EXECUTION_FAILED: Status = Status(13);
    pub const NOT_SUPPORTED: Status = Status(15);

    /// Its name, with the zero byte that C wants.
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "CUBLAS_STATUS_SUCCESS\0",
            1 => "CUBLAS_STATUS_NOT_INITIALIZED\0",
            7 => "CUBLAS_STATUS_INVALID_VALUE\0",
            13 => "CUBLAS_STATUS_EXECUTION_FAILED\0",
            15 => "CUBLAS_STATUS_NOT_SUPPORTED\0",
            _ => "CUBLAS_STATUS_UNKNOWN\0",
        }
    }
}
