//! Rules of reductions and of what works along an axis.

use unrolled_tensor::{Dims, Tensor};

use super::Context;
use super::views::permute;
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

pub(crate) fn prod(axes: &[usize], keep: bool, context: &Context<'_>, g: &Var) -> Var {
    let x = context.input(0);
    let order: Dims = (0..x.rank()).filter(|axis| !axes.contains(axis)).chain(axes.iter().copied()).collect();
    let others = x.wide(|x| {
        let last = x.permute(signed(&order));
        let kept = &last.shape()[..x.rank() - axes.len()];
        let joined: usize = last.shape()[kept.len()..].iter().product();
        let others = products_of_others(&last.reshape([kept, &[joined]].concat()));
        permute(&order, &others.reshape(last.shape()))
    });
    kept(axes, keep, context, g) * others
}

/// Along the last axis, for each element the product of all the others. Nothing is divided, so it is right beside zeros too, and so is its own
/// derivative: pairs are multiplied, the others of each pair found, and these times the one partner are the others of the other.
fn products_of_others(x: &Var) -> Var {
    let n = x.dim(-1);
    if n < 2 {
        return Var::constant(x.tensor().ones_like());
    }
    let half = n.div_ceil(2);
    let (first, second) = (x.narrow(-1, 0, half), x.narrow(-1, half, n - half).pad(&[(0, 2 * half - n)], 1.0));
    let others = products_of_others(&(&first * &second));
    Var::concat(&[&(&others * second), &(&others * first).narrow(-1, 0, n - half)], -1)
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
