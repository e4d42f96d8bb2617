//! Linear layer, log-softmax and the k most probable words: the logits are made tile by tile, and of each tile only the maximum, the sum of
//! exponentials and what may be among the k best is kept. The definition is [`crate::fused::top_k`].
//!
//! Tiles are cut at fixed columns and their sums are merged in order, so a row's bits depend on nothing but the row. Whichever tile comes first, the
//! same k are found: equal logits are told apart by the word.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::gemm::{Precision, product, rows_times_packed};
use super::kept::{Blocks, kept_or_rounded, packed};
use super::logits::become_logits;
use super::matmul::Matrix;
use super::ranked::{Best, Ranked};
use super::threads::GRAIN;
use super::{Buffer, CpuBackend, contiguous_elements};
use crate::fused::top_k::{definition, partials_definition};
use crate::fused::{LinearTopK, LinearTopKArgs, LinearTopKPartials};
use crate::{Result, Tensor};

/// Fewest and most columns of a tile. Each tile packs its rows anew, so not few; but all threads should get some.
const COLUMNS: [usize; 2] = [512, 1024];
/// Tiles that the words are to make at least, where there are enough of them.
const TILES: usize = 16;
/// Most rows of a tile: as many as a kernel takes at once. With its columns they are at most half a MiB, which stays in a core's cache with the weight's
/// panels.
const ROWS: usize = 112;
/// So few rows do not repay packing the weight.
const FEW: usize = 4;
/// Beyond so many words a row's list is no place to insert into: a general selection is quicker.
const MANY: usize = 1024;

/// What is known of a row so far.
struct Row<'a, T: Ranked> {
    values: &'a mut [T],
    words: &'a mut [u32],
    best: Best<T>,
    watched: &'a mut T,
}

/// `[V, H]`
enum Weight<'a, T: Ranked> {
    Packed(Blocks<T>),
    Plain(&'a [T]),
}

struct Problem<'a, T: Ranked> {
    hidden: &'a [T],
    weight: Weight<'a, T>,
    precision: Precision,
    bias: &'a [T],
    width: usize,
    watched: usize,
}

pub(super) fn linear_top_k<T: Ranked>(cpu: &CpuBackend, args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
    if !fits(args) {
        return definition(args);
    }
    let LinearTopKPartials { logits: values, words, watched, .. } = found::<T>(cpu, args, true)?;
    Ok(LinearTopK { values, words, watched })
}

pub(super) fn partials<T: Ranked>(cpu: &CpuBackend, args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
    if !fits(args) {
        return partials_definition(args);
    }
    found::<T>(cpu, args, false)
}

/// Columns of a tile. They depend on the number of words alone, since sums run over a tile, and are a multiple of every panel (8 to 64 columns) and of the
/// sum's lanes.
fn tile_columns(words: usize) -> usize {
    let [fewest, most] = COLUMNS;
    (words / TILES).next_multiple_of(fewest).clamp(fewest, most)
}

fn fits(args: &LinearTopKArgs<'_>) -> bool {
    args.hidden.dim(0) > 0 && args.k > 0 && args.k <= MANY
}

/// The best words, with their logits or, where `finished`, log-probabilities; and what is known of each row.
fn found<T: Ranked>(cpu: &CpuBackend, args: &LinearTopKArgs<'_>, finished: bool) -> Result<LinearTopKPartials> {
    let (n, width, v) = args.sizes();
    let k = args.k;
    let (hidden, weight, bias) = (args.hidden.contiguous(), args.weight.contiguous(), args.bias.contiguous());
    let problem = Problem::<T> {
        hidden: contiguous_elements(&hidden),
        weight: match kept_or_rounded(cpu, args.weight, 1)? {
            Some(packed) => Weight::Packed(packed),
            None if n < FEW => Weight::Plain(contiguous_elements(&weight)),
            None => Weight::Packed(packed(cpu, args.weight, 1)?),
        },
        precision: cpu.precision(),
        bias: contiguous_elements(&bias),
        width,
        watched: args.watched,
    };
    let mut values = cpu.memory.take_elements::<T>(n * k)?;
    let mut words = cpu.memory.take_elements::<u32>(n * k)?;
    let mut watched = cpu.memory.take_elements::<T>(n)?;
    let (mut maxima, mut totals) = (cpu.memory.take_elements::<T>(n)?, cpu.memory.take_elements::<T>(n)?);
    let columns = tile_columns(v);
    let (blocks, chunks) = (n.div_ceil(ROWS), v.div_ceil(columns));
    // Maximum and sum of each row in each tile; the last block of rows may have places that nobody uses.
    let block = n.div_ceil(blocks);
    let mut sums = cpu.memory.take_elements::<[T; 2]>(chunks * blocks * block)?;
    {
        let sums = sums.elements_mut::<[T; 2]>();
        let rows: Vec<Mutex<Row<'_, T>>> = values
            .elements_mut::<T>()
            .chunks_mut(k)
            .zip(words.elements_mut::<u32>().chunks_mut(k))
            .zip(watched.elements_mut::<T>())
            .map(|((values, words), watched)| Mutex::new(Row { values, words, best: Best::new(k), watched }))
            .collect();
        // One chunk of columns with all its blocks of rows after another: the chunk's weights are read from memory once.
        let tile = |(i, sums): (usize, &mut [[T; 2]])| {
            let (chunk, first) = (i / blocks, i % blocks * block);
            let rows = &rows[first..(first + block).min(n)];
            let mut logits = cpu.memory.take_elements::<T>(rows.len() * columns)?;
            problem.tile(chunk * columns, first, rows, logits.elements_mut(), sums);
            Ok(())
        };
        if n * v * width.max(1) <= 16 * GRAIN {
            sums.chunks_mut(block).enumerate().try_for_each(tile)?;
        } else {
            cpu.on_threads(|| sums.par_chunks_mut(block).enumerate().try_for_each(tile))?;
        }
        let sums = &*sums;
        let known = maxima.elements_mut::<T>().iter_mut().zip(totals.elements_mut::<T>()).collect::<Vec<_>>();
        let finish = |(row, (state, (max, total))): (usize, (Mutex<Row<'_, T>>, (&mut T, &mut T)))| {
            let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
            [*max, *total] = state.finish(sums.iter().skip(row).step_by(blocks * block), finished);
        };
        if n * (chunks + k) <= GRAIN {
            rows.into_iter().zip(known).enumerate().for_each(finish);
        } else {
            cpu.on_threads(|| rows.into_par_iter().zip(known).enumerate().with_min_len(16).for_each(finish));
        }
    }
    let (dtype, device) = (args.hidden.dtype(), args.hidden.device());
    let of_rows = |buffer: Buffer| Tensor::of(Arc::new(buffer), [n], dtype, device);
    Ok(LinearTopKPartials {
        logits: Tensor::of(Arc::new(values), [n, k], dtype, device),
        words: Tensor::of(Arc::new(words), [n, k], crate::DType::U32, device),
        watched: of_rows(watched),
        max: of_rows(maxima),
        sum: of_rows(totals),
    })
}

impl<T: Ranked> Problem<'_, T> {
    /// The logits of some rows from column `from` on, and what they say of each row.
    fn tile(&self, from: usize, first: usize, rows: &[Mutex<Row<'_, T>>], logits: &mut [T], sums: &mut [[T; 2]]) {
        let columns = (logits.len() / rows.len()).min(self.bias.len() - from);
        let logits = &mut logits[..rows.len() * columns];
        self.product(from, first, rows.len(), logits);
        let bias = &self.bias[from..from + columns];
        for ((z, row), sum) in logits.chunks_mut(columns).zip(rows).zip(sums) {
            let seen = become_logits(z, bias);
            *sum = [seen.max, seen.sum];
            let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(&z) = z.get(self.watched.wrapping_sub(from)) {
                *row.watched = z;
            }
            row.best.offer(z, from, &seen.largest);
        }
    }
}

impl<T: Ranked> Problem<'_, T> {
    /// `logits` `[n, columns]` become the products of `n` rows from `first` on with the words from `from` on.
    fn product(&self, from: usize, first: usize, n: usize, logits: &mut [T]) {
        let (h, columns) = (self.width, logits.len() / n);
        let hidden = &self.hidden[first * h..(first + n) * h];
        match &self.weight {
            Weight::Packed(weight) => {
                let offsets = |width: usize| (0..n).map(|row| row * width).collect::<Vec<_>>();
                let (a, c) = (offsets(h), offsets(columns));
                let out = logits.as_mut_ptr();
                // SAFETY: the rows are inside `hidden`, whose rows have as many elements as the weight; those of `logits` are whole and apart.
                unsafe { rows_times_packed(hidden.as_ptr(), &a, &weight[0], from..from + columns, out, &c, false) };
            }
            Weight::Plain(weight) => {
                let weight = Matrix::row_major(&weight[from * h..(from + columns) * h], columns, h);
                product(Matrix::row_major(hidden, n, h), weight.transposed(), logits, false, self.precision);
            }
        }
    }
}

impl<T: Ranked> Row<'_, T> {
    /// The row's maximum and Σ e^(z − max), by the tiles' in order; where `finished`, logits become log-probabilities.
    fn finish<'s>(self, sums: impl Iterator<Item = &'s [T; 2]> + Clone, finished: bool) -> [T; 2] {
        let max = sums.clone().fold(-T::INFINITY, |max, &[m, _]| m.maximum(max));
        // e^(m − max) of the largest is 1, of −∞ alone too.
        let factor = |m: T| if m == max { T::ONE } else { (m - max).exp() };
        let total = sums.fold(T::ZERO, |total, &[m, sum]| total + sum * factor(m));
        for ((value, word), found) in self.values.iter_mut().zip(&mut *self.words).zip(self.best.found()) {
            (*value, *word) = found;
        }
        if !finished {
            return [max, total];
        }
        let log_total = total.ln();
        for z in self.values.iter_mut().chain([self.watched]) {
            // z − max first: in the sum of a large max and the logarithm the small one would be lost.
            *z = *z - max - log_total;
        }
        [max, total]
    }
}
