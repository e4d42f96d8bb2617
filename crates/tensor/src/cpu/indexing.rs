//! Gathering, scattering and joining.

use bytemuck::Pod;

use super::elementwise::{Stored, map_slices};
use super::math::vectorised;
use super::{elements, elements_mut};
use crate::layout::{Layout, Walk};
use crate::{Result, Tensor};

/// The view of `x` that belongs to each place of `index`, before the index itself is added: `axis` has the index's length and step 0.
fn base(x: &Layout, axis: usize, index: &Layout) -> Layout {
    let start = if x.dims()[axis] == 0 { x.emptied(axis) } else { x.narrow(axis, 0, 1).squeeze(axis) };
    start.unsqueeze(axis).broadcast_to(index.dims()).expect("index and tensor agree beside the axis")
}

#[cold]
fn outside(operation: &str, index: u32, axis: usize, len: usize) -> ! {
    panic!("{operation}: index {index} is outside axis {axis} of length {len}")
}

pub(crate) fn gather<T: Pod + Send + Sync>(x: &Tensor, axis: usize, index: &Tensor, out: &mut [T]) {
    let (data, places) = (elements::<T>(x), elements::<u32>(index));
    let (len, step) = (x.shape()[axis], x.layout().strides()[axis]);
    let base = base(x.layout(), axis, index.layout());
    map_slices([index.layout(), &base], out, &|[i, at], [i_step, at_step], out| {
        let place = |k: usize| {
            let index = places[(i as isize + k as isize * i_step) as usize];
            if index as usize >= len {
                outside("gather", index, axis, len)
            }
            at as isize + index as isize * step + k as isize * at_step
        };
        if i_step == 0 && at_step == 1 {
            // One index for a whole run: a row.
            let from = place(0) as usize;
            out.copy_from_slice(&data[from..from + out.len()]);
        } else {
            for (k, o) in out.iter_mut().enumerate() {
                *o = data[place(k) as usize];
            }
        }
    });
}

/// `x` becomes itself with `source` added. One thread: the order of sums is that of `source`.
pub(crate) fn scatter_add<T: Stored>(x: &mut Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<()> {
    let (len, shape) = (x.shape()[axis], x.layout().dims().to_vec());
    let out = elements_mut::<T>(x)?;
    let layout = Layout::contiguous(&shape);
    let step = layout.strides()[axis];
    let base = base(&layout, axis, index.layout());
    let (data, places) = (elements::<T>(source), elements::<u32>(index));
    if index.elements() == 0 {
        return Ok(());
    }
    let walk = Walk::new([index.layout(), source.layout(), &base]);
    walk.rows(0..walk.outer_len(), |starts| {
        if walk.steps == [0, 1, 1] {
            // One index for a whole run: a row.
            let index = places[starts[0]];
            if index as usize >= len {
                outside("scatter_add", index, axis, len)
            }
            let from = (starts[2] as isize + index as isize * step) as usize;
            let (out, data) = (&mut out[from..from + walk.inner], &data[starts[1]..starts[1] + walk.inner]);
            return vectorised(|| out.iter_mut().zip(data).for_each(|(o, &x)| *o = o.plus(x)));
        }
        for k in 0..walk.inner as isize {
            let at = |view: usize| (starts[view] as isize + k * walk.steps[view]) as usize;
            let index = places[at(0)];
            if index as usize >= len {
                outside("scatter_add", index, axis, len)
            }
            let o = &mut out[(at(2) as isize + index as isize * step) as usize];
            *o = o.plus(data[at(1)]);
        }
    });
    Ok(())
}

pub(crate) fn concat<T: Pod + Send + Sync>(parts: &[&Tensor], axis: usize, out: &mut [T]) {
    let mut shape = parts[0].shape().to_vec();
    shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    let whole = Layout::contiguous(&shape);
    let mut start = 0;
    for part in parts {
        let place = whole.narrow(axis, start, part.shape()[axis]);
        start += part.shape()[axis];
        if part.elements() == 0 {
            continue;
        }
        let (data, walk) = (elements::<T>(part), Walk::new([part.layout(), &place]));
        walk.rows(0..walk.outer_len(), |[from, to]| {
            if walk.steps == [1, 1] {
                out[to..to + walk.inner].copy_from_slice(&data[from..from + walk.inner]);
            } else {
                for k in 0..walk.inner as isize {
                    out[(to as isize + k * walk.steps[1]) as usize] =
                        data[(from as isize + k * walk.steps[0]) as usize];
                }
            }
        });
    }
}
