//! Weights that stay packed between products: whoever uses a weight again and again without changing it (a translator) says so once, and its
//! packed form then lives beside its elements, until they change or go.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use super::gemm::{Packed, Precision};
use super::matmul::{Gemm, Matrix};
use super::{CpuBackend, buffer_of, elements};
use crate::{Result, Tensor};

/// The place beside a buffer's elements.
#[derive(Default)]
pub(super) struct Place(Mutex<Option<Arc<dyn Any + Send + Sync>>>);

impl Place {
    fn get<K: Any + Send + Sync>(&self) -> Option<Arc<K>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept?.downcast().ok()
    }

    fn set(&self, kept: Arc<dyn Any + Send + Sync>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// The elements are about to change.
    pub(super) fn clear(&mut self) {
        *self.0.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// `weight`ᵀ by blocks of its rows.
struct Kept<T: Gemm> {
    precision: Precision,
    blocks: Blocks<T>,
}

/// Right operands `[K, N / blocks]`, one for each block of rows of a weight `[N, K]`.
pub(super) type Blocks<T> = Arc<[Packed<T>]>;

fn pack<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<Blocks<T>> {
    let (rows, strides) = (weight.dim(0) / blocks, weight.layout().strides());
    let data = elements::<T>(weight);
    let block = |i: usize| {
        let start = weight.layout().offset() as isize + (i * rows) as isize * strides[0];
        let block = Matrix::new(data, start as usize, rows, weight.dim(1), [strides[0], strides[1]]);
        Packed::new(block.transposed(), cpu.precision(), &cpu.memory)
    };
    cpu.on_threads(|| (0..blocks).map(block).collect())
}

/// Only of a whole storage is the packed form kept: a part would have to say which.
fn is_whole<T>(weight: &Tensor) -> bool {
    let whole = weight.layout().offset() == 0 && weight.is_contiguous();
    whole && elements::<u8>(weight).len() == weight.elements() * size_of::<T>()
}

/// What is kept of `weight` in so many blocks and the present precision.
pub(super) fn kept<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Option<Blocks<T>> {
    let kept = is_whole::<T>(weight).then(|| buffer_of(weight).kept.get::<Kept<T>>())??;
    (kept.precision == cpu.precision() && kept.blocks.len() == blocks).then(|| kept.blocks.clone())
}

/// Packs `weight` once and for all; see [`Backend::keep_packed`](crate::Backend::keep_packed).
pub(super) fn keep<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<()> {
    if is_whole::<T>(weight) && kept::<T>(cpu, weight, blocks).is_none() {
        let kept = Kept { precision: cpu.precision(), blocks: pack::<T>(cpu, weight, blocks)? };
        buffer_of(weight).kept.set(Arc::new(kept));
    }
    Ok(())
}

/// The blocks of `weight` `[N, K]`: kept ones, or packed for this use.
pub(super) fn packed<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<Blocks<T>> {
    kept(cpu, weight, blocks).map_or_else(|| pack(cpu, weight, blocks), Ok)
}
