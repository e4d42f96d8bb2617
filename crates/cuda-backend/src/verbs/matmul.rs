//! Matrix products: cuBLAS, or a kernel of our own where it is missing.
//!
//! cuBLAS picks its kernel, and so the order of a sum, by all of a product's sizes: the same product has the same bits each time, but a row may have
//! others in another batch. [`MatmulPrecision::F32Fma`] takes our own kernel for f32 even so, which is slower and has the CPU's order and bits.
//! [`MatmulPrecision::Tf32`] is cuBLAS's on tensor cores; where cuBLAS is missing it is our kernel's f32.

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
    let (a, b) = (rounded(gpu, precision, a)?, rounded(gpu, precision, b)?);
    product(gpu, &a, &b, onto, out, Way::of(a.dtype(), precision))
}

/// Which product it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Our own kernel's.
    Own,
    /// cuBLAS's, where it is there.
    Blas { tf32: bool },
}

impl Way {
    /// Of operands of `dtype`, where f32 is to be multiplied in `precision`.
    fn of(dtype: DType, precision: MatmulPrecision) -> Way {
        match precision {
            MatmulPrecision::F32Fma if dtype == DType::F32 => Way::Own,
            _ => Way::Blas { tf32: dtype == DType::F32 && precision == MatmulPrecision::Tf32 },
        }
    }
}

/// An operand as products in `precision` take it: f32 is rounded to bf16 first where that is asked for. What is rounded already stays.
pub(crate) fn rounded(gpu: &Arc<Gpu>, precision: MatmulPrecision, x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::F32 && precision == MatmulPrecision::Bf16 {
        return contiguous_as(gpu, x, DType::BF16);
    }
    Ok(x.clone())
}

/// `a` `[m, k]` times `b` `[k, n]` to `to`, or added to what is there: `[m, n]` of `out`, which is the operands' dtype or what their sums run in. Operands are
/// [rounded] already. Where one of the sizes is 0 nothing is written.
pub(crate) fn product_to(
    gpu: &Arc<Gpu>,
    precision: MatmulPrecision,
    a: &Tensor,
    b: &Tensor,
    to: Pointer,
    add: bool,
    out: DType,
) -> Result<()> {
    let sizes = Sizes { m: a.dim(0), n: b.dim(1), k: a.dim(1), matrices: 1 };
    if sizes.m * sizes.n * sizes.k == 0 {
        return Ok(());
    }
    sizes.multiply(gpu, a, b, to, add, out, Way::of(a.dtype(), precision))
}

/// The result's.
fn shape(a: &Tensor, b: &Tensor) -> Vec<usize> {
    let mut shape = a.shape().to_vec();
    shape[a.rank() - 1] = b.shape()[b.rank() - 1];
    shape
}

/// Where `out` is what the operands' sums run in, or the operands' own dtype.
fn product(gpu: &Arc<Gpu>, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType, way: Way) -> Result<Storage> {
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
    sizes.multiply(gpu, a, b, to, add, out, way)?;
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
        way: Way,
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
        let (Way::Blas { tf32 }, Some(blas)) = (way, gpu.blas()) else {
            return self.with_own_kernel(gpu, left.operand(), right.operand(), to, add, out);
        };
        for (side, rows, columns) in [(&mut left, self.m, self.k), (&mut right, self.k, self.n)] {
            if !side.operand().suits(rows, columns) {
                *side = Matrices::of(gpu, &contiguous(gpu, &side.tensor)?)?;
            }
        }
        if blas.multiply(gpu, self, left.operand(), right.operand(), to, add, out, tf32)? {
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
