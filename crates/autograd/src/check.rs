//! Gradients against finite differences.

use std::fmt;

use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Tensor};

use crate::backward::{Backward, grad};
use crate::{Var, no_grad};

/// How near an analytic gradient must be: |a − n| ≤ `absolute` + `relative` · max(|a|, |n|), and both finite.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// The step of the central difference.
    pub step: f64,
    /// Relative part.
    pub relative: f64,
    /// Absolute part.
    pub absolute: f64,
}

impl Default for Tolerance {
    /// For functions of order 1 in f64: the difference's own error is about 1e-10.
    fn default() -> Tolerance {
        Tolerance { step: 1e-5, relative: 1e-6, absolute: 1e-7 }
    }
}

impl Tolerance {
    /// For gradients of gradients, which are larger and rougher.
    pub fn second_order() -> Tolerance {
        Tolerance { step: 1e-5, relative: 1e-6, absolute: 1e-6 }
    }
}

/// Where a gradient and the finite difference disagree.
#[derive(Clone, Debug)]
pub struct CheckError {
    /// 1 or 2: which derivative.
    pub order: usize,
    /// Which input.
    pub input: usize,
    /// Which element of it, row-major.
    pub element: usize,
    /// What the rule says.
    pub analytic: f64,
    /// What the difference says.
    pub numeric: f64,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckError { order, input, element, analytic, numeric } = self;
        write!(
            f,
            "derivative {order}, input {input}, element {element}: the rule gives {analytic:.9e}, the difference {numeric:.9e}"
        )
    }
}

impl std::error::Error for CheckError {}

/// Compares every element of the gradient of ⟨f(inputs), r⟩, r random, with the central difference. `inputs` must be f64.
///
/// ```
/// use unrolled_autograd::gradcheck;
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[0.3f64, -1.2, 2.0], [3], &Device::cpu());
/// gradcheck(|v| v[0].tanh() * &v[0], &[x]).unwrap();
/// ```
///
/// # Errors
/// Where they disagree beyond [`Tolerance::default`].
#[track_caller]
pub fn gradcheck(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Result<(), CheckError> {
    gradcheck_with(f, inputs, Tolerance::default())
}

/// [`gradcheck`] with a step and tolerance of the caller's own, for functions of another scale.
///
/// # Errors
/// Where they disagree beyond the tolerance.
#[track_caller]
pub fn gradcheck_with(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor], tolerance: Tolerance) -> Result<(), CheckError> {
    check(1, &f, inputs, tolerance)
}

/// As [`gradcheck`], for the derivative of the derivative: the gradient itself is the function that is checked, with respect to the inputs and to the
/// gradient that arrives at f.
///
/// ```
/// use unrolled_autograd::gradgradcheck;
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[0.3f64, -1.2, 2.0], [3], &Device::cpu());
/// gradgradcheck(|v| v[0].softmax(0), &[x]).unwrap();
/// ```
///
/// # Errors
/// Where they disagree beyond [`Tolerance::second_order`].
#[track_caller]
pub fn gradgradcheck(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Result<(), CheckError> {
    gradgradcheck_with(f, inputs, Tolerance::second_order())
}

/// [`gradgradcheck`] with a step and tolerance of the caller's own.
///
/// # Errors
/// Where they disagree beyond the tolerance.
#[track_caller]
pub fn gradgradcheck_with(
    f: impl Fn(&[Var]) -> Var,
    inputs: &[Tensor],
    tolerance: Tolerance,
) -> Result<(), CheckError> {
    let output = no_grad(|| f(&constants(inputs)));
    let mut all = inputs.to_vec();
    all.push(direction(output.tensor(), "cotangent"));
    let n = inputs.len();
    let first = |vars: &[Var]| {
        // Outside a recording (the difference) the variables are constants; the gradient needs leaves in any case.
        let leaves: Vec<Var> =
            vars[..n].iter().map(|v| if v.is_tracked() { v.clone() } else { Var::leaf(v.tensor().clone()) }).collect();
        let output = f(&leaves);
        let options = Backward { create_graph: true, ..Backward::default() };
        let gradients = grad(&[(&output, &vars[n])], &leaves.iter().collect::<Vec<_>>(), options);
        let parts: Vec<Var> = gradients
            .into_iter()
            .zip(&leaves)
            .map(|(g, leaf)| g.unwrap_or_else(|| Var::constant(leaf.tensor().zeros_like())))
            .map(|g| g.reshape([g.tensor().elements()]))
            .collect();
        Var::concat(&parts.iter().collect::<Vec<_>>(), 0)
    };
    check(2, &first, &all, tolerance)
}

fn constants(inputs: &[Tensor]) -> Vec<Var> {
    inputs.iter().cloned().map(Var::constant).collect()
}

fn direction(like: &Tensor, purpose: &str) -> Tensor {
    let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    Tensor::random(normal, Key::new(20140910).purpose(purpose), like.shape(), like.dtype(), like.device())
}

fn check(order: usize, f: &dyn Fn(&[Var]) -> Var, inputs: &[Tensor], tolerance: Tolerance) -> Result<(), CheckError> {
    if let Some(wrong) = inputs.iter().find(|x| x.dtype() != DType::F64) {
        panic!("gradcheck: inputs must be f64, not {}: a difference in less is mostly rounding", wrong.dtype());
    }
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    let output = f(&leaves);
    let r = direction(output.tensor(), "direction");
    let analytic = if output.is_tracked() {
        grad(&[(&output, &Var::constant(r.clone()))], &leaves.iter().collect::<Vec<_>>(), Backward::default())
    } else {
        vec![None; inputs.len()]
    };
    let projected = |inputs: &[Tensor]| {
        let output = if order == 1 { no_grad(|| f(&constants(inputs))) } else { f(&constants(inputs)) };
        output.tensor().mul(&r).cast(DType::F64).sum(.., false).item::<f64>()
    };
    for (i, (input, analytic)) in inputs.iter().zip(analytic).enumerate() {
        let analytic = analytic.map_or_else(|| input.zeros_like(), Var::into_tensor);
        assert_eq!(analytic.shape(), input.shape(), "the gradient of input {i}");
        let analytic = analytic.to_vec::<f64>();
        let values = input.to_vec::<f64>();
        for (e, &analytic) in analytic.iter().enumerate() {
            let at = |shift: f64| {
                let mut values = values.clone();
                values[e] += shift;
                let mut all = inputs.to_vec();
                all[i] = Tensor::from_slice(&values, input.shape(), input.device());
                projected(&all)
            };
            let numeric = (at(tolerance.step) - at(-tolerance.step)) / (2.0 * tolerance.step);
            let allowed = tolerance.absolute + tolerance.relative * analytic.abs().max(numeric.abs());
            // Neither NaN nor infinite: two infinities would agree with everything.
            let near = allowed.is_finite() && (analytic - numeric).abs() <= allowed;
            if !near {
                return Err(CheckError { order, input: i, element: e, analytic, numeric });
            }
        }
    }
    Ok(())
}
