//! From outputs back to leaves.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;
use unrolled_tensor::{Dims, Tensor};

use crate::graph::{NoGrad, Node};
use crate::ops::Op;
use crate::rules::Context;
use crate::{Var, no_grad};

/// The gradient of one variable.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// As large as the variable.
    Dense(Var),
    /// Of some rows only, all others being 0: what an embedding's table gets.
    Rows(Rows),
}

/// A gradient of rows of a table. After [`Var::backward`] the rows are distinct and ascending.
#[derive(Clone, Debug)]
pub struct Rows {
    /// u32 `[n]`
    pub index: Tensor,
    /// `[n, D]`
    pub values: Tensor,
    /// The table's shape, `[V, D]`.
    pub shape: [usize; 2],
}

impl Rows {
    /// As large as the table.
    pub fn to_dense(&self) -> Tensor {
        Tensor::zeros(self.shape, self.values.dtype(), self.values.device()).index_add(0, &self.index, &self.values)
    }

    fn coalesced(self) -> Rows {
        let (index, values) = self.values.coalesce(&self.index);
        Rows { index, values, ..self }
    }
}

impl Gradient {
    /// The gradient as large as the variable.
    pub fn to_dense(&self) -> Tensor {
        match self {
            Gradient::Dense(gradient) => gradient.tensor().clone(),
            Gradient::Rows(rows) => rows.to_dense(),
        }
    }

    pub(crate) fn into_var(self) -> Var {
        match self {
            Gradient::Dense(gradient) => gradient,
            Gradient::Rows(rows) => Var::constant(rows.to_dense()),
        }
    }

    /// The sum of both. The first of several is moved, not added to zeros.
    fn plus(self, other: Gradient, tracked: bool) -> Gradient {
        match (self, other) {
            (Gradient::Rows(a), Gradient::Rows(b)) => Gradient::Rows(Rows {
                index: Tensor::concat(&[&a.index, &b.index], 0),
                values: Tensor::concat(&[&a.values, &b.values], 0),
                shape: a.shape,
            }),
            (a, b) if tracked => Gradient::Dense(a.into_var() + b.into_var()),
            (a, b) => {
                let (mut a, b) = (a.into_var().into_tensor(), b.into_var().into_tensor());
                a.accumulate(&b, 1.0);
                Gradient::Dense(Var::constant(a))
            }
        }
    }
}

/// The gradients that a backward pass left at the leaves.
///
/// Gradients belong to this value, not to the variables: two passes do not mix, and threads do not share.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    by_edge: HashMap<(u64, usize), Gradient>,
}

impl Gradients {
    /// The gradient of a leaf, dense; `None` where nothing depended on it.
    pub fn get(&self, var: &Var) -> Option<Tensor> {
        self.gradient(var).map(Gradient::to_dense)
    }

    /// The gradient of a leaf as it is, sparse or dense.
    pub fn gradient(&self, var: &Var) -> Option<&Gradient> {
        self.by_edge.get(&var.key()?)
    }

    /// Takes the gradient of a leaf out, so that its storage has one owner.
    pub fn take(&mut self, var: &Var) -> Option<Gradient> {
        self.by_edge.remove(&var.key()?)
    }

    /// How many variables have a gradient.
    pub fn len(&self) -> usize {
        self.by_edge.len()
    }

    /// True where no variable has a gradient.
    pub fn is_empty(&self) -> bool {
        self.by_edge.is_empty()
    }
}

/// How a backward pass runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backward {
    /// Keep what the graph has saved, for another pass over it. Otherwise each node is freed as it is passed.
    pub keep_graph: bool,
    /// Record the pass itself, so that gradients can be differentiated. Implies `keep_graph`.
    pub create_graph: bool,
}

impl Var {
    /// The gradients of this variable, of one element, with respect to every leaf it depends on. The graph is freed on the way.
    ///
    /// # Panics
    /// Where there is not one element, nothing was tracked, or an earlier pass has freed the graph.
    #[track_caller]
    pub fn backward(&self) -> Gradients {
        self.backward_with(Backward::default())
    }

    /// [`backward`](Var::backward) with options.
    #[track_caller]
    pub fn backward_with(&self, options: Backward) -> Gradients {
        if self.tensor().elements() != 1 {
            panic!("backward: shape {:?} has not one element; give the gradient with `backward_from`", self.shape());
        }
        self.backward_from(&Var::constant(self.tensor().ones_like()), options)
    }

    /// The gradients of ⟨self, `gradient`⟩.
    #[track_caller]
    pub fn backward_from(&self, gradient: &Var, options: Backward) -> Gradients {
        if !self.is_tracked() {
            panic!("backward: this variable was not tracked (made without a leaf, under no_grad, or detached)");
        }
        pass(&[(self, gradient)], &[], options)
    }
}

/// The gradients of Σ ⟨output, gradient⟩ with respect to `inputs`, leaves or not; `None` where nothing depends on one.
///
/// ```
/// use unrolled_autograd::{grad, Backward, Var};
/// use unrolled_tensor::{Device, Tensor};
/// // d²/dx² x³ = 6x
/// let x = Var::leaf(Tensor::scalar(2f64, &Device::cpu()));
/// let y = x.powf(3.0);
/// let one = Var::constant(y.tensor().ones_like());
/// let first = grad(&[(&y, &one)], &[&x], Backward { create_graph: true, ..Default::default() });
/// let dy = first[0].clone().unwrap();
/// assert_eq!(dy.tensor().item::<f64>(), 12.0);
/// let second = grad(&[(&dy, &one)], &[&x], Backward::default());
/// assert_eq!(second[0].as_ref().unwrap().tensor().item::<f64>(), 12.0);
/// ```
#[track_caller]
pub fn grad(outputs: &[(&Var, &Var)], inputs: &[&Var], options: Backward) -> Vec<Option<Var>> {
    let mut gradients = pass(outputs, inputs, options);
    let mut answers: Vec<Option<Var>> = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        // The same variable may be asked for twice.
        let twin = inputs[..i].iter().position(|other| other.key() == input.key());
        answers.push(match twin {
            Some(twin) => answers[twin].clone(),
            None => gradients.take(input).map(Gradient::into_var),
        });
    }
    answers
}

struct Queued(Arc<Node>);

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.0.id == other.0.id
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

/// Gradients that have arrived at nodes not yet visited, and the order to visit them in.
#[derive(Default)]
struct Arrived {
    queue: BinaryHeap<Queued>,
    by_node: HashMap<u64, SmallVec<[Option<Gradient>; 1]>>,
}

impl Arrived {
    fn add(&mut self, node: &Arc<Node>, slot: usize, gradient: Gradient, tracked: bool) {
        let slots = self.by_node.entry(node.id).or_insert_with(|| {
            self.queue.push(Queued(node.clone()));
            smallvec::smallvec![None; node.outputs.len()]
        });
        slots[slot] = Some(match slots[slot].take() {
            None => gradient,
            Some(before) => before.plus(gradient, tracked),
        });
    }
}

/// Visits nodes in descending order of their ids: when a node is reached, all its gradients have arrived.
#[track_caller]
fn pass(outputs: &[(&Var, &Var)], wanted: &[&Var], options: Backward) -> Gradients {
    let tracked = options.create_graph;
    let keep = options.keep_graph || tracked;
    let _guard = (!tracked).then(NoGrad::new);
    let wanted: Vec<(u64, usize)> = wanted.iter().filter_map(|var| var.key()).collect();
    let mut arrived = Arrived::default();
    for (output, gradient) in outputs {
        if output.shape() != gradient.shape() || output.dtype() != gradient.dtype() {
            let (a, b) = (output.shape(), gradient.shape());
            panic!("backward: gradient {} of shape {b:?} for {} of shape {a:?}", gradient.dtype(), output.dtype());
        }
        if let Some(edge) = output.edge() {
            arrived.add(&edge.node, edge.slot, Gradient::Dense((*gradient).clone()), tracked);
        }
    }
    let mut result = Gradients::default();
    while let Some(Queued(node)) = arrived.queue.pop() {
        let gradients = arrived.by_node.remove(&node.id).expect("a queued node has gradients");
        let leaf = matches!(node.op, Op::Leaf);
        for (slot, gradient) in gradients.iter().enumerate() {
            if let Some(gradient) = gradient
                && (wanted.contains(&(node.id, slot)) || (leaf && wanted.is_empty()))
            {
                result.by_edge.insert((node.id, slot), finished(gradient.clone()));
            }
        }
        if leaf {
            continue;
        }
        let Some(saved) = node.saved(keep) else {
            panic!(
                "backward: an earlier backward has freed this graph at `{}`; set `keep_graph` in the first of several",
                node.op.name()
            );
        };
        let gradients: SmallVec<[Option<Var>; 1]> =
            gradients.into_iter().map(|gradient| gradient.map(Gradient::into_var)).collect();
        let context = Context { node: &node, saved: &saved, tracked };
        let answers = node.op.vjp(&context, &gradients);
        debug_assert_eq!(answers.len(), saved.inputs.len(), "{}: one gradient for each input", node.op.name());
        for (input, gradient) in saved.inputs.iter().zip(answers) {
            if let (Some(edge), Some(gradient)) = (&input.edge, gradient) {
                arrived.add(&edge.node, edge.slot, gradient, tracked);
            }
        }
    }
    result
}

fn finished(gradient: Gradient) -> Gradient {
    match gradient {
        Gradient::Rows(rows) => Gradient::Rows(no_grad(|| rows.coalesced())),
        dense => dense,
    }
}

/// For callers that need to know a gradient's shape without making it dense.
impl Gradient {
    /// The variable's shape.
    pub fn shape(&self) -> Dims {
        match self {
            Gradient::Dense(gradient) => gradient.shape().into(),
            Gradient::Rows(rows) => rows.shape[..].into(),
        }
    }
}
