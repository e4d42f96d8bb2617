//! Computing again in backward what was not kept in forward (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").

use std::collections::HashSet;
use std::sync::Arc;

use smallvec::SmallVec;
use unrolled_tensor::Dims;

use crate::Var;
use crate::graph::{Edge, Extra, Input, Node, Saved, next_id};
use crate::ops::Op;
use crate::recording::{forward_again, is_recording};

/// The part of a model that a checkpoint runs again.
pub(crate) type Segment = Arc<dyn Fn(&[Var]) -> Vec<Var> + Send + Sync>;

/// `f(inputs)`, of which only the inputs are kept: backward runs `f` again to get the rest, for the price of a second forward pass. Values and
/// gradients have the same bits as without.
///
/// `f` may capture variables, such as a layer's parameters (a clone shares them): they get their gradients too. It must compute the same again:
/// what is random in it comes from keys, which do. Checkpoints nest, and differentiate any number of times.
///
/// ```
/// use unrolled_autograd::{checkpoint, Var};
/// use unrolled_tensor::{Device, Tensor};
/// let (x, w) = (Var::leaf(Tensor::scalar(0.5f64, &Device::cpu())), Var::leaf(Tensor::scalar(2f64, &Device::cpu())));
/// let layer = |x: &Var, w: &Var| (x * w).tanh().exp();
/// let captured = w.clone();
/// let y = checkpoint(move |v| vec![layer(&v[0], &captured)], &[&x]).remove(0);
/// assert_eq!(y.operations(), ["checkpoint", "leaf", "leaf"]);
/// let (kept, again) = (layer(&x, &w).backward(), y.backward());
/// for v in [&x, &w] {
///     assert_eq!(kept.get(v).unwrap().to_bytes(), again.get(v).unwrap().to_bytes());
/// }
/// ```
///
/// # Panics
/// In the backward pass, where `f` answers otherwise than before: other shapes, dtypes, or number of outputs.
#[track_caller]
pub fn checkpoint(f: impl Fn(&[Var]) -> Vec<Var> + Send + Sync + 'static, inputs: &[&Var]) -> Vec<Var> {
    let given: Vec<Var> = inputs.iter().copied().cloned().collect();
    let start = next_id();
    let outputs = f(&given);
    if !is_recording() || !outputs.iter().any(|output| is_new(output, start)) {
        return outputs;
    }
    let of_inputs = inputs.iter().map(|x| Input { edge: x.edge().cloned(), value: Some(x.shared().clone()) });
    let captured = edges_out(&outputs, start, inputs).into_iter().map(|edge| Input { edge: Some(edge), value: None });
    let saved = Saved {
        inputs: of_inputs.chain(captured).collect(),
        outputs: SmallVec::new(),
        extra: Extra::Segment(Arc::new(f)),
    };
    let described = outputs.iter().map(|o| (Dims::from(o.shape()), o.dtype())).collect();
    let node = Node::new(Op::Checkpoint, described, saved);
    let wrap = |output: &Var| {
        if !is_new(output, start) {
            // A constant, or what came from outside: its gradient passes by.
            return output.clone();
        }
        // An output that is there twice has one gradient: summed in one order, it has the same bits as without a checkpoint.
        let slot = outputs.iter().position(|other| other.key() == output.key()).expect("it is there itself");
        Var::of(output.shared().clone(), Some(Edge { node: node.clone(), slot }))
    };
    outputs.iter().map(wrap).collect()
}

/// Whether it was recorded since `start`.
fn is_new(output: &Var, start: u64) -> bool {
    output.edge().is_some_and(|edge| edge.node.id >= start)
}

/// The edges from nodes recorded since `start` to older ones, but for those of the inputs: to what the function captured.
fn edges_out(outputs: &[Var], start: u64, inputs: &[&Var]) -> Vec<Edge> {
    let mut known: HashSet<(u64, usize)> = inputs.iter().filter_map(|input| input.key()).collect();
    let mut waiting: Vec<Edge> = outputs.iter().filter_map(|output| output.edge().cloned()).collect();
    // Outputs that are older themselves are answered as they are.
    waiting.retain(|edge| edge.node.id >= start);
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(edge) = waiting.pop() {
        if edge.node.id < start {
            if known.insert((edge.node.id, edge.slot)) {
                found.push(edge);
            }
        } else if seen.insert(edge.node.id) {
            edge.node.each_input(|input| waiting.extend(input.edge.clone()));
        }
    }
    found
}

/// Runs the function of a checkpoint again, recorded from its original inputs on. Answers with the outputs, and the id from which its nodes are new.
pub(crate) fn again(node: &Node, saved: Saved, watched: bool) -> (Vec<Var>, u64) {
    let Extra::Segment(f) = saved.extra else { unreachable!("recorded with its function") };
    let inputs: Vec<Var> =
        saved.inputs.into_iter().filter_map(|input| Some(Var::of(input.value?, input.edge))).collect();
    let start = next_id();
    let outputs = forward_again(watched, || f(&inputs));
    let described: Vec<_> = outputs.iter().map(|o| (Dims::from(o.shape()), o.dtype())).collect();
    if described[..] != node.outputs[..] {
        panic!("checkpoint: run again, the function gave {described:?} instead of {:?}", node.outputs);
    }
    (outputs, start)
}
