//! The phases apart: see [`crate::fused::kept_logits`]. What is kept are the exponentials of the fused one, tile by tile, of the rows that count.

use std::sync::Arc;

use rayon::prelude::*;

use super::chunk::{Chunk, Known};
use super::softmax::{Sums, plus_rows};
use super::{Job, Operands, tile_words};
use crate::cpu::gemm::{Packed, rows_times_packed};
use crate::cpu::matmul::{Gemm, Matrix};
use crate::cpu::{Buffer, CpuBackend, contiguous_elements, elements_mut};
use crate::fused::{CrossEntropyArgs, CrossEntropyPartials, KeptLogits, KeptRows, MergedPartials};
use crate::{Result, Tensor};

/// What a slice keeps.
struct Kept<T> {
    /// Which rows count.
    live: Vec<usize>,
    /// Words.
    v: usize,
    /// `[V, live]`: exponentials, later the logits' gradients.
    z: Buffer,
    /// What each tile said; none once they are gradients.
    sums: Option<Sums<T>>,
}

pub(in crate::cpu) fn begin<T: Gemm>(
    cpu: &CpuBackend,
    args: &CrossEntropyArgs<'_>,
) -> Result<(CrossEntropyPartials, KeptLogits)> {
    let operands = Operands::new(cpu, args)?;
    let job = Job::<T>::new(cpu, args, &operands);
    let (mut max, mut sum, mut target) = (job.row_buffer(T::ZERO)?, job.row_buffer(T::ONE)?, job.row_buffer(T::ZERO)?);
    let mut z = cpu.memory.take_elements::<T>(job.live.len() * job.v)?;
    let mut sums = None;
    if !job.live.is_empty() {
        let found = cpu.on_threads(|| Chunk::new(&job, &job.live, true)?.exponentials(Some(&mut z)))?;
        let (max, sum, target) = (max.elements_mut::<T>(), sum.elements_mut::<T>(), target.elements_mut::<T>());
        for (i, &row) in job.live.iter().enumerate() {
            (max[row], sum[row], target[row]) = (found.max[i], found.sum[i], found.target[i]);
        }
        sums = Some(found);
    }
    let of = |buffer| job.tensor(buffer, &[job.rows()]);
    let partials = CrossEntropyPartials { max: of(max), sum: of(sum), target: of(target) };
    Ok((partials, KeptLogits::of(Kept { live: job.live.clone(), v: job.v, z, sums })))
}

pub(in crate::cpu) fn hidden<T: Gemm>(
    cpu: &CpuBackend,
    args: &CrossEntropyArgs<'_>,
    kept: KeptLogits,
    merged: &MergedPartials,
) -> Result<(Tensor, KeptLogits)> {
    let mut kept: Kept<T> = kept.into_inner();
    let operands = Operands::new(cpu, args)?;
    let job = Job::<T>::new(cpu, args, &operands);
    assert_eq!(
        job.live, kept.live,
        "linear_cross_entropy_hidden: the rows that count are not those of the first phase"
    );
    let mut d_hidden = cpu.memory.take_elements::<T>(job.rows() * job.h)?;
    if job.live.len() < job.rows() || job.v == 0 {
        d_hidden.elements_mut::<T>().fill(T::ZERO);
    }
    if let Some(mut sums) = kept.sums.take() {
        let (max, sum) = (cpu.contiguous(&merged.max)?, cpu.contiguous(&merged.sum)?);
        let (max, sum) = (contiguous_elements::<T>(&max), contiguous_elements::<T>(&sum));
        sums.max = job.live.iter().map(|&row| max[row]).collect();
        sums.sum = job.live.iter().map(|&row| sum[row]).collect();
        cpu.on_threads(|| {
            let chunk = Chunk::new(&job, &job.live, true)?;
            sums.become_scales(&chunk.weights);
            let z = kept.z.elements_mut::<T>();
            chunk.logit_gradients(Known::Exponentials(&sums), z);
            chunk.d_hidden(z, d_hidden.elements_mut::<T>())
        })?;
    }
    let shape = [job.rows(), job.h];
    Ok((job.tensor(d_hidden, &shape), KeptLogits::of(kept)))
}

/// Rows of one part that follow each other among those that count.
struct Run {
    part: usize,
    first: usize,
    count: usize,
}

/// Where these rows' columns are.
fn runs<T: Gemm>(parts: &[&Kept<T>], rows: &[(u32, u32)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for &(part, row) in rows {
        let part = part as usize;
        let column = parts[part].live.binary_search(&(row as usize));
        let column = column.unwrap_or_else(|_| panic!("linear_cross_entropy_weights: row {row} does not count"));
        match runs.last_mut() {
            Some(run) if run.part == part && run.first + run.count == column => run.count += 1,
            _ => runs.push(Run { part, first: column, count: 1 }),
        }
    }
    runs
}

pub(in crate::cpu) fn weights<T: Gemm>(
    cpu: &CpuBackend,
    parts: &[KeptRows<'_>],
    rows: &[(u32, u32)],
    onto: Option<(Tensor, Tensor)>,
) -> Result<(Tensor, Tensor)> {
    let kept: Vec<&Kept<T>> = parts.iter().map(|part| part.kept.get::<Kept<T>>()).collect();
    let (first, v, h) = (parts[0].hidden, kept[0].v, parts[0].hidden.dim(1));
    let add = onto.is_some();
    let (mut weight, mut bias) = match onto {
        Some(onto) => onto,
        None => {
            let fresh = |shape: &[usize]| {
                let mut buffer = cpu.memory.take_elements::<T>(shape.iter().product())?;
                if rows.is_empty() {
                    buffer.elements_mut::<T>().fill(T::ZERO);
                }
                Ok(Tensor::of(Arc::new(buffer), shape, first.dtype(), first.device()))
            };
            (fresh(&[v, h])?, fresh(&[v])?)
        }
    };
    if rows.is_empty() {
        return Ok((weight, bias));
    }
    let runs = runs(&kept, rows);
    let hidden = hidden_of(cpu, parts, rows)?;
    let hidden = Matrix::row_major(hidden.elements::<T>(), rows.len(), h);
    let (d_weight, d_bias) = (elements_mut::<T>(&mut weight)?, elements_mut::<T>(&mut bias)?);
    cpu.on_threads(|| -> Result<()> {
        let along = Packed::new(hidden, cpu.precision(), &cpu.memory)?;
        let tile = tile_words(v);
        let work = |i: usize, d_bias: &mut [T], d_weight: &mut [T]| -> Result<()> {
            let words = d_bias.len();
            let gathered;
            let z = match &runs[..] {
                [run] if run.count == kept[run.part].live.len() => {
                    &kept[run.part].z.elements::<T>()[i * tile * run.count..]
                }
                runs => {
                    gathered = columns_of(cpu, &kept, runs, i * tile..i * tile + words, rows.len())?;
                    gathered.elements::<T>()
                }
            };
            let z = &z[..words * rows.len()];
            for (z, d_bias) in z.chunks_exact(rows.len()).zip(&mut *d_bias) {
                *d_bias = plus_rows(if add { *d_bias } else { T::ZERO }, z);
            }
            let starts = |step: usize| (0..words).map(|word| word * step).collect::<Vec<_>>();
            // SAFETY: both slices have a row for each word of the tile.
            unsafe {
                let (from, to) = (starts(rows.len()), starts(h));
                rows_times_packed(z.as_ptr(), &from, &along, 0..h, d_weight.as_mut_ptr(), &to, add);
            }
            Ok(())
        };
        let biases = d_bias.par_chunks_mut(tile).enumerate();
        if h == 0 {
            return biases.try_for_each(|(i, d_bias)| work(i, d_bias, &mut []));
        }
        biases.zip(d_weight.par_chunks_mut(tile * h)).try_for_each(|((i, d_bias), d_weight)| work(i, d_bias, d_weight))
    })?;
    Ok((weight, bias))
}

/// The hidden state of these rows, one after another.
fn hidden_of(cpu: &CpuBackend, parts: &[KeptRows<'_>], rows: &[(u32, u32)]) -> Result<Buffer> {
    let h = parts[0].hidden.dim(1) * parts[0].hidden.dtype().size();
    let hidden: Vec<Tensor> = parts.iter().map(|part| cpu.contiguous(part.hidden)).collect::<Result<_>>()?;
    let mut gathered = cpu.memory.take_elements::<u8>(rows.len() * h)?;
    for (&(part, row), to) in rows.iter().zip(gathered.elements_mut::<u8>().chunks_exact_mut(h.max(1))) {
        let part = &hidden[part as usize];
        let from = part.layout().offset() * part.dtype().size() + row as usize * h;
        to.copy_from_slice(&crate::cpu::elements::<u8>(part)[from..from + h]);
    }
    Ok(gathered)
}

/// The columns of these runs for some words, `[words, rows]`.
fn columns_of<T: Gemm>(
    cpu: &CpuBackend,
    kept: &[&Kept<T>],
    runs: &[Run],
    words: std::ops::Range<usize>,
    rows: usize,
) -> Result<Buffer> {
    let mut gathered = cpu.memory.take_elements::<T>(words.len() * rows)?;
    for (word, to) in words.zip(gathered.elements_mut::<T>().chunks_exact_mut(rows)) {
        let mut at = 0;
        for run in runs {
            let kept = kept[run.part];
            let from = word * kept.live.len() + run.first;
            to[at..at + run.count].copy_from_slice(&kept.z.elements::<T>()[from..from + run.count]);
            at += run.count;
        }
    }
    Ok(gathered)
}
