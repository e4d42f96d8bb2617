//! What changes in place: accumulation and optimiser steps.

use std::sync::Arc;

use unrolled_tensor::ops::Update;
use unrolled_tensor::{DType, Result, Tensor};

use super::elementwise::contiguous;
use crate::gpu::Gpu;
use crate::kernels::Argument;
use crate::storage::{Pointer, pointer, pointer_mut};
use crate::view::{View, count};

/// `onto += scale · x`
pub(crate) fn accumulate(gpu: &Arc<Gpu>, onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()> {
    let (to, n) = (pointer_mut(onto)?, count(gpu, x.elements())?);
    let kernel = format!("accumulate_{}", x.dtype());
    gpu.launch_each("update", &kernel, n, &[&to, &pointer(x), &View::of(gpu, [x])?, &scale, &n])
}

pub(crate) fn update(
    gpu: &Arc<Gpu>,
    rule: &Update,
    parameter: &mut Tensor,
    gradient: &Tensor,
    rows: Option<&Tensor>,
    state: &mut [Tensor],
    hyper: &Tensor,
) -> Result<()> {
    let (gradient, hyper) = (contiguous(gpu, gradient)?, contiguous(gpu, hyper)?);
    let rows = rows.map(|rows| contiguous(gpu, rows)).transpose()?;
    let height = count(gpu, parameter.shape().first().copied().unwrap_or(1))?;
    let width = count(gpu, parameter.elements())?.checked_div(height).unwrap_or(0);
    let n = count(gpu, gradient.elements())?;
    let (p, g, named) = (pointer_mut(parameter)?, pointer(&gradient), rows.as_ref().map_or(Pointer::NULL, pointer));
    let states = state.iter_mut().map(pointer_mut).collect::<Result<Vec<_>>>()?;
    let (numbers, is_f64) = (pointer(&hyper), u32::from(hyper.dtype() == DType::F64));
    let launch = |kind: &str, own: &[&dyn Argument]| {
        let mut arguments: Vec<&dyn Argument> = vec![&p, &g, &named, &width, &height, &numbers, &is_f64];
        arguments.extend(own);
        arguments.push(&n);
        gpu.launch_each("update", &format!("update_{kind}_{}", gradient.dtype()), n, &arguments)
    };
    match (*rule, &states[..]) {
        (Update::Sgd { .. }, []) => launch("sgd", &[]),
        (Update::Sgd { momentum }, [velocity]) => launch("momentum", &[velocity, &momentum]),
        (Update::Adam { beta1, beta2, epsilon, weight_decay, decoupled }, [first, second]) => {
            launch("adam", &[first, second, &beta1, &beta2, &epsilon, &weight_decay, &u32::from(decoupled)])
        }
        (rule, states) => unreachable!("{rule:?} does not keep {} states", states.len()),
    }
}
