//! Products with a function's Jacobian.

use unrolled_tensor::Tensor;

use crate::Var;
use crate::backward::{Backward, grad};

/// The value of `f` and the product of `cotangent` with its Jacobian from the left: one gradient for each input, 0 where nothing depends on it.
///
/// ```
/// use unrolled_autograd::vjp;
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[3f64, 4.0], [2], &Device::cpu());
/// let (y, g) = vjp(|v| v[0].square(), &[x], |y| y.ones_like());
/// assert_eq!((y.to_vec::<f64>(), g[0].to_vec::<f64>()), (vec![9.0, 16.0], vec![6.0, 8.0]));
/// ```
#[track_caller]
pub fn vjp(
    f: impl Fn(&[Var]) -> Var,
    inputs: &[Tensor],
    cotangent: impl FnOnce(&Tensor) -> Tensor,
) -> (Tensor, Vec<Tensor>) {
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    let output = f(&leaves);
    let cotangent = Var::constant(cotangent(output.tensor()));
    let gradients = grad(&[(&output, &cotangent)], &leaves.iter().collect::<Vec<_>>(), Backward::default());
    let dense = gradients.into_iter().zip(inputs).map(|(g, x)| g.map_or_else(|| x.zeros_like(), Var::into_tensor));
    (output.into_tensor(), dense.collect())
}

/// The value of `f` and the product of its Jacobian with `tangents` from the right, by two passes backwards: the first is linear in its
/// cotangent, and the second differentiates it. What refuses a second derivative refuses this.
///
/// # Panics
/// Where there is not one tangent for each input, of its shape and dtype.
///
/// ```
/// use unrolled_autograd::jvp;
/// use unrolled_tensor::{Device, Tensor};
/// let device = Device::cpu();
/// let (x, t) = (Tensor::scalar(2f64, &device), Tensor::scalar(10f64, &device));
/// let (y, dy) = jvp(|v| v[0].powf(3.0), &[x], &[t]);
/// assert_eq!((y.item::<f64>(), dy.item::<f64>()), (8.0, 120.0));
/// ```
#[track_caller]
pub fn jvp(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor], tangents: &[Tensor]) -> (Tensor, Tensor) {
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    if tangents.len() != inputs.len() {
        panic!("jvp: {} tangents for {} inputs", tangents.len(), inputs.len());
    }
    let output = f(&leaves);
    let cotangent = Var::leaf(output.tensor().zeros_like());
    let create = Backward { create_graph: true, ..Backward::default() };
    let first = grad(&[(&output, &cotangent)], &leaves.iter().collect::<Vec<_>>(), create);
    let tangents: Vec<Var> = tangents.iter().cloned().map(Var::constant).collect();
    let pairs: Vec<(&Var, &Var)> = first
        .iter()
        .zip(&tangents)
        .filter_map(|(g, t)| g.as_ref().map(|g| (g, t)))
        .filter(|(g, _)| g.is_tracked())
        .collect();
    let pushed = grad(&pairs, &[&cotangent], Backward::default()).remove(0);
    let pushed = pushed.map_or_else(|| output.tensor().zeros_like(), Var::into_tensor);
    (output.into_tensor(), pushed)
}
