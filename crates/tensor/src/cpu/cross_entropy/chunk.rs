//! What is done with the rows of one chunk.

use rayon::prelude::*;

use super::softmax::{self, Sums, TileSums};
use super::{Job, K_BLOCK, Matrix};
use crate::Result;
use crate::cpu::Buffer;
use crate::cpu::gemm::{Packed, product_packed, rows_times_packed};
use crate::cpu::matmul::Gemm;

/// Elements of the weight that are packed at a time: 4 MiB of f32. A quarter and a half were as fast, but threads meet after each.
const PACKED: usize = 1 << 20;

/// The gradients, and the chunk's logits that become their gradients.
pub(super) struct Outputs {
    pub hidden: Buffer,
    pub weight: Buffer,
    pub bias: Buffer,
    /// `[V, R]`
    pub logits: Buffer,
}

/// What the gradients of the logits are made from.
#[derive(Clone, Copy)]
pub(super) enum Known<'s, T> {
    /// The exponentials that [`Chunk::exponentials`] left, with their scales.
    Exponentials(&'s Sums<T>),
    /// The logarithm of the sum over all words, for each row of the chunk.
    LogSums(&'s [T]),
}

/// R live rows.
pub(super) struct Chunk<'c, 'a, T: Gemm> {
    job: &'c Job<'a, T>,
    pub live: &'c [usize],
    /// Whether nothing has been added to the weight's gradient yet.
    first: bool,
    /// The hidden state of these rows, `[R, H]`.
    hidden: Hidden<'a, T>,
    /// Their transpose, `[H, R]`, as the right operand of the logits' product.
    across: Packed<T>,
    pub weights: Vec<T>,
    /// The places of the targets in the slice; `usize::MAX` where they are outside.
    targets: Vec<usize>,
}

/// The hidden state of live rows: where it stands, or brought together where rows that do not count lie between.
enum Hidden<'a, T> {
    There(&'a [T]),
    Gathered(Buffer),
}

impl<T: Gemm> std::ops::Deref for Hidden<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Hidden::There(rows) => rows,
            Hidden::Gathered(rows) => rows.elements(),
        }
    }
}

impl<'c, 'a, T: Gemm> Chunk<'c, 'a, T> {
    pub fn new(job: &'c Job<'a, T>, live: &'c [usize], first: bool) -> Result<Chunk<'c, 'a, T>> {
        let h = job.h;
        let hidden = match together(live) {
            Some(from) => Hidden::There(&job.hidden[from * h..(from + live.len()) * h]),
            None => {
                let mut gathered = job.cpu.memory.take_elements::<T>(live.len() * h)?;
                for (&row, to) in live.iter().zip(gathered.elements_mut::<T>().chunks_exact_mut(h.max(1))) {
                    to.copy_from_slice(&job.hidden[row * h..(row + 1) * h]);
                }
                Hidden::Gathered(gathered)
            }
        };
        let across = Matrix::row_major(&hidden, live.len(), h).transposed();
        let across = Packed::new(across, job.precision, &job.cpu.memory)?;
        let weights = live.iter().map(|&row| job.row_weights[row]).collect();
        let targets = live.iter().map(|&row| job.target(row).unwrap_or(usize::MAX)).collect();
        Ok(Chunk { job, live, first, hidden, across, weights, targets })
    }

    fn rows(&self) -> usize {
        self.live.len()
    }

    /// The products of tile `tile` without their bias, `[words, R]`.
    fn products(&self, tile: usize, z: &mut [T]) {
        let (rows, h) = (self.rows(), self.job.h);
        let words = z.len() / rows;
        let weight = &self.job.weight[tile * self.job.tile * h..][..words * h];
        let (from, to) = (multiples(h, words), multiples(rows, words));
        // SAFETY: both slices are `words` rows long.
        unsafe { rows_times_packed(weight.as_ptr(), &from, &self.across, 0..rows, z.as_mut_ptr(), &to, false) }
    }

    fn bias(&self, tile: usize) -> &'a [T] {
        let from = tile * self.job.tile;
        &self.job.bias[from..self.job.v.min(from + self.job.tile)]
    }

    /// The rows whose targets are in tile `tile`, and their words in it.
    fn targets_in(&self, tile: usize) -> impl Iterator<Item = (usize, usize)> {
        let words = tile * self.job.tile..(tile + 1) * self.job.tile;
        let targets = self.targets.iter().enumerate();
        targets
            .filter(move |(_, target)| words.contains(target))
            .map(move |(row, target)| (row, target % self.job.tile))
    }

    /// What is known of each row over all words. With room for them the exponentials of the logits stay there, each relative to its tile's maximum.
    pub fn exponentials(&self, logits: Option<&mut Buffer>) -> Result<Sums<T>> {
        let (rows, tile, v) = (self.rows(), self.job.tile, self.job.v);
        let mut tiles = self.job.cpu.memory.take_elements::<T>(v.div_ceil(tile) * 3 * rows)?;
        let work = |i: usize, z: &mut [T], sums: &mut [T]| {
            self.products(i, z);
            let (bias, mut sums) = (self.bias(i), TileSums::of(sums, rows));
            sums.target.fill(T::ZERO);
            for (row, word) in self.targets_in(i) {
                sums.target[row] = z[word * rows + row] + bias[word];
            }
            sums.exponentiate(z, bias);
        };
        let sums = tiles.elements_mut::<T>().par_chunks_mut(3 * rows).enumerate();
        match logits {
            Some(logits) => {
                let logits = &mut logits.elements_mut::<T>()[..v * rows];
                let logits = logits.par_chunks_mut(tile * rows);
                sums.zip(logits).for_each(|((i, sums), z)| work(i, z, sums));
            }
            // A tile's logits are needed no longer than it takes.
            None => sums.try_for_each(|(i, sums)| {
                let mut z = self.job.cpu.memory.take_elements::<T>(self.bias(i).len() * rows)?;
                work(i, z.elements_mut(), sums);
                Ok(())
            })?,
        }
        Ok(Sums::merge(tiles, rows))
    }

    /// The gradients. A tile goes from its logits to the weight's gradient while it is in the cache; the hidden state's is a sum over all tiles, and
    /// follows.
    pub fn gradients(&self, known: Known<'_, T>, outputs: &mut Outputs) -> Result<()> {
        let (rows, job) = (self.rows(), self.job);
        let (h, v, tile) = (job.h, job.v, job.tile);
        let along = Packed::new(Matrix::row_major(&self.hidden, rows, h), job.precision, &job.cpu.memory)?;
        let z = &mut outputs.logits.elements_mut::<T>()[..v * rows];
        let d_bias = outputs.bias.elements_mut::<T>();
        let work = |i: usize, z: &mut [T], d_bias: &mut [T], d_weight: &mut [T]| {
            self.gradients_of_tile(known, i, z, d_bias);
            let (from, to) = (multiples(rows, d_bias.len()), multiples(h, d_bias.len()));
            // SAFETY: both slices have a row for each word of the tile.
            unsafe { rows_times_packed(z.as_ptr(), &from, &along, 0..h, d_weight.as_mut_ptr(), &to, !self.first) };
        };
        let tiles = z.par_chunks_mut(tile * rows).zip(d_bias.par_chunks_mut(tile)).enumerate();
        if h == 0 {
            tiles.for_each(|(i, (z, d_bias))| work(i, z, d_bias, &mut []));
            return Ok(());
        }
        let d_weight = outputs.weight.elements_mut::<T>().par_chunks_mut(tile * h);
        tiles.zip(d_weight).for_each(|((i, (z, d_bias)), d_weight)| work(i, z, d_bias, d_weight));
        self.d_hidden(z, outputs.hidden.elements_mut::<T>())
    }

    /// Gradients of the logits to `z`, `[V, R]`, and nothing more.
    pub fn logit_gradients(&self, known: Known<'_, T>, z: &mut [T]) {
        let tiles = z.par_chunks_mut(self.job.tile * self.rows()).enumerate();
        tiles.for_each(|(i, z)| self.gradients_of_tile(known, i, z, &mut []));
    }

    /// The gradient of the hidden state of these rows, in their places of `d_hidden`, `[N, H]`.
    pub fn d_hidden(&self, z: &[T], d_hidden: &mut [T]) -> Result<()> {
        let (rows, job) = (self.rows(), self.job);
        let h = job.h;
        if h == 0 {
            return Ok(());
        }
        if let Some(from) = together(self.live) {
            return self.gradient_of_hidden(z, &mut d_hidden[from * h..(from + rows) * h]);
        }
        let mut gathered = job.cpu.memory.take_elements::<T>(rows * h)?;
        let gathered = gathered.elements_mut::<T>();
        self.gradient_of_hidden(z, gathered)?;
        for (&row, gradient) in self.live.iter().zip(gathered.chunks_exact(h)) {
            d_hidden[row * h..(row + 1) * h].copy_from_slice(gradient);
        }
        Ok(())
    }

    /// Gradients of the logits of tile `i` to `z`, and their sums over the rows to `d_bias`, if there is room.
    fn gradients_of_tile(&self, known: Known<'_, T>, i: usize, z: &mut [T], d_bias: &mut [T]) {
        if let Known::LogSums(_) = known {
            self.products(i, z);
        }
        let mut targets: Vec<(usize, usize)> = self.targets_in(i).map(|(row, word)| (word, row)).collect();
        targets.sort_unstable();
        let mut targets = targets.into_iter().peekable();
        // Word by word: its rows are in the first-level cache.
        for (word, z) in z.chunks_exact_mut(self.rows()).enumerate() {
            match known {
                Known::Exponentials(sums) => softmax::scale(z, sums.scales(i)),
                Known::LogSums(log_sums) => softmax::probabilities(z, self.bias(i)[word], log_sums, &self.weights),
            }
            while let Some((_, row)) = targets.next_if(|target| target.0 == word) {
                z[row] = z[row] - self.weights[row];
            }
            if let Some(d_bias) = d_bias.get_mut(word) {
                *d_bias = softmax::plus_rows(if self.first { T::ZERO } else { *d_bias }, z);
            }
        }
    }

    /// `out = zᵀ W`, a few words of the weight at a time: packed whole it would be a second weight, and one long product would go through all of `z`
    /// for every few columns. The blocks of the sum are those of the one long product.
    fn gradient_of_hidden(&self, z: &[T], out: &mut [T]) -> Result<()> {
        let (rows, Job { h, v, weight, precision, cpu, .. }) = (self.rows(), self.job);
        let at_once = (PACKED / h / K_BLOCK).max(1) * K_BLOCK;
        for from in (0..*v).step_by(at_once) {
            let words = from..(from + at_once).min(*v);
            let weight = Matrix::row_major(&weight[words.start * h..words.end * h], words.len(), *h);
            let weight = Packed::new(weight, *precision, &cpu.memory)?;
            let z = Matrix::row_major(&z[words.start * rows..words.end * rows], words.len(), rows);
            product_packed(z.transposed(), &weight, out, from > 0);
        }
        Ok(())
    }
}

/// Where the rows begin, if they follow one another.
fn together(rows: &[usize]) -> Option<usize> {
    let (&first, &last) = (rows.first()?, rows.last()?);
    (last - first + 1 == rows.len()).then_some(first)
}

/// The first `n` multiples of `step`: where the rows of a matrix begin.
fn multiples(step: usize, n: usize) -> Vec<usize> {
    (0..n).map(|i| i * step).collect()
}
