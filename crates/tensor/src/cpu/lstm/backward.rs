//! The layer backward.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::gates::{self, Gates};
use super::plan::{Group, Plan, Sizes};
use super::weights::rows_times;
use super::{Shared, matrix};
use crate::cpu::gemm::{Packed, Precision, product_of_live, rows_times_packed};
use crate::cpu::matmul::Matrix;
use crate::cpu::{CpuBackend, contiguous_elements, elements_mut};
use crate::fused::{
    LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients, LstmWeightArgs, LstmWeightGradients,
};
use crate::{Result, Tensor};

pub(super) fn backward<T: Gates>(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmGradients> {
    let sequence = output.sequence.clone();
    let LstmDataGradients { sums, input, hidden, cell } = data::<T>(cpu, args, output, gradients)?;
    let args = LstmWeightArgs { sums: &sums, input: args.input, hidden: args.hidden, sequence: &sequence };
    let LstmWeightGradients { weight_ih, weight_hh, bias } = weights::<T>(cpu, &args)?;
    Ok(LstmGradients { input, weight_ih, weight_hh, bias, hidden, cell })
}

/// All but the weights' gradients.
pub(super) fn data<T: Gates>(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmDataGradients> {
    let (steps, batch, inputs, h) = args.sizes();
    let sizes = Sizes { steps, batch, cells: h };
    let (like, dtype) = (args.input, args.input.dtype());
    let lengths = args.lengths.map(Tensor::contiguous);
    let lengths = lengths.as_ref().map(contiguous_elements::<u32>);
    // The gradients of the state, carried from step to step.
    let carried = |given: Option<&Tensor>| match given {
        Some(given) => given.copy(),
        None => Tensor::zeros([batch, h], dtype, like.device()),
    };
    let (mut hidden, mut cell) = (carried(gradients.hidden), carried(gradients.cell));
    let LstmOutput { gates, cells, .. } = output;
    // Where nobody else has the gates, the gradients of the sums before them take their place.
    let (gates, mut sums) = match gates.is_unique() {
        true => (None, gates),
        false => {
            let fresh = cpu.memory.take_elements::<T>(steps * batch * 4 * h)?;
            (Some(gates.contiguous()), Tensor::of(Arc::new(fresh), gates.shape(), dtype, like.device()))
        }
    };
    let plan = cpu.on_threads(|| -> Result<Plan> {
        let plan = Plan::new(sizes, lengths, args.start, rayon::current_num_threads());
        let cells = cells.contiguous();
        let (first_cell, arriving) = (args.cell.contiguous(), gradients.sequence.map(Tensor::contiguous));
        let weight = Packed::new(matrix::<T>(args.weight_hh), cpu.precision(), &cpu.memory)?;
        let deltas = Shared(elements_mut::<T>(&mut sums)?.as_mut_ptr());
        let layer = Layer {
            sizes,
            parts: plan.parts(h, weight.panel_width()),
            weight,
            gates: gates.as_ref().map_or(deltas.at(0).cast_const(), |gates| contiguous_elements(gates).as_ptr()),
            cells: contiguous_elements(&cells),
            first_cell: contiguous_elements(&first_cell),
            arriving: arriving.as_ref().map(contiguous_elements),
            deltas,
            d_hidden: Shared(elements_mut::<T>(&mut hidden)?.as_mut_ptr()),
            d_cell: Shared(elements_mut::<T>(&mut cell)?.as_mut_ptr()),
        };
        plan.groups.par_iter().with_max_len(1).for_each(|group| layer.all_steps(group));
        Ok(plan)
    })?;
    drop((gates, cells));
    let d = contiguous_elements::<T>(&sums);
    let precision = cpu.precision();
    let places = plan.places();
    let mut d_input = cpu.memory.take_elements::<T>(steps * batch * inputs)?;
    cpu.on_threads(|| -> Result<()> {
        let weight = Packed::new(matrix::<T>(args.weight_ih), precision, &cpu.memory)?;
        let rows = |width: usize| places.iter().map(|place| place * width).collect::<Vec<_>>();
        let out = d_input.elements_mut::<T>();
        if places.len() < steps * batch {
            out.fill(T::ZERO);
        }
        // SAFETY: the places are inside T · B, and each row of the result is written once.
        unsafe { rows_times(d, &rows(4 * h), &weight, Shared(out.as_mut_ptr()), &rows(inputs)) };
        Ok(())
    })?;
    let input = Tensor::of(Arc::new(d_input), [steps, batch, inputs], dtype, like.device());
    Ok(LstmDataGradients { sums, input, hidden, cell })
}

/// The weights' gradients, each as one product over all steps.
pub(super) fn weights<T: Gates>(cpu: &CpuBackend, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
    let (steps, batch, inputs, h) = args.sizes();
    let (like, dtype, precision) = (args.input, args.input.dtype(), cpu.precision());
    let (sums, input) = (args.sums.contiguous(), args.input.contiguous());
    let sums = sums.reshape([steps * batch, 4 * h]);
    let d = contiguous_elements::<T>(&sums);
    let d_all = Matrix::row_major(d, steps * batch, 4 * h);
    let live = live_rows(d, 4 * h);
    let weight_ih = cpu.tensor(like, &[4 * h, inputs], dtype, |out: &mut [T]| {
        let x = Matrix::row_major(contiguous_elements(&input), steps * batch, inputs);
        product_of_live(d_all.transposed(), x, &live, out, false, precision);
    })?;
    let (first_hidden, sequence) = (args.hidden.contiguous(), args.sequence.contiguous());
    let sizes = Sizes { steps, batch, cells: h };
    let weight_hh = cpu.tensor(like, &[4 * h, h], dtype, |out: &mut [T]| {
        let (first, all) = (contiguous_elements::<T>(&first_hidden), contiguous_elements::<T>(&sequence));
        recurrent_gradient(sizes, d, &live, first, all, out, precision);
    })?;
    Ok(LstmWeightGradients { weight_ih, weight_hh, bias: sums.sum(0, false) })
}

/// The rows of `width` numbers that are not all zeros: those whose sequence has ended have no gradient.
fn live_rows<T: Gates>(x: &[T], width: usize) -> Vec<usize> {
    let rows = x.chunks(width.max(1)).enumerate();
    rows.filter(|(_, row)| row.iter().any(|&x| x != T::ZERO)).map(|(place, _)| place).collect()
}

/// The gradient of the recurrent weight: h before each step with the gradients of the sums that it went into, of which the rows `live` are not zeros.
fn recurrent_gradient<T: Gates>(
    Sizes { steps, batch, cells: h }: Sizes,
    sums: &[T],
    live: &[usize],
    first: &[T],
    sequence: &[T],
    out: &mut [T],
    precision: Precision,
) {
    let mut begun = false;
    let mut gradient = |sums: &[T], live: &[usize], before: &[T]| {
        let rows = before.len() / h.max(1);
        let sums = Matrix::row_major(sums, rows, 4 * h).transposed();
        product_of_live(sums, Matrix::row_major(before, rows, h), live, out, begun, precision);
        begun = true;
    };
    let (now, later) = sums.split_at(4 * h * batch * steps.min(1));
    let (live_now, live_later) = live.split_at(live.partition_point(|&place| place < batch));
    let live_later: Vec<usize> = live_later.iter().map(|place| place - batch).collect();
    // Most sequences begin with zeros.
    if steps <= 1 || first.iter().any(|&x| x != T::ZERO) {
        gradient(now, live_now, &first[..batch * h * steps.min(1)]);
    }
    if steps > 1 {
        gradient(later, &live_later, &sequence[..(steps - 1) * batch * h]);
    }
}

/// One call's operands.
struct Layer<'a, T: Gates> {
    sizes: Sizes,
    /// The cells in parts that are computed side by side.
    parts: Vec<Range<usize>>,
    /// `[4H, H]`
    weight: Packed<T>,
    /// `[T, B, 4H]`; may be where `deltas` is.
    gates: *const T,
    cells: &'a [T],
    first_cell: &'a [T],
    arriving: Option<&'a [T]>,
    deltas: Shared<T>,
    d_hidden: Shared<T>,
    d_cell: Shared<T>,
}

// SAFETY: the pointer is to elements that outlive the layer; who writes them where `deltas` is the same says so there.
unsafe impl<T: Gates> Sync for Layer<'_, T> {}

impl<T: Gates> Layer<'_, T> {
    fn all_steps(&self, group: &Group) {
        for t in (0..=self.sizes.steps).rev() {
            match &self.parts[..] {
                [all] => self.step(group, t, all),
                parts => parts.par_iter().with_max_len(1).for_each(|cells| self.step(group, t, cells)),
            }
        }
    }

    /// For some of a group's cells: the gradient of h before step `t` from the sums of that step, which are complete, and from it and the gates those of
    /// the sums of step `t − 1`, while it is in a core's own cache. One product for all of a part: each copies its left operand, `4H` a row.
    fn step(&self, group: &Group, t: usize, part: &Range<usize>) {
        let Sizes { steps, batch, cells: h } = self.sizes;
        if t < steps {
            let alive = group.alive(t);
            let (sums, d_hidden) = (self.deltas.at(t * batch * 4 * h).cast_const(), self.d_hidden.at(part.start));
            let (a_rows, c_rows) = (&group.gate_rows[..alive], &group.state_rows[..alive]);
            // SAFETY: rows are places in the batch and the part is inside H, so all elements are valid. This group's rows and this part's columns
            // of `d_hidden` are this task's alone, and nobody writes the sums of step `t` any more.
            unsafe { rows_times_packed(sums, a_rows, &self.weight, part.clone(), d_hidden, c_rows, false) };
        }
        if t > 0 {
            self.gates(group, t - 1, part.clone());
        }
    }

    /// The gradients of a part's sums at step `t`.
    fn gates(&self, group: &Group, t: usize, cells: Range<usize>) {
        let Sizes { batch, cells: h, .. } = self.sizes;
        let state = t * batch * h;
        let (rows, ended) = group.rows.split_at(group.alive(t));
        let arriving = self.arriving.map(|x| x[state..].as_ptr());
        let deltas = self.deltas.at(4 * state);
        for &row in ended {
            let from = row * h + cells.start;
            for gate in 0..4 {
                let place = row * 4 * h + gate * h + cells.start;
                // SAFETY: as for the tile below.
                unsafe { std::slice::from_raw_parts_mut(deltas.wrapping_add(place), cells.len()) }.fill(T::ZERO);
            }
            if let Some(arriving) = self.arriving {
                // SAFETY: as for the tile below.
                let d = unsafe { std::slice::from_raw_parts_mut(self.d_hidden.at(from), cells.len()) };
                d.iter_mut().zip(&arriving[state + from..]).for_each(|(d, &x)| *d += x);
            }
        }
        let tile = gates::Backward {
            h_len: h,
            rows,
            cells,
            gates: self.gates.wrapping_add(4 * state),
            deltas,
            cell_before: if t == 0 { self.first_cell.as_ptr() } else { self.cells[state - batch * h..].as_ptr() },
            cell: self.cells[state..].as_ptr(),
            d_hidden: self.d_hidden.at(0).cast_const(),
            arriving,
            d_cell: self.d_cell.at(0),
        };
        // SAFETY: rows are places in the batch and the tile is inside H, so all elements are valid; what is written belongs to this group's rows
        // and this part's cells, which are this task's alone.
        unsafe { T::backward(&tile) };
    }
}
