//! Kernels that work along the last axis and answer as many elements: softmax, running sums, top-k. And the rows of a sparse gradient.

use bytemuck::Pod;

use super::elementwise::Stored;
use super::exp_sum::exp_sum;
use super::math::{Real, vectorised};
use super::threads::{in_pieces, in_pieces_of_two};
use super::{CpuBackend, Float, by_float, contiguous_elements};
use crate::ops::NO_ROW;
use crate::{DType, Result, Tensor};

/// `x` is contiguous.
pub(crate) fn softmax<F: Float>(x: &Tensor, logarithm: bool, out: &mut [F]) {
    let (n, data) = (x.dim(-1), contiguous_elements::<F>(x));
    in_pieces(out, n, &|from, piece| {
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
                lanes[l] = chunk[l].widen().maximum(lanes[l]);
            }
        }
        let rest = chunks.remainder().iter().map(|v| v.widen());
        lanes.into_iter().chain(rest).fold(-F::Wide::INFINITY, |a, b| b.maximum(a))
    })
}

/// Σ e^(x − max), in 16 lanes: the order depends on the length alone.
#[inline(always)]
pub(crate) fn sum_exp<F: Float>(x: &[F], max: F::Wide) -> F::Wide {
    if F::DTYPE == DType::F32 {
        return F::Wide::of(exp_sum(bytemuck::cast_slice(x), max.store()).into());
    }
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

/// `x` is contiguous.
pub(crate) fn cumulative_sum<T: Stored>(x: &Tensor, out: &mut [T]) {
    match x.dtype() {
        DType::U32 => running_sums::<u32, u32>(x, bytemuck::cast_slice_mut(out), |v| v, |v| v),
        DType::I64 => running_sums::<i64, i64>(x, bytemuck::cast_slice_mut(out), |v| v, |v| v),
        dtype => by_float!(dtype, F => {
            running_sums::<F, <F as Float>::Wide>(x, bytemuck::cast_slice_mut(out), F::widen, F::narrow);
        }),
    }
}

fn running_sums<T: Pod + Send + Sync, W: Stored>(
    x: &Tensor,
    out: &mut [T],
    widen: impl Fn(T) -> W + Send + Sync,
    narrow: impl Fn(W) -> T + Send + Sync,
) {
    let (n, data) = (x.dim(-1), contiguous_elements::<T>(x));
    in_pieces(out, n, &|from, piece| {
        for (o, x) in piece.chunks_mut(n).zip(data[from..].chunks(n)) {
            let mut sum = W::from_integer(0);
            for (o, &x) in o.iter_mut().zip(x) {
                sum = sum.plus(widen(x));
                *o = narrow(sum);
            }
        }
    });
}

/// `x` is contiguous.
pub(crate) fn top_k<T: Pod + Send + Sync + PartialOrd>(x: &Tensor, k: usize, values: &mut [T], places: &mut [u32]) {
    let (n, data) = (x.dim(-1), contiguous_elements::<T>(x));
    if values.is_empty() {
        return;
    }
    in_pieces_of_two((values, k), (places, k), n, &|first, values, places| {
        let mut order: Vec<u32> = Vec::with_capacity(n);
        for (i, (values, places)) in values.chunks_mut(k).zip(places.chunks_mut(k)).enumerate() {
            top_k_row(&data[(first + i) * n..][..n], &mut order, values, places);
        }
    });
}

/// Up to so many the largest are kept in order while the row is read once.
const FEW: usize = 64;

/// The places of the largest elements, descending; NaN counts as the largest, and of equals the first comes first.
fn top_k_row<T: Pod + PartialOrd>(x: &[T], order: &mut Vec<u32>, values: &mut [T], places: &mut [u32]) {
    let nan = |v: T| v.partial_cmp(&v).is_none();
    let larger = |u: T, v: T| u > v || (nan(u) && !nan(v));
    let k = values.len();
    order.clear();
    if k <= FEW {
        let mut smallest = x[0];
        for (i, &v) in x.iter().enumerate() {
            if order.len() == k && !larger(v, smallest) {
                continue;
            }
            order.truncate(k - 1);
            let at = order.partition_point(|&o| !larger(v, x[o as usize]));
            order.insert(at, i as u32);
            smallest = x[order[order.len() - 1] as usize];
        }
    } else {
        let before = |&a: &u32, &b: &u32| {
            let (u, v) = (x[a as usize], x[b as usize]);
            larger(v, u).cmp(&larger(u, v)).then(a.cmp(&b))
        };
        order.extend(0..x.len() as u32);
        if k < x.len() {
            order.select_nth_unstable_by(k, before);
            order.truncate(k);
        }
        order.sort_unstable_by(before);
    }
    for ((value, place), &at) in values.iter_mut().zip(places).zip(order.iter()) {
        (*value, *place) = (x[at as usize], at);
    }
}

/// Distinct rows in ascending order, and the sum of the values of each in their order; index and values are contiguous.
pub(crate) fn coalesce<T: Stored>(
    cpu: &CpuBackend,
    index: &Tensor,
    values: &Tensor,
    padded: bool,
) -> Result<(Tensor, Tensor)> {
    let (rows, data, width) = (contiguous_elements::<u32>(index), contiguous_elements::<T>(values), values.dim(1));
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    // Stable: of equal rows the first stays first.
    order.sort_by_key(|&place| rows[place as usize]);
    let mut groups: Vec<&[u32]> = order.chunk_by(|&a, &b| rows[a as usize] == rows[b as usize]).collect();
    if padded {
        groups.resize(rows.len(), &[]);
    }
    let distinct = cpu.tensor(index, &[groups.len()], DType::U32, |out: &mut [u32]| {
        let row = |group: &&[u32]| group.first().map_or(NO_ROW, |&place| rows[place as usize]);
        out.iter_mut().zip(&groups).for_each(|(out, group)| *out = row(group));
    })?;
    let sums = cpu.tensor(values, &[groups.len(), width], values.dtype(), |out: &mut [T]| {
        in_pieces(out, width, &|from, piece| {
            for (sum, group) in piece.chunks_mut(width).zip(&groups[from / width..]) {
                sum.fill(T::from_integer(0));
                for &place in *group {
                    let row = &data[place as usize * width..][..width];
                    vectorised(|| sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum = sum.plus(x)));
                }
            }
        });
    })?;
    Ok((distinct, sums))
}
