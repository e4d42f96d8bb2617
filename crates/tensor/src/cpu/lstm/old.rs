//! An LSTM layer over a range of time steps: one product for all inputs, one a step for the state, gates in one pass; backward likewise, with
//! each weight's gradient as one product over all steps. The definition is [`crate::fused::lstm`].

use std::sync::Arc;

use rayon::prelude::*;

use super::math::vectorised;
use super::matmul::{Gemm, Matrix, product};
use super::threads::GRAIN;
use super::{CpuBackend, contiguous_elements};
use crate::fused::{LstmArgs, LstmGradients, LstmOutput, LstmOutputGradients};
use crate::{Result, Tensor};

/// Calls `work` for each row `0..rows`, in parallel where a step is large enough.
fn for_each_row<T: Send>(
    rows: impl IndexedParallelIterator<Item = T>,
    elements: usize,
    work: impl Fn(T) + Send + Sync,
) {
    // The gates cost about as much as sixteen plain elements.
    let group = (GRAIN / (16 * elements.max(1))).max(1);
    rows.with_min_len(group).for_each(work);
}

fn lengths_of(args: &LstmArgs<'_>) -> Option<Tensor> {
    args.lengths.map(Tensor::contiguous)
}

/// Whether row `b` still runs at step `t`.
fn alive(lengths: Option<&[u32]>, start: usize, t: usize, b: usize) -> bool {
    lengths.is_none_or(|lengths| start + t < lengths[b] as usize)
}

pub(super) fn forward<T: Gemm>(cpu: &CpuBackend, args: &LstmArgs<'_>) -> Result<LstmOutput> {
    let (steps, b, i_len, h_len) = args.sizes();
    let dtype = args.input.dtype();
    let (input, w_ih, w_hh) = (args.input.contiguous(), args.weight_ih.contiguous(), args.weight_hh.contiguous());
    let (bias, first_h, first_c) = (args.bias.contiguous(), args.hidden.contiguous(), args.cell.contiguous());
    let lengths = lengths_of(args);
    let lengths = lengths.as_ref().map(contiguous_elements::<u32>);
    let mut gates = cpu.memory.take_elements::<T>(steps * b * 4 * h_len)?;
    let mut cells = cpu.memory.take_elements::<T>(steps * b * h_len)?;
    let mut sequence = cpu.memory.take_elements::<T>(steps * b * h_len)?;
    cpu.on_threads(|| {
        let (gates, cells, sequence) = (gates.elements_mut(), cells.elements_mut(), sequence.elements_mut());
        let bias = contiguous_elements::<T>(&bias);
        let w_ih = Matrix::row_major(contiguous_elements::<T>(&w_ih), 4 * h_len, i_len).transposed();
        let w_hh = Matrix::row_major(contiguous_elements::<T>(&w_hh), 4 * h_len, h_len).transposed();
        product(Matrix::row_major(contiguous_elements::<T>(&input), steps * b, i_len), w_ih, gates, false);
        let state = b * h_len;
        for t in 0..steps {
            let (h_before, h_now) = sequence.split_at_mut(t * state);
            let (c_before, c_now) = cells.split_at_mut(t * state);
            let h_before = if t == 0 { contiguous_elements(&first_h) } else { &h_before[(t - 1) * state..] };
            let c_before = if t == 0 { contiguous_elements(&first_c) } else { &c_before[(t - 1) * state..] };
            let gates = &mut gates[t * 4 * state..][..4 * state];
            product(Matrix::row_major(h_before, b, h_len), w_hh, gates, true);
            let rows = gates
                .par_chunks_mut(4 * h_len.max(1))
                .zip(c_now[..state].par_chunks_mut(h_len.max(1)))
                .zip(h_now[..state].par_chunks_mut(h_len.max(1)))
                .enumerate();
            for_each_row(rows, h_len, |(row, ((gates, c), h))| {
                let before = row * h_len..(row + 1) * h_len;
                if alive(lengths, args.start, t, row) {
                    gates_forward(gates, bias, &c_before[before], c, h);
                } else {
                    c.copy_from_slice(&c_before[before.clone()]);
                    h.copy_from_slice(&h_before[before]);
                }
            });
        }
    });
    let of = |buffer, shape: &[usize]| Tensor::of(Arc::new(buffer), shape, dtype, args.input.device());
    let (gates, cells) = (of(gates, &[steps, b, 4 * h_len]), of(cells, &[steps, b, h_len]));
    let sequence = of(sequence, &[steps, b, h_len]);
    let last = |all: &Tensor, first: &Tensor| if steps == 0 { first.clone() } else { all.index(0, steps - 1) };
    Ok(LstmOutput { hidden: last(&sequence, args.hidden), cell: last(&cells, args.cell), sequence, cells, gates })
}

/// Sums of products in `gates` become σ(i), σ(f), tanh(g), σ(o) in place, and c and h follow.
fn gates_forward<T: Gemm>(gates: &mut [T], bias: &[T], c_before: &[T], c: &mut [T], h: &mut [T]) {
    let n = c.len();
    let (i, rest) = gates.split_at_mut(n);
    let (f, rest) = rest.split_at_mut(n);
    let (g, o) = rest.split_at_mut(n);
    let (bi, bf, bg, bo) = (&bias[..n], &bias[n..2 * n], &bias[2 * n..3 * n], &bias[3 * n..4 * n]);
    let (o, c_before, h) = (&mut o[..n], &c_before[..n], &mut h[..n]);
    vectorised(|| {
        for k in 0..n {
            i[k] = (i[k] + bi[k]).sigmoid();
            f[k] = (f[k] + bf[k]).sigmoid();
            g[k] = (g[k] + bg[k]).tanh();
            o[k] = (o[k] + bo[k]).sigmoid();
            c[k] = f[k] * c_before[k] + i[k] * g[k];
            h[k] = o[k] * c[k].tanh();
        }
    });
}

pub(super) fn backward<T: Gemm>(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    output: &LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmGradients> {
    let (steps, b, i_len, h_len) = args.sizes();
    let state = b * h_len;
    let like = args.input;
    let dtype = like.dtype();
    let (input, w_ih, w_hh) = (args.input.contiguous(), args.weight_ih.contiguous(), args.weight_hh.contiguous());
    let (first_h, first_c) = (args.hidden.contiguous(), args.cell.contiguous());
    let (gates, cells, sequence) = (output.gates.contiguous(), output.cells.contiguous(), output.sequence.contiguous());
    let d_sequence = gradients.sequence.map(Tensor::contiguous);
    let lengths = lengths_of(args);
    let lengths = lengths.as_ref().map(contiguous_elements::<u32>);
    // The gradients of the state, carried from step to step.
    let start = |given: Option<&Tensor>| match given {
        Some(given) => given.copy(),
        None => Tensor::zeros([b, h_len], dtype, like.device()),
    };
    let (mut dh, mut dc) = (start(gradients.hidden), start(gradients.cell));
    let mut d_gates = cpu.memory.take_elements::<T>(steps * 4 * state)?;
    {
        let (dh, dc) = (super::elements_mut::<T>(&mut dh)?, super::elements_mut::<T>(&mut dc)?);
        let d_gates = d_gates.elements_mut::<T>();
        let d_sequence = d_sequence.as_ref().map(contiguous_elements::<T>);
        let (gates, cells) = (contiguous_elements::<T>(&gates), contiguous_elements::<T>(&cells));
        let w_hh = Matrix::row_major(contiguous_elements::<T>(&w_hh), 4 * h_len, h_len);
        let first_c = contiguous_elements::<T>(&first_c);
        cpu.on_threads(|| {
            for t in (0..steps).rev() {
                let here = |width: usize| t * b * width..(t + 1) * b * width;
                let d_now = &mut d_gates[here(4 * h_len)];
                let (gates, c_now) = (&gates[here(4 * h_len)], &cells[here(h_len)]);
                let c_before = if t == 0 { first_c } else { &cells[(t - 1) * state..t * state] };
                let arriving = d_sequence.map(|d| &d[here(h_len)]);
                let rows = d_now
                    .par_chunks_mut(4 * h_len.max(1))
                    .zip(dh.par_chunks_mut(h_len.max(1)))
                    .zip(dc.par_chunks_mut(h_len.max(1)))
                    .enumerate();
                for_each_row(rows, h_len, |(row, ((d, dh), dc))| {
                    let r = row * h_len..(row + 1) * h_len;
                    if let Some(arriving) = arriving {
                        vectorised(|| dh.iter_mut().zip(&arriving[r.clone()]).for_each(|(dh, &a)| *dh += a));
                    }
                    if alive(lengths, args.start, t, row) {
                        let gates = &gates[4 * r.start..4 * r.end];
                        gates_backward(gates, &c_before[r.clone()], &c_now[r], d, dh, dc);
                    } else {
                        d.fill(T::ZERO);
                    }
                });
                product(Matrix::row_major(d_now, b, 4 * h_len), w_hh, dh, true);
            }
        });
    }
    let sums = Tensor::of(Arc::new(d_gates), [steps * b, 4 * h_len], dtype, like.device());
    let d = contiguous_elements::<T>(&sums);
    let d_all = Matrix::row_major(d, steps * b, 4 * h_len);
    let d_input = cpu.tensor(like, &[steps, b, i_len], dtype, |out: &mut [T]| {
        product(d_all, Matrix::row_major(contiguous_elements(&w_ih), 4 * h_len, i_len), out, false);
    })?;
    let d_weight_ih = cpu.tensor(like, &[4 * h_len, i_len], dtype, |out: &mut [T]| {
        product(d_all.transposed(), Matrix::row_major(contiguous_elements(&input), steps * b, i_len), out, false);
    })?;
    let d_weight_hh = cpu.tensor(like, &[4 * h_len, h_len], dtype, |out: &mut [T]| {
        let h = contiguous_elements::<T>(&sequence);
        let gradient = |d, h, rows: usize, out: &mut [T], add: bool| {
            product(Matrix::row_major(d, rows, 4 * h_len).transposed(), Matrix::row_major(h, rows, h_len), out, add);
        };
        let rows_first = b * steps.min(1);
        gradient(&d[..rows_first * 4 * h_len], contiguous_elements(&first_h), rows_first, out, false);
        if steps > 1 {
            let rest = (steps - 1) * b;
            gradient(&d[b * 4 * h_len..], &h[..rest * h_len], rest, out, true);
        }
    })?;
    let bias = sums.sum(0, false);
    Ok(LstmGradients { input: d_input, weight_ih: d_weight_ih, weight_hh: d_weight_hh, bias, hidden: dh, cell: dc })
}

/// Gradients of the sums before the gates to `d`; `dc` becomes that of the cell before, and `dh` 0, for the product to be added.
fn gates_backward<T: Gemm>(gates: &[T], c_before: &[T], c_now: &[T], d: &mut [T], dh: &mut [T], dc: &mut [T]) {
    let n = dc.len();
    let (i, f, g, o) = (&gates[..n], &gates[n..2 * n], &gates[2 * n..3 * n], &gates[3 * n..4 * n]);
    let (di, rest) = d.split_at_mut(n);
    let (df, rest) = rest.split_at_mut(n);
    let (dg, d_o) = rest.split_at_mut(n);
    let (d_o, dh, c_before, c_now) = (&mut d_o[..n], &mut dh[..n], &c_before[..n], &c_now[..n]);
    vectorised(|| {
        for k in 0..n {
            let squashed = c_now[k].tanh();
            let here = dc[k] + dh[k] * o[k] * (T::ONE - squashed * squashed);
            di[k] = here * g[k] * i[k] * (T::ONE - i[k]);
            df[k] = here * c_before[k] * f[k] * (T::ONE - f[k]);
            dg[k] = here * i[k] * (T::ONE - g[k] * g[k]);
            d_o[k] = dh[k] * squashed * o[k] * (T::ONE - o[k]);
            dc[k] = here * f[k];
            dh[k] = T::ZERO;
        }
    });
}
