//! Rules of gathering and scattering.

use unrolled_tensor::Tensor;

use super::Context;
use crate::Var;
use crate::gradient::{Gradient, Rows};

fn zeros(context: &Context<'_>, g: &Var) -> Var {
    Var::constant(Tensor::zeros(context.shape(0), g.dtype(), g.device()))
}

pub(crate) fn gather(axis: usize, index: &Tensor, context: &Context<'_>, g: &Var) -> Var {
    zeros(context, g).scatter_add(axis as isize, index, g)
}

pub(crate) fn scatter_add(axis: usize, index: &Tensor, g: &Var) -> Vec<Option<Var>> {
    vec![Some(g.clone()), Some(g.gather(axis as isize, index))]
}

/// Sparse, but dense where the pass itself is recorded.
pub(crate) fn embedding(context: &Context<'_>, index: &Tensor, g: &Var) -> Gradient {
    if context.tracked {
        let places = index.reshape([index.elements(), 1]).broadcast_to(g.shape());
        return Gradient::Dense(zeros(context, g).scatter_add(0, &places, g));
    }
    let shape = [context.shape(0)[0], context.shape(0)[1]];
    Gradient::Rows(Rows { index: index.clone(), values: g.tensor().clone(), shape })
}
