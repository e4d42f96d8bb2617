//! A user's own differentiable function.

use unrolled_tensor::Tensor;

use crate::Var;
use crate::graph::{Extra, record};
use crate::ops::Op;

/// A function with a backward of its own.
///
/// ```
/// use std::sync::Arc;
/// use unrolled_autograd::{Function, Var, gradcheck};
/// use unrolled_tensor::{Device, Tensor};
///
/// struct Cube;
/// impl Function for Cube {
///     fn name(&self) -> &'static str { "cube" }
///     fn forward(&self, x: &[Tensor]) -> Vec<Tensor> { vec![x[0].powf(3.0)] }
///     fn backward(&self, x: &[Var], _: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
///         vec![g[0].as_ref().map(|g| g * &x[0].square() * 3.0)]
///     }
/// }
/// let x = Tensor::from_slice(&[0.5f64, -2.0], [2], &Device::cpu());
/// gradcheck(|v| Var::apply(Arc::new(Cube), &[&v[0]]).remove(0), &[x]).unwrap();
/// ```
pub trait Function: Send + Sync {
    /// The function's name, for messages.
    fn name(&self) -> &'static str;

    /// The outputs.
    fn forward(&self, inputs: &[Tensor]) -> Vec<Tensor>;

    /// The gradient of each input, from those of the outputs (`None` where none arrived, which means 0). Written in `Var` operations it
    /// can be differentiated again. `outputs` are given only if [`one_output`](Function::one_output) is true.
    fn backward(&self, inputs: &[Var], outputs: &[Var], gradients: &[Option<Var>]) -> Vec<Option<Var>>;

    /// True (the usual case) where there is one output, which backward then gets.
    fn one_output(&self) -> bool {
        true
    }
}

impl Var {
    /// Applies a user's own function.
    pub fn apply(function: std::sync::Arc<dyn Function>, inputs: &[&Var]) -> Vec<Var> {
        let values: Vec<Tensor> = inputs.iter().map(|input| input.tensor().clone()).collect();
        let outputs = function.forward(&values);
        record(Op::Custom(function), inputs, outputs.into(), Extra::None).into_vec()
    }
}
