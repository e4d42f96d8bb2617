//! Rows of normalisation over the last axis.

use unrolled_autograd::Var;
use unrolled_tensor::Tensor;

use crate::row::{Case, Row};
use crate::sample::{Sample, View};

pub fn rows() -> Vec<Row> {
    vec![Row::new("sqrt", layer_norm).named("layer_norm"), Row::new("sqrt", rms_norm).named("rms_norm")]
}

/// Rows of 2 or 3 features whose variance is not near 0, a view that makes them, and a weight and a bias.
fn features(s: &mut Sample) -> (Vec<Tensor>, View) {
    let (rank, n) = (s.below(3), 2 + s.below(2));
    let shape = [s.full_shape(rank), vec![n]].concat();
    let (leaf, view) = s.view(&shape, false);
    let mut inputs = s.distinct(&[&leaf]);
    inputs.extend([s.within(&[n], -2.0, 2.0), s.within(&[n], -2.0, 2.0)]);
    (inputs, view)
}

fn layer_norm(s: &mut Sample) -> Case {
    let (inputs, view) = features(s);
    let [weight, bias] = [s.below(2) == 0, s.below(2) == 0];
    Case::new(inputs, move |v: &[Var]| view(&v[0]).layer_norm(weight.then_some(&v[1]), bias.then_some(&v[2]), 0.1))
}

fn rms_norm(s: &mut Sample) -> Case {
    let (inputs, view) = features(s);
    let weight = s.below(2) == 0;
    Case::new(inputs, move |v: &[Var]| view(&v[0]).rms_norm(weight.then_some(&v[1]), 0.1))
}
