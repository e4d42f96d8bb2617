//! Linear layer, softmax and cross-entropy in chunks of rows: the logits are never held whole. The definition is
//! [`unrolled_tensor::fused::cross_entropy`].
//!
//! For each chunk one product makes the logits, one kernel reads them for their sums, one turns them into their gradients where they stand, and products
//! make the gradients of hidden state and weight. Only the device knows which rows count (those of weight 0 do not), so it puts them before the others:
//! what does not count is computed, but in no sum's way. Sums over rows run in blocks of [`SUM_BLOCK`] of those that count, as in the phases
//! apart ([`phases`]), whose bits these are; on cuBLAS, where it does not choose by the number of rows.

pub(crate) mod phases;

use std::sync::Arc;

use unrolled_tensor::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials};
use unrolled_tensor::{Backend, DType, Device, Result, SUM_BLOCK, Tensor};

use super::elementwise::{concat, contiguous, contiguous_as};
use super::indexing::gather;
use super::{at_once, wide};
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::storage::{Buffer, Pointer, pointer, pointer_mut};
use crate::view::count;

/// Words of a block of the kernel of the bias's gradient; kernels/cross_entropy.cu has the same.
const WORDS: u32 = 32;

/// Some rows and a slice of the vocabulary: the arguments without gaps, but for those of products.
struct Job<'a> {
    cuda: &'a CudaBackend,
    device: &'a Device,
    hidden: Tensor,
    weight: &'a Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
    offset: usize,
    n: usize,
    h: usize,
    v: usize,
}

/// Rows `first` to `first + rows`.
#[derive(Clone, Copy)]
struct Chunk {
    first: usize,
    rows: usize,
}

/// Rows in another order: which one comes there, and where each has gone.
struct Sorted {
    order: Tensor,
    places: Tensor,
}

impl Chunk {
    /// The chunk's first element of something that has one for each row.
    fn of(self, x: &Tensor) -> Pointer {
        pointer(x).plus(self.first * x.dtype().size())
    }
}

impl<'a> Job<'a> {
    fn new(cuda: &'a CudaBackend, args: &CrossEntropyArgs<'a>) -> Result<Job<'a>> {
        let ((n, h, v), gpu) = (args.sizes(), cuda.gpu());
        let [bias, targets, row_weights] = [args.bias, args.targets, args.row_weights].map(|x| contiguous(gpu, x));
        let (bias, targets, row_weights) = (bias?, targets?, row_weights?);
        let (device, hidden, weight, offset) = (args.hidden.device(), args.hidden.clone(), args.weight, args.offset);
        Ok(Job { cuda, device, hidden, weight, bias, targets, row_weights, offset, n, h, v })
    }

    /// With the rows that count before the others.
    fn sorted(cuda: &'a CudaBackend, args: &CrossEntropyArgs<'a>) -> Result<(Job<'a>, Sorted)> {
        let job = Job::new(cuda, args)?;
        let (order, places) = (job.empty(&[job.n], DType::U32)?, job.empty(&[job.n], DType::U32)?);
        let rows = count(job.gpu(), job.n)?;
        if rows > 0 {
            let kernel = format!("cross_entropy_order_{}", job.dtype());
            let arguments: &[&dyn Argument] = &[&pointer(&order), &pointer(&places), &pointer(&job.row_weights), &rows];
            job.gpu().launch("cross_entropy", &kernel, [1, 1, 1], [BLOCK, 1, 1], 0, arguments)?;
        }
        let [hidden, targets, row_weights] =
            [&job.hidden, &job.targets, &job.row_weights].map(|x| rows_of(job.gpu(), x, &order));
        let job = Job { hidden: hidden?, targets: targets?, row_weights: row_weights?, ..job };
        Ok((job, Sorted { order, places }))
    }

    fn gpu(&self) -> &'a Arc<Gpu> {
        self.cuda.gpu()
    }

    fn dtype(&self) -> DType {
        self.hidden.dtype()
    }

    /// What logits, sums and gradients that several chunks add to are in.
    fn wide(&self) -> DType {
        wide(self.dtype())
    }

    fn empty(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let buffer: Buffer = self.gpu().empty(shape.iter().product(), dtype)?;
        Ok(Tensor::of(buffer.storage(), shape, dtype, self.device))
    }

    fn all(&self) -> Chunk {
        Chunk { first: 0, rows: self.n }
    }

    /// The chunks; their rows depend on the number of words alone, and are whole blocks of the sums over rows.
    fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let (n, rows) = (self.n, at_once(self.cuda, self.v * self.wide().size()));
        let rows = (rows / SUM_BLOCK).max(1) * SUM_BLOCK;
        (0..n).step_by(rows).map(move |first| Chunk { first, rows: rows.min(n - first) })
    }

    fn product(&self, a: &Tensor, b: &Tensor, dtype: DType) -> Result<Tensor> {
        let storage = self.cuda.matmul(a, b, None, dtype)?;
        Ok(Tensor::of(storage, [a.dim(0), b.dim(1)], dtype, self.device))
    }

    /// The logits of a chunk without their bias, `[rows, V]`.
    fn products(&self, chunk: Chunk) -> Result<Tensor> {
        self.product(&self.hidden.narrow(0, chunk.first, chunk.rows), &self.weight.t(), self.wide())
    }

    /// Writes what the slice knows of a chunk's rows.
    fn sums(&self, chunk: Chunk, products: &Tensor, sums: &Sums, whole: bool) -> Result<()> {
        self.gpu().launch(
            "cross_entropy",
            &format!("cross_entropy_partials_{}", self.dtype()),
            [count(self.gpu(), chunk.rows)?, 1, 1],
            [BLOCK, 1, 1],
            0,
            &[
                &chunk.of(&sums.max),
                &chunk.of(&sums.sum),
                &chunk.of(&sums.target),
                &pointer(products),
                &pointer(&self.bias),
                &chunk.of(&self.targets),
                &chunk.of(&self.row_weights),
                &(self.v as u32),
                &count(self.gpu(), self.offset)?,
                &u32::from(whole),
            ],
        )
    }

    /// All rows' losses.
    fn losses(&self, sums: &Sums) -> Result<Tensor> {
        let (losses, rows) = (self.empty(&[self.n], self.dtype())?, count(self.gpu(), self.n)?);
        let kernel = format!("cross_entropy_losses_{}", self.dtype());
        let [to, max, sum, target, row_weights] =
            [&losses, &sums.max, &sums.sum, &sums.target, &self.row_weights].map(pointer);
        let arguments: &[&dyn Argument] = &[&to, &max, &sum, &target, &row_weights, &rows];
        if rows > 0 {
            self.gpu().launch_each("cross_entropy", &kernel, rows, arguments)?;
        }
        Ok(losses)
    }

    /// The gradients of a chunk's logits `[rows, V]` from its products, whose memory they take where they can. Without `sum`, `max` is the logarithm of the
    /// sum over all words.
    fn deltas(&self, chunk: Chunk, mut products: Tensor, max: &Tensor, sum: Option<&Tensor>) -> Result<Tensor> {
        let from = pointer_mut(&mut products)?;
        let deltas =
            if self.dtype() == self.wide() { products.clone() } else { self.empty(products.shape(), self.dtype())? };
        self.gpu().launch(
            "cross_entropy",
            &format!("cross_entropy_gradients_{}", self.dtype()),
            [count(self.gpu(), chunk.rows)?, count(self.gpu(), self.v)?.div_ceil(BLOCK), 1],
            [BLOCK, 1, 1],
            0,
            &[
                &pointer(&deltas),
                &from,
                &pointer(&self.bias),
                &chunk.of(&self.targets),
                &chunk.of(&self.row_weights),
                &chunk.of(max),
                &sum.map_or(Pointer::NULL, |sum| chunk.of(sum)),
                &(self.v as u32),
                &count(self.gpu(), self.offset)?,
            ],
        )?;
        Ok(deltas)
    }

    /// All gradients, from what is known of each row of these sorted ones.
    fn gradients(
        &self,
        sorted: &Sorted,
        products: impl Fn(Chunk) -> Result<(Tensor, Tensor, Option<Tensor>)>,
    ) -> Result<CrossEntropyGradients> {
        let (mut hidden, mut sums) = (Vec::new(), RowSums::default());
        for chunk in self.chunks() {
            let (products, max, sum) = products(chunk)?;
            let deltas = self.deltas(chunk, products, &max, sum.as_ref())?;
            hidden.push(self.product(&deltas, self.weight, self.dtype())?);
            for first in (0..chunk.rows).step_by(SUM_BLOCK) {
                let rows = SUM_BLOCK.min(chunk.rows - first);
                let hidden = self.hidden.narrow(0, chunk.first + first, rows);
                sums.add(self.cuda, &deltas.narrow(0, first, rows), &hidden)?;
            }
        }
        let hidden = match &hidden[..] {
            [] => Tensor::zeros([0, self.h], self.dtype(), self.device),
            [all] => all.clone(),
            parts => {
                let joined = concat(self.gpu(), &parts.iter().collect::<Vec<_>>(), 0)?;
                Tensor::of(joined, [self.n, self.h], self.dtype(), self.device)
            }
        };
        let (weight, bias) = sums.finish(self.cuda, [self.v, self.h], &self.hidden)?;
        Ok(CrossEntropyGradients { hidden: rows_of(self.gpu(), &hidden, &sorted.places)?, weight, bias })
    }
}

/// The rows of `x` that `index` names, without gaps.
fn rows_of(gpu: &Arc<Gpu>, x: &Tensor, index: &Tensor) -> Result<Tensor> {
    let n = index.elements();
    let mut shape = x.shape().to_vec();
    shape[0] = n;
    let ones: Vec<usize> = (0..x.rank()).map(|axis| if axis == 0 { n } else { 1 }).collect();
    let index = index.reshape(&ones[..]).broadcast_to(&shape[..]);
    Ok(Tensor::of(gather(gpu, x, 0, &index)?, &shape[..], x.dtype(), x.device()))
}

/// What the slice knows of each row, `[N]` each.
struct Sums {
    max: Tensor,
    sum: Tensor,
    target: Tensor,
}

impl Sums {
    fn new(job: &Job<'_>) -> Result<Sums> {
        let one = || job.empty(&[job.n], job.wide());
        Ok(Sums { max: one()?, sum: one()?, target: one()? })
    }

    fn partials(&self, job: &Job<'_>) -> Result<CrossEntropyPartials> {
        let [max, sum, target] = [&self.max, &self.sum, &self.target].map(|x| contiguous_as(job.gpu(), x, job.dtype()));
        Ok(CrossEntropyPartials { max: max?, sum: sum?, target: target? })
    }
}

/// The gradients of weight and bias, while blocks of rows are added to them.
#[derive(Default)]
struct RowSums {
    weight: Option<Tensor>,
    bias: Option<Tensor>,
}

impl RowSums {
    /// Adds a block: the gradients of its logits `[rows, V]`, without gaps, and its hidden state `[rows, H]`.
    fn add(&mut self, cuda: &CudaBackend, deltas: &Tensor, hidden: &Tensor) -> Result<()> {
        let (gpu, dtype, device) = (cuda.gpu(), hidden.dtype(), hidden.device());
        let (v, first) = (deltas.dim(1), self.bias.is_none());
        let mut bias = match self.bias.take() {
            Some(bias) => bias,
            None => Tensor::of(gpu.empty(v, wide(dtype))?.storage(), [v], wide(dtype), device),
        };
        let (to, from, rows, words) = (pointer_mut(&mut bias)?, pointer(deltas), deltas.dim(0) as u32, count(gpu, v)?);
        let kernel = format!("cross_entropy_bias_{dtype}");
        let arguments: &[&dyn Argument] = &[&to, &from, &rows, &words, &u32::from(first)];
        gpu.launch("cross_entropy", &kernel, [words.div_ceil(WORDS), 1, 1], [BLOCK, 1, 1], 0, arguments)?;
        self.bias = Some(bias);
        let weight = cuda.matmul(&deltas.t(), hidden, self.weight.take(), wide(dtype))?;
        self.weight = Some(Tensor::of(weight, [v, hidden.dim(1)], wide(dtype), device));
        Ok(())
    }

    /// Both in the dtype of `like`; 0 where nothing was added.
    fn finish(self, cuda: &CudaBackend, shape: [usize; 2], like: &Tensor) -> Result<(Tensor, Tensor)> {
        let (dtype, device) = (like.dtype(), like.device());
        let narrow = |x: Option<Tensor>, shape: &[usize]| match x {
            None => Ok(Tensor::zeros(shape, dtype, device)),
            Some(x) => contiguous_as(cuda.gpu(), &x, dtype),
        };
        Ok((narrow(self.weight, &shape)?, narrow(self.bias, &shape[..1])?))
    }
}

/// Losses, and gradients where they are asked for.
pub(crate) fn fused(cuda: &CudaBackend, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
    let (job, sorted) = Job::sorted(cuda, args)?;
    let sums = Sums::new(&job)?;
    let products = |chunk: Chunk| {
        let products = job.products(chunk)?;
        job.sums(chunk, &products, &sums, true)?;
        Ok((products, sums.max.clone(), Some(sums.sum.clone())))
    };
    let gradients = if gradients {
        Some(job.gradients(&sorted, products)?)
    } else {
        job.chunks().try_for_each(|chunk| products(chunk).map(drop))?;
        None
    };
    Ok(CrossEntropy { losses: rows_of(job.gpu(), &job.losses(&sums)?, &sorted.places)?, gradients })
}

/// First phase over a slice.
pub(crate) fn partials(cuda: &CudaBackend, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
    let job = Job::new(cuda, args)?;
    let sums = Sums::new(&job)?;
    for chunk in job.chunks() {
        job.sums(chunk, &job.products(chunk)?, &sums, false)?;
    }
    sums.partials(&job)
}

/// Second phase over a slice, given the merged `log_sum`.
pub(crate) fn gradients(
    cuda: &CudaBackend,
    args: &CrossEntropyArgs<'_>,
    log_sum: &Tensor,
) -> Result<CrossEntropyGradients> {
    let (job, sorted) = Job::sorted(cuda, args)?;
    let log_sum = rows_of(job.gpu(), &contiguous_as(job.gpu(), log_sum, job.wide())?, &sorted.order)?;
    job.gradients(&sorted, |chunk| Ok((job.products(chunk)?, log_sum.clone(), None)))
}
