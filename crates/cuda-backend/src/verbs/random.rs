//! Random elements; the definition is [`unrolled_tensor::random::element`], which they equal to the bit.

use std::sync::Arc;

use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::{Key, uniform_cap};
use unrolled_tensor::{DType, Result, Storage, Tensor};

use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::recording;
use crate::storage::{Pointer, pointer};

pub(crate) fn random(
    gpu: &Arc<Gpu>,
    distribution: Distribution,
    key: Key,
    step: Option<&Tensor>,
    len: usize,
    dtype: DType,
) -> Result<Storage> {
    let out = gpu.empty(len, dtype)?;
    let (to, n) = (out.start(), len as u64);
    // Which step it is may be known to the device alone, and change between runs of a captured graph.
    let now_at = match step {
        Some(step) => pointer(step),
        None => recording::counter(gpu, key)?.unwrap_or(Pointer::NULL),
    };
    let (stream, now) = (key.stream(), key.step());
    let launch = |kind: &str, numbers: &[&dyn Argument]| {
        let mut arguments: Vec<&dyn Argument> = vec![&to, &stream, &now, &now_at];
        arguments.extend(numbers);
        arguments.push(&n);
        // A thread makes two or four elements.
        let grid = [gpu.grid_for(u32::try_from(len.div_ceil(2)).unwrap_or(u32::MAX)), 1, 1];
        gpu.launch("random", &format!("random_{kind}_{dtype}"), grid, [BLOCK, 1, 1], 0, &arguments)
    };
    match distribution {
        Distribution::Normal { mean, deviation } => launch("normal", &[&mean, &deviation]),
        Distribution::Uniform { low, high } => {
            launch("uniform", &[&low, &(high - low), &uniform_cap(low, high, dtype)])
        }
        Distribution::Dropout { keep } => launch("dropout", &[&keep, &(1.0 / keep)]),
    }?;
    Ok(out.storage())
}
