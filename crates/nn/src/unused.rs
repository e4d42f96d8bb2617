//! Parameters that a loss does not depend on.

use unrolled_autograd::Gradients;

use crate::Module;

/// The paths of the trainable parameters without a gradient: the loss does not depend on them, which is mostly a layer that was forgotten in `forward`
/// or a `detach` too many. Empty where all is well.
///
/// ```
/// use unrolled_autograd::Var;
/// use unrolled_nn::{module, unused_parameters, Linear};
/// use unrolled_tensor::{random::Key, DType, Device, Tensor};
///
/// struct Model { used: Linear, forgotten: Linear }
/// module!(Model { used, forgotten });
///
/// let device = Device::cpu();
/// let new = |name| Linear::new(3, 2, 0.1, Key::new(1).purpose(name), &device);
/// let model = Model { used: new("used"), forgotten: new("forgotten") };
/// let x = Var::constant(Tensor::ones([1, 3], DType::F32, &device));
/// let gradients = model.used.forward(&x).sum(.., false).backward();
/// let unused = unused_parameters(&model, &gradients);
/// assert_eq!(unused.join(", "), "forgotten.weight, forgotten.bias");
/// ```
pub fn unused_parameters(module: &dyn Module, gradients: &Gradients) -> Vec<String> {
    let unused = |(path, parameter): (String, &crate::Parameter)| {
        (parameter.is_trainable() && gradients.gradient(parameter.var()).is_none()).then_some(path)
    };
    module.parameters().into_iter().filter_map(unused).collect()
}
