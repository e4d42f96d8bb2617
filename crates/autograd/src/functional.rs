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

/// The value of `f`, of one element, and the product of its Hessian with `tangents`: one tensor for each input, `Σ_j ∂²f/∂x_i∂x_j t_j`, by reverse over
/// reverse: about four times the cost of `f`, whatever the number of elements. What refuses a second derivative refuses this.
///
/// ```
/// use unrolled_autograd::hvp;
/// use unrolled_tensor::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_slice(&[2f64, 3.0], [2], &device);
/// let t = Tensor::from_slice(&[1f64, 10.0], [2], &device);
/// // Σ x³, whose Hessian is diagonal: 6x.
/// let (y, product) = hvp(|v| v[0].powf(3.0).sum(.., false), &[x], &[t]);
/// assert_eq!((y.item::<f64>(), product[0].to_vec::<f64>()), (35.0, vec![12.0, 180.0]));
/// ```
///
/// # Panics
/// Where f's value has not one element, or there is not one tangent for each input, of its shape and dtype.
#[track_caller]
pub fn hvp(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor], tangents: &[Tensor]) -> (Tensor, Vec<Tensor>) {
    if tangents.len() != inputs.len() {
        panic!("hvp: {} tangents for {} inputs", tangents.len(), inputs.len());
    }
    for (i, (x, t)) in inputs.iter().zip(tangents).enumerate() {
        if x.shape() != t.shape() || x.dtype() != t.dtype() {
            let (theirs, ours) = (t.shape(), x.shape());
            panic!("hvp: tangent {i} is {} of shape {theirs:?}, its input {} of shape {ours:?}", t.dtype(), x.dtype());
        }
    }
    let (leaves, output, first) = differentiated("hvp", f, inputs);
    let pairs = first.iter().zip(tangents).filter_map(|(g, t)| Some((g.as_ref()?, Var::constant(t.clone()))));
    let pairs: Vec<(&Var, Var)> = pairs.collect();
    let pairs: Vec<(&Var, &Var)> = pairs.iter().map(|(g, t)| (*g, t)).collect();
    let products = grad(&pairs, &leaves.iter().collect::<Vec<_>>(), Backward::default());
    let dense = products.into_iter().zip(inputs).map(|(g, x)| g.map_or_else(|| x.zeros_like(), Var::into_tensor));
    (output.into_tensor(), dense.collect())
}

/// The Jacobian of `f`: for each input ∂f/∂x, of shape `[output shape.., input shape..]`, by one pass backwards for each element of the output.
///
/// ```
/// use unrolled_autograd::jacobian;
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[2f64, 3.0], [2], &Device::cpu());
/// let j = jacobian(|v| v[0].square(), &[x]).remove(0);
/// assert_eq!((j.shape(), j.to_vec::<f64>()), (&[2, 2][..], vec![4.0, 0.0, 0.0, 6.0]));
/// ```
#[track_caller]
pub fn jacobian(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Vec<Tensor> {
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    let output = f(&leaves);
    rows(&output, &leaves)
}

/// The Hessian of `f`, whose value has one element: blocks `[i][j]` of second derivatives `∂²f/∂x_i∂x_j`, each of shape
/// `[shape of x_i.., shape of x_j..]`. What refuses a second derivative refuses this.
///
/// ```
/// use unrolled_autograd::hessian;
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[2f64, 3.0], [2], &Device::cpu());
/// // x₀² x₁
/// let h = hessian(|v| v[0].narrow(0, 0, 1).square() * v[0].narrow(0, 1, 1), &[x]);
/// assert_eq!((h[0][0].shape(), h[0][0].to_vec::<f64>()), (&[2, 2][..], vec![6.0, 4.0, 4.0, 0.0]));
/// ```
///
/// # Panics
/// Where f's value has not one element.
#[track_caller]
pub fn hessian(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Vec<Vec<Tensor>> {
    let (leaves, _, first) = differentiated("hessian", f, inputs);
    let zero = |x: &Tensor| Var::constant(x.zeros_like());
    let blocks = first.into_iter().zip(inputs).map(|(g, x)| rows(&g.unwrap_or_else(|| zero(x)), &leaves));
    blocks.collect()
}

/// Leaves of the inputs, the value of `f` there, of one element, and its gradients, recorded.
#[track_caller]
fn differentiated(operation: &str, f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> (Vec<Var>, Var, Vec<Option<Var>>) {
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    let output = f(&leaves);
    if output.tensor().elements() != 1 {
        panic!("{operation}: the function's value has shape {:?}, not one element", output.shape());
    }
    let one = Var::constant(output.tensor().ones_like());
    let create = Backward { create_graph: true, ..Backward::default() };
    let first = grad(&[(&output, &one)], &leaves.iter().collect::<Vec<_>>(), create);
    (leaves, output, first)
}

/// The derivatives of each element of `output` with respect to each leaf: `[output shape.., leaf shape..]`.
fn rows(output: &Var, leaves: &[Var]) -> Vec<Tensor> {
    let n = output.tensor().elements();
    let wanted: Vec<&Var> = leaves.iter().collect();
    let keep = Backward { keep_graph: true, ..Backward::default() };
    let mut found: Vec<Vec<Tensor>> = vec![Vec::with_capacity(n); leaves.len()];
    for element in 0..n {
        let mut row = vec![0f64; n];
        row[element] = 1.0;
        let row = Tensor::from_slice(&row, output.shape(), output.device()).cast(output.dtype());
        let gradients = grad(&[(output, &Var::constant(row))], &wanted, keep);
        for ((found, gradient), leaf) in found.iter_mut().zip(gradients).zip(leaves) {
            found.push(gradient.map_or_else(|| leaf.tensor().zeros_like(), Var::into_tensor).unsqueeze(0));
        }
    }
    let join = |(found, leaf): (Vec<Tensor>, &Var)| {
        let shape = [output.shape(), leaf.shape()].concat();
        if found.is_empty() {
            return Tensor::zeros(&shape, leaf.dtype(), leaf.device());
        }
        Tensor::concat(&found.iter().collect::<Vec<_>>(), 0).reshape(&shape)
    };
    found.into_iter().zip(leaves).map(join).collect()
}
