//! Rules of reductions and of what works along an axis.

use unrolled_tensor::{Dims, Tensor};

use super::Context;
use crate::Var;
use crate::var::signed;

/// `g` with the reduced axes put back, of length 1.
fn kept(axes: &[usize], keep: bool, context: &Context<'_>, g: &Var) -> Var {
    if keep {
        return g.clone();
    }
    let mut shape = Dims::from(context.shape(0));
    axes.iter().for_each(|&axis| shape[axis] = 1);
    g.reshape(&shape)
}

pub(crate) fn sum(axes: &[usize], keep: bool, context: &Context<'_>, g: &Var) -> Var {
    kept(axes, keep, context, g).broadcast_to(context.shape(0))
}

pub(crate) fn extreme(axes: &[usize], keep: bool, context: &Context<'_>, g: &Var) -> Var {
    let x = context.input(0);
    let y = kept(axes, keep, context, &context.output().detach());
    let equal: Tensor = x.tensor().eq(y.tensor()).cast(x.dtype());
    let count = equal.sum(&signed(axes)[..], true);
    kept(axes, keep, context, g) * Var::constant(equal.div(&count))
}

pub(crate) fn cumulative_sum(axis: usize, g: &Var) -> Var {
    let axis = axis as isize;
    g.flip(axis).cumsum(axis).flip(axis)
}

pub(crate) fn softmax(axis: usize, context: &Context<'_>, g: &Var) -> Var {
    let p = context.output();
    let dot = (g * &p).sum(axis as isize, true);
    (g - &dot) * p
}

pub(crate) fn log_softmax(axis: usize, context: &Context<'_>, g: &Var) -> Var {
    g - &(context.output().exp() * g.sum(axis as isize, true))
}
