//! Weights that stay packed between products: whoever uses a weight again and again without changing it (a translator) says so once, and its
//! packed form then lives beside its elements, until they change or go.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use super::gemm::{Packed, Precision};
use super::matmul::{Gemm, Matrix};
use super::{CpuBackend, buffer_of, elements};
use crate::{Result, Rounding, Tensor};

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
    /// In what it is multiplied: of whole numbers that is no matter.
    precision: Precision,
    rounding: Option<Rounding>,
    blocks: Blocks<T>,
}

/// Right operands `[K, N / blocks]`, one for each block of rows of a weight `[N, K]`.
pub(super) type Blocks<T> = Arc<[Packed<T>]>;

/// Each block of rows, transposed, by `pack`; none where one has none.
fn in_blocks<T: Gemm>(
    cpu: &CpuBackend,
    weight: &Tensor,
    blocks: usize,
    pack: impl Fn(Matrix<'_, T>) -> Result<Option<Packed<T>>> + Send + Sync,
) -> Result<Option<Blocks<T>>> {
    let (rows, strides) = (weight.dim(0) / blocks, weight.layout().strides());
    let data = elements::<T>(weight);
    let block = |i: usize| {
        let start = weight.layout().offset() as isize + (i * rows) as isize * strides[0];
        let block = Matrix::new(data, start as usize, rows, weight.dim(1), [strides[0], strides[1]]);
        pack(block.transposed()).transpose()
    };
    let packed = cpu.on_threads(|| (0..blocks).filter_map(block).collect::<Result<Blocks<T>>>())?;
    Ok((packed.len() == blocks).then_some(packed))
}

fn pack<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<Blocks<T>> {
    let pack = |block: Matrix<'_, T>| Packed::new(block, cpu.precision(), &cpu.memory).map(Some);
    Ok(in_blocks(cpu, weight, blocks, pack)?.expect("every block is packed"))
}

fn round<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize, to: Rounding) -> Result<Option<Blocks<T>>> {
    in_blocks(cpu, weight, blocks, |block| Packed::rounded(block, to, cpu.precision(), &cpu.memory))
}

/// Only of a whole storage is the packed form kept: a part would have to say which.
fn is_whole<T>(weight: &Tensor) -> bool {
    let whole = weight.layout().offset() == 0 && weight.is_contiguous();
    whole && elements::<u8>(weight).len() == weight.elements() * size_of::<T>()
}

fn all_kept<T: Gemm>(weight: &Tensor) -> Option<Arc<Kept<T>>> {
    is_whole::<T>(weight).then(|| buffer_of(weight).kept.get::<Kept<T>>())?
}

/// What is kept of `weight` in so many blocks and the present precision.
fn kept<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Option<Blocks<T>> {
    let kept = all_kept::<T>(weight)?;
    (kept.precision == cpu.precision() && kept.blocks.len() == blocks).then(|| kept.blocks.clone())
}

/// Packs `weight` once and for all; see [`Backend::keep_packed`](crate::Backend::keep_packed). A rounded one stays rounded.
pub(super) fn keep<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<()> {
    if is_whole::<T>(weight) && kept::<T>(cpu, weight, blocks).is_none() {
        let rounding = all_kept::<T>(weight).and_then(|kept| kept.rounding);
        let blocks = packed::<T>(cpu, weight, blocks)?;
        buffer_of(weight).kept.set(Arc::new(Kept { precision: cpu.precision(), rounding, blocks }));
    }
    Ok(())
}

/// Rounds `weight` for all products to come; see [`Backend::keep_rounded`](crate::Backend::keep_rounded).
pub(super) fn keep_rounded<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize, to: Rounding) -> Result<bool> {
    if !is_whole::<T>(weight) {
        return Ok(false);
    }
    let Some(blocks) = round::<T>(cpu, weight, blocks, to)? else { return Ok(false) };
    buffer_of(weight).kept.set(Arc::new(Kept { precision: cpu.precision(), rounding: Some(to), blocks }));
    Ok(true)
}

/// The blocks of `weight` where they are kept, or where the weight is rounded and products must be those of the rounded one.
pub(super) fn kept_or_rounded<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<Option<Blocks<T>>> {
    if let Some(kept) = kept(cpu, weight, blocks) {
        return Ok(Some(kept));
    }
    let Some(to) = all_kept::<T>(weight).and_then(|kept| kept.rounding) else { return Ok(None) };
    round(cpu, weight, blocks, to)
}

/// The blocks of `weight` `[N, K]`: kept ones, or packed for this use.
pub(super) fn packed<T: Gemm>(cpu: &CpuBackend, weight: &Tensor, blocks: usize) -> Result<Blocks<T>> {
    kept_or_rounded(cpu, weight, blocks)?.map_or_else(|| pack(cpu, weight, blocks), Ok)
}
