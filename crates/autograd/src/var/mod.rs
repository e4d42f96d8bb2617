//! The tracked tensor; its operations are in the files beside this one.

mod activations;
mod arranging;
mod at;
mod attention;
mod compare;
mod convolution;
mod einsum;
mod elementwise;
mod indexing;
mod losses;
mod normalisation;
mod norms;
mod operators;
mod products;
mod reductions;
mod views;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use smallvec::smallvec;
use unrolled_tensor::{Axes, DType, Device, Dims, Element, Tensor};

use crate::graph::{Edge, Extra, Node, Saved};
use crate::ops::Op;

pub use attention::{AttentionMask, AttentionOptions};
pub use convolution::Conv1dOptions;
pub use losses::{BinaryCrossEntropyOptions, CrossEntropyOptions, Reduction};

pub(crate) use reductions::signed;

/// A tensor that remembers where it came from, if that matters for a gradient.
///
/// A [`leaf`](Var::leaf) is what gradients are asked for; a [`constant`](Var::constant) is not tracked; anything computed from a leaf is. Clones
/// share the node. Graphs are `Send + Sync`: nothing about them belongs to a thread.
#[derive(Clone)]
pub struct Var {
    // Shared with the nodes that save it: a tensor is an order larger than a pointer.
    value: Arc<Tensor>,
    edge: Option<Edge>,
}

impl Var {
    /// A variable that gradients are asked for.
    ///
    /// # Panics
    /// Where the dtype is not a float.
    #[track_caller]
    pub fn leaf(value: Tensor) -> Var {
        if !value.dtype().is_float() {
            panic!("leaf: {} has no gradients", value.dtype());
        }
        let saved = Saved { inputs: smallvec![], outputs: smallvec![], extra: Extra::None };
        let node = Node::new(Op::Leaf, smallvec![(Dims::from(value.shape()), value.dtype())], saved);
        Var::of(value.into(), Some(Edge { node, slot: 0 }))
    }

    /// A variable that is not tracked.
    pub fn constant(value: Tensor) -> Var {
        Var::of(value.into(), None)
    }

    pub(crate) fn of(value: Arc<Tensor>, edge: Option<Edge>) -> Var {
        Var { value, edge }
    }

    /// The same value, not tracked: no gradient passes here.
    pub fn detach(&self) -> Var {
        Var::of(self.value.clone(), None)
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.value
    }

    /// The value, without its graph.
    pub fn into_tensor(self) -> Tensor {
        Arc::unwrap_or_clone(self.value)
    }

    /// The elements of the value, row-major: [`Tensor::to_vec`].
    ///
    /// # Panics
    /// Where `T` is not the dtype.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        self.value.to_vec()
    }

    /// The only element of the value, as of a loss: [`Tensor::item`].
    ///
    /// # Panics
    /// Where there is not exactly one, or `T` is not the dtype.
    #[track_caller]
    pub fn item<T: Element>(&self) -> T {
        self.value.item()
    }

    /// The value, which from now on is that of a constant.
    pub(crate) fn constant_mut(&mut self) -> &mut Tensor {
        self.edge = None;
        Arc::make_mut(&mut self.value)
    }

    pub(crate) fn shared(&self) -> &Arc<Tensor> {
        &self.value
    }

    /// The value of a leaf, for an update in place. A graph that was recorded before keeps the old value, which its backward needs: storage is copied
    /// where somebody else still holds it ([`Tensor::storage_mut`]), so a change between forward and backward alters no gradient.
    ///
    /// # Panics
    /// Where this is not a leaf.
    #[track_caller]
    pub fn value_mut(&mut self) -> &mut Tensor {
        if !self.is_leaf() {
            panic!("value_mut: only a leaf may change; this comes from `{}`", self.operation());
        }
        Arc::make_mut(&mut self.value)
    }

    /// Whether gradients pass through this.
    pub fn is_tracked(&self) -> bool {
        self.edge.is_some()
    }

    /// Whether this is a leaf.
    pub fn is_leaf(&self) -> bool {
        matches!(&self.edge, Some(edge) if matches!(edge.node.op, Op::Leaf))
    }

    /// The name of the operation that made this; `constant` where it is not tracked.
    pub fn operation(&self) -> &'static str {
        self.edge.as_ref().map_or("constant", |edge| edge.node.op.name())
    }

    /// The names of all recorded operations that this was computed by, each operation once however often its result was used; the newest
    /// first, for messages and tests. What a backward pass has freed is not gone through.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(2f32, &Device::cpu()));
    /// assert_eq!((x.exp() * &x).operations(), ["mul", "exp", "leaf"]);
    /// ```
    pub fn operations(&self) -> Vec<&'static str> {
        let mut waiting: Vec<Arc<Node>> = self.edge.iter().map(|edge| edge.node.clone()).collect();
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(node) = waiting.pop() {
            if seen.insert(node.id) {
                found.push((node.id, node.op.name()));
                node.each_input(|input| waiting.extend(input.edge.iter().map(|edge| edge.node.clone())));
            }
        }
        found.sort_unstable_by_key(|&(id, _)| std::cmp::Reverse(id));
        found.into_iter().map(|(_, name)| name).collect()
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        self.edge.as_ref()
    }

    pub(crate) fn key(&self) -> Option<(u64, usize)> {
        self.edge.as_ref().map(|edge| (edge.node.id, edge.slot))
    }

    /// Whether both are the same output of the same node.
    pub fn same(&self, other: &Var) -> bool {
        matches!((&self.edge, &other.edge), (Some(a), Some(b)) if Arc::ptr_eq(&a.node, &b.node) && a.slot == b.slot)
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The length of `axis`; a negative one counts from the end.
    #[track_caller]
    pub fn dim(&self, axis: isize) -> usize {
        self.value.dim(axis)
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.value.dtype()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.value.device()
    }

    fn axis(&self, operation: &str, axis: isize) -> usize {
        axis.of(operation, self.shape())[0]
    }
}

/// The operation that made it and the value: `Var<tanh> f32[2] on cpu [0.0000, 0.7616]`.
impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var<{}> {:?}", self.operation(), self.value)
    }
}
