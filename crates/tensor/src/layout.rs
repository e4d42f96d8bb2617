//! Where the elements of a strided view lie in its storage, and how kernels walk several views at once.

use smallvec::SmallVec;

/// The lengths of a tensor's axes.
pub type Dims = SmallVec<[usize; 6]>;
/// The steps between neighbours along each axis, in elements; 0 repeats one element, a negative step walks backwards.
pub type Strides = SmallVec<[isize; 6]>;

/// Shape, strides and offset of a view, all counted in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    dims: Dims,
    strides: Strides,
    offset: usize,
}

impl Layout {
    /// Row-major, without gaps.
    pub fn contiguous(dims: &[usize]) -> Layout {
        let mut strides = Strides::from_elem(0, dims.len());
        let mut step = 1;
        for axis in (0..dims.len()).rev() {
            strides[axis] = step as isize;
            step *= dims[axis].max(1);
        }
        Layout { dims: dims.into(), strides, offset: 0 }
    }

    /// The lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The step along each axis, in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The position in the storage of the element whose indices are all 0.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }

    /// True where the elements follow one another in row-major order (from any offset).
    pub fn is_contiguous(&self) -> bool {
        if self.dims.contains(&0) {
            return true;
        }
        let mut step = 1isize;
        for (&n, &stride) in self.dims.iter().zip(&self.strides).rev() {
            if n > 1 {
                if stride != step {
                    return false;
                }
                step *= n as isize;
            }
        }
        true
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    pub fn permute(&self, order: &[usize]) -> Layout {
        Layout {
            dims: order.iter().map(|&axis| self.dims[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
            offset: self.offset,
        }
    }

    /// `len` indices of `axis` from `start` on.
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Layout {
        let mut out = self.clone();
        out.dims[axis] = len;
        if out.elements() > 0 {
            out.offset = (self.offset as isize + self.strides[axis] * start as isize) as usize;
        }
        out
    }

    /// Every `step`-th index of `axis`.
    pub fn step(&self, axis: usize, step: usize) -> Layout {
        let mut out = self.clone();
        out.dims[axis] = self.dims[axis].div_ceil(step);
        // Of at most one index no step is taken, and a very long one would overflow.
        if out.dims[axis] > 1 {
            out.strides[axis] *= step as isize;
        }
        out
    }

    /// Windows of `size` along `axis`, each `step` after the one before: `axis` counts them, a new last axis goes through each. The axis must
    /// hold at least one.
    pub fn unfold(&self, axis: usize, size: usize, step: usize) -> Layout {
        let mut out = self.clone();
        out.dims[axis] = (self.dims[axis] - size) / step + 1;
        out.dims.push(size);
        out.strides.push(self.strides[axis]);
        // Of one window no step is taken, and a very long one would overflow.
        if out.dims[axis] > 1 {
            out.strides[axis] *= step as isize;
        }
        out
    }

    /// `axis` in the opposite order.
    pub fn flip(&self, axis: usize) -> Layout {
        let mut out = self.clone();
        if out.elements() > 0 {
            out.offset = (self.offset as isize + self.strides[axis] * (self.dims[axis] as isize - 1)) as usize;
            out.strides[axis] = -self.strides[axis];
        }
        out
    }

    /// A new axis of length 1 before `axis`.
    pub fn unsqueeze(&self, axis: usize) -> Layout {
        let mut out = self.clone();
        out.dims.insert(axis, 1);
        out.strides.insert(axis, 0);
        out
    }

    /// Without `axis`, whose length is 1.
    pub fn squeeze(&self, axis: usize) -> Layout {
        let mut out = self.clone();
        out.dims.remove(axis);
        out.strides.remove(axis);
        out
    }

    /// Without `axis`, of length 0: no element is left to point at.
    pub(crate) fn emptied(&self, axis: usize) -> Layout {
        let mut dims = self.dims.clone();
        dims.remove(axis);
        Layout { strides: Strides::from_elem(0, dims.len()), dims, offset: 0 }
    }

    /// Axes of length 1 repeated, and new leading axes, by NumPy's rules. `None` where the shapes do not broadcast.
    pub fn broadcast_to(&self, dims: &[usize]) -> Option<Layout> {
        let lead = dims.len().checked_sub(self.dims.len())?;
        let mut strides = Strides::from_elem(0, dims.len());
        for (axis, &n) in self.dims.iter().enumerate() {
            if n == dims[lead + axis] {
                strides[lead + axis] = self.strides[axis];
            } else if n != 1 {
                return None;
            }
        }
        Some(Layout { dims: dims.into(), strides, offset: self.offset })
    }

    /// The same elements in row-major order under other dims, where strides can say that; `None` where it takes a copy.
    pub fn reshape(&self, dims: &[usize]) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(dims) });
        }
        // Cut both shapes into the shortest groups of axes with equal products; a group can be re-cut if it is evenly strided.
        let old: SmallVec<[(usize, isize); 6]> =
            self.dims.iter().copied().zip(self.strides.iter().copied()).filter(|&(n, _)| n != 1).collect();
        let mut strides = Strides::from_elem(0, dims.len());
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            let (mut product_old, mut product_new) = (old[i].0, 1);
            let (first_old, first_new) = (i, j);
            i += 1;
            loop {
                if product_new < product_old {
                    product_new *= dims.get(j)?;
                    j += 1;
                } else if product_old < product_new {
                    product_old *= old.get(i)?.0;
                    i += 1;
                } else {
                    break;
                }
            }
            let group = &old[first_old..i];
            if group.windows(2).any(|w| w[0].1 != w[1].1 * w[1].0 as isize) {
                return None;
            }
            let mut step = group[group.len() - 1].1;
            for axis in (first_new..j).rev() {
                strides[axis] = step;
                step *= dims[axis] as isize;
            }
        }
        Some(Layout { dims: dims.into(), strides, offset: self.offset })
    }
}

/// The number of elements of a shape; `None` where it is more than can be counted.
pub(crate) fn count(dims: &[usize]) -> Option<usize> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter().try_fold(1usize, |count, &n| count.checked_mul(n)).filter(|&count| count <= isize::MAX as usize)
}

/// The dims that two shapes broadcast to by NumPy's rules; `None` where they do not.
pub fn broadcast_dims(a: &[usize], b: &[usize]) -> Option<Dims> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Several views of one shape, with every run of axes that all of them walk evenly merged into one.
///
/// The last axis is the inner loop; [`rows`](Walk::rows) visits the outer ones in row-major order.
#[derive(Debug)]
pub(crate) struct Walk<const N: usize> {
    outer: Dims,
    outer_strides: [Strides; N],
    offsets: [usize; N],
    /// Length of the inner loop.
    pub inner: usize,
    /// Step of each view in the inner loop.
    pub steps: [isize; N],
}

impl<const N: usize> Walk<N> {
    pub fn new(layouts: [&Layout; N]) -> Walk<N> {
        let full = layouts[0].dims();
        debug_assert!(layouts.iter().all(|l| l.dims() == full));
        let mut dims = Dims::new();
        let mut strides: [Strides; N] = std::array::from_fn(|_| Strides::new());
        for (axis, &n) in full.iter().enumerate() {
            if n == 1 {
                continue;
            }
            let merges = !dims.is_empty()
                && (0..N).all(|k| strides[k][dims.len() - 1] == layouts[k].strides()[axis] * n as isize);
            if !merges {
                dims.push(1);
                strides.iter_mut().for_each(|s| s.push(0));
            }
            let last = dims.len() - 1;
            dims[last] *= n;
            for k in 0..N {
                strides[k][last] = layouts[k].strides()[axis];
            }
        }
        let inner = dims.pop().unwrap_or(1);
        let steps = std::array::from_fn(|k| strides[k].pop().unwrap_or(1));
        Walk {
            outer: dims,
            outer_strides: strides,
            offsets: std::array::from_fn(|k| layouts[k].offset()),
            inner,
            steps,
        }
    }

    /// How many times the inner loop runs.
    pub fn outer_len(&self) -> usize {
        self.outer.iter().product()
    }

    /// Calls `visit` with the start of each view's inner loop, for the given range of rows, in order.
    pub fn rows(&self, range: std::ops::Range<usize>, mut visit: impl FnMut([usize; N])) {
        if range.is_empty() {
            return;
        }
        let rank = self.outer.len();
        let mut index = Dims::from_elem(0, rank);
        let mut at: [isize; N] = std::array::from_fn(|k| self.offsets[k] as isize);
        let mut rest = range.start;
        for axis in (0..rank).rev() {
            index[axis] = rest % self.outer[axis];
            rest /= self.outer[axis];
            for k in 0..N {
                at[k] += self.outer_strides[k][axis] * index[axis] as isize;
            }
        }
        for _ in range {
            visit(std::array::from_fn(|k| at[k] as usize));
            for axis in (0..rank).rev() {
                index[axis] += 1;
                for k in 0..N {
                    at[k] += self.outer_strides[k][axis];
                }
                if index[axis] < self.outer[axis] {
                    break;
                }
                for k in 0..N {
                    at[k] -= self.outer_strides[k][axis] * self.outer[axis] as isize;
                }
                index[axis] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positions(layout: &Layout) -> Vec<usize> {
        let walk = Walk::new([layout]);
        let mut out = Vec::new();
        if layout.elements() > 0 {
            walk.rows(0..walk.outer_len(), |[at]| {
                out.extend((0..walk.inner).map(|i| (at as isize + i as isize * walk.steps[0]) as usize));
            });
        }
        out
    }

    fn positions_slowly(layout: &Layout) -> Vec<usize> {
        let n = layout.elements();
        (0..n)
            .map(|flat| {
                let (mut rest, mut at) = (flat, layout.offset() as isize);
                for axis in (0..layout.dims().len()).rev() {
                    at += (rest % layout.dims()[axis]) as isize * layout.strides()[axis];
                    rest /= layout.dims()[axis];
                }
                at as usize
            })
            .collect()
    }

    fn some_view() -> impl Strategy<Value = Layout> {
        (prop::collection::vec(0usize..4, 0..5), any::<u64>()).prop_map(|(dims, bits)| {
            let rank = dims.len();
            let mut layout = Layout::contiguous(&dims);
            for axis in 0..rank {
                if bits >> axis & 1 == 1 {
                    layout = layout.flip(axis);
                }
                if bits >> (8 + axis) & 1 == 1 && layout.dims()[axis] > 1 {
                    layout = layout.narrow(axis, 1, layout.dims()[axis] - 1);
                }
            }
            if rank > 1 && bits >> 16 & 1 == 1 {
                let mut order: Vec<usize> = (0..rank).collect();
                order.rotate_left((bits >> 20) as usize % rank);
                layout = layout.permute(&order);
            }
            layout
        })
    }

    proptest! {
        #[test]
        fn walking_visits_every_element_in_row_major_order(layout in some_view()) {
            prop_assert_eq!(positions(&layout), positions_slowly(&layout));
        }

        #[test]
        fn a_reshaped_view_keeps_the_row_major_order(layout in some_view(), cut in 1usize..5) {
            let n = layout.elements();
            if n.is_multiple_of(cut)
                && let Some(view) = layout.reshape(&[cut, n / cut])
            {
                prop_assert_eq!(positions_slowly(&view), positions_slowly(&layout));
            }
        }
    }

    #[test]
    fn an_evenly_strided_group_is_recut_without_a_copy() {
        let t = Layout::contiguous(&[4, 6, 5]).narrow(0, 1, 2);
        assert!(t.reshape(&[2, 2, 3, 5]).is_some());
        let transposed = Layout::contiguous(&[4, 6]).permute(&[1, 0]);
        assert!(transposed.reshape(&[24]).is_none());
        assert!(transposed.reshape(&[2, 3, 4]).is_some());
    }

    #[test]
    fn shapes_broadcast_by_numpys_rules() {
        assert_eq!(broadcast_dims(&[3, 1], &[2, 1, 4]).as_deref(), Some(&[2, 3, 4][..]));
        assert_eq!(broadcast_dims(&[], &[0]).as_deref(), Some(&[0][..]));
        assert_eq!(broadcast_dims(&[2], &[3]), None);
    }
}
