//! Linear layer, softmax and cross-entropy in chunks of rows: the logits are never held whole, and the loss and all gradients come from
//! one pass over them. The definition is [`crate::fused::cross_entropy`].

use rayon::prelude::*;

use super::math::vectorised;
use super::matmul::{Gemm, K_BLOCK, Matrix, product};
use super::rows::row_max;
use super::{CpuBackend, contiguous_elements, elements_mut};
use crate::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients};
use crate::{Result, Tensor};

/// Logits held at a time.
const CHUNK_ELEMENTS: usize = 4 << 20;

/// Rows of a chunk: a multiple of the product's block, so that a weight's gradient, a sum over all rows, has the same bits however the rows
/// are cut.
fn chunk_rows(v: usize) -> usize {
    (CHUNK_ELEMENTS / v.max(1) / K_BLOCK).max(1) * K_BLOCK
}

pub(super) fn fused<T: Gemm>(cpu: &CpuBackend, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
    let (n, h, v) = args.sizes();
    let (hidden, weight, bias) = (args.hidden.contiguous(), args.weight.contiguous(), args.bias.contiguous());
    let (targets, row_weights) = (args.targets.contiguous(), args.row_weights.contiguous());
    let (dtype, device) = (hidden.dtype(), hidden.device());
    let zeros = |shape: &[usize]| Tensor::zeros(shape, dtype, device);
    let mut losses = zeros(&[n]);
    let mut made = if gradients { Some((zeros(&[n, h]), zeros(&[v, h]), zeros(&[v]))) } else { None };
    let rows = chunk_rows(v).min(n.max(1));
    let mut logits = cpu.memory.take_elements::<T>(rows * v)?;
    let row_inputs = RowInputs {
        bias: contiguous_elements::<T>(&bias),
        targets: contiguous_elements(&targets),
        weights: contiguous_elements(&row_weights),
        offset: args.offset,
    };
    {
        let losses = elements_mut::<T>(&mut losses)?;
        let mut outputs = match &mut made {
            Some((a, b, c)) => Some((elements_mut::<T>(a)?, elements_mut::<T>(b)?, elements_mut::<T>(c)?)),
            None => None,
        };
        let (hidden, weight) = (contiguous_elements::<T>(&hidden), contiguous_elements::<T>(&weight));
        let logits = logits.elements_mut::<T>();
        cpu.on_threads(|| {
            for from in (0..n).step_by(rows) {
                let len = rows.min(n - from);
                let (hidden, z) = (&hidden[from * h..(from + len) * h], &mut logits[..len * v]);
                product(Matrix::row_major(hidden, len, h), Matrix::row_major(weight, v, h).transposed(), z, false);
                row_inputs.softmax(from, z, &mut losses[from..from + len], outputs.is_some());
                if let Some((d_hidden, d_weight, d_bias)) = &mut outputs {
                    let z = Matrix::row_major(z, len, v);
                    let d_hidden = &mut d_hidden[from * h..(from + len) * h];
                    product(z, Matrix::row_major(weight, v, h), d_hidden, false);
                    product(z.transposed(), Matrix::row_major(hidden, len, h), d_weight, from > 0);
                    add_column_sums(&logits[..len * v], v, d_bias);
                }
            }
        });
    }
    let gradients = made.map(|(hidden, weight, bias)| CrossEntropyGradients { hidden, weight, bias });
    Ok(CrossEntropy { losses, gradients })
}

struct RowInputs<'a, T> {
    bias: &'a [T],
    targets: &'a [u32],
    weights: &'a [T],
    offset: usize,
}

impl<T: Gemm> RowInputs<'_, T> {
    /// Each row's loss; with `gradient`, the logits `z` become their gradients w (p − y).
    fn softmax(&self, from: usize, z: &mut [T], losses: &mut [T], gradient: bool) {
        let v = self.bias.len();
        if v == 0 {
            return;
        }
        z.par_chunks_mut(v).zip(losses).enumerate().for_each(|(row, (z, loss))| {
            let weight = self.weights[from + row];
            if weight == T::ZERO {
                *loss = T::ZERO;
                return z.fill(T::ZERO);
            }
            let target = self.target(from + row);
            vectorised(|| z.iter_mut().zip(self.bias).for_each(|(z, &b)| *z += b));
            let max = row_max::<T>(z);
            let above = z[target] - max;
            let total = exponentiate(z, max);
            *loss = (total.ln() - above) * weight;
            if gradient {
                let scale = weight / total;
                vectorised(|| z.iter_mut().for_each(|z| *z = *z * scale));
                z[target] = z[target] - weight;
            }
        });
    }

    fn target(&self, row: usize) -> usize {
        let (target, v) = (self.targets[row] as usize, self.bias.len());
        if target < self.offset || target >= self.offset + v {
            panic!("linear_cross_entropy: target {target} of row {row} is outside a vocabulary of {v}");
        }
        target - self.offset
    }
}

/// `z` becomes e^(z − max); answers the sum, in 16 lanes.
#[inline(always)]
fn exponentiate<T: Gemm>(z: &mut [T], max: T) -> T {
    vectorised(|| {
        let mut lanes = [T::ZERO; 16];
        let mut chunks = z.chunks_exact_mut(16);
        for chunk in &mut chunks {
            for l in 0..16 {
                chunk[l] = (chunk[l] - max).exp();
                lanes[l] += chunk[l];
            }
        }
        for (l, z) in chunks.into_remainder().iter_mut().enumerate() {
            *z = (*z - max).exp();
            lanes[l] += *z;
        }
        lanes.into_iter().fold(T::ZERO, |a, b| a + b)
    })
}

/// Adds the column sums of `z` `[rows, v]` to `sums`, block of rows by block of rows.
fn add_column_sums<T: Gemm>(z: &[T], v: usize, sums: &mut [T]) {
    const COLUMNS: usize = 256;
    sums.par_chunks_mut(COLUMNS).enumerate().for_each(|(tile, sums)| {
        for block in z.chunks(K_BLOCK * v) {
            let mut partial = [T::ZERO; COLUMNS];
            for row in block.chunks(v) {
                let row = &row[tile * COLUMNS..][..sums.len()];
                vectorised(|| partial.iter_mut().zip(row).for_each(|(p, &z)| *p += z));
            }
            sums.iter_mut().zip(partial).for_each(|(s, p)| *s += p);
        }
    });
}
