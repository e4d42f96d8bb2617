//! Linear layer, softmax and cross-entropy in chunks of rows: the logits are never held whole, and the loss and all gradients come from
//! one pass over them. The definition is [`crate::fused::cross_entropy`].
//!
//! Logits are kept the other way round, `[V, R]` for the R rows of a chunk. Then the weight `[V, H]` is the left operand of its product and needs no
//! packing, the small hidden state is what is packed; the words of a tile lie together, for the softmax to run over them while they are in the
//! cache, across rows and so in whole vectors; and the gradient of the weight has its contracted length along memory.
//!
//! Rows of weight 0 are left out from the start. Sums over rows run in blocks of [`K_BLOCK`] of the others, sums over words in tiles that depend on
//! the number of words alone: neither threads nor chunks nor padding change a bit.

mod chunk;
pub(super) mod phases;
mod softmax;

use std::sync::Arc;

use super::gemm::Precision;
use super::matmul::{Gemm, K_BLOCK, Matrix};
use super::{Buffer, CpuBackend, contiguous_elements};
use crate::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials};
use crate::{DType, Device, Result, Tensor};
use chunk::{Chunk, Known, Outputs};

/// Bytes of logits held at a time. The gradient of the weight is read and written once for each chunk, and the weight read and packed again: at 30,000
/// words and 512 features half of this costs about a tenth, and twice as much gains nothing.
const LOGITS: usize = 64 << 20;

/// Rows of a chunk: a multiple of the product's block, so that a weight's gradient, a sum over all rows, has the same bits however the rows
/// are cut.
fn chunk_rows<T>(v: usize) -> usize {
    (LOGITS / size_of::<T>() / v.max(1) / K_BLOCK).max(1) * K_BLOCK
}

/// Words whose logits are worked on together: few enough that they stay in the cache, enough tiles for the threads. It depends on the number of words
/// alone, as do the sums over a tile.
fn tile_words(v: usize) -> usize {
    (v / 16).next_multiple_of(32).clamp(32, 256)
}

/// The arguments without gaps.
struct Operands {
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
}

impl Operands {
    fn new(cpu: &CpuBackend, args: &CrossEntropyArgs<'_>) -> Result<Operands> {
        Ok(Operands {
            hidden: cpu.contiguous(args.hidden)?,
            weight: cpu.contiguous(args.weight)?,
            bias: cpu.contiguous(args.bias)?,
            targets: cpu.contiguous(args.targets)?,
            row_weights: cpu.contiguous(args.row_weights)?,
        })
    }
}

/// What all chunks share.
struct Job<'a, T: Gemm> {
    cpu: &'a CpuBackend,
    precision: Precision,
    /// `[N, H]`
    hidden: &'a [T],
    /// `[V, H]`
    weight: &'a [T],
    bias: &'a [T],
    targets: &'a [u32],
    row_weights: &'a [T],
    /// The word that the slice begins with.
    offset: usize,
    h: usize,
    v: usize,
    tile: usize,
    /// The rows whose weight is not 0.
    live: Vec<usize>,
    dtype: DType,
    device: &'a Device,
}

impl<'a, T: Gemm> Job<'a, T> {
    fn new(cpu: &'a CpuBackend, args: &CrossEntropyArgs<'a>, operands: &'a Operands) -> Job<'a, T> {
        let (_, h, v) = args.sizes();
        let row_weights = contiguous_elements::<T>(&operands.row_weights);
        Job {
            cpu,
            precision: cpu.precision(),
            hidden: contiguous_elements(&operands.hidden),
            weight: contiguous_elements(&operands.weight),
            bias: contiguous_elements(&operands.bias),
            targets: contiguous_elements(&operands.targets),
            row_weights,
            offset: args.offset,
            h,
            v,
            tile: tile_words(v),
            live: (0..row_weights.len()).filter(|&row| row_weights[row] != T::ZERO).collect(),
            dtype: args.hidden.dtype(),
            device: args.hidden.device(),
        }
    }

    fn rows(&self) -> usize {
        self.row_weights.len()
    }

    /// The place of the target of `row` in this slice, if it is there.
    fn target(&self, row: usize) -> Option<usize> {
        (self.targets[row] as usize).checked_sub(self.offset).filter(|&place| place < self.v)
    }

    /// # Panics
    /// Where a row that counts has its target outside: the slice is to be the whole vocabulary.
    fn check_targets(&self) {
        if let Some(&row) = self.live.iter().find(|&&row| self.target(row).is_none()) {
            let (target, v) = (self.targets[row], self.v);
            panic!("linear_cross_entropy: id {target} at [{row}] is outside the {v} words");
        }
    }

    /// Calls `work` with each chunk of the live rows.
    fn for_each_chunk(&self, mut work: impl FnMut(&Chunk<'_, 'a, T>) -> Result<()>) -> Result<()> {
        let rows = chunk_rows::<T>(self.v);
        for (i, live) in self.live.chunks(rows).enumerate() {
            work(&Chunk::new(self, live, i == 0)?)?;
        }
        Ok(())
    }

    /// Room for the gradients, and for a chunk's logits.
    fn outputs(&self) -> Result<Outputs> {
        let take = |len| self.cpu.memory.take_elements::<T>(len);
        let rows = chunk_rows::<T>(self.v).min(self.live.len());
        let mut outputs = Outputs {
            hidden: take(self.rows() * self.h)?,
            weight: take(self.v * self.h)?,
            bias: take(self.v)?,
            logits: take(rows * self.v)?,
        };
        if self.live.len() < self.rows() || self.v == 0 {
            outputs.hidden.elements_mut::<T>().fill(T::ZERO);
        }
        if self.live.is_empty() {
            outputs.weight.elements_mut::<T>().fill(T::ZERO);
            outputs.bias.elements_mut::<T>().fill(T::ZERO);
        }
        Ok(outputs)
    }

    fn tensor(&self, buffer: Buffer, shape: &[usize]) -> Tensor {
        Tensor::of(Arc::new(buffer), shape, self.dtype, self.device)
    }

    fn gradients(&self, outputs: Outputs) -> CrossEntropyGradients {
        CrossEntropyGradients {
            hidden: self.tensor(outputs.hidden, &[self.rows(), self.h]),
            weight: self.tensor(outputs.weight, &[self.v, self.h]),
            bias: self.tensor(outputs.bias, &[self.v]),
        }
    }

    /// A buffer of one number a row, `value` where the row does not count.
    fn row_buffer(&self, value: T) -> Result<Buffer> {
        let mut buffer = self.cpu.memory.take_elements::<T>(self.rows())?;
        buffer.elements_mut::<T>().fill(value);
        Ok(buffer)
    }
}

/// Losses, and gradients where they are asked for.
pub(super) fn fused<T: Gemm>(cpu: &CpuBackend, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
    let operands = Operands::new(cpu, args)?;
    let job = Job::<T>::new(cpu, args, &operands);
    job.check_targets();
    let mut losses = job.row_buffer(T::ZERO)?;
    let mut outputs = if gradients { Some(job.outputs()?) } else { None };
    cpu.on_threads(|| {
        let losses = losses.elements_mut::<T>();
        job.for_each_chunk(|chunk| {
            let mut sums = chunk.exponentials(outputs.as_mut().map(|outputs| &mut outputs.logits))?;
            for (i, &row) in chunk.live.iter().enumerate() {
                let above = sums.target[i] - sums.max[i];
                losses[row] = (sums.sum[i].ln() - above) * job.row_weights[row];
            }
            let Some(outputs) = &mut outputs else { return Ok(()) };
            sums.become_scales(&chunk.weights);
            chunk.gradients(Known::Exponentials(&sums), outputs)
        })
    })?;
    let gradients = outputs.map(|outputs| job.gradients(outputs));
    Ok(CrossEntropy { losses: job.tensor(losses, &[job.rows()]), gradients })
}

/// First phase over a slice. Of a row that does not count it says 0, 1 and 0.
pub(super) fn partials<T: Gemm>(cpu: &CpuBackend, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
    let operands = Operands::new(cpu, args)?;
    let job = Job::<T>::new(cpu, args, &operands);
    let (mut max, mut sum, mut target) = (job.row_buffer(T::ZERO)?, job.row_buffer(T::ONE)?, job.row_buffer(T::ZERO)?);
    cpu.on_threads(|| {
        let (max, sum, target) = (max.elements_mut::<T>(), sum.elements_mut::<T>(), target.elements_mut::<T>());
        job.for_each_chunk(|chunk| {
            let sums = chunk.exponentials(None)?;
            for (i, &row) in chunk.live.iter().enumerate() {
                (max[row], sum[row], target[row]) = (sums.max[i], sums.sum[i], sums.target[i]);
            }
            Ok(())
        })
    })?;
    let of = |buffer| job.tensor(buffer, &[job.rows()]);
    Ok(CrossEntropyPartials { max: of(max), sum: of(sum), target: of(target) })
}

/// Second phase over a slice, given the merged `log_sum`.
pub(super) fn gradients<T: Gemm>(
    cpu: &CpuBackend,
    args: &CrossEntropyArgs<'_>,
    log_sum: &Tensor,
) -> Result<CrossEntropyGradients> {
    let (operands, log_sum) = (Operands::new(cpu, args)?, cpu.contiguous(log_sum)?);
    let job = Job::<T>::new(cpu, args, &operands);
    let log_sum = contiguous_elements::<T>(&log_sum);
    let mut outputs = job.outputs()?;
    cpu.on_threads(|| {
        job.for_each_chunk(|chunk| {
            let log_sums: Vec<T> = chunk.live.iter().map(|&row| log_sum[row]).collect();
            chunk.gradients(Known::LogSums(&log_sums), &mut outputs)
        })
    })?;
    Ok(job.gradients(outputs))
}
