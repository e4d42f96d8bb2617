//! From outputs back to leaves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::gradient::{Gradient, Gradients};
use crate::graph::{Edge, Node, Saved};
use crate::ops::Op;
use crate::recording::{At, NoGrad, Watch};
use crate::rules::Context;
use crate::{Var, anomaly, checkpoint};

/// How a backward pass runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backward {
    /// Keep what the graph has saved, for another pass over it. Otherwise each node is freed as it is passed.
    pub keep_graph: bool,
    /// Record the pass itself, so that gradients can be differentiated. Implies `keep_graph`; under [`no_grad`](crate::no_grad) nothing is recorded.
    pub create_graph: bool,
    /// Leave the [rows](crate::Rows) of a table as they come: in any order, one as often as it was used. So nothing asks the device how many different ones
    /// there are, which work that it [replays](unrolled_tensor::Device::captured) must not. [`Gradient::coalesced`] makes of them what they otherwise are.
    ///
    /// ```
    /// use unrolled_autograd::{Backward, Gradient, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let table = Var::leaf(Tensor::from_slice(&[1f32, 2.0, 3.0], [3, 1], &device));
    /// let words = table.embedding(&Tensor::from_slice(&[2u32, 0, 2], [3], &device));
    /// let mut gradients = words.sum(.., false).backward_with(Backward { raw_rows: true, ..Backward::default() });
    /// let rows = gradients.take(&table).unwrap();
    /// let index = |gradient: &Gradient| match gradient {
    ///     Gradient::Rows(rows) => rows.index.to_vec::<u32>(),
    ///     Gradient::Dense(_) => unreachable!("a table gets rows"),
    /// };
    /// assert_eq!((index(&rows), index(&rows.coalesced())), (vec![2, 0, 2], vec![0, 2]));
    /// ```
    pub raw_rows: bool,
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
        self.check_tracked();
        pass(&[(self, &Var::constant(self.tensor().ones_like()))], None, options, true)
    }

    /// The gradients of ⟨self, `gradient`⟩ with respect to every leaf that this variable depends on.
    ///
    /// # Panics
    /// Where shape or dtype of the gradient are not those of this variable, nothing was tracked, or an earlier pass has freed the graph.
    #[track_caller]
    pub fn backward_from(&self, gradient: &Var, options: Backward) -> Gradients {
        self.check_tracked();
        pass(&[(self, gradient)], None, options, false)
    }

    #[track_caller]
    fn check_tracked(&self) {
        if !self.is_tracked() {
            panic!("backward: this variable was not tracked (made without a leaf, under no_grad, or detached)");
        }
    }
}

/// The gradients of Σ ⟨output, gradient⟩ with respect to `inputs`, leaves or not; `None` where nothing depends on one. Only the part of the graph
/// between the two is gone through, and freed; what comes before `inputs` stays for a pass of its own.
///
/// # Panics
/// Where shape or dtype of a gradient are not those of its output, or an earlier pass has freed the graph.
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
    let mut gradients = pass(outputs, Some(inputs), options, false);
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

/// Which nodes lead to what gradients are asked for.
pub(crate) enum Needed {
    /// To every leaf: all nodes do.
    Everything,
    /// To some variables: those between, and whether a gradient goes on from there.
    Between(HashMap<u64, bool>),
}

impl Needed {
    /// The nodes from which `wanted` can be reached. A node's inputs are older than it is, so none older than the oldest wanted is looked at.
    fn between<'a>(outputs: impl Iterator<Item = &'a Var>, wanted: &HashSet<(u64, usize)>) -> Needed {
        let nodes: HashSet<u64> = wanted.iter().map(|&(id, _)| id).collect();
        let mut leads = HashMap::new();
        lead(&mut leads, outputs, nodes.iter().copied().min().unwrap_or(u64::MAX), &nodes);
        Needed::Between(leads)
    }

    /// Learns of nodes that a checkpoint has recorded again since `start`.
    fn learn(&mut self, outputs: &[Var], start: u64) {
        if let Needed::Between(leads) = self {
            lead(leads, outputs.iter(), start, &HashSet::new());
        }
    }

    pub fn contains(&self, node: &Node) -> bool {
        match self {
            Needed::Everything => true,
            Needed::Between(leads) => leads.contains_key(&node.id),
        }
    }

    /// Whether a gradient goes on from this node.
    fn goes_on(&self, node: &Node) -> bool {
        match self {
            Needed::Everything => !matches!(node.op, Op::Leaf),
            Needed::Between(leads) => leads[&node.id],
        }
    }
}

/// Adds to `leads` the nodes not older than `oldest` that lead to one there or in `wanted`, and whether there is one behind them.
fn lead<'a>(
    leads: &mut HashMap<u64, bool>,
    outputs: impl Iterator<Item = &'a Var>,
    oldest: u64,
    wanted: &HashSet<u64>,
) {
    let mut waiting: Vec<Arc<Node>> = outputs.filter_map(|output| Some(output.edge()?.node.clone())).collect();
    let mut inputs: BTreeMap<u64, Option<SmallVec<[u64; 2]>>> = BTreeMap::new();
    while let Some(node) = waiting.pop() {
        if node.id < oldest || inputs.contains_key(&node.id) {
            continue;
        }
        let mut ids = SmallVec::new();
        let there = node.each_input(|input| {
            if let Some(edge) = &input.edge {
                ids.push(edge.node.id);
                waiting.push(edge.node.clone());
            }
        });
        inputs.insert(node.id, there.then_some(ids));
    }
    for (id, inputs) in inputs {
        // Where an earlier pass has freed the inputs they may have led there: the visit will say so.
        let on = inputs.is_none_or(|inputs| inputs.iter().any(|input| leads.contains_key(input)));
        if on || wanted.contains(&id) {
            leads.insert(id, on);
        }
    }
}

/// A gradient for each output of a node.
type Slots = SmallVec<[Option<Gradient>; 1]>;

/// Gradients that have arrived at nodes not yet visited.
struct Arrived {
    by_id: BTreeMap<u64, (Arc<Node>, Slots)>,
    needed: Needed,
    /// Whether the pass is recorded.
    tracked: bool,
    /// Whether nodes keep what they have saved.
    keep: bool,
    /// Whether the gradients are looked at.
    watched: bool,
    /// The node where the pass begins with a gradient of 1; nothing else arrives there.
    unit: Option<u64>,
}

impl Arrived {
    fn add(&mut self, Edge { node, slot }: &Edge, gradient: Gradient) {
        if !self.needed.contains(node) {
            return;
        }
        debug_assert_eq!(gradient.shape(), node.outputs[*slot].0, "the gradient for `{}`", node.op.name());
        let fresh = || (node.clone(), smallvec![None; node.outputs.len()]);
        let (_, slots) = self.by_id.entry(node.id).or_insert_with(fresh);
        slots[*slot] = Some(match slots[*slot].take() {
            None => gradient,
            Some(before) => before.plus(gradient, self.tracked),
        });
    }
}

/// Visits nodes in descending order of their ids: when a node is reached, all its gradients have arrived. Answers with the gradients of
/// `wanted`, or of all leaves. `unit` says that there is one output, of one element, and that its gradient is 1.
#[track_caller]
fn pass(outputs: &[(&Var, &Var)], wanted: Option<&[&Var]>, options: Backward, unit: bool) -> Gradients {
    let tracked = options.create_graph;
    let keep = options.keep_graph || tracked;
    let _guard = (!tracked).then(NoGrad::new);
    // What rules compute on the way is not looked at, only what they answer.
    let watch = Watch::new(false);
    let wanted: Option<HashSet<_>> = wanted.map(|wanted| wanted.iter().filter_map(|var| var.key()).collect());
    let ends = outputs.iter().map(|(output, _)| *output);
    let needed = wanted.as_ref().map_or(Needed::Everything, |wanted| Needed::between(ends, wanted));
    let unit = if unit { outputs[0].0.edge().map(|edge| edge.node.id) } else { None };
    let mut arrived = Arrived { by_id: BTreeMap::new(), needed, tracked, keep, watched: watch.before, unit };
    for (output, gradient) in outputs {
        if output.shape() != gradient.shape() || output.dtype() != gradient.dtype() {
            let (a, b) = (output.shape(), gradient.shape());
            panic!("backward: gradient {} of shape {b:?} for {} of shape {a:?}", gradient.dtype(), output.dtype());
        }
        if let Some(edge) = output.edge() {
            arrived.add(edge, Gradient::Dense((*gradient).clone()));
        }
    }
    let mut result = Gradients::default();
    while let Some((_, (node, gradients))) = arrived.by_id.pop_last() {
        if arrived.watched && matches!(node.op, Op::Leaf) {
            anomaly::check_gradients(&node, &gradients);
        }
        for (slot, gradient) in gradients.iter().enumerate() {
            let asked = match &wanted {
                Some(wanted) => wanted.contains(&(node.id, slot)),
                None => matches!(node.op, Op::Leaf),
            };
            if let (true, Some(gradient)) = (asked, gradient) {
                let gradient = gradient.clone();
                let gradient = if options.raw_rows { gradient } else { gradient.coalesced() };
                result.by_edge.insert((node.id, slot), gradient);
            }
        }
        if arrived.needed.goes_on(&node) {
            visit(node, gradients, &mut arrived);
        }
    }
    result
}

/// Runs the node's rule and passes the answers on.
#[track_caller]
fn visit(node: Arc<Node>, gradients: Slots, arrived: &mut Arrived) {
    let Some(saved) = node.saved(arrived.keep) else {
        panic!(
            "backward: an earlier backward has freed this graph at `{}`; set `keep_graph` in the first of several",
            node.op.name()
        );
    };
    if matches!(node.op, Op::Checkpoint) {
        return restart(&node, saved, gradients, arrived);
    }
    if let (Op::Cast, [Some(Gradient::Rows(rows))]) = (&node.op, &gradients[..]) {
        // The gradient of a table in another dtype: it stays sparse.
        let edge = saved.inputs[0].edge.as_ref().expect("a cast is recorded where its operand is tracked");
        arrived.add(edge, rows.cast(edge.node.outputs[edge.slot].1));
        return;
    }
    // What a recorded pass records for this node counts as called where the node's operation was.
    let _at = arrived.tracked.then(|| At::new(node.site));
    let gradients: SmallVec<[Option<Var>; 1]> =
        gradients.into_iter().map(|gradient| gradient.map(Gradient::into_var)).collect();
    let unit = arrived.unit == Some(node.id);
    let context = Context { node: &node, saved: &saved, tracked: arrived.tracked, needed: &arrived.needed, unit };
    let answers = node.op.vjp(&context, &gradients);
    debug_assert_eq!(answers.len(), saved.inputs.len(), "{}: one gradient for each input", node.op.name());
    // What the rule worked with goes before the sums need room.
    drop(gradients);
    if arrived.watched {
        anomaly::check_gradients(&node, &answers);
    }
    for (input, gradient) in saved.inputs.into_iter().zip(answers) {
        drop(input.value);
        if let (Some(edge), Some(gradient)) = (&input.edge, gradient) {
            arrived.add(edge, gradient);
        }
    }
}

/// Runs a checkpoint's function again and hands the gradients to its outputs. The nodes recorded now are the newest of all, so they are visited next,
/// in the order and with the sums that they would have had; what they pass on goes to the same older nodes.
fn restart(node: &Node, saved: Saved, gradients: Slots, arrived: &mut Arrived) {
    let (outputs, start) = checkpoint::again(node, saved, arrived.watched);
    arrived.needed.learn(&outputs, start);
    for (output, gradient) in outputs.iter().zip(gradients) {
        if let (Some(edge), Some(gradient)) = (output.edge(), gradient) {
            arrived.add(edge, gradient);
        }
    }
}
