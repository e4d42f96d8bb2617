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

    /// The gradient of each input, from those of the outputs (`None` where none arrived, which means 0). `None` for an
    /// input says that nothing depends on it.
    ///
    /// Written in `Var` operations on what is given here, it can be differentiated again. What is computed from tensors alone is a constant to a
    /// second derivative, which [`gradgradcheck`](crate::gradgradcheck) finds.
    fn backward(&self, inputs: &[Var], outputs: &[Var], gradients: &[Option<Var>]) -> Vec<Option<Var>>;
}

impl Var {
    /// Applies a user's own function. An output that is not a float (indices, truth values) is not tracked.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use unrolled_autograd::{Function, Var};
    /// use unrolled_tensor::{Device, Tensor};
    ///
    /// /// The value, with a gradient ten times as large.
    /// struct Louder;
    /// impl Function for Louder {
    ///     fn name(&self) -> &'static str { "louder" }
    ///     fn forward(&self, x: &[Tensor]) -> Vec<Tensor> { x.to_vec() }
    ///     fn backward(&self, _: &[Var], _: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
    ///         vec![g[0].as_ref().map(|g| g * 10.0)]
    ///     }
    /// }
    /// let x = Var::leaf(Tensor::scalar(3f64, &Device::cpu()));
    /// let y = Var::apply(Arc::new(Louder), &[&x]).remove(0);
    /// assert_eq!(y.backward().get(&x).unwrap().item::<f64>(), 10.0);
    /// ```
    ///
    /// # Panics
    /// In the backward pass, where the gradients are not one for each input, each in its input's shape and dtype.
    #[track_caller]
    pub fn apply(function: std::sync::Arc<dyn Function>, inputs: &[&Var]) -> Vec<Var> {
        let values: Vec<Tensor> = inputs.iter().map(|input| input.tensor().clone()).collect();
        let outputs = function.forward(&values);
        record(Op::Custom(function), inputs, outputs, Extra::None)
    }
}
