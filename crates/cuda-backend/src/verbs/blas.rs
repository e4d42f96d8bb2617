//! cuBLAS: loaded when first wanted, and not needed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cudarc::cublas::{result, sys};
use cudarc::driver::result as memory;
use unrolled_tensor::{DType, Result};

use super::matmul::Sizes;
use crate::driver::Stream;
use crate::gpu::Gpu;
use crate::recording;
use crate::storage::Pointer;

/// Memory for cuBLAS's own use. With it set by hand it takes none itself, so that a step can be captured and is the same each time. Handles of several
/// streams have a piece each, of one size, for the size decides which kernel cuBLAS takes.
const WORKSPACE: usize = 32 << 20;

/// A handle of cuBLAS that works in one stream. One thread at a time may use it.
#[derive(Debug)]
pub(crate) struct Blas(Mutex<Handle>);

#[derive(Debug)]
struct Handle {
    handle: sys::cublasHandle_t,
    workspace: u64,
}

// SAFETY: cuBLAS takes a handle from any thread, one at a time.
unsafe impl Send for Handle {}

/// Whether its library can be loaded.
pub(crate) fn is_present() -> bool {
    // SAFETY: loads the library, if it is there; its start-up code is as trusted as the driver.
    unsafe { sys::is_culib_present() }
}

/// An operand of a product: its first element, and the steps from matrix to matrix, row to row, column to column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub start: Pointer,
    pub dtype: DType,
    pub steps: [isize; 3],
}

impl Operand {
    /// The first element of matrix `i`.
    pub fn matrix(self, i: usize) -> Pointer {
        let bytes = i as i64 * self.steps[0] as i64 * self.dtype.size() as i64;
        Pointer(self.start.0.wrapping_add_signed(bytes))
    }

    /// How cuBLAS takes a matrix of this size: whether transposed, and the step from row to row (or column to column). None where it cannot.
    fn leading(self, rows: usize, columns: usize) -> Option<(bool, i32)> {
        let [_, row, column] = self.steps;
        let step = |along: isize, len: usize, across: isize, count: usize| {
            // Of one element no step is taken.
            let next = len == 1 || along == 1;
            let apart = if count == 1 { len as isize } else { across };
            (next && apart >= len as isize).then(|| i32::try_from(apart).ok()).flatten()
        };
        let plain = step(column, columns, row, rows).map(|step| (false, step));
        plain.or_else(|| step(row, rows, column, columns).map(|step| (true, step)))
    }

    /// Whether cuBLAS can take it.
    pub fn suits(self, rows: usize, columns: usize) -> bool {
        self.steps[0] >= 0 && self.leading(rows, columns).is_some()
    }
}

fn number(dtype: DType) -> sys::cudaDataType {
    match dtype {
        DType::F64 => sys::cudaDataType::CUDA_R_64F,
        DType::F16 => sys::cudaDataType::CUDA_R_16F,
        DType::BF16 => sys::cudaDataType::CUDA_R_16BF,
        _ => sys::cudaDataType::CUDA_R_32F,
    }
}

impl Blas {
    /// A handle that works in `stream`, whose context is current; None where cuBLAS is missing or does not start.
    pub fn new(stream: &Stream) -> Option<Blas> {
        if !is_present() {
            return None;
        }
        // SAFETY: the context is current; freed when the handle is gone.
        let workspace = unsafe { memory::malloc_sync(WORKSPACE) }.ok()?;
        let handle = result::create_handle().ok()?;
        let handle = Handle { handle, workspace };
        // SAFETY: handle, stream and memory are of the current device; stream and memory outlive the handle.
        unsafe {
            result::set_stream(handle.handle, stream.handle().cast()).ok()?;
            sys::cublasSetWorkspace_v2(handle.handle, handle.workspace as *mut _, WORKSPACE).result().ok()?;
        }
        Some(Blas(Mutex::new(handle)))
    }

    /// The handle, for one call.
    fn handle(&self) -> MutexGuard<'_, Handle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `c = a b`, or `c += a b`, with row-major matrices one after another in `c`. Says false where the sizes are beyond cuBLAS.
    pub fn multiply(
        &self,
        gpu: &Gpu,
        sizes: Sizes,
        a: Operand,
        b: Operand,
        c: Pointer,
        add: bool,
        out: DType,
        tf32: bool,
    ) -> Result<bool> {
        let Sizes { m, n, k, matrices } = sizes;
        let (Some((a_turned, a_step)), Some((b_turned, b_step))) = (a.leading(m, k), b.leading(k, n)) else {
            return Ok(false);
        };
        let [Ok(rows), Ok(columns), Ok(depth), Ok(count)] = [m, n, k, matrices].map(i32::try_from) else {
            return Ok(false);
        };
        let turned =
            |turned| if turned { sys::cublasOperation_t::CUBLAS_OP_T } else { sys::cublasOperation_t::CUBLAS_OP_N };
        let beta = f64::from(add);
        let (single, double) = ([1f32, beta as f32], [1f64, beta]);
        let (compute, [one, beta]): (_, [*const std::ffi::c_void; 2]) = if out == DType::F64 {
            (sys::cublasComputeType_t::CUBLAS_COMPUTE_64F, double.each_ref().map(|x| std::ptr::from_ref(x).cast()))
        } else {
            let compute = if tf32 {
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32
            } else {
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F
            };
            (compute, single.each_ref().map(|x| std::ptr::from_ref(x).cast()))
        };
        let algorithm = sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT;
        recording::checks(gpu, "a product of cuBLAS's", [a.start, b.start, c].into_iter())?;
        let _turn = gpu.turn()?;
        let handle = self.handle();
        // cuBLAS's matrices are column-major: row-major ones are their transposes, and cᵀ = bᵀ aᵀ.
        // SAFETY: the operands have so many rows and columns at these steps, and so has `c`; the factors are read before the call returns.
        let outcome = unsafe {
            result::gemm_strided_batched_ex(
                handle.handle,
                turned(b_turned),
                turned(a_turned),
                columns,
                rows,
                depth,
                one,
                b.start.0 as *const _,
                number(b.dtype),
                b_step,
                b.steps[0] as i64,
                a.start.0 as *const _,
                number(a.dtype),
                a_step,
                a.steps[0] as i64,
                beta,
                c.0 as *mut _,
                number(out),
                columns,
                (m * n) as i64,
                count,
                compute,
                algorithm,
            )
        };
        outcome.map_err(|error| gpu.error(format!("cuBLAS: a product of {sizes:?}: {error:?}")))?;
        Ok(true)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: both made in `Blas::new` and not given up before.
        unsafe {
            let _ = result::destroy_handle(self.handle);
            let _ = memory::free_sync(self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cublas_takes_what_has_neighbours_along_one_axis() {
        let leading =
            |steps, rows, columns| Operand { start: Pointer::NULL, dtype: DType::F32, steps }.leading(rows, columns);
        assert_eq!(leading([0, 5, 1], 3, 5), Some((false, 5)));
        assert_eq!(leading([0, 1, 3], 3, 5), Some((true, 3)));
        assert_eq!(leading([0, 1, 1], 3, 5), None, "rows overlap");
        assert_eq!(leading([0, -5, 1], 3, 5), None);
        assert_eq!(leading([0, 10, 2], 3, 5), None);
        assert_eq!(leading([0, 0, 1], 1, 5), Some((false, 5)), "one row");
        assert_eq!(leading([0, 7, 0], 3, 1), Some((false, 7)), "one column");
        assert_eq!(leading([0, 0, 1], 3, 5), None, "a repeated row");
    }
}
