//! The phases apart: see [`unrolled_tensor::fused::kept_logits`]. What is kept are the logits of all rows without their bias, `[N, V]`, and later their
//! gradients: the rows that count are known when the weight's gradient is asked for, and are brought together then, a block at a time.

use unrolled_tensor::fused::{CrossEntropyArgs, CrossEntropyPartials, KeptLogits, KeptRows, MergedPartials};
use unrolled_tensor::{Result, SUM_BLOCK, Tensor};

use super::super::elementwise::{concat, contiguous_as};
use super::super::wide;
use super::{Job, RowSums, Sums, rows_of};
use crate::CudaBackend;

pub(crate) fn begin(cuda: &CudaBackend, args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> {
    let job = Job::new(cuda, args)?;
    let sums = Sums::new(&job)?;
    let products = job.products(job.all())?;
    job.sums(job.all(), &products, &sums, false)?;
    Ok((sums.partials(&job)?, KeptLogits::of(products)))
}

pub(crate) fn hidden(
    cuda: &CudaBackend,
    args: &CrossEntropyArgs<'_>,
    kept: KeptLogits,
    merged: &MergedPartials,
) -> Result<(Tensor, KeptLogits)> {
    let job = Job::new(cuda, args)?;
    let [max, sum] = [&merged.max, &merged.sum].map(|x| contiguous_as(job.gpu(), x, job.wide()));
    let deltas = job.deltas(job.all(), kept.into_inner(), &max?, Some(&sum?))?;
    Ok((job.product(&deltas, job.weight, job.dtype())?, KeptLogits::of(deltas)))
}

pub(crate) fn weights(
    cuda: &CudaBackend,
    parts: &[KeptRows<'_>],
    rows: &[(u32, u32)],
    onto: Option<(Tensor, Tensor)>,
) -> Result<(Tensor, Tensor)> {
    let (gpu, like) = (cuda.gpu(), parts[0].hidden);
    let deltas: Vec<&Tensor> = parts.iter().map(|part| part.kept.get::<Tensor>()).collect();
    let hidden: Vec<&Tensor> = parts.iter().map(|part| part.hidden).collect();
    let index: Vec<u32> = rows.iter().map(|&(_, row)| row).collect();
    let index = Tensor::from_slice(&index, [index.len()], like.device());
    // Only what is in the wide dtype is added to where it stands: a cast is a copy.
    let open = |x: Tensor| if x.dtype() == wide(x.dtype()) { Ok(x) } else { contiguous_as(gpu, &x, wide(x.dtype())) };
    let mut sums = match onto {
        None => RowSums::default(),
        Some((weight, bias)) => RowSums { weight: Some(open(weight)?), bias: Some(open(bias)?) },
    };
    for (block, first) in rows.chunks(SUM_BLOCK).zip((0..).step_by(SUM_BLOCK)) {
        let runs = runs(block);
        let of = |all: &[&Tensor]| together(cuda, all, &runs, &index.narrow(0, first, block.len()));
        sums.add(cuda, &of(&deltas)?, &of(&hidden)?)?;
    }
    sums.finish(cuda, [deltas[0].dim(1), like.dim(1)], like)
}

/// Rows of one part, in the order in which they are wanted.
struct Run {
    part: usize,
    count: usize,
    /// The first of them, where they follow one another in the part too.
    follow: Option<usize>,
}

fn runs(rows: &[(u32, u32)]) -> Vec<Run> {
    let run = |rows: &[(u32, u32)]| {
        let follow = rows.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1);
        Run { part: rows[0].0 as usize, count: rows.len(), follow: follow.then_some(rows[0].1 as usize) }
    };
    rows.chunk_by(|a, b| a.0 == b.0).map(run).collect()
}

/// The rows of these runs, `index` in their parts, one after another.
fn together(cuda: &CudaBackend, parts: &[&Tensor], runs: &[Run], index: &Tensor) -> Result<Tensor> {
    let (mut pieces, mut first) = (Vec::new(), 0);
    for run in runs {
        pieces.push(match run.follow {
            Some(row) => parts[run.part].narrow(0, row, run.count),
            None => rows_of(cuda.gpu(), parts[run.part], &index.narrow(0, first, run.count))?,
        });
        first += run.count;
    }
    if let [one] = &pieces[..] {
        return Ok(one.clone());
    }
    let (width, dtype, device) = (parts[0].dim(1), parts[0].dtype(), parts[0].device());
    let joined = concat(cuda.gpu(), &pieces.iter().collect::<Vec<_>>(), 0)?;
    Ok(Tensor::of(joined, [first, width], dtype, device))
}
