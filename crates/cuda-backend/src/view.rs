//! Strided views as kernels take them.

use unrolled_tensor::{Layout, Result, Tensor};

use crate::gpu::Gpu;

/// The most axes that a kernel walks, once those that can be are merged.
pub(crate) const MAX_RANK: usize = 8;

/// `N` views of one shape, with every run of axes that all of them walk evenly merged into one: `Views<N>` of kernels/common.cuh. Axes beyond
/// `rank` are not read. Offsets are in the pointers that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Views<const N: usize> {
    rank: u32,
    sizes: [u32; MAX_RANK],
    strides: [[i64; MAX_RANK]; N],
}

/// One view.
pub(crate) type View = Views<1>;

impl<const N: usize> Views<N> {
    /// Of layouts that have one shape.
    pub fn new(gpu: &Gpu, layouts: [&Layout; N]) -> Result<Views<N>> {
        count(gpu, layouts[0].elements())?;
        Views::merged(layouts).ok_or_else(|| {
            let dims = layouts[0].dims();
            gpu.error(format!(
                "a view of shape {dims:?} has more than {MAX_RANK} axes that cannot be merged: copy it first"
            ))
        })
    }

    /// Of tensors that have one shape.
    pub fn of(gpu: &Gpu, tensors: [&Tensor; N]) -> Result<Views<N>> {
        Views::new(gpu, tensors.map(Tensor::layout))
    }

    fn merged(layouts: [&Layout; N]) -> Option<Views<N>> {
        let full = layouts[0].dims();
        debug_assert!(layouts.iter().all(|layout| layout.dims() == full));
        let mut views = Views { rank: 0, sizes: [1; MAX_RANK], strides: [[0; MAX_RANK]; N] };
        for (axis, &n) in full.iter().enumerate() {
            if n == 1 {
                continue;
            }
            let stride = |k: usize| layouts[k].strides()[axis] as i64;
            let last = (views.rank as usize).wrapping_sub(1);
            let merges = views.rank > 0 && (0..N).all(|k| views.strides[k][last] == stride(k) * n as i64);
            let at = if merges { last } else { views.rank as usize };
            if at == MAX_RANK {
                return None;
            }
            views.rank = at as u32 + 1;
            // An empty view has no elements to find; others have fewer than 2³².
            views.sizes[at] = (views.sizes[at] as usize * n) as u32;
            (0..N).for_each(|k| views.strides[k][at] = stride(k));
        }
        // One element: an axis of length 1, whose stride is never taken.
        views.rank = views.rank.max(1);
        Some(views)
    }
}

/// The number of elements as kernels count them.
pub(crate) fn count(gpu: &Gpu, elements: usize) -> Result<u32> {
    u32::try_from(elements).map_err(|_| {
        gpu.error(format!("{elements} elements in one operation; a CUDA device takes at most {}", u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<const N: usize>(views: &Views<N>, i: u32) -> [i64; N] {
        let mut rest = i;
        let mut at = [0; N];
        for axis in (0..views.rank as usize).rev() {
            let index = rest % views.sizes[axis];
            rest /= views.sizes[axis];
            (0..N).for_each(|k| at[k] += index as i64 * views.strides[k][axis]);
        }
        at
    }

    #[test]
    fn what_all_views_walk_evenly_is_one_axis() {
        let plain = Layout::contiguous(&[2, 3, 4]);
        let views = Views::merged([&plain]).unwrap();
        assert_eq!((views.rank, views.sizes[0], views.strides[0][0]), (1, 24, 1));
        let turned = plain.permute(&[0, 2, 1]);
        let other = Layout::contiguous(&[2, 4, 3]);
        let views = Views::merged([&turned, &other]).unwrap();
        assert_eq!(views.rank, 3);
        for i in 0..24 {
            let (a, b, c) = (i / 12, i / 3 % 4, i % 3);
            assert_eq!(places(&views, i), [(a * 12 + c * 4 + b) as i64, i as i64]);
        }
        let repeated = Layout::contiguous(&[1]).broadcast_to(&[5, 7]).unwrap();
        let views = Views::merged([&repeated]).unwrap();
        assert_eq!((views.rank, views.sizes[0], views.strides[0][0]), (1, 35, 0));
        assert_eq!(Views::merged([&Layout::contiguous(&[])]).unwrap().rank, 1);
    }

    #[test]
    fn nine_axes_that_cannot_be_merged_are_refused() {
        let flipped = (0..9).step_by(2).fold(Layout::contiguous(&[2; 9]), |layout, axis| layout.flip(axis));
        assert!(Views::merged([&flipped]).is_none());
        assert!(Views::merged([&Layout::contiguous(&[2; 20])]).is_some());
    }
}
