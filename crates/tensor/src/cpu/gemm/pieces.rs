//! How a result is cut up for threads.

use std::ops::Range;

use rayon::prelude::*;
use smallvec::SmallVec;

/// Multiply–adds that are worth a piece of their own: some 20 µs of one core.
const PIECE: usize = 1 << 21;
/// Pieces for each thread: cores are unequally fast, and the last piece should not keep the others waiting long.
const SHARE: usize = 6;
/// Rows of a piece come in multiples of this, where there are more.
const ROWS: usize = 112;
/// Panels below which a piece's columns do not pay for its left operand's packing.
const PANELS: usize = 4;

/// Rectangles of the result: any number of them gives the same bits.
pub(super) struct Pieces {
    m: usize,
    n: usize,
    step_m: usize,
    step_n: usize,
}

impl Pieces {
    /// Of a result `[m, n]` summed over k, whose columns are cut at multiples of `panel`; as many as the current threads can use.
    /// `packed` says whether the right operand is.
    pub fn new([m, k, n]: [usize; 3], panel: usize, packed: bool) -> Pieces {
        let threads = rayon::current_num_threads();
        // Few rows take as long as the right operand takes to come.
        let worth = (m.max(8) * k * n / PIECE).max(1);
        let most = if threads == 1 { 1 } else { worth.min(threads * SHARE) };
        let (panels, blocks) = (n.div_ceil(panel), m.div_ceil(ROWS).max(1));
        let wide = (panels / PANELS).max(1);
        let (down, across) = if most == 1 {
            (1, 1)
        } else if packed {
            // Rows first: each is packed once, for all columns.
            let down = blocks.min(worth);
            (down, most.div_ceil(down).min(wide))
        } else {
            // Columns first: each is packed once, for all rows; what rows cannot share, narrower columns must.
            let down = most.div_ceil(most.min(wide)).min(blocks);
            (down, most.div_ceil(down).min(panels))
        };
        Pieces { m, n, step_m: m.div_ceil(down).max(1), step_n: (panels.div_ceil(across.max(1)) * panel).max(1) }
    }

    /// Calls `work(rows, columns)` for every piece, over threads.
    pub fn for_each(&self, work: impl Fn(Range<usize>, Range<usize>) + Send + Sync) {
        let &Pieces { m, n, step_m, step_n } = self;
        let (down, across) = (m.div_ceil(step_m), n.div_ceil(step_n));
        let one = |i: usize| {
            let (row, column) = (i % down * step_m, i / down * step_n);
            work(row..(row + step_m).min(m), column..(column + step_n).min(n));
        };
        if down * across <= 1 {
            return (0..down * across).for_each(one);
        }
        (0..down * across).into_par_iter().with_max_len(1).for_each(one);
    }
}

/// Where so many rows begin, `step` apart.
pub(super) fn offsets(rows: usize, step: isize) -> SmallVec<[usize; 64]> {
    (0..rows).map(|row| (row as isize * step) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn pieces_cover_every_element_once() {
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for [m, k, n] in [[1, 1, 1], [3, 70, 0], [0, 5, 9], [1, 512, 30000], [2000, 3000, 40], [500, 900, 700]] {
                let seen = Mutex::new(vec![0u8; m * n]);
                pool.install(|| {
                    for packed in [false, true] {
                        Pieces::new([m, k, n], 32, packed).for_each(|rows, columns| {
                            assert!(columns.start % 32 == 0, "{columns:?}");
                            let mut seen = seen.lock().unwrap();
                            rows.for_each(|row| columns.clone().for_each(|column| seen[row * n + column] += 1));
                        });
                    }
                });
                assert!(seen.into_inner().unwrap().iter().all(|&times| times == 2), "{m}×{k}×{n}, {threads} threads");
            }
        }
    }
}
