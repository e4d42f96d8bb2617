//! The layer forward.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use smallvec::SmallVec;

use super::Shared;
use super::gates::{self, Gates};
use super::plan::{Group, Plan, Sizes, tiles};
use super::weights::rows_times;
use crate::cpu::gemm::rows_times_each;
use crate::cpu::kept::{Blocks, packed};
use crate::cpu::{CpuBackend, contiguous_elements};
use crate::fused::{LstmArgs, LstmOutput};
use crate::{Result, Tensor};

pub(super) fn forward<T: Gates>(cpu: &CpuBackend, args: &LstmArgs<'_>) -> Result<LstmOutput> {
    let (steps, batch, _, h) = args.sizes();
    let sizes = Sizes { steps, batch, cells: h };
    let (input, bias) = (args.input.contiguous(), args.bias.contiguous());
    let (first_hidden, first_cell) = (args.hidden.contiguous(), args.cell.contiguous());
    let lengths = args.lengths.map(Tensor::contiguous);
    let mut gates = cpu.memory.take_elements::<T>(steps * batch * 4 * h)?;
    let mut cells = cpu.memory.take_elements::<T>(steps * batch * h)?;
    let mut sequence = cpu.memory.take_elements::<T>(steps * batch * h)?;
    cpu.on_threads(|| -> Result<()> {
        let lengths = lengths.as_ref().map(contiguous_elements::<u32>);
        let plan = Plan::new(sizes, lengths, args.start, rayon::current_num_threads());
        let gates = Shared(gates.elements_mut::<T>().as_mut_ptr());
        input_products(cpu, args, contiguous_elements(&input), &plan, gates)?;
        let weights = packed(cpu, args.weight_hh, 4)?;
        let layer = Layer {
            sizes,
            parts: plan.parts(h, weights[0].panel_width()),
            weights,
            bias: contiguous_elements(&bias),
            first_hidden: contiguous_elements(&first_hidden),
            first_cell: contiguous_elements(&first_cell),
            gates,
            cells: Shared(cells.elements_mut::<T>().as_mut_ptr()),
            sequence: Shared(sequence.elements_mut::<T>().as_mut_ptr()),
        };
        plan.groups.par_iter().with_max_len(1).for_each(|group| layer.all_steps(group));
        Ok(())
    })?;
    let of = |buffer, shape: &[usize]| Tensor::of(Arc::new(buffer), shape, args.input.dtype(), args.input.device());
    let (gates, cells) = (of(gates, &[steps, batch, 4 * h]), of(cells, &[steps, batch, h]));
    let sequence = of(sequence, &[steps, batch, h]);
    let last = |all: &Tensor, first: &Tensor| match steps {
        0 => first.clone(),
        1 => all.index(0, 0),
        // A view would hold all steps for as long as somebody holds the state.
        _ => all.index(0, steps - 1).copy(),
    };
    Ok(LstmOutput { hidden: last(&sequence, args.hidden), cell: last(&cells, args.cell), sequence, cells, gates })
}

/// The inputs' share of the sums before the gates, for all steps at once.
fn input_products<T: Gates>(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    input: &[T],
    plan: &Plan,
    gates: Shared<T>,
) -> Result<()> {
    let (_, _, inputs, h) = args.sizes();
    let weight = &packed(cpu, args.weight_ih, 1)?[0];
    let places = plan.places();
    let rows = |width: usize| places.iter().map(|place| place * width).collect::<Vec<_>>();
    // SAFETY: the places are inside T · B, and `gates` has 4H elements for each, which nobody else uses.
    unsafe { rows_times(input, &rows(inputs), weight, gates, &rows(4 * h)) };
    Ok(())
}

/// One call's operands.
struct Layer<'a, T: Gates> {
    sizes: Sizes,
    /// The cells in parts that are computed side by side.
    parts: Vec<Range<usize>>,
    /// `[H, H]` for each gate, so that a tile of cells is the same columns of all four.
    weights: Blocks<T>,
    bias: &'a [T],
    first_hidden: &'a [T],
    first_cell: &'a [T],
    gates: Shared<T>,
    cells: Shared<T>,
    sequence: Shared<T>,
}

impl<T: Gates> Layer<'_, T> {
    fn all_steps(&self, group: &Group) {
        for t in 0..self.sizes.steps {
            match &self.parts[..] {
                [all] => self.step(group, t, all),
                parts => parts.par_iter().with_max_len(1).for_each(|cells| self.step(group, t, cells)),
            }
        }
    }

    /// Step `t` of a group, some of its cells.
    fn step(&self, group: &Group, t: usize, part: &Range<usize>) {
        let Sizes { batch, cells: h, .. } = self.sizes;
        let alive = group.alive(t);
        let (hidden, cell) = (self.sequence.at(t * batch * h), self.cells.at(t * batch * h));
        let (hidden_before, cell_before) = match t {
            0 => (self.first_hidden.as_ptr(), self.first_cell.as_ptr()),
            _ => {
                let before = (t - 1) * batch * h;
                (self.sequence.at(before).cast_const(), self.cells.at(before).cast_const())
            }
        };
        let gates = self.gates.at(t * batch * 4 * h);
        let products = Products::of(group, alive, (t == 0).then_some((self.first_hidden, h)));
        for tile in tiles(part, self.weights[0].panel_width()) {
            let sums = |gate: usize| gates.wrapping_add(gate * h + tile.start);
            let weights: SmallVec<[_; 4]> = self.weights.iter().enumerate().map(|(gate, w)| (w, sums(gate))).collect();
            // SAFETY: rows are places in the batch and the tile is inside H, so all elements are valid. This group's rows and this part's
            // columns of `gates` are this task's alone; the step before is complete, and nobody writes there.
            unsafe {
                let (a_rows, c_rows) = (&products.state_rows, &products.gate_rows);
                rows_times_each(hidden_before, a_rows, &weights, tile.clone(), c_rows, true);
            }
            let rows = &group.rows[..alive];
            let bias = self.bias.as_ptr();
            let tile = gates::Forward { h_len: h, rows, cells: tile, gates, bias, cell_before, cell, hidden };
            // SAFETY: as above.
            unsafe { T::forward(&tile) };
        }
        for state in &group.state_rows[alive..] {
            let from = state + part.start;
            // SAFETY: as above; what is read was written in the step before.
            unsafe {
                let keep = |before: *const T, now: *mut T| {
                    now.wrapping_add(from).copy_from_nonoverlapping(before.wrapping_add(from), part.len());
                };
                keep(hidden_before, hidden);
                keep(cell_before, cell);
            }
        }
    }
}

/// The rows of a step whose product with the recurrent weight is not 0.
struct Products<'a> {
    state_rows: std::borrow::Cow<'a, [usize]>,
    gate_rows: std::borrow::Cow<'a, [usize]>,
}

impl<'a> Products<'a> {
    /// The first `alive` rows of a group; of those before the first step, `[B, H]`, only those that are not all zeros. Most sequences start so.
    fn of<T: Gates>(group: &'a Group, alive: usize, first: Option<(&[T], usize)>) -> Products<'a> {
        let (states, gates) = (&group.state_rows[..alive], &group.gate_rows[..alive]);
        let Some((first, h)) = first else { return Products { state_rows: states.into(), gate_rows: gates.into() } };
        let counts = |&(state, _): &(&usize, &usize)| first[*state..][..h].iter().any(|&x| x != T::ZERO);
        let (state_rows, gate_rows): (Vec<_>, Vec<_>) = states.iter().zip(gates).filter(counts).unzip();
        Products { state_rows: state_rows.into(), gate_rows: gate_rows.into() }
    }
}
