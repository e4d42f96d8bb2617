//! The vector–Jacobian products, in terms of `Var` operations.

pub(crate) mod elementwise;
pub(crate) mod indexing;
pub mod lstm;
pub(crate) mod products;
pub(crate) mod reductions;
pub(crate) mod views;

use std::sync::Arc;

use smallvec::SmallVec;
use unrolled_tensor::{DType, Dims, Tensor};

use crate::Var;
use crate::backward::Needed;
use crate::function::Function;
use crate::gradient::Gradient;
use crate::graph::{Edge, Node, Saved};

/// The gradient of each input; none where nothing depends on it or nobody wants it.
pub(crate) type Answers = SmallVec<[Option<Gradient>; 2]>;

/// [`Answers`] of gradients that are all dense.
pub(crate) fn dense(gradients: impl IntoIterator<Item = Option<Var>>) -> Answers {
    gradients.into_iter().map(|gradient| gradient.map(Gradient::Dense)).collect()
}

/// What a rule can ask of the node it works for.
pub(crate) struct Context<'a> {
    pub node: &'a Arc<Node>,
    pub saved: &'a Saved,
    /// Whether the pass itself is recorded.
    pub tracked: bool,
    pub needed: &'a Needed,
    /// Whether the gradient that arrived is known to be 1, without looking: a device would have to be waited for.
    pub unit: bool,
}

impl Context<'_> {
    /// Input `i`, connected to its graph where the pass is recorded.
    pub fn input(&self, i: usize) -> Var {
        let input = &self.saved.inputs[i];
        let value = input.value.clone().expect("the table says which inputs a rule needs");
        Var::of(value, input.edge.clone().filter(|_| self.tracked))
    }

    /// The output, likewise.
    pub fn output(&self) -> Var {
        self.output_of(0, self.saved.outputs.first().expect("the table says which rules need the output"))
    }

    fn output_of(&self, slot: usize, value: &Arc<Tensor>) -> Var {
        let tracked = self.tracked && value.dtype().is_float();
        Var::of(value.clone(), tracked.then(|| Edge { node: self.node.clone(), slot }))
    }

    /// The shape of input `i`, which is tracked.
    pub fn shape(&self, i: usize) -> &[usize] {
        &self.described(i).0
    }

    /// The dtype of input `i`, which is tracked.
    pub fn dtype(&self, i: usize) -> DType {
        self.described(i).1
    }

    fn described(&self, i: usize) -> &(Dims, DType) {
        let edge = self.saved.inputs[i].edge.as_ref().expect("only of a tracked input is anything asked");
        &edge.node.outputs[edge.slot]
    }

    /// Whether anybody wants the gradient of input `i`.
    pub fn wants(&self, i: usize) -> bool {
        self.saved.inputs[i].edge.as_ref().is_some_and(|edge| self.needed.contains(&edge.node))
    }

    /// The gradient of input `i` where it is wanted, summed to the input's shape.
    pub fn reduced(&self, i: usize, gradient: impl FnOnce() -> Var) -> Option<Var> {
        self.wants(i).then(|| gradient().sum_to(self.shape(i)))
    }
}

/// A user's own backward, with its answers checked.
pub(crate) fn custom(context: &Context<'_>, function: &dyn Function, gradients: &[Option<Var>]) -> Answers {
    let inputs: Vec<Var> = (0..context.saved.inputs.len()).map(|i| context.input(i)).collect();
    let outputs: Vec<Var> =
        context.saved.outputs.iter().enumerate().map(|(slot, output)| context.output_of(slot, output)).collect();
    let answers = function.backward(&inputs, &outputs, gradients);
    if answers.len() != inputs.len() {
        panic!("{}: backward gave {} gradients for {} inputs", function.name(), answers.len(), inputs.len());
    }
    for (i, answer) in answers.iter().enumerate() {
        if let Some(answer) = answer
            && context.wants(i)
            && (answer.shape() != context.shape(i) || answer.dtype() != context.dtype(i))
        {
            panic!(
                "{}: backward gave {} of shape {:?} for input {i}, {} of shape {:?}",
                function.name(),
                answer.dtype(),
                answer.shape(),
                context.dtype(i),
                context.shape(i)
            );
        }
    }
    dense(answers)
}
