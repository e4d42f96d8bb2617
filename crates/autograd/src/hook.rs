//! Looking at a gradient on its way, or putting another in its place.

use std::sync::Arc;

use crate::Var;
use crate::graph::record_one;
use crate::ops::Op;

impl Var {
    /// The same value, whose gradient `hook` sees in each backward pass, complete, before it goes on; an answer of `Some` takes its place
    /// (clipping, reversal, a printout). With [`create_graph`](crate::Backward::create_graph) the hook's operations are differentiated too, and
    /// the second derivative passes the hook again.
    ///
    /// Only what is computed from the variable that comes back passes the hook. Of a variable that is not tracked, it is never called.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[0.5f64, 4.0], [2], &Device::cpu()));
    /// let clipped = x.with_hook(|gradient| Some(gradient.clamp(-3.0, 3.0)));
    /// let gradients = clipped.square().sum(.., false).backward();
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f64>(), [1.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// In the backward pass, where the answer has not the shape and dtype of the gradient.
    #[track_caller]
    pub fn with_hook(&self, hook: impl Fn(&Var) -> Option<Var> + Send + Sync + 'static) -> Var {
        record_one(Op::Hook(Arc::new(hook)), &[self], self.tensor().clone())
    }
}

/// The rule: what the hook answers, or the gradient as it came.
pub(crate) fn rule(hook: &dyn Fn(&Var) -> Option<Var>, g: &Var) -> Var {
    let Some(answer) = hook(g) else { return g.clone() };
    if answer.shape() != g.shape() || answer.dtype() != g.dtype() {
        let (theirs, ours) = (answer.shape(), g.shape());
        panic!("hook: {} of shape {theirs:?} for a gradient {} of shape {ours:?}", answer.dtype(), g.dtype());
    }
    answer
}
