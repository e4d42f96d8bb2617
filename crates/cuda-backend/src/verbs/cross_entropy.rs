//! Linear layer, softmax and cross-entropy in chunks of rows: the logits are never held whole. The definition is
//! [`unrolled_tensor::fused::cross_entropy`].
//!
//! For each chunk one product makes the logits, one kernel reads them for their sums, one turns them into their gradients where they stand and
//! adds those of the bias up, and two products make the gradients of hidden state and weight. Rows of weight 0 are computed along with the others,
//! for only the device knows which they are, but count exactly 0.

use std::sync::Arc;

use unrolled_tensor::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials};
use unrolled_tensor::{Backend, DType, Result, Tensor};

use super::elementwise::{cast, concat, contiguous};
use super::{at_once, wide};
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::storage::{Buffer, pointer};
use crate::view::count;

/// Words of a block of the kernel of gradients; kernels/cross_entropy.cu has the same.
const WORDS: u32 = 32;

/// What all chunks share: the arguments without gaps, but for those of products.
struct Job<'a> {
    cuda: &'a CudaBackend,
    args: &'a CrossEntropyArgs<'a>,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
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

impl<'a> Job<'a> {
    fn new(cuda: &'a CudaBackend, args: &'a CrossEntropyArgs<'a>) -> Result<Job<'a>> {
        let ((n, h, v), gpu) = (args.sizes(), cuda.gpu());
        let [bias, targets, row_weights] = [args.bias, args.targets, args.row_weights].map(|x| contiguous(gpu, x));
        Ok(Job { cuda, args, bias: bias?, targets: targets?, row_weights: row_weights?, n, h, v })
    }

    fn gpu(&self) -> &'a Arc<Gpu> {
        self.cuda.gpu()
    }

    fn dtype(&self) -> DType {
        self.args.hidden.dtype()
    }

    /// What logits, sums and gradients that several chunks add to are in.
    fn wide(&self) -> DType {
        wide(self.dtype())
    }

    fn tensor(&self, buffer: Buffer, shape: &[usize], dtype: DType) -> Tensor {
        Tensor::of(buffer.storage(), shape, dtype, self.args.hidden.device())
    }

    /// In the arguments' dtype.
    fn narrow(&self, x: Tensor) -> Result<Tensor> {
        if x.dtype() == self.dtype() {
            return Ok(x);
        }
        Ok(Tensor::of(cast(self.gpu(), &x, self.dtype())?, x.shape(), self.dtype(), x.device()))
    }

    /// The chunks; their rows depend on the number of words alone.
    fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let (n, rows) = (self.n, at_once(self.cuda, self.v * self.wide().size()));
        (0..n).step_by(rows).map(move |first| Chunk { first, rows: rows.min(n - first) })
    }

    fn hidden(&self, chunk: Chunk) -> Tensor {
        self.args.hidden.narrow(0, chunk.first, chunk.rows)
    }

    /// The logits of a chunk without their bias, `[rows, V]`.
    fn products(&self, chunk: Chunk) -> Result<Tensor> {
        let storage = self.cuda.matmul(&self.hidden(chunk), &self.args.weight.t(), None, self.wide())?;
        Ok(Tensor::of(storage, [chunk.rows, self.v], self.wide(), self.args.hidden.device()))
    }

    /// Writes what the slice knows of a chunk's rows.
    fn sums(&self, chunk: Chunk, products: &Tensor, sums: &Sums, whole: bool) -> Result<()> {
        let row = |x: &Tensor| pointer(x).plus(chunk.first * x.dtype().size());
        self.gpu().launch(
            "cross_entropy",
            &format!("cross_entropy_partials_{}", self.dtype()),
            [count(self.gpu(), chunk.rows)?, 1, 1],
            [BLOCK, 1, 1],
            0,
            &[
                &row(&sums.max),
                &row(&sums.sum),
                &row(&sums.target),
                &pointer(products),
                &pointer(&self.bias),
                &row(&self.targets),
                &row(&self.row_weights),
                &(self.v as u32),
                &count(self.gpu(), self.args.offset)?,
                &u32::from(whole),
            ],
        )
    }

    /// Writes a chunk's losses, and the logarithms of its sums.
    fn losses(&self, chunk: Chunk, sums: &Sums, losses: &Tensor, log_sum: &Tensor) -> Result<()> {
        let row = |x: &Tensor| pointer(x).plus(chunk.first * x.dtype().size());
        let (rows, kernel) = (count(self.gpu(), chunk.rows)?, format!("cross_entropy_losses_{}", self.dtype()));
        let [losses, log_sum, max, sum, target, row_weights] =
            [losses, log_sum, &sums.max, &sums.sum, &sums.target, &self.row_weights].map(row);
        let arguments: &[&dyn Argument] = &[&losses, &log_sum, &max, &sum, &target, &row_weights, &rows];
        self.gpu().launch_each("cross_entropy", &kernel, rows, arguments)
    }
}

/// What the slice knows of each row, `[N]` each.
struct Sums {
    max: Tensor,
    sum: Tensor,
    target: Tensor,
}

impl Sums {
    fn new(job: &Job<'_>) -> Result<Sums> {
        let one = || Ok(job.tensor(job.gpu().empty(job.n, job.wide())?, &[job.n], job.wide()));
        Ok(Sums { max: one()?, sum: one()?, target: one()? })
    }
}

/// The gradients while chunks are added to them.
struct Sought<'j> {
    job: &'j Job<'j>,
    /// Of each chunk's hidden state.
    hidden: Vec<Tensor>,
    weight: Option<Tensor>,
    bias: Tensor,
}

impl<'j> Sought<'j> {
    fn new(job: &'j Job<'j>) -> Result<Sought<'j>> {
        let bias = job.tensor(job.gpu().empty(job.v, job.wide())?, &[job.v], job.wide());
        Ok(Sought { job, hidden: Vec::new(), weight: None, bias })
    }

    /// Adds a chunk, whose products become the gradients of its logits.
    fn add(&mut self, chunk: Chunk, products: Tensor, log_sum: &Tensor) -> Result<()> {
        let job = self.job;
        let (gpu, device) = (job.gpu(), job.args.hidden.device());
        let shape = [chunk.rows, job.v];
        let deltas = if job.dtype() == job.wide() {
            products.clone()
        } else {
            job.tensor(gpu.empty(products.elements(), job.dtype())?, &shape, job.dtype())
        };
        let row = |x: &Tensor| pointer(x).plus(chunk.first * x.dtype().size());
        gpu.launch(
            "cross_entropy",
            &format!("cross_entropy_gradients_{}", job.dtype()),
            [(job.v as u32).div_ceil(WORDS), 1, 1],
            [BLOCK, 1, 1],
            0,
            &[
                &pointer(&deltas),
                &pointer(&self.bias),
                &pointer(&products),
                &pointer(&job.bias),
                &row(&job.targets),
                &row(&job.row_weights),
                &row(log_sum),
                &(chunk.rows as u32),
                &(job.v as u32),
                &count(gpu, job.args.offset)?,
                &u32::from(self.weight.is_none()),
            ],
        )?;
        drop(products);
        let of_hidden = job.cuda.matmul(&deltas, job.args.weight, None, job.dtype())?;
        self.hidden.push(Tensor::of(of_hidden, [chunk.rows, job.h], job.dtype(), device));
        let of_weight = job.cuda.matmul(&deltas.t(), &job.hidden(chunk), self.weight.take(), job.wide())?;
        self.weight = Some(Tensor::of(of_weight, [job.v, job.h], job.wide(), device));
        Ok(())
    }

    fn finish(self) -> Result<CrossEntropyGradients> {
        let Sought { job, hidden, weight, bias } = self;
        let Some(weight) = weight else {
            let nothing = |shape: &[usize]| Tensor::zeros(shape, job.dtype(), job.args.hidden.device());
            return Ok(CrossEntropyGradients {
                hidden: nothing(&[job.n, job.h]),
                weight: nothing(&[job.v, job.h]),
                bias: nothing(&[job.v]),
            });
        };
        let hidden = match &hidden[..] {
            [all] => all.clone(),
            parts => {
                let joined = concat(job.gpu(), &parts.iter().collect::<Vec<_>>(), 0)?;
                Tensor::of(joined, [job.n, job.h], job.dtype(), job.args.hidden.device())
            }
        };
        Ok(CrossEntropyGradients { hidden, weight: job.narrow(weight)?, bias: job.narrow(bias)? })
    }
}

/// Losses, and gradients where they are asked for.
pub(crate) fn fused(cuda: &CudaBackend, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
    let job = Job::new(cuda, args)?;
    let sums = Sums::new(&job)?;
    let mut sought = if gradients { Some(Sought::new(&job)?) } else { None };
    let (losses, log_sum) = (job.gpu().empty(job.n, job.dtype())?, job.gpu().empty(job.n, job.wide())?);
    let losses = job.tensor(losses, &[job.n], job.dtype());
    let log_sum = job.tensor(log_sum, &[job.n], job.wide());
    for chunk in job.chunks() {
        let products = job.products(chunk)?;
        job.sums(chunk, &products, &sums, true)?;
        job.losses(chunk, &sums, &losses, &log_sum)?;
        if let Some(sought) = &mut sought {
            sought.add(chunk, products, &log_sum)?;
        }
    }
    Ok(CrossEntropy { losses, gradients: sought.map(Sought::finish).transpose()? })
}

/// First phase over a slice.
pub(crate) fn partials(cuda: &CudaBackend, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
    let job = Job::new(cuda, args)?;
    let sums = Sums::new(&job)?;
    for chunk in job.chunks() {
        job.sums(chunk, &job.products(chunk)?, &sums, false)?;
    }
    let Sums { max, sum, target } = sums;
    Ok(CrossEntropyPartials { max: job.narrow(max)?, sum: job.narrow(sum)?, target: job.narrow(target)? })
}

/// Second phase over a slice, given the merged `log_sum`.
pub(crate) fn gradients(
    cuda: &CudaBackend,
    args: &CrossEntropyArgs<'_>,
    log_sum: &Tensor,
) -> Result<CrossEntropyGradients> {
    let job = Job::new(cuda, args)?;
    // Cast or not, it is without gaps.
    let log_sum = Tensor::of(cast(job.gpu(), log_sum, job.wide())?, [job.n], job.wide(), log_sum.device());
    let mut sought = Sought::new(&job)?;
    for chunk in job.chunks() {
        sought.add(chunk, job.products(chunk)?, &log_sum)?;
    }
    sought.finish()
}
