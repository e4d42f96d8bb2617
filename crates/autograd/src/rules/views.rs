//! Rules of views and joins.

use unrolled_tensor::{DType, Dims, Tensor};

use super::Context;
use crate::Var;

pub(crate) fn permute(order: &[usize], g: &Var) -> Var {
    let mut inverse = vec![0isize; order.len()];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to as isize;
    }
    g.permute(inverse)
}

/// Zeros before and after.
pub(crate) fn narrow(axis: usize, start: usize, context: &Context<'_>, g: &Var) -> Var {
    let zeros = |len: usize| {
        let mut shape = Dims::from(context.shape(0));
        shape[axis] = len;
        Var::constant(Tensor::zeros([], g.dtype(), g.device()).broadcast_to(&shape))
    };
    let len = g.shape()[axis];
    let after = context.shape(0)[axis] - start - len;
    if start == 0 && after == 0 {
        return g.clone();
    }
    Var::concat(&[&zeros(start), g, &zeros(after)], axis as isize)
}

pub(crate) fn step_by(axis: usize, step: usize, context: &Context<'_>, g: &Var) -> Var {
    let mut column = vec![1; g.rank()];
    column[axis] = g.shape()[axis];
    let places = Tensor::arange(g.shape()[axis], DType::U32, g.device()).affine(step as f64, 0.0);
    let places = places.reshape(&column).broadcast_to(g.shape());
    let zeros = Var::constant(Tensor::zeros(context.shape(0), g.dtype(), g.device()));
    zeros.scatter_add(axis as isize, &places, g)
}

/// Overlap-add: each element gets the gradients of all windows that it is in.
pub(crate) fn unfold(axis: usize, step: usize, context: &Context<'_>, g: &Var) -> Var {
    let (windows, size) = (g.shape()[axis], g.shape()[g.rank() - 1]);
    let starts = Tensor::arange(windows, DType::U32, g.device()).affine(step as f64, 0.0);
    let places = starts.unsqueeze(1).add(&Tensor::arange(size, DType::U32, g.device())).flatten();
    // The window's own axis behind the axis that counts windows, both as one.
    let mut order: Vec<isize> = (0..g.rank() as isize - 1).collect();
    order.insert(axis + 1, -1);
    let mut shape = Dims::from(context.shape(0));
    shape[axis] = windows * size;
    let mut column = vec![1; shape.len()];
    column[axis] = windows * size;
    let places = places.reshape(&column).broadcast_to(&shape);
    let zeros = Var::constant(Tensor::zeros(context.shape(0), g.dtype(), g.device()));
    zeros.scatter_add(axis as isize, &places, &g.permute(order).reshape(&shape))
}

pub(crate) fn concat(
    axis: usize,
    lengths: &[usize],
    context: &Context<'_>,
    g: &Var,
) -> impl Iterator<Item = Option<Var>> {
    let mut start = 0;
    lengths.iter().enumerate().map(move |(i, &len)| {
        start += len;
        context.wants(i).then(|| g.narrow(axis as isize, start - len, len))
    })
}
