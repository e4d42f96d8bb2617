//! Reductions along the last axis, in an order that depends on its length alone.
//!
//! A sum of n elements is taken in blocks of [`BLOCK`]; in a block, element i goes to lane i mod [`LANES`]; the lanes are added pairwise, and
//! the blocks in turn. Whether the axis lies along memory, across it, or is walked by several threads, the bits are the same.

use bytemuck::Pod;

use super::elementwise::Stored;
use super::math::{Real, vectorised};
use super::threads::{GRAIN, in_costly_pieces};
use super::{Float, by_dtype, by_float, elements};
use crate::layout::{Layout, Walk};
use crate::ops::Reduce;
use crate::{DType, Tensor};

const LANES: usize = 16;
const BLOCK: usize = 4096;
/// Neighbouring columns that are reduced together where the axis lies across memory.
const COLUMNS: usize = 32;

/// What to do with each element, and how to join two results.
trait Fold<T: Pod + Send + Sync>: Copy + Send + Sync {
    type Wide: Copy + Send + Sync;
    fn start(self) -> Self::Wide;
    fn take(self, x: T) -> Self::Wide;
    fn join(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn finish(self, x: Self::Wide) -> T;
}

#[derive(Clone, Copy)]
struct FloatFold<const OP: u8>;

const SUM: u8 = 0;
const SQUARES: u8 = 1;
const PRODUCT: u8 = 2;
const MAX: u8 = 3;
const MIN: u8 = 4;

impl<F: Float, const OP: u8> Fold<F> for FloatFold<OP> {
    type Wide = F::Wide;
    #[inline(always)]
    fn start(self) -> F::Wide {
        match OP {
            SUM | SQUARES => F::Wide::ZERO,
            PRODUCT => F::Wide::ONE,
            MAX => -F::Wide::INFINITY,
            _ => F::Wide::INFINITY,
        }
    }
    #[inline(always)]
    fn take(self, x: F) -> F::Wide {
        let x = x.widen();
        if OP == SQUARES { x * x } else { x }
    }
    #[inline(always)]
    fn join(self, a: F::Wide, b: F::Wide) -> F::Wide {
        match OP {
            SUM | SQUARES => a + b,
            PRODUCT => a * b,
            MAX => b.maximum(a),
            _ => b.minimum(a),
        }
    }
    #[inline(always)]
    fn finish(self, x: F::Wide) -> F {
        F::narrow(x)
    }
}

/// Integers reduce in i64, wrapping; truth values too, where a sum means any and a product all.
#[derive(Clone, Copy)]
struct IntegerFold(Reduce);

trait Integer: Stored {
    fn widen(self) -> i64;
    fn narrow(x: i64) -> Self;
}
impl Integer for i64 {
    fn widen(self) -> i64 {
        self
    }
    fn narrow(x: i64) -> i64 {
        x
    }
}
impl Integer for u32 {
    fn widen(self) -> i64 {
        self as i64
    }
    fn narrow(x: i64) -> u32 {
        x as u32
    }
}
impl Integer for u8 {
    fn widen(self) -> i64 {
        self as i64
    }
    fn narrow(x: i64) -> u8 {
        (x != 0) as u8
    }
}

impl<T: Integer> Fold<T> for IntegerFold {
    type Wide = i64;
    fn start(self) -> i64 {
        match self.0 {
            Reduce::Prod => 1,
            Reduce::Max => i64::MIN,
            Reduce::Min => i64::MAX,
            _ => 0,
        }
    }
    fn take(self, x: T) -> i64 {
        let x = x.widen();
        if self.0 == Reduce::SumSquares { x.wrapping_mul(x) } else { x }
    }
    fn join(self, a: i64, b: i64) -> i64 {
        match self.0 {
            Reduce::Prod => a.wrapping_mul(b),
            Reduce::Max => a.max(b),
            Reduce::Min => a.min(b),
            _ => a.wrapping_add(b),
        }
    }
    fn finish(self, x: i64) -> T {
        T::narrow(x)
    }
}

pub(crate) fn reduce<T: Stored>(op: Reduce, x: &Tensor, out: &mut [T]) {
    match x.dtype() {
        DType::U32 => with::<u32, _>(IntegerFold(op), x, bytemuck::cast_slice_mut(out)),
        DType::I64 => with::<i64, _>(IntegerFold(op), x, bytemuck::cast_slice_mut(out)),
        DType::Bool => with::<u8, _>(IntegerFold(op), x, bytemuck::cast_slice_mut(out)),
        dtype => by_float!(dtype, F => {
            let out = bytemuck::cast_slice_mut::<T, F>(out);
            match op {
                Reduce::Sum => with(FloatFold::<SUM>, x, out),
                Reduce::SumSquares => with(FloatFold::<SQUARES>, x, out),
                Reduce::Prod => with(FloatFold::<PRODUCT>, x, out),
                Reduce::Max => with(FloatFold::<MAX>, x, out),
                _ => with(FloatFold::<MIN>, x, out),
            }
        }),
    }
}

/// The view without its last axis, and that axis' length and stride.
fn split_last(x: &Tensor) -> (Layout, usize, isize) {
    let axis = x.rank() - 1;
    let (n, stride) = (x.shape()[axis], x.layout().strides()[axis]);
    // Of an axis of length 0 any index is outside, but no element is read either.
    let outer =
        if n == 0 { Layout::contiguous(&x.shape()[..axis]) } else { x.layout().narrow(axis, 0, 1).squeeze(axis) };
    (outer, n, stride)
}

fn with<T: Pod + Send + Sync, F: Fold<T>>(fold: F, x: &Tensor, out: &mut [T]) {
    let (outer, n, stride) = split_last(x);
    let data = elements::<T>(x);
    if n == 0 {
        out.fill(fold.finish(fold.start()));
        return;
    }
    if out.len() < rayon::current_num_threads() && n >= 4 * GRAIN && stride == 1 {
        return few_long_rows(fold, data, &outer, n, out);
    }
    let walk = Walk::new([&outer]);
    let run = walk.inner;
    let across = stride != 1 && walk.steps[0] == 1 && run > 1;
    // Neighbouring columns stay together.
    let unit = if across { run.min(COLUMNS) } else { 1 };
    in_costly_pieces(out, unit, unit * n, &|from, piece| {
        let mut at = 0;
        while at < piece.len() {
            let (row, column) = ((from + at) / run, (from + at) % run);
            let len = (run - column).min(piece.len() - at);
            let mut start = 0;
            walk.rows(row..row + 1, |[s]| start = s);
            let here = &mut piece[at..at + len];
            if across {
                columns(fold, data, start + column, n, stride, here);
            } else {
                for (i, o) in here.iter_mut().enumerate() {
                    let first = (start as isize + (column + i) as isize * walk.steps[0]) as usize;
                    *o = fold.finish(row_of(fold, data, first, n, stride));
                }
            }
            at += len;
        }
    });
}

/// Sums of whole tensors: the blocks are spread over the threads and joined in turn.
fn few_long_rows<T: Pod + Send + Sync, F: Fold<T>>(fold: F, data: &[T], outer: &Layout, n: usize, out: &mut [T]) {
    let walk = Walk::new([outer]);
    let mut results = out.iter_mut();
    let mut totals = vec![fold.start(); n.div_ceil(BLOCK)];
    walk.rows(0..walk.outer_len(), |[start]| {
        for i in 0..walk.inner {
            let first = (start as isize + i as isize * walk.steps[0]) as usize;
            let row = &data[first..first + n];
            in_costly_pieces(&mut totals, 1, BLOCK, &|from, totals| {
                for (total, x) in totals.iter_mut().zip(row[from * BLOCK..].chunks(BLOCK)) {
                    *total = block(fold, x);
                }
            });
            let total = totals.iter().copied().reduce(|a, b| fold.join(a, b)).expect("n > 0");
            *results.next().expect("an output for each row") = fold.finish(total);
        }
    });
}

fn join_lanes<T: Pod + Send + Sync, F: Fold<T>>(fold: F, mut lanes: [F::Wide; LANES]) -> F::Wide {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = fold.join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn block<T: Pod + Send + Sync, F: Fold<T>>(fold: F, x: &[T]) -> F::Wide {
    vectorised(|| {
        let mut lanes = [fold.start(); LANES];
        let mut chunks = x.chunks_exact(LANES);
        for chunk in &mut chunks {
            for l in 0..LANES {
                lanes[l] = fold.join(lanes[l], fold.take(chunk[l]));
            }
        }
        for (l, &rest) in chunks.remainder().iter().enumerate() {
            lanes[l] = fold.join(lanes[l], fold.take(rest));
        }
        join_lanes(fold, lanes)
    })
}

fn row_of<T: Pod + Send + Sync, F: Fold<T>>(fold: F, data: &[T], first: usize, n: usize, stride: isize) -> F::Wide {
    let blocks = (0..n).step_by(BLOCK).map(|from| {
        let len = BLOCK.min(n - from);
        if stride == 1 {
            return block(fold, &data[first + from..first + from + len]);
        }
        let mut lanes = [fold.start(); LANES];
        for i in 0..len {
            let x = data[(first as isize + (from + i) as isize * stride) as usize];
            lanes[i % LANES] = fold.join(lanes[i % LANES], fold.take(x));
        }
        join_lanes(fold, lanes)
    });
    blocks.reduce(|a, b| fold.join(a, b)).expect("n > 0")
}

/// Neighbouring columns at once, each in the very order of `row_of`; the first element of the first column is at `first`.
fn columns<T: Pod + Send + Sync, F: Fold<T>>(
    fold: F,
    data: &[T],
    first: usize,
    n: usize,
    stride: isize,
    out: &mut [T],
) {
    for (tile, out) in out.chunks_mut(COLUMNS).enumerate() {
        let first = (first + tile * COLUMNS) as isize;
        let mut totals = [fold.start(); COLUMNS];
        for from in (0..n).step_by(BLOCK) {
            let mut lanes = [[fold.start(); COLUMNS]; LANES];
            let rows = from..n.min(from + BLOCK);
            vectorised(|| {
                for i in rows {
                    let at = (first + i as isize * stride) as usize;
                    let lane = &mut lanes[(i - from) % LANES];
                    for (l, &x) in lane.iter_mut().zip(&data[at..at + out.len()]) {
                        *l = fold.join(*l, fold.take(x));
                    }
                }
            });
            for c in 0..out.len() {
                let sum = join_lanes(fold, std::array::from_fn(|l| lanes[l][c]));
                totals[c] = if from == 0 { sum } else { fold.join(totals[c], sum) };
            }
        }
        for (o, total) in out.iter_mut().zip(totals) {
            *o = fold.finish(total);
        }
    }
}

/// Where the largest or smallest stands.
pub(crate) fn extreme_place(op: Reduce, x: &Tensor, out: &mut [u32]) {
    fn places<T: Pod + Send + Sync + PartialOrd>(op: Reduce, x: &Tensor, out: &mut [u32]) {
        let (outer, n, stride) = split_last(x);
        let (data, walk) = (elements::<T>(x), Walk::new([&outer]));
        let better = |a: T, b: T| {
            let ahead = if op == Reduce::ArgMax { a > b } else { a < b };
            ahead || (a.partial_cmp(&a).is_none() && b.partial_cmp(&b).is_some())
        };
        let run = walk.inner;
        in_costly_pieces(out, 1, n, &|from, piece| {
            for (i, o) in piece.iter_mut().enumerate() {
                let (row, column) = ((from + i) / run, (from + i) % run);
                let mut first = 0;
                walk.rows(row..row + 1, |[s]| first = (s as isize + column as isize * walk.steps[0]) as usize);
                let at = |k: usize| data[(first as isize + k as isize * stride) as usize];
                let mut best = 0;
                for k in 1..n {
                    if better(at(k), at(best)) {
                        best = k;
                    }
                }
                *o = best as u32;
            }
        });
    }
    by_dtype!(x.dtype(), T => places::<T>(op, x, out))
}
