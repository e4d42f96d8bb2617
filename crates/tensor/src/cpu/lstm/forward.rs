//! The layer forward.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use smallvec::SmallVec;

use super::Shared;
use super::distinct::Distinct;
use super::gates::{self, Gates, Sums};
use super::plan::{Group, Plan, Sizes, tile_width, tiles};
use super::weights::rows_times;
use crate::cpu::buffer::Buffer;
use crate::cpu::gemm::rows_times_each;
use crate::cpu::kept::{Blocks, packed};
use crate::cpu::{CpuBackend, contiguous_elements};
use crate::fused::{LstmArgs, LstmOutput};
use crate::{Result, Tensor};

/// Elements between two rows of a tile's products, so that rows do not lie a power of two apart, in the same few places of a cache.
const APART: usize = 32;

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
        let inputs = Inputs::of(cpu, args, contiguous_elements(&input), &plan, gates)?;
        let weights = packed(cpu, args.weight_hh, 4)?;
        let panel = weights[0].panel_width();
        let parts = plan.parts(h, panel);
        let layer = Layer {
            sizes,
            // The first part is the widest.
            tile: tile_width(panel).min(parts.first().map_or(0, Range::len)),
            parts,
            inputs,
            weights,
            bias: contiguous_elements(&bias),
            first_hidden: contiguous_elements(&first_hidden),
            first_cell: contiguous_elements(&first_cell),
            gates,
            cells: Shared(cells.elements_mut::<T>().as_mut_ptr()),
            sequence: Shared(sequence.elements_mut::<T>().as_mut_ptr()),
        };
        plan.groups.par_iter().with_max_len(1).try_for_each(|group| {
            let mut products = cpu.memory.take_elements::<T>(layer.parts.len() * layer.room(group))?;
            layer.all_steps(group, Shared(products.elements_mut::<T>().as_mut_ptr()));
            Ok(())
        })
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

/// The inputs' share of the sums before the gates, for all steps.
struct Inputs<T> {
    start: Shared<T>,
    /// Where each place's `t · B + row` begins; without this where its gates do.
    rows: Option<Vec<usize>>,
    /// What `start` points to, if not to the gates.
    _kept: Option<Buffer>,
}

impl<T: Gates> Inputs<T> {
    /// One product for all that are alive; where many are equal, as embeddings of the same word are, for those that differ.
    fn of(cpu: &CpuBackend, args: &LstmArgs<'_>, input: &[T], plan: &Plan, gates: Shared<T>) -> Result<Inputs<T>> {
        let (steps, batch, inputs, h) = args.sizes();
        let weight = &packed(cpu, args.weight_ih, 1)?[0];
        let places = plan.places();
        let offsets = |places: &[usize], width: usize| places.iter().map(|place| place * width).collect::<Vec<_>>();
        let rows = offsets(&places, inputs);
        let Distinct { first, class } = Distinct::of(input, &rows, inputs);
        // The products of those that differ need memory of their own: only where at least a quarter is saved, and the budget has it.
        let few = 4 * first.len() <= 3 * places.len();
        let kept = few.then(|| cpu.memory.take_elements::<T>(first.len() * 4 * h).ok()).flatten();
        let Some(mut kept) = kept else {
            // SAFETY: the places are inside T · B, and `gates` has 4H elements for each, which nobody else uses.
            unsafe { rows_times(input, &rows, weight, gates, &offsets(&places, 4 * h)) };
            return Ok(Inputs { start: gates, rows: None, _kept: None });
        };
        let start = Shared(kept.elements_mut::<T>().as_mut_ptr());
        let (from, to) = (first.iter().map(|&i| rows[i]).collect::<Vec<_>>(), (0..first.len()).collect::<Vec<_>>());
        // SAFETY: the rows are inside `input`, and `kept` has 4H elements for each.
        unsafe { rows_times(input, &from, weight, start, &offsets(&to, 4 * h)) };
        let mut begin = vec![0; steps * batch];
        places.iter().zip(class).for_each(|(&place, class)| begin[place] = class * 4 * h);
        Ok(Inputs { start, rows: Some(begin), _kept: Some(kept) })
    }
}

/// One call's operands.
struct Layer<'a, T: Gates> {
    sizes: Sizes,
    /// The cells in parts that are computed side by side.
    parts: Vec<Range<usize>>,
    /// Most cells of a tile.
    tile: usize,
    inputs: Inputs<T>,
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
    /// Elements that a part needs for a tile's products, and for those of zeros.
    fn room(&self, group: &Group) -> usize {
        (group.rows.len() + 1) * self.of_row()
    }

    /// From one row's products to the next's: four gates of a tile.
    fn of_row(&self) -> usize {
        4 * self.tile + APART
    }

    /// `products` has [room](Layer::room) for each part.
    fn all_steps(&self, group: &Group, products: Shared<T>) {
        let places: Vec<usize> = (0..=group.rows.len()).map(|i| i * self.of_row()).collect();
        for t in 0..self.sizes.steps {
            let alive = group.alive(t);
            let states = match t {
                0 => States::first(self.first_hidden, &group.state_rows[..alive], self.sizes.cells, &places),
                _ => States::all(&group.state_rows[..alive], &places),
            };
            let step = |(part, cells): (usize, &Range<usize>)| {
                self.step(group, t, cells, &states, products.at(part * self.room(group)));
            };
            match &self.parts[..] {
                [all] => step((0, all)),
                parts => parts.par_iter().with_max_len(1).enumerate().for_each(step),
            }
        }
    }

    /// Step `t` of a group, some of its cells.
    fn step(&self, group: &Group, t: usize, part: &Range<usize>, states: &States<'_>, products: *mut T) {
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
        let (rows, bias) = (&group.rows[..alive], self.bias.as_ptr());
        let picked: Option<Vec<usize>> =
            self.inputs.rows.as_ref().map(|begin| rows.iter().map(|row| begin[t * batch + row]).collect());
        let (inputs, input_rows) = match &picked {
            Some(picked) => (self.inputs.start.at(0), &picked[..]),
            None => (gates, &group.gate_rows[..alive]),
        };
        if let Some(zeros) = states.zeros {
            // SAFETY: the caller's room has a row for zeros.
            unsafe { std::slice::from_raw_parts_mut(products.wrapping_add(zeros), self.of_row()) }.fill(T::ZERO);
        }
        for tile in tiles(part, self.weights[0].panel_width()) {
            let sums = |gate: usize| products.wrapping_add(gate * self.tile);
            let weights: SmallVec<[_; 4]> = self.weights.iter().enumerate().map(|(gate, w)| (w, sums(gate))).collect();
            // SAFETY: rows are places in the batch and the tile is inside H, so all elements are valid. The products are this task's alone; the step
            // before is complete, and nobody writes there.
            unsafe { rows_times_each(hidden_before, &states.rows, &weights, tile.clone(), states.products, false) };
            let tile = gates::Forward {
                h_len: h,
                rows,
                inputs: Sums { start: inputs.wrapping_add(tile.start), rows: input_rows, step: h },
                states: Sums { start: products, rows: &states.of_rows, step: self.tile },
                cells: tile,
                gates,
                bias,
                cell_before,
                cell,
                hidden,
            };
            // SAFETY: as above; this group's rows and this part's columns of what is written are this task's alone.
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

/// Which rows of h before a step are multiplied with the recurrent weight, and whose product is whose.
struct States<'a> {
    /// `row · H` of those that are multiplied.
    rows: Cow<'a, [usize]>,
    /// Where the product of each of those goes.
    products: &'a [usize],
    /// Where the product of each row of the group is.
    of_rows: Cow<'a, [usize]>,
    /// Where that of zeros is, if there are any: it is not computed.
    zeros: Option<usize>,
}

impl<'a> States<'a> {
    /// Each row by itself.
    fn all(rows: &'a [usize], places: &'a [usize]) -> States<'a> {
        let places = &places[..rows.len()];
        States { rows: rows.into(), products: places, of_rows: places.into(), zeros: None }
    }

    /// Before the first step, `[B, H]`: rows are often the same (a beam's that grew out of one hypothesis), and most sequences start with zeros.
    fn first<T: Gates>(hidden: &[T], rows: &'a [usize], h: usize, places: &'a [usize]) -> States<'a> {
        let Distinct { first, class } = Distinct::of(hidden, rows, h);
        let is_zero = |i: &usize| hidden[rows[*i]..][..h].iter().all(|&x| x == T::ZERO);
        let (zeros, counting): (Vec<usize>, Vec<usize>) = (0..first.len()).partition(|&class| is_zero(&first[class]));
        // Zeros of both signs may be there.
        let mut place_of = vec![places[counting.len()]; first.len()];
        counting.iter().zip(places).for_each(|(&class, &place)| place_of[class] = place);
        States {
            rows: counting.iter().map(|&class| rows[first[class]]).collect(),
            products: &places[..counting.len()],
            of_rows: class.iter().map(|&class| place_of[class]).collect(),
            zeros: (!zeros.is_empty()).then(|| places[counting.len()]),
        }
    }
}
