//! How loops are cut up for threads. Work below [`GRAIN`] elements stays on the calling thread.
//!
//! The work is handed over as a trait object: one indirect call for thousands of elements costs nothing, and rayon's machinery is
//! compiled once for each element type instead of once for each kernel.

use rayon::prelude::*;

/// Elements that are worth a task of their own.
pub(crate) const GRAIN: usize = 16 * 1024;

/// `work(start, piece)`: what a task does with its piece of an output.
pub(crate) type Task<'a, T> = dyn Fn(usize, &mut [T]) + Send + Sync + 'a;

/// Calls `work(start, piece)` on pieces of `out` that begin at multiples of `unit`.
pub(crate) fn in_pieces<T: Send>(out: &mut [T], unit: usize, work: &Task<'_, T>) {
    in_costly_pieces(out, unit, unit, work);
}

/// As [`in_pieces`], where each `unit` of the output costs as much as `cost` plain elements.
pub(crate) fn in_costly_pieces<T: Send>(out: &mut [T], unit: usize, cost: usize, work: &Task<'_, T>) {
    if out.is_empty() {
        return;
    }
    let (unit, cost) = (unit.max(1), cost.max(1));
    let piece = unit * (GRAIN / cost).max(1);
    if out.len() <= piece || rayon::current_num_threads() == 1 {
        return work(0, out);
    }
    out.par_chunks_mut(piece).enumerate().for_each(|(i, chunk)| work(i * piece, chunk));
}

/// As [`in_costly_pieces`], over two outputs in step: units of `a` and of `b`, which are not empty, go together.
/// The work gets the index of its first unit.
pub(crate) fn in_pieces_of_two<A: Send, B: Send>(
    (a, unit_a): (&mut [A], usize),
    (b, unit_b): (&mut [B], usize),
    cost: usize,
    work: &(dyn Fn(usize, &mut [A], &mut [B]) + Send + Sync),
) {
    let group = (GRAIN / cost.max(1)).max(1);
    if a.len() <= group * unit_a || rayon::current_num_threads() == 1 {
        return work(0, a, b);
    }
    a.par_chunks_mut(group * unit_a)
        .zip(b.par_chunks_mut(group * unit_b))
        .enumerate()
        .for_each(|(i, (a, b))| work(i * group, a, b));
}
