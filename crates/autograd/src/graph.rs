//! The graph: nodes that own their inputs.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use unrolled_tensor::fused::{CrossEntropyGradients, LstmOutput};
use unrolled_tensor::{DType, Dims, Tensor};

use crate::checkpoint::Segment;
use crate::ops::Op;
use crate::recording::{Site, is_recording, is_watched, site};
use crate::{Var, anomaly};

/// One recorded operation. Node ids grow, and an operation is recorded after its inputs, so descending ids are an order in which every
/// gradient is complete before it is passed on.
pub(crate) struct Node {
    pub id: u64,
    pub op: Op,
    /// Where the operation was called.
    pub site: Site,
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
    pub outputs: SmallVec<[Arc<Tensor>; 1]>,
    pub extra: Extra,
}

/// What an operation keeps for its backward besides operands and outputs.
#[derive(Clone)]
pub(crate) enum Extra {
    None,
    /// What a pass that frees the graph takes for itself.
    Lstm(Arc<Mutex<Option<LstmOutput>>>),
    CrossEntropy(Arc<CrossEntropyGradients>),
    /// What a checkpoint runs again.
    Segment(Segment),
}

/// One operand: where its gradient goes, and its value where the rule asks for it.
#[derive(Clone)]
pub(crate) struct Input {
    pub edge: Option<Edge>,
    pub value: Option<Arc<Tensor>>,
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

/// The id that the next node gets: nodes recorded from now on are not older.
pub(crate) fn next_id() -> u64 {
    NEXT_ID.load(Relaxed)
}

impl Node {
    #[track_caller]
    pub fn new(op: Op, outputs: SmallVec<[(Dims, DType); 1]>, saved: Saved) -> Arc<Node> {
        LIVE.fetch_add(1, Relaxed);
        Arc::new(Node { id: NEXT_ID.fetch_add(1, Relaxed), op, site: site(), outputs, saved: Mutex::new(Some(saved)) })
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
            // A checkpoint's function holds what it has captured, to which there are edges as well: those are the last.
            drop(saved.extra);
            for input in saved.inputs {
                // Of several threads that drop the last handles at once, exactly one gets the node.
                if let Some(mut node) = input.edge.and_then(|edge| Arc::into_inner(edge.node)) {
                    stack.extend(take(&mut node));
                }
            }
        }
    }
}

impl Var {
    /// Every operation between this variable and what it was computed from, newest first, and where in the program each was called. An operation
    /// that is made of others counts as called where it was; see [`operations`](Var::operations) for the names alone.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(2f32, &Device::cpu()));
    /// let y = x.exp();
    /// let (name, location) = y.trace()[0];
    /// assert_eq!((name, location.line()), ("exp", line!() - 2));
    /// ```
    pub fn trace(&self) -> Vec<(&'static str, &'static Location<'static>)> {
        let mut waiting: Vec<Arc<Node>> = self.edge().iter().map(|edge| edge.node.clone()).collect();
        let mut found = BTreeMap::new();
        while let Some(node) = waiting.pop() {
            if found.insert(node.id, (node.op.name(), node.site)).is_none() {
                node.each_input(|input| waiting.extend(input.edge.iter().map(|edge| edge.node.clone())));
            }
        }
        found.into_values().rev().collect()
    }
}

/// Wraps an operation's outputs; records it where an input is tracked and recording is on. An output that is not a float has no gradient
/// and is not tracked.
#[track_caller]
pub(crate) fn record(op: Op, inputs: &[&Var], outputs: Vec<Tensor>, extra: Extra) -> Vec<Var> {
    let outputs: SmallVec<[Arc<Tensor>; 1]> = outputs.into_iter().map(Arc::new).collect();
    let node = node(op, inputs, &outputs, extra);
    let edge = |slot: usize, value: &Tensor| {
        node.as_ref().filter(|_| value.dtype().is_float()).map(|node| Edge { node: node.clone(), slot })
    };
    outputs.into_iter().enumerate().map(|(slot, value)| Var::of(value.clone(), edge(slot, &value))).collect()
}

/// [`record`] for one output, a float wherever an input is tracked, and nothing extra.
#[track_caller]
pub(crate) fn record_one(op: Op, inputs: &[&Var], output: Tensor) -> Var {
    let output = Arc::new(output);
    let node = node(op, inputs, std::slice::from_ref(&output), Extra::None);
    Var::of(output, node.map(|node| Edge { node, slot: 0 }))
}

#[track_caller]
fn node(op: Op, inputs: &[&Var], outputs: &[Arc<Tensor>], extra: Extra) -> Option<Arc<Node>> {
    if is_watched() {
        anomaly::check_outputs(&op, inputs, outputs);
    }
    if !is_recording() || !inputs.iter().any(|input| input.is_tracked()) {
        return None;
    }
    let needs = op.needs(|i| inputs[i].is_tracked());
    let inputs = inputs
        .iter()
        .enumerate()
        .map(|(i, input)| Input { edge: input.edge().cloned(), value: needs.input(i).then(|| input.shared().clone()) });
    let saved = Saved {
        inputs: inputs.collect(),
        outputs: if needs.outputs { outputs.into() } else { SmallVec::new() },
        extra,
    };
    Some(Node::new(op, outputs.iter().map(|o| (Dims::from(o.shape()), o.dtype())).collect(), saved))
}
