//! The verbs, in groups named as the kernel files.

pub(crate) mod blas;
pub(crate) mod cross_entropy;
pub(crate) mod elementwise;
pub(crate) mod indexing;
pub(crate) mod lstm;
pub(crate) mod matmul;
pub(crate) mod memory;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod top_k;
pub(crate) mod update;

use unrolled_tensor::{Backend, DType};

use crate::CudaBackend;

/// What sums of a float dtype run in.
pub(crate) fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

/// Bytes of logits that are held at a time: at 80,000 words some 800 rows, enough to fill any GPU.
const LOGITS: usize = 256 << 20;

/// How many rows of logits, so many bytes each, are held at a time. Where the device has little memory they are fewer: a sixteenth of its budget.
/// Whole products like multiples of 32.
pub(crate) fn at_once(cuda: &CudaBackend, row: usize) -> usize {
    (LOGITS.min(cuda.memory().budget / 16) / row.max(1) / 32).max(1) * 32
}
