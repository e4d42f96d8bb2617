//! The gates of a tile: some rows of the batch, some of the cells, one step.

use std::ops::Range;

use super::squash::{Quotient, sigmoid, tanh};
use crate::cpu::lanes::{Kernel, Kind, Lanes};
use crate::cpu::math::Real;
use crate::cpu::matmul::Gemm;

/// A tile forward. Pointers are to the first row of the step; rows of the batch follow each other, `4H` or `H` apart.
pub(super) struct Forward<'a, T> {
    pub h_len: usize,
    pub rows: &'a [usize],
    pub cells: Range<usize>,
    /// The inputs' products; may be `gates` themselves.
    pub inputs: Sums<'a, T>,
    /// The products of h before.
    pub states: Sums<'a, T>,
    /// `[B, 4H]`: σ(i), σ(f), tanh(g), σ(o).
    pub gates: *mut T,
    /// `[4H]`
    pub bias: *const T,
    pub cell_before: *const T,
    pub cell: *mut T,
    pub hidden: *mut T,
}

/// Sums of products for the four gates of a tile.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a, T> {
    /// Of the tile's first cell; a row's begin at an offset from here.
    pub start: *const T,
    pub rows: &'a [usize],
    /// From one gate to the next.
    pub step: usize,
}

impl<T> Sums<'_, T> {
    /// Where the four gates of row `i` of the tile begin.
    fn of_row(&self, i: usize) -> [*const T; 4] {
        let start = self.start.wrapping_add(self.rows[i]);
        [0, 1, 2, 3].map(|gate| start.wrapping_add(gate * self.step))
    }
}

/// A tile backward, with pointers as in [`Forward`].
pub(super) struct Backward<'a, T> {
    pub h_len: usize,
    pub rows: &'a [usize],
    pub cells: Range<usize>,
    pub gates: *const T,
    /// Gradients of the sums before the gates; may be `gates` itself.
    pub deltas: *mut T,
    pub cell_before: *const T,
    pub cell: *const T,
    /// The gradient of h after the step, but for what arrives at the sequence.
    pub d_hidden: *const T,
    /// What arrives at the sequence.
    pub arriving: Option<*const T>,
    /// The gradient of the cell after the step, which becomes that of the cell before.
    pub d_cell: *mut T,
}

/// An element type that the gates have a kernel for.
pub(crate) trait Gates: Gemm {
    /// # Safety
    /// All elements of the tile are valid, and those that it writes are not reachable otherwise.
    unsafe fn forward(tile: &Forward<'_, Self>);
    /// # Safety
    /// As for [`forward`](Gates::forward).
    unsafe fn backward(tile: &Backward<'_, Self>);
}

impl Gates for f32 {
    unsafe fn forward(tile: &Forward<'_, f32>) {
        // SAFETY: the caller's promise.
        unsafe { Kind::widest().run(tile) }
    }

    unsafe fn backward(tile: &Backward<'_, f32>) {
        // SAFETY: the caller's promise.
        unsafe { Kind::widest().run(tile) }
    }
}

/// What happens to each cell. A trait and not a closure, since only a function's inlining can be demanded; outside of the function that is compiled
/// for its lanes an operation on them is a call.
trait Each<const IN: usize, const OUT: usize> {
    /// # Safety
    /// As many elements as there are lanes are valid at all addresses.
    unsafe fn work<L: Lanes>(&self, from: [*const f32; IN], to: [*mut f32; OUT]);
}

/// Does `each` for all `cells`; the last few go through a padded copy.
#[inline(always)]
unsafe fn in_lanes<L: Lanes, const IN: usize, const OUT: usize>(
    cells: usize,
    inputs: [*const f32; IN],
    outputs: [*mut f32; OUT],
    each: &impl Each<IN, OUT>,
) {
    let whole = cells - cells % L::COUNT;
    for k in (0..whole).step_by(L::COUNT) {
        // SAFETY: the caller's inputs and outputs have `cells` elements each.
        unsafe { each.work::<L>(inputs.map(|x| x.wrapping_add(k)), outputs.map(|x| x.wrapping_add(k))) };
    }
    let rest = cells - whole;
    if rest > 0 {
        let (mut copies, mut made) = ([[0f32; 16]; IN], [[0f32; 16]; OUT]);
        for (copy, x) in copies.iter_mut().zip(inputs) {
            // SAFETY: as above, and no vector has more than sixteen lanes.
            unsafe { x.wrapping_add(whole).copy_to_nonoverlapping(copy.as_mut_ptr(), rest) };
        }
        let to: [*mut f32; OUT] = std::array::from_fn(|i| (&raw mut made[i]).cast());
        // SAFETY: the copies have sixteen elements each.
        unsafe { each.work::<L>(std::array::from_fn(|i| copies[i].as_ptr()), to) };
        for (x, from) in outputs.into_iter().zip(to) {
            // SAFETY: as above, of the outputs.
            unsafe { x.wrapping_add(whole).copy_from_nonoverlapping(from, rest) };
        }
    }
}

impl Kernel for Forward<'_, f32> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let (h, from) = (self.h_len, self.cells.start);
        let [bi, bf, bg, bo]: [*const f32; 4] = std::array::from_fn(|gate| self.bias.wrapping_add(gate * h + from));
        for (place, &row) in self.rows.iter().enumerate() {
            let ([xi, xf, xg, xo], [hi, hf, hg, ho]) = (self.inputs.of_row(place), self.states.of_row(place));
            let gates = self.gates.wrapping_add(row * 4 * h + from);
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates.wrapping_add(gate * h));
            let state = row * h + from;
            let before = self.cell_before.wrapping_add(state);
            let (cell, hidden) = (self.cell.wrapping_add(state), self.hidden.wrapping_add(state));
            let inputs = [xi, xf, xg, xo, hi, hf, hg, ho, bi, bf, bg, bo, before];
            // SAFETY: the caller's promise.
            unsafe { in_lanes::<L, 13, 6>(self.cells.len(), inputs, [i, f, g, o, cell, hidden], &Step) };
        }
    }
}

/// Products of inputs and of h before, biases and c before → gates, c and h.
struct Step;

impl Each<13, 6> for Step {
    #[inline(always)]
    unsafe fn work<L: Lanes>(&self, x: [*const f32; 13], to: [*mut f32; 6]) {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = [
                L::load(x[0]).add(L::load(x[4])).add(L::load(x[8])),
                L::load(x[1]).add(L::load(x[5])).add(L::load(x[9])),
                L::load(x[2]).add(L::load(x[6])).add(L::load(x[10])),
                L::load(x[3]).add(L::load(x[7])).add(L::load(x[11])),
            ];
            let ([i, f, g, o], cell, hidden) = step(sums, L::load(x[12]));
            i.store(to[0]);
            f.store(to[1]);
            g.store(to[2]);
            o.store(to[3]);
            cell.store(to[4]);
            hidden.store(to[5]);
        }
    }
}

/// The gates from the sums before them, and c and h. A NaN in one gate is one in all four of its cell.
#[inline(always)]
fn step<L: Lanes>(sums: [L; 4], before: L) -> ([L; 4], L, L) {
    let [i, f, g, o] = Quotient::all([sigmoid(sums[0]), sigmoid(sums[1]), tanh(sums[2]), sigmoid(sums[3])]);
    let cell = f.mul_add(before, i.mul(g));
    ([i, f, g, o], cell, o.mul(tanh(cell).value()))
}

impl Kernel for Backward<'_, f32> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let (h, from) = (self.h_len, self.cells.start);
        for &row in self.rows {
            let gate = |i: usize| row * 4 * h + i * h + from;
            let state = row * h + from;
            let [i, f, g, o] = [0, 1, 2, 3].map(|i| self.gates.wrapping_add(gate(i)));
            let [di, df, dg, d_o] = [0, 1, 2, 3].map(|i| self.deltas.wrapping_add(gate(i)));
            // Where nothing arrives, something else is read.
            let arriving = self.arriving.unwrap_or(self.d_hidden);
            let [cell, before, d_hidden, arriving] =
                [self.cell, self.cell_before, self.d_hidden, arriving].map(|x| x.wrapping_add(state));
            let d_cell = self.d_cell.wrapping_add(state);
            let inputs = [i, f, g, o, cell, before, d_cell.cast_const(), d_hidden, arriving];
            let each = StepBack { arriving: self.arriving.is_some() };
            // SAFETY: the caller's promise.
            unsafe { in_lanes::<L, 9, 5>(self.cells.len(), inputs, [di, df, dg, d_o, d_cell], &each) };
        }
    }
}

/// Gates, c, c before, the gradients of c and h, what arrives → gradients of the sums and of c before.
struct StepBack {
    /// Whether anything does.
    arriving: bool,
}

impl Each<9, 5> for StepBack {
    #[inline(always)]
    unsafe fn work<L: Lanes>(&self, x: [*const f32; 9], to: [*mut f32; 5]) {
        // SAFETY: the caller's promise.
        unsafe {
            let gates = [L::load(x[0]), L::load(x[1]), L::load(x[2]), L::load(x[3])];
            let mut d_hidden = L::load(x[7]);
            if self.arriving {
                d_hidden = d_hidden.add(L::load(x[8]));
            }
            let [di, df, dg, d_o, d_cell] = step_back(gates, L::load(x[4]), L::load(x[5]), L::load(x[6]), d_hidden);
            di.store(to[0]);
            df.store(to[1]);
            dg.store(to[2]);
            d_o.store(to[3]);
            d_cell.store(to[4]);
        }
    }
}

/// Gradients of the four sums before the gates, and of the cell before. The tanh of the cell is computed again: to keep it would cost a sixth more
/// memory. (Which of the two is faster was not measured.)
#[inline(always)]
fn step_back<L: Lanes>([i, f, g, o]: [L; 4], cell: L, before: L, d_cell: L, d_hidden: L) -> [L; 5] {
    let one = L::splat(1.0);
    let squashed = tanh(cell).value();
    let here = d_hidden.mul(o).mul_add(squashed.neg_mul_add(squashed, one), d_cell);
    // x(1 − x) as x − x², and 1 − x².
    [
        here.mul(g).mul(i.neg_mul_add(i, i)),
        here.mul(before).mul(f.neg_mul_add(f, f)),
        here.mul(i).mul(g.neg_mul_add(g, one)),
        d_hidden.mul(squashed).mul(o.neg_mul_add(o, o)),
        here.mul(f),
    ]
}

impl Gates for f64 {
    unsafe fn forward(tile: &Forward<'_, f64>) {
        for (place, gate, state, k) in places(tile.h_len, tile.rows, &tile.cells) {
            let (x, h) = (tile.inputs.of_row(place), tile.states.of_row(place));
            let at = k - tile.cells.start;
            // SAFETY: the caller's promise.
            unsafe {
                let sum = |i: usize| *x[i].add(at) + *h[i].add(at) + *tile.bias.add(k + i * tile.h_len);
                let (i, f, g, o) =
                    (Real::sigmoid(sum(0)), Real::sigmoid(sum(1)), f64::tanh(sum(2)), Real::sigmoid(sum(3)));
                let cell = f * *tile.cell_before.add(state) + i * g;
                for (block, x) in [i, f, g, o].into_iter().enumerate() {
                    *tile.gates.add(gate + block * tile.h_len) = x;
                }
                *tile.cell.add(state) = cell;
                *tile.hidden.add(state) = o * cell.tanh();
            }
        }
    }

    unsafe fn backward(tile: &Backward<'_, f64>) {
        for (_, gate, state, _) in places(tile.h_len, tile.rows, &tile.cells) {
            // SAFETY: the caller's promise.
            unsafe {
                let [i, f, g, o] = [0, 1, 2, 3].map(|block| *tile.gates.add(gate + block * tile.h_len));
                let squashed = (*tile.cell.add(state)).tanh();
                let d_hidden = *tile.d_hidden.add(state) + tile.arriving.map_or(0.0, |x| *x.add(state));
                let here = *tile.d_cell.add(state) + d_hidden * o * (1.0 - squashed * squashed);
                let deltas = [
                    here * g * i * (1.0 - i),
                    here * *tile.cell_before.add(state) * f * (1.0 - f),
                    here * i * (1.0 - g * g),
                    d_hidden * squashed * o * (1.0 - o),
                ];
                for (block, x) in deltas.into_iter().enumerate() {
                    *tile.deltas.add(gate + block * tile.h_len) = x;
                }
                *tile.d_cell.add(state) = here * f;
            }
        }
    }
}

/// For every element of a tile: its row's place among the tile's, where its first gate and its state are, and its cell.
fn places(h: usize, rows: &[usize], cells: &Range<usize>) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let of_row = move |(i, &row): (usize, &usize)| cells.clone().map(move |k| (i, row * 4 * h + k, row * h + k, k));
    rows.iter().enumerate().flat_map(of_row)
}
