//! Matrix products: cuBLAS, or a kernel of our own where it is missing.
//!
//! cuBLAS picks its kernel, and so the order of a sum, by all of a product's sizes: the same product has the same bits each time, but a row may have
//! others in another batch. [`MatmulPrecision::F32Fma`] takes our own kernel for f32 even so, which is slower and has the CPU's order and bits.

use std::sync::Arc;

use unrolled_tensor::{DType, MatmulPrecision, Result, Storage, Tensor};

use super::blas::Operand;
use super::elementwise::{cast, contiguous, contiguous_as};
use super::memory::fill;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::storage::{Pointer, pointer, pointer_mut};

/// Rows and columns of the result that a block computes: `TILE` of kernels/matmul.cu.
const TILE: u32 = 64;
/// The most blocks along a grid's second axis.
const MOST_MATRICES: usize = 65_535;

/// See [`Backend::matmul`](unrolled_tensor::Backend::matmul).
pub(crate) fn matmul(
    gpu: &Arc<Gpu>,
    precision: MatmulPrecision,
    a: &Tensor,
    b: &Tensor,
    onto: Option<Tensor>,
    out: DType,
) -> Result<Storage> {
    let dtype = a.dtype();
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    if out != dtype && out != wide {
        // No kernel writes that dtype: the sum stays wide until the end.
        let onto = onto.map(|onto| contiguous_as(gpu, &onto, wide)).transpose()?;
        let shape = shape(a, b);
        let sum = matmul(gpu, precision, a, b, onto, wide)?;
        return cast(gpu, &Tensor::of(sum, shape, wide, a.device()), out);
    }
    if dtype == DType::F32 && precision == MatmulPrecision::Bf16 {
        let (a, b) = (contiguous_as(gpu, a, DType::BF16)?, contiguous_as(gpu, b, DType::BF16)?);
        return product(gpu, &a, &b, onto, out, true);
    }
    product(gpu, a, b, onto, out, dtype != DType::F32 || precision != MatmulPrecision::F32Fma)
}

/// The result's.
fn shape(a: &Tensor, b: &Tensor) -> Vec<usize> {
    let mut shape = a.shape().to_vec();
    shape[a.rank() - 1] = b.shape()[b.rank() - 1];
    shape
}

/// Where `out` is what the operands' sums run in, or the operands' own dtype.
fn product(gpu: &Arc<Gpu>, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType, cublas: bool) -> Result<Storage> {
    let shape = shape(a, b);
    let [.., m, n] = shape[..] else { unreachable!("a matrix has two axes") };
    let (k, elements) = (a.shape()[a.rank() - 1], shape.iter().product::<usize>());
    if k == 0 || elements == 0 {
        return match onto {
            Some(mut onto) => {
                // As for any other: the storage from its first element on.
                pointer_mut(&mut onto)?;
                Ok(onto.storage().clone())
            }
            None => fill(gpu, 0.0, elements, out),
        };
    }
    let add = onto.is_some();
    let mut c = match onto {
        Some(onto) => onto,
        None => Tensor::of(gpu.empty(elements, out)?.storage(), &shape, out, a.device()),
    };
    let to = pointer_mut(&mut c)?;
    let sizes = Sizes { m, n, k, matrices: elements / (m * n) };
    sizes.multiply(gpu, a, b, to, add, out, cublas)?;
    Ok(c.storage().clone())
}

/// `matrices` products of `[m, k]` by `[k, n]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub matrices: usize,
}

/// An operand whose matrices follow one another evenly.
struct Matrices {
    /// Held until the work is enqueued.
    tensor: Tensor,
    /// From matrix to matrix, row to row, column to column.
    steps: [isize; 3],
}

impl Matrices {
    /// Of a tensor as it lies, or of a copy where its leading axes are not walked evenly.
    fn of(gpu: &Arc<Gpu>, x: &Tensor) -> Result<Matrices> {
        let layout = x.layout();
        let rank = x.rank();
        let leading = (0..2).fold(layout.clone(), |l, _| {
            let last = l.dims().len() - 1;
            l.narrow(last, 0, 1).squeeze(last)
        });
        match leading.reshape(&[leading.elements()]) {
            Some(evenly) => {
                let strides = layout.strides();
                let steps = [evenly.strides()[0], strides[rank - 2], strides[rank - 1]];
                Ok(Matrices { tensor: x.clone(), steps })
            }
            None => Matrices::of(gpu, &contiguous(gpu, x)?),
        }
    }

    /// With all rows of all matrices in one, where they follow one another so.
    fn as_one(&self, rows: usize, columns: usize) -> Option<Matrices> {
        let layout = self.tensor.layout().reshape(&[rows, columns])?;
        Some(Matrices { tensor: self.tensor.clone(), steps: [0, layout.strides()[0], layout.strides()[1]] })
    }

    fn operand(&self) -> Operand {
        Operand { start: pointer(&self.tensor), dtype: self.tensor.dtype(), steps: self.steps }
    }
}

impl Sizes {
    fn multiply(
        mut self,
        gpu: &Arc<Gpu>,
        a: &Tensor,
        b: &Tensor,
        to: Pointer,
        add: bool,
        out: DType,
        cublas: bool,
    ) -> Result<()> {
        let (mut left, mut right) = (Matrices::of(gpu, a)?, Matrices::of(gpu, b)?);
        // One right operand for all: one product, with more rows.
        if self.matrices > 1
            && right.steps[0] == 0
            && let Some(one) = left.as_one(self.matrices * self.m, self.k)
        {
            left = one;
            self = Sizes { m: self.matrices * self.m, matrices: 1, ..self };
        }
        let blas = if cublas { gpu.blas() } else { None };
        let Some(blas) = blas else {
            return self.with_own_kernel(gpu, left.operand(), right.operand(), to, add, out);
        };
        for (side, rows, columns) in [(&mut left, self.m, self.k), (&mut right, self.k, self.n)] {
            if !side.operand().suits(rows, columns) {
                *side = Matrices::of(gpu, &contiguous(gpu, &side.tensor)?)?;
            }
        }
        if blas.multiply(gpu, self, left.operand(), right.operand(), to, add, out)? {
            return Ok(());
        }
        self.with_own_kernel(gpu, left.operand(), right.operand(), to, add, out)
    }

    /// kernels/matmul.cu.
    fn with_own_kernel(self, gpu: &Gpu, a: Operand, b: Operand, to: Pointer, add: bool, out: DType) -> Result<()> {
        let size =
            |n: usize| u32::try_from(n).map_err(|_| gpu.error(format!("a matrix product of {self:?} is too large")));
        let (m, n, k) = (size(self.m)?, size(self.n)?, size(self.k)?);
        let steps = |operand: Operand| operand.steps.map(|step| step as i64);
        let product = Product { m, n, k, add: add.into(), a: steps(a), b: steps(b) };
        let tiles = size(m.div_ceil(TILE) as usize * n.div_ceil(TILE) as usize)?;
        let kernel = format!("matmul_{}_{out}", a.dtype);
        for first in (0..self.matrices).step_by(MOST_MATRICES) {
            let count = (self.matrices - first).min(MOST_MATRICES) as u32;
            let c = to.plus(first * self.m * self.n * out.size());
            let (a, b) = (a.matrix(first), b.matrix(first));
            gpu.launch("matmul", &kernel, [tiles, count, 1], [BLOCK, 1, 1], 0, &[&c, &a, &b, &product])?;
        }
        Ok(())
    }
}

/// `Product` of kernels/matmul.cu.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Product {
    m: u32,
    n: u32,
    k: u32,
    add: u32,
    a: [i64; 3],
    b: [i64; 3],
}
// SAFETY: the same struct.
unsafe impl Argument for Product {}
