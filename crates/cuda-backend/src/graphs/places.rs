//! Where captured work reads and writes.

use std::ops::Range;
use std::sync::Arc;

use unrolled_tensor::{DType, Layout, Result, Tensor};

use crate::driver::Graph;
use crate::gpu::Gpu;
use crate::pool::{Block, Home};
use crate::storage::{Buffer, Pointer, buffer, pointer};
use crate::verbs::elementwise::copy;

/// A graph, and where it reads and writes.
#[derive(Debug)]
pub(super) struct Ready {
    pub graph: Graph,
    pub places: Places,
    pub parameters: Vec<Place>,
    pub answers: Vec<Answer>,
}

/// Where a parameter is: its storage's addresses, and which of its elements are the parameter's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub memory: Range<u64>,
    pub layout: Layout,
}

/// Where work that is captured finds its step and its inputs.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub counter: Pointer,
    pub inputs: Vec<Pointer>,
}

/// Where an answer is, without gaps.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub block: Block,
    pub bytes: usize,
    pub shape: Vec<usize>,
    pub dtype: DType,
}

pub(super) fn place(x: &Tensor) -> Place {
    let buffer = buffer(x).expect("a CUDA tensor's storage is a CUDA buffer");
    Place { memory: buffer.start().0..buffer.start().0 + buffer.bytes() as u64, layout: x.layout().clone() }
}

impl Places {
    pub fn of(counter: &Buffer, inputs: &[Tensor]) -> Places {
        Places { counter: counter.start(), inputs: inputs.iter().map(pointer).collect() }
    }
}

impl Answer {
    pub fn of(x: &Tensor) -> Answer {
        let buffer = buffer(x).expect("a CUDA tensor's storage is a CUDA buffer");
        Answer { block: buffer.block(), bytes: buffer.bytes(), shape: x.shape().to_vec(), dtype: x.dtype() }
    }
}

/// The answers, each alone in memory of the arena.
pub(super) fn owned(gpu: &Arc<Gpu>, answers: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let is_owned = |x: &Tensor| {
        let home = buffer(x).map(|buffer| buffer.block().home);
        x.is_unique() && x.is_contiguous() && x.layout().offset() == 0 && home == Some(Home::Arena)
    };
    let one = |x: &Tensor| {
        if is_owned(x) {
            return Ok(x.clone());
        }
        Ok(Tensor::of(copy(gpu, x)?, x.shape(), x.dtype(), x.device()))
    };
    answers.iter().map(one).collect()
}
