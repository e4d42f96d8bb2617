//! Optimiser steps, in place.

use bytemuck::Pod;
use rayon::prelude::*;

use super::math::{Real, vectorised};
use super::threads::GRAIN;
use super::{CpuBackend, Float, contiguous_elements, elements_mut};
use crate::ops::{NO_ROW, Update};
use crate::{DType, Result, Tensor};

/// The rule with its constants in the arithmetic's type; `hyper` is `[lr, scale, c₁, c₂]`.
#[derive(Clone, Copy)]
struct Step<W> {
    rule: Constants<W>,
    rate: W,
    scale: W,
    corrections: [W; 2],
}

#[derive(Clone, Copy)]
enum Constants<W> {
    Sgd,
    Momentum(W),
    Adam { beta1: W, beta2: W, epsilon: W, decay: W, decoupled: bool },
}

impl<W: Real> Step<W> {
    fn new(rule: &Update, hyper: &[f64]) -> Step<W> {
        let w = W::of;
        let rule = match *rule {
            Update::Sgd { momentum: 0.0 } => Constants::Sgd,
            Update::Sgd { momentum } => Constants::Momentum(w(momentum)),
            Update::Adam { beta1, beta2, epsilon, weight_decay, decoupled } => Constants::Adam {
                beta1: w(beta1),
                beta2: w(beta2),
                epsilon: w(epsilon),
                decay: w(weight_decay),
                decoupled,
            },
        };
        let [rate, scale, c1, c2] = [0, 1, 2, 3].map(|i| w(hyper[i]));
        Step { rule, rate, scale, corrections: [c1, c2] }
    }

    fn run<F: Float<Wide = W>>(self, p: &mut [F], g: &[F], first: &mut [F], second: &mut [F]) {
        match self.rule {
            Constants::Sgd => vectorised(|| {
                for (p, g) in p.iter_mut().zip(g) {
                    *p = F::narrow(p.widen() - self.rate * (self.scale * g.widen()));
                }
            }),
            Constants::Momentum(momentum) => vectorised(|| {
                for ((p, g), v) in p.iter_mut().zip(g).zip(first) {
                    let velocity = momentum * v.widen() + self.scale * g.widen();
                    *v = F::narrow(velocity);
                    *p = F::narrow(p.widen() - self.rate * velocity);
                }
            }),
            Constants::Adam { beta1, beta2, epsilon, decay, decoupled } => vectorised(|| {
                let [c1, c2] = self.corrections;
                for (((p, g), m), v) in p.iter_mut().zip(g).zip(first).zip(second) {
                    let (mut x, mut g) = (p.widen(), self.scale * g.widen());
                    if decoupled {
                        x = x - self.rate * decay * x;
                    } else {
                        g += decay * x;
                    }
                    let (one, m1, v1) = (W::ONE, m.widen(), v.widen());
                    let (m1, v1) = (beta1 * m1 + (one - beta1) * g, beta2 * v1 + (one - beta2) * (g * g));
                    (*m, *v) = (F::narrow(m1), F::narrow(v1));
                    *p = F::narrow(x - self.rate * (m1 / c1) / ((v1 / c2).sqrt() + epsilon));
                }
            }),
        }
    }
}

pub(super) fn update<F: Float + Pod>(
    cpu: &CpuBackend,
    rule: &Update,
    parameter: &mut Tensor,
    gradient: &Tensor,
    rows: Option<&Tensor>,
    state: &mut [Tensor],
    hyper: &Tensor,
) -> Result<()> {
    let (gradient, hyper) = (gradient.contiguous(), hyper.cast(DType::F64).contiguous());
    let hyper = contiguous_elements::<f64>(&hyper);
    if hyper[1].is_nan() {
        return Ok(());
    }
    let step = Step::<F::Wide>::new(rule, hyper);
    let height = parameter.shape().first().copied().unwrap_or(1);
    let width = parameter.elements().checked_div(height).unwrap_or(0);
    let mut states = state.iter_mut();
    let mut next = || states.next().map(elements_mut::<F>).transpose().map(|s| s.unwrap_or(&mut []));
    let (first, second) = (next()?, next()?);
    let p = elements_mut::<F>(parameter)?;
    let g = contiguous_elements::<F>(&gradient);
    cpu.on_threads_if_large(g.len(), || match rows {
        None => dense(step, p, g, first, second),
        Some(rows) => {
            let rows = rows.contiguous();
            let rows = contiguous_elements::<u32>(&rows);
            if let Some(row) = rows.iter().find(|&&row| row as usize >= height && row != NO_ROW) {
                panic!("update: row {row} is outside a parameter of {height} rows");
            }
            let live = rows.iter().rposition(|&row| row != NO_ROW).map_or(0, |last| last + 1);
            let (rows, g) = (&rows[..live], &g[..live * width]);
            let table = Table { first: 0, width, p, states: [first, second] };
            if rows.is_sorted_by(|a, b| a < b) {
                in_halves(step, rows, g, table)
            } else {
                row_by_row(step, rows, g, table)
            }
        }
    });
    Ok(())
}

/// Some rows of a parameter and of its states, of which there may be none, from row `first` on.
struct Table<'a, F> {
    first: usize,
    width: usize,
    p: &'a mut [F],
    states: [&'a mut [F]; 2],
}

impl<'a, F> Table<'a, F> {
    /// The rows before `row`, and those from there on.
    fn split(self, row: usize) -> (Table<'a, F>, Table<'a, F>) {
        let Table { first, width, p, states: [a, b] } = self;
        let at = (row - first) * width;
        let split = |s: &'a mut [F]| s.split_at_mut(at.min(s.len()));
        let ((p, p_after), (a, a_after), (b, b_after)) = (split(p), split(a), split(b));
        let after = Table { first: row, width, p: p_after, states: [a_after, b_after] };
        (Table { first, width, p, states: [a, b] }, after)
    }
}

fn row_by_row<F: Float>(step: Step<F::Wide>, rows: &[u32], g: &[F], table: Table<'_, F>) {
    let Table { first, width, p, states: [a, b] } = table;
    for (&row, g) in rows.iter().zip(g.chunks(width.max(1))).filter(|(row, _)| **row != NO_ROW) {
        let range = (row as usize - first) * width..(row as usize - first + 1) * width;
        let of = |s: &[F]| if s.is_empty() { 0..0 } else { range.clone() };
        let (in_a, in_b) = (of(a), of(b));
        step.run(&mut p[range.clone()], g, &mut a[in_a], &mut b[in_b]);
    }
}

/// Ascending rows: a half to each of two threads, and so on.
fn in_halves<F: Float>(step: Step<F::Wide>, rows: &[u32], g: &[F], table: Table<'_, F>) {
    if g.len() <= GRAIN || rows.len() < 2 {
        return row_by_row(step, rows, g, table);
    }
    let middle = rows.len() / 2;
    let (low, high) = table.split(rows[middle] as usize);
    let ((rows_low, rows_high), (g_low, g_high)) = (rows.split_at(middle), g.split_at(middle * low.width));
    rayon::join(|| in_halves(step, rows_low, g_low, low), || in_halves(step, rows_high, g_high, high));
}

fn dense<F: Float>(step: Step<F::Wide>, p: &mut [F], g: &[F], first: &mut [F], second: &mut [F]) {
    if p.len() <= GRAIN {
        return step.run(p, g, first, second);
    }
    let pieces = p.len().div_ceil(GRAIN);
    let first: Vec<&mut [F]> = pieces_of(first, pieces);
    let second: Vec<&mut [F]> = pieces_of(second, pieces);
    p.par_chunks_mut(GRAIN)
        .zip(g.par_chunks(GRAIN))
        .zip(first)
        .zip(second)
        .for_each(|(((p, g), first), second)| step.run(p, g, first, second));
}

/// A state's pieces in step with the parameter's; a rule that keeps none gets empty ones.
fn pieces_of<F>(state: &mut [F], pieces: usize) -> Vec<&mut [F]> {
    if state.is_empty() { (0..pieces).map(|_| &mut [][..]).collect() } else { state.chunks_mut(GRAIN).collect() }
}
