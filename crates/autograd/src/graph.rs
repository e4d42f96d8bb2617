//! The graph: nodes that own their inputs.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use unrolled_tensor::fused::{CrossEntropyGradients, LstmOutput};
use unrolled_tensor::{DType, Dims, Tensor};

use crate::Var;
use crate::ops::Op;

/// One recorded operation. Node ids grow, and an operation is recorded after its inputs, so descending ids are an order in which every
/// gradient is complete before it is passed on.
pub(crate) struct Node {
    pub id: u64,
    pub op: Op,
    /// Shapes and dtypes of the outputs.
    pub outputs: SmallVec<[(Dims, DType); 1]>,
    /// What backward needs; gone once backward has passed.
    pub saved: Mutex<Option<Saved>>,
}

/// What a node's rule gets.
#[derive(Clone)]
pub(crate) struct Saved {
    pub inputs: SmallVec<[Input; 2]>,
    /// The outputs, where the rule asks for them.
    pub outputs: SmallVec<[Tensor; 1]>,
    pub extra: Extra,
}

/// What fused operations keep for their backward.
#[derive(Clone)]
pub(crate) enum Extra {
    None,
    Lstm(Arc<LstmOutput>),
    CrossEntropy(Arc<CrossEntropyGradients>),
}

/// One operand: where its gradient goes, and its value where the rule asks for it.
#[derive(Clone)]
pub(crate) struct Input {
    pub edge: Option<Edge>,
    pub value: Option<Tensor>,
    pub shape: Dims,
    pub dtype: DType,
}

/// An output of a node.
#[derive(Clone)]
pub(crate) struct Edge {
    pub node: Arc<Node>,
    pub slot: usize,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many graph nodes exist in this process. After a training step has dropped its variables it is what it was before.
pub fn live_nodes() -> usize {
    LIVE.load(Relaxed)
}

impl Node {
    pub fn new(op: Op, outputs: SmallVec<[(Dims, DType); 1]>, saved: Saved) -> Arc<Node> {
        LIVE.fetch_add(1, Relaxed);
        Arc::new(Node { id: NEXT_ID.fetch_add(1, Relaxed), op, outputs, saved: Mutex::new(Some(saved)) })
    }

    /// Takes what backward needs, or a copy of it.
    pub fn saved(&self, keep: bool) -> Option<Saved> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if keep { saved.clone() } else { saved.take() }
    }

    /// Calls `work` with each operand. Says false where backward has freed them.
    pub fn each_input(&self, work: impl FnMut(&Input)) -> bool {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.as_ref().map(|saved| saved.inputs.iter().for_each(work)).is_some()
    }
}

impl Drop for Node {
    /// Iterative: in a chain of a million nodes each would drop the next, and overflow the stack.
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
        let take = |node: &mut Node| node.saved.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut stack: Vec<Saved> = take(self).into_iter().collect();
        while let Some(saved) = stack.pop() {
            for input in saved.inputs {
                // Of several threads that drop the last handles at once, exactly one gets the node.
                if let Some(mut node) = input.edge.and_then(|edge| Arc::into_inner(edge.node)) {
                    stack.extend(take(&mut node));
                }
            }
        }
    }
}

thread_local! {
    static PAUSED: Cell<usize> = const { Cell::new(0) };
}

/// While it lives, operations on this thread are not recorded. See [`no_grad`].
///
/// A guard counts for its own thread only: a worker enters one itself.
#[derive(Debug)]
pub struct NoGrad(std::marker::PhantomData<*const ()>);

impl NoGrad {
    /// Stops recording on this thread until dropped.
    #[must_use = "recording goes on when the guard is dropped"]
    #[allow(clippy::new_without_default)]
    pub fn new() -> NoGrad {
        PAUSED.with(|paused| paused.set(paused.get() + 1));
        NoGrad(std::marker::PhantomData)
    }
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        PAUSED.with(|paused| paused.set(paused.get() - 1));
    }
}

/// Runs `work` without recording its operations.
///
/// ```
/// use unrolled_autograd::{no_grad, Var};
/// use unrolled_tensor::{Device, Tensor};
/// let x = Var::leaf(Tensor::scalar(2f32, &Device::cpu()));
/// assert!(!no_grad(|| x.exp()).is_tracked());
/// assert!(x.exp().is_tracked());
/// ```
pub fn no_grad<T>(work: impl FnOnce() -> T) -> T {
    let _guard = NoGrad::new();
    work()
}

/// Whether operations on this thread are recorded now.
pub fn is_recording() -> bool {
    PAUSED.with(Cell::get) == 0
}

/// Wraps an operation's outputs; records it where an input is tracked and recording is on. An output that is not a float has no gradient
/// and is not tracked.
pub(crate) fn record(op: Op, inputs: &[&Var], outputs: SmallVec<[Tensor; 1]>, extra: Extra) -> SmallVec<[Var; 1]> {
    if !is_recording() || !inputs.iter().any(|input| input.is_tracked()) {
        return outputs.into_iter().map(Var::constant).collect();
    }
    let needs = op.needs(|i| inputs[i].is_tracked());
    let inputs = inputs
        .iter()
        .enumerate()
        .map(|(i, input)| Input {
            edge: input.edge().cloned(),
            value: needs.input(i).then(|| input.tensor().clone()),
            shape: input.shape().into(),
            dtype: input.dtype(),
        })
        .collect();
    let saved = Saved { inputs, outputs: if needs.outputs { outputs.clone() } else { SmallVec::new() }, extra };
    let described = outputs.iter().map(|o| (Dims::from(o.shape()), o.dtype())).collect();
    let node = Node::new(op, described, saved);
    outputs
        .into_iter()
        .enumerate()
        .map(|(slot, value)| {
            let edge = value.dtype().is_float().then(|| Edge { node: node.clone(), slot });
            Var::of(value, edge)
        })
        .collect()
}

/// [`record`] for one output and nothing extra.
pub(crate) fn record_one(op: Op, inputs: &[&Var], output: Tensor) -> Var {
    let mut outputs = record(op, inputs, smallvec::smallvec![output], Extra::None);
    outputs.pop().expect("one output")
}
