//! Kernels that work along the last axis and answer as many elements: softmax, running sums, top-k.

use bytemuck::Pod;

use super::elementwise::Stored;
use super::math::{Real, vectorised};
use super::threads::{in_pieces, in_pieces_of_two};
use super::{Float, contiguous_elements};
use crate::Tensor;

pub(crate) fn softmax<F: Float>(x: &Tensor, logarithm: bool, out: &mut [F]) {
    let n = x.dim(-1);
    let x = x.contiguous();
    let data = contiguous_elements::<F>(&x);
    in_pieces(out, n, |from, piece| {
        for (o, x) in piece.chunks_mut(n).zip(data[from..].chunks(n)) {
            softmax_row(x, logarithm, o);
        }
    });
}

fn softmax_row<F: Float>(x: &[F], logarithm: bool, out: &mut [F]) {
    let max = row_max(x);
    let total = sum_exp(x, max);
    if logarithm {
        // x − max first: in the sum of a large max and the logarithm the small one would be lost.
        let log_total = total.ln();
        vectorised(|| out.iter_mut().zip(x).for_each(|(o, &x)| *o = F::narrow(x.widen() - max - log_total)));
    } else {
        let scale = F::Wide::ONE / total;
        vectorised(|| out.iter_mut().zip(x).for_each(|(o, &x)| *o = F::narrow((x.widen() - max).exp() * scale)));
    }
}

/// The largest element; NaN if any is.
#[inline(always)]
pub(crate) fn row_max<F: Float>(x: &[F]) -> F::Wide {
    vectorised(|| {
        let mut lanes = [-F::Wide::INFINITY; 16];
        let mut chunks = x.chunks_exact(16);
        for chunk in &mut chunks {
            for l in 0..16 {
                let v = chunk[l].widen();
                lanes[l] = if v > lanes[l] || v != v { v } else { lanes[l] };
            }
        }
        let rest = chunks.remainder().iter().map(|v| v.widen());
        lanes.into_iter().chain(rest).fold(-F::Wide::INFINITY, |a, b| if b > a || b != b { b } else { a })
    })
}

/// Σ e^(x − max), in 16 lanes: the order depends on the length alone.
#[inline(always)]
pub(crate) fn sum_exp<F: Float>(x: &[F], max: F::Wide) -> F::Wide {
    vectorised(|| {
        let mut lanes = [F::Wide::ZERO; 16];
        let mut chunks = x.chunks_exact(16);
        for chunk in &mut chunks {
            for l in 0..16 {
                lanes[l] += (chunk[l].widen() - max).exp();
            }
        }
        for (l, v) in chunks.remainder().iter().enumerate() {
            lanes[l] += (v.widen() - max).exp();
        }
        lanes.into_iter().fold(F::Wide::ZERO, |a, b| a + b)
    })
}

pub(crate) fn cumulative_sum<T: Stored>(x: &Tensor, out: &mut [T]) {
    let n = x.dim(-1);
    let x = x.contiguous();
    let data = contiguous_elements::<T>(&x);
    in_pieces(out, n, |from, piece| {
        for (o, x) in piece.chunks_mut(n).zip(data[from..].chunks(n)) {
            let mut sum = T::from_integer(0);
            for (o, &x) in o.iter_mut().zip(x) {
                sum = sum.plus(x);
                *o = sum;
            }
        }
    });
}

pub(crate) fn top_k<T: Pod + Send + Sync + PartialOrd>(x: &Tensor, k: usize, values: &mut [T], places: &mut [u32]) {
    let n = x.dim(-1);
    let x = x.contiguous();
    let data = contiguous_elements::<T>(&x);
    in_pieces_of_two(values, k, places, k, n, |first, values, places| {
        let mut order: Vec<u32> = Vec::with_capacity(n);
        for (i, (values, places)) in values.chunks_mut(k.max(1)).zip(places.chunks_mut(k.max(1))).enumerate() {
            top_k_row(&data[(first + i) * n..][..n], &mut order, values, places);
        }
    });
}

/// The places of the largest elements, descending; NaN counts as the largest, and of equals the first comes first.
fn top_k_row<T: Pod + PartialOrd>(x: &[T], order: &mut Vec<u32>, values: &mut [T], places: &mut [u32]) {
    let nan = |v: T| v.partial_cmp(&v).is_none();
    let before = |&a: &u32, &b: &u32| {
        let (u, v) = (x[a as usize], x[b as usize]);
        v.partial_cmp(&u).unwrap_or_else(|| nan(v).cmp(&nan(u))).then(a.cmp(&b))
    };
    let k = values.len();
    order.clear();
    order.extend(0..x.len() as u32);
    if k < x.len() {
        order.select_nth_unstable_by(k, before);
        order.truncate(k);
    }
    order.sort_unstable_by(before);
    for ((value, place), &at) in values.iter_mut().zip(places).zip(order.iter()) {
        (*value, *place) = (x[at as usize], at);
    }
}
