//! Indexing.

use unrolled_tensor::{Indices, ViewStep, view_steps};

use super::Var;

impl Var {
    /// The part that `index` names: integers, ranges, `NewAxis` and `Ellipsis`, one for each axis, as [`Tensor::at`](unrolled_tensor::Tensor::at)
    /// takes them. Gradient: g where the elements came from, 0 elsewhere.
    ///
    /// # Panics
    /// As [`Tensor::at`](unrolled_tensor::Tensor::at).
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3], &Device::cpu()));
    /// let y = x.at((-1, 1..)).square().sum(.., false);
    /// assert_eq!(y.backward().get(&x).unwrap().to_vec::<f32>(), [0.0, 0.0, 0.0, 0.0, 10.0, 12.0]);
    /// ```
    #[track_caller]
    pub fn at(&self, index: impl Indices) -> Var {
        let mut view = self.clone();
        for step in view_steps(index, self.shape()) {
            view = match step {
                ViewStep::Narrow { axis, start, len } => view.narrow(axis as isize, start, len),
                ViewStep::StepBy { axis, step } => view.step_by(axis as isize, step),
                ViewStep::Index { axis, index } => view.index(axis as isize, index),
                ViewStep::Unsqueeze(axis) => view.unsqueeze(axis as isize),
            };
        }
        view
    }
}
