//! How loops are cut up for threads. Work below [`GRAIN`] elements stays on the calling thread.

use rayon::prelude::*;

/// Elements that are worth a task of their own.
pub(crate) const GRAIN: usize = 16 * 1024;

/// Calls `work(start, piece)` on pieces of `out` that begin at multiples of `unit`.
pub(crate) fn in_pieces<T: Send>(out: &mut [T], unit: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
    if out.len() <= GRAIN || rayon::current_num_threads() == 1 {
        if !out.is_empty() {
            work(0, out);
        }
        return;
    }
    let piece = unit.max(1) * (GRAIN / unit.max(1)).max(1);
    out.par_chunks_mut(piece).enumerate().for_each(|(i, chunk)| work(i * piece, chunk));
}

/// As [`in_pieces`], over two outputs in step: piece `[i·unit_a ..]` of `a` goes with piece `[i·unit_b ..]` of `b`.
pub(crate) fn in_pieces_of_two<A: Send, B: Send>(
    a: &mut [A],
    unit_a: usize,
    b: &mut [B],
    unit_b: usize,
    work_per_unit: usize,
    work: impl Fn(usize, &mut [A], &mut [B]) + Send + Sync,
) {
    let units = a.len() / unit_a.max(1);
    if units * work_per_unit <= GRAIN || rayon::current_num_threads() == 1 {
        if units > 0 {
            work(0, a, b);
        }
        return;
    }
    let group = (GRAIN / work_per_unit.max(1)).max(1);
    a.par_chunks_mut(group * unit_a)
        .zip(b.par_chunks_mut(group * unit_b))
        .enumerate()
        .for_each(|(i, (a, b))| work(i * group, a, b));
}
