//! Which thread does what: rows of the batch go through all steps without waiting for each other; where there are too few of them for the
//! threads, the cells are shared out too, and each step is waited for.

use std::ops::Range;

/// Fewer rows than this of a product keep the kernel waiting for the weights: they stream past once a step, and each is used once a row.
const FEW_ROWS: usize = 16;
/// More rows than this would push a group's own state out of the cache, and bring nothing: the weights already stream slowly enough.
const MANY_ROWS: usize = 128;
/// Cells that are finished together: the sums of their four gates are still in a core's own cache when the gates are computed. Not few, since each
/// product copies its left operand first. Chosen by that reasoning: 64, 128 and 256 were tried once each on a busy machine (7.97, 6.81 and 6.29 ms
/// for a forward pass at H = 256), but 256 alone varied from 6.3 to 8.0 ms between runs.
const TILE: usize = 256;
/// Multiply–adds of one step that are worth a thread of their own: about four microseconds at 60 a nanosecond. An estimate, not measured.
const STEP_TASK: usize = 1 << 18;
/// The same for a whole sequence, which is handed out once.
pub(super) const TASK: usize = 1 << 17;

/// Rows of the batch that go through the steps together, those that run longest first.
pub(super) struct Group {
    /// Places in the batch.
    pub rows: Vec<usize>,
    /// `row · H`
    pub state_rows: Vec<usize>,
    /// `row · 4H`
    pub gate_rows: Vec<usize>,
    /// Steps of this range that each takes part in, descending.
    ends: Vec<usize>,
}

impl Group {
    /// How many rows, from the first on, still run at step `t`.
    pub fn alive(&self, t: usize) -> usize {
        self.ends.partition_point(|&end| end > t)
    }
}

/// The sizes of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub steps: usize,
    pub batch: usize,
    pub cells: usize,
}

pub(super) struct Plan {
    pub groups: Vec<Group>,
    /// Into how many parts the cells of a step are cut.
    parts: usize,
    /// Steps of this range that each row of the batch takes part in.
    ends: Vec<usize>,
}

impl Plan {
    pub fn new(sizes: Sizes, lengths: Option<&[u32]>, start: usize, threads: usize) -> Plan {
        let Sizes { steps, batch, cells: h, .. } = sizes;
        let end = |row: usize| lengths.map_or(steps, |l| (l[row] as usize).saturating_sub(start).min(steps));
        let ends: Vec<usize> = (0..batch).map(end).collect();
        let mut order: Vec<usize> = (0..batch).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(ends[row]));
        let (groups, parts) = shares(batch, steps, h, threads);
        let even = order.first().map(|&row| ends[row]) == order.last().map(|&row| ends[row]);
        let group = |i: usize| {
            let rows: Vec<usize> = if even {
                // As they come: those of one sentence's beam, which have much in common, stay together.
                order[i * batch / groups..(i + 1) * batch / groups].to_vec()
            } else {
                // Dealt out in turn, longest first: no two groups differ by more than one sequence's steps, and at every step by at most one row.
                order.iter().skip(i).step_by(groups).copied().collect()
            };
            Group {
                state_rows: rows.iter().map(|row| row * h).collect(),
                gate_rows: rows.iter().map(|row| row * 4 * h).collect(),
                ends: rows.iter().map(|&row| ends[row]).collect(),
                rows,
            }
        };
        Plan { groups: (0..groups).map(group).collect(), parts, ends }
    }

    /// Places `t · B + row` of all steps that are taken, ascending.
    pub fn places(&self) -> Vec<usize> {
        let (batch, steps) = (self.ends.len(), self.ends.iter().copied().max().unwrap_or(0));
        let alive = |place: &usize| self.ends[place % batch] > place / batch;
        (0..steps * batch).filter(alive).collect()
    }

    /// The parts of `h` cells, for panels of `width` columns: one, or several that are computed side by side.
    pub fn parts(&self, h: usize, width: usize) -> Vec<Range<usize>> {
        ranges(h, h.div_ceil(self.parts.max(1)).next_multiple_of(width)).collect()
    }
}

/// How many groups of rows and how many parts of the cells.
fn shares(batch: usize, steps: usize, h: usize, threads: usize) -> (usize, usize) {
    let row_work = 4 * h * h;
    let threads = threads.min(steps * batch * row_work / TASK).max(1);
    let wanted = batch.div_ceil(MANY_ROWS).next_multiple_of(threads);
    let groups = wanted.min(batch / FEW_ROWS).max(1);
    let rows = batch.div_ceil(groups);
    let parts = (threads / groups).min(rows * row_work / STEP_TASK).max(1);
    (groups, parts)
}

/// `0..len` in pieces of `step`.
pub(super) fn ranges(len: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    let step = step.max(1);
    (0..len).step_by(step).map(move |from| from..(from + step).min(len))
}

/// Most cells of a tile, for panels of `width` columns.
pub(super) fn tile_width(width: usize) -> usize {
    (TILE / width).max(1) * width
}

/// A part's cells in tiles, for panels of `width` columns.
pub(super) fn tiles(part: &Range<usize>, width: usize) -> impl Iterator<Item = Range<usize>> {
    let start = part.start;
    ranges(part.len(), tile_width(width)).map(move |tile| start + tile.start..start + tile.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(steps: usize, batch: usize, cells: usize) -> Sizes {
        Sizes { steps, batch, cells }
    }

    #[test]
    fn every_row_is_in_one_group_and_alive_until_its_end() {
        let lengths: Vec<u32> = (0..75).map(|row| row * 7 % 30).collect();
        let (start, steps) = (4, 20);
        for threads in [1, 2, 3, 8, 64] {
            let plan = Plan::new(sizes(steps, 75, 256), Some(&lengths), start, threads);
            let mut rows: Vec<usize> = plan.groups.iter().flat_map(|group| group.rows.clone()).collect();
            rows.sort();
            assert_eq!(rows, (0..75).collect::<Vec<_>>());
            let mut places = Vec::new();
            for group in &plan.groups {
                for t in 0..steps {
                    let (alive, ended) = group.rows.split_at(group.alive(t));
                    assert!(alive.iter().all(|&row| start + t < lengths[row] as usize));
                    assert!(ended.iter().all(|&row| start + t >= lengths[row] as usize));
                    places.extend(alive.iter().map(|row| t * 75 + row));
                }
            }
            places.sort();
            assert_eq!(plan.places(), places);
            let work = |group: &Group| group.ends.iter().sum::<usize>();
            let loads: Vec<usize> = plan.groups.iter().map(work).collect();
            assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= steps, "{loads:?}");
        }
    }

    #[test]
    fn rows_that_end_together_stay_in_order() {
        for (lengths, start) in [(None, 0), (Some(vec![9; 75]), 4), (Some(vec![2; 75]), 4)] {
            let plan = Plan::new(sizes(5, 75, 256), lengths.as_deref(), start, 4);
            let rows: Vec<usize> = plan.groups.iter().flat_map(|group| group.rows.clone()).collect();
            assert_eq!(rows, (0..75).collect::<Vec<_>>());
            let sizes = || plan.groups.iter().map(|group| group.rows.len());
            assert!(plan.groups.len() > 1 && sizes().max().unwrap() - sizes().min().unwrap() <= 1);
        }
    }

    #[test]
    fn rows_are_shared_out_before_cells() {
        assert_eq!(shares(64, 25, 512, 1), (1, 1));
        assert_eq!(shares(64, 25, 512, 2), (2, 1));
        assert_eq!(shares(64, 25, 512, 8), (4, 2));
        assert_eq!(shares(64, 25, 512, 64), (4, 16));
        assert_eq!(shares(12, 1, 512, 2), (1, 2));
        assert_eq!(shares(1000, 25, 512, 2), (8, 1));
        assert_eq!(shares(2, 3, 4, 8), (1, 1), "too little to share");
        assert_eq!(shares(0, 3, 4, 8), (1, 1));
    }

    #[test]
    fn parts_and_tiles_begin_at_panels() {
        let plan = Plan { groups: Vec::new(), parts: 3, ends: Vec::new() };
        assert_eq!(plan.parts(200, 32), [0..96, 96..192, 192..200]);
        assert_eq!(tiles(&(96..600), 32).collect::<Vec<_>>(), [96..352, 352..600]);
        assert_eq!(tiles(&(0..500), 48).collect::<Vec<_>>(), [0..240, 240..480, 480..500]);
        assert_eq!(plan.parts(0, 32).len(), 0);
    }
}
