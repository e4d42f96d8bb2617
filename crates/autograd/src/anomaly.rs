//! Where a value first became NaN or infinite.

use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Arc;

use unrolled_tensor::{DType, Tensor};

use crate::Var;
use crate::gradient::Gradient;
use crate::graph::Node;
use crate::ops::Op;
use crate::recording::{Site, Watch, site};

/// The direction in which a value was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The output of an operation.
    Forward,
    /// A gradient.
    Backward,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a number.
    NaN,
    /// ∞ or −∞.
    Infinite,
}

/// The first value inside [`detect_anomaly`] that became NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anomaly {
    /// The operation whose output it is, or whose rule gave the gradient.
    pub operation: &'static str,
    /// Where that operation was called in the forward pass.
    pub location: &'static Location<'static>,
    /// Whether it is an output or a gradient.
    pub pass: Pass,
    /// What it is.
    pub what: Fault,
    /// Which output (forward), or the gradient of which input (backward).
    pub index: usize,
    /// The first such element, row-major.
    pub element: usize,
    /// The shape of the output or gradient.
    pub shape: Vec<usize>,
    /// The operation's first input that held NaN already, in a forward pass: a leaf or a constant, or computed before.
    pub from_input: Option<usize>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Fault::NaN => "NaN",
            Fault::Infinite => "infinite",
        };
        let (operation, location, index) = (self.operation, self.location, self.index);
        match self.pass {
            Pass::Forward => write!(f, "output {index} of `{operation}`, called at {location}, is {what}")?,
            Pass::Backward if operation == Op::Leaf.name() => {
                write!(f, "the sum of the gradients of the leaf made at {location} is {what}")?
            }
            Pass::Backward => {
                write!(f, "the gradient of input {index} of `{operation}`, called at {location}, is {what}")?
            }
        }
        write!(f, " at element {} of shape {:?}", self.element, self.shape)?;
        match self.from_input {
            Some(input) => write!(f, "; its input {input} held NaN already"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Anomaly {}

/// Runs `work` and looks at every output of an operation on variables, and at every gradient, on this thread. The first that is NaN, or
/// infinite where all that it was computed from was finite (a mask of −∞ is meant), ends `work` and comes back as the error.
///
/// Every operation then waits for its value: for finding a fault, not for every day.
///
/// ```
/// use unrolled_autograd::{detect_anomaly, Pass, Var};
/// use unrolled_tensor::{Device, Tensor};
/// let x = Var::leaf(Tensor::from_slice(&[1f32, 0.0], [2], &Device::cpu()));
/// // √0 is 0, but its slope is infinite.
/// let found = detect_anomaly(|| x.sqrt().sum(.., false).backward()).unwrap_err();
/// assert_eq!((found.operation, found.pass, found.element), ("sqrt", Pass::Backward, 1));
/// assert!(found.to_string().starts_with("the gradient of input 0 of `sqrt`, called at "));
/// ```
///
/// # Errors
/// With the first such value.
pub fn detect_anomaly<T>(work: impl FnOnce() -> T) -> Result<T, Anomaly> {
    let watch = Watch::new(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    drop(watch);
    outcome.or_else(|payload| match payload.downcast::<Anomaly>() {
        Ok(anomaly) => Err(*anomaly),
        Err(other) => panic::resume_unwind(other),
    })
}

/// Unwinds to [`detect_anomaly`], past the panic hook: nothing is printed.
fn raise(anomaly: Anomaly) -> ! {
    panic::resume_unwind(Box::new(anomaly))
}

/// Whether there is a NaN or an infinity: one sum on the device, since x − x is 0 for any other x.
fn is_faulty(x: &Tensor) -> bool {
    x.dtype().is_float() && x.elements() > 0 && x.sub(x).sum(.., false).cast(DType::F64).item::<f64>().is_nan()
}

/// The first NaN, or else the first infinity.
fn fault(x: &Tensor) -> Option<(Fault, usize)> {
    if !is_faulty(x) {
        return None;
    }
    let values = x.cast(DType::F64).to_vec::<f64>();
    let first = |wrong: fn(&f64) -> bool| values.iter().position(wrong);
    let nan = first(|x| x.is_nan()).map(|element| (Fault::NaN, element));
    nan.or_else(|| first(|x| x.is_infinite()).map(|element| (Fault::Infinite, element)))
}

/// Looks at an operation's outputs.
#[track_caller]
pub(crate) fn check_outputs(op: &Op, inputs: &[&Var], outputs: &[Arc<Tensor>]) {
    for (index, output) in outputs.iter().enumerate() {
        let Some((what, element)) = fault(output) else { continue };
        let holds = |wanted: Fault| {
            inputs.iter().position(|input| fault(input.tensor()).is_some_and(|(fault, _)| fault == wanted))
        };
        if what == Fault::Infinite && holds(Fault::Infinite).is_some() {
            continue;
        }
        let from_input = if what == Fault::NaN { holds(Fault::NaN) } else { None };
        let (operation, pass, shape) = (op.name(), Pass::Forward, output.shape().to_vec());
        raise(Anomaly { operation, location: site(), pass, what, index, element, shape, from_input });
    }
}

/// Looks at gradients that a node's rule gave, or that arrived at a leaf.
pub(crate) fn check_gradients(node: &Node, gradients: &[Option<Gradient>]) {
    for (index, gradient) in gradients.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        let (values, shape): (&Tensor, &[usize]) = match gradient {
            Gradient::Dense(gradient) => (gradient.tensor(), gradient.shape()),
            Gradient::Rows(rows) => (&rows.values, rows.values.shape()),
        };
        if let Some((what, element)) = fault(values) {
            let location: Site = node.site;
            let (operation, pass, shape) = (node.op.name(), Pass::Backward, shape.to_vec());
            raise(Anomaly { operation, location, pass, what, index, element, shape, from_input: None });
        }
    }
}
