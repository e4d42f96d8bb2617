//! Rows of standard deviations, norms and products.

use unrolled_tensor::{Device, Tensor};

use crate::row::{Case, Row};
use crate::sample::{Sample, Values};

pub fn rows() -> Vec<Row> {
    let norms = [("abs", 1.0), ("sqrt", 2.0), ("extreme", f64::INFINITY), ("extreme", f64::NEG_INFINITY)]
        .into_iter()
        .chain([0.5, 1.5, 2.5, 3.0, -1.0].map(|p| ("powf", p)))
        .map(|(operation, p)| Row::new(operation, move |s| norm(s, p)).named(&format!("norm, p = {p}")));
    let others = [
        Row::new("sqrt", std).named("std"),
        Row::new("prod", |s| product(s, |s| s.of(&[-1.0, 1.0]) * s.uniform(0.7, 1.3))),
        Row::new("prod", |s| product(s, one_in_three_zero)).named("prod, with zeros"),
        Row::new("mul", cumprod).named("cumprod"),
    ];
    norms.chain(others).collect()
}

fn one_in_three_zero(s: &mut Values) -> f64 {
    if s.below(3) == 0 { 0.0 } else { s.uniform(0.7, 1.3) }
}

/// Neither near 0 nor two of nearly the same size.
fn magnitudes(s: &mut Sample, shape: &[usize]) -> Tensor {
    let ranks = s.distinct(&[shape]).remove(0).to_vec::<f64>();
    let lift = 0.4 + ranks.len() as f64 / 16.0;
    let signed: Vec<f64> = ranks.iter().map(|rank| (rank + lift) * s.values.of(&[-1.0, 1.0])).collect();
    Tensor::from_slice(&signed, shape, &Device::cpu())
}

/// For p = ±∞ no view repeats an element, as of equals none can be moved alone.
fn norm(s: &mut Sample, p: f64) -> Case {
    let rank = s.below(4);
    let mut shape = s.full_shape(rank);
    let (mut axes, keep) = (s.axes(rank), s.once_in(2));
    if p.is_finite() && p > 0.0 && rank > 0 && s.once_in(8) {
        shape[0] = 0;
    }
    axes.reverse();
    let (leaf, view) = s.view(&shape, p.is_finite());
    Case::new(vec![magnitudes(s, &leaf)], move |v| view(&v[0]).norm(p, &axes[..], keep))
}

/// Along an axis of at least two elements that differ: without a spread there is a kink.
fn std(s: &mut Sample) -> Case {
    let (rank, keep, correction) = (1 + s.below(3), s.once_in(2), s.below(2));
    let shape: Vec<usize> = (0..rank).map(|_| 2 + s.below(2)).collect();
    let (axis, all) = (s.axis(rank), s.once_in(3));
    let (leaf, view) = s.view(&shape, false);
    let x = s.distinct(&[&leaf]).remove(0);
    Case::new(vec![x], move |v| {
        let x = view(&v[0]);
        if all { x.std(.., correction, keep) } else { x.std(axis, correction, keep) }
    })
}

/// Also of repeated elements, and of none.
fn product(s: &mut Sample, value: fn(&mut Values) -> f64) -> Case {
    let shape = s.shape();
    let (mut axes, keep) = (s.axes(shape.len()), s.once_in(2));
    axes.reverse();
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.tensor(&leaf, value)], move |v| view(&v[0]).prod(&axes[..], keep))
}

/// Along at least two elements: of fewer nothing is multiplied.
fn cumprod(s: &mut Sample) -> Case {
    let rank = 1 + s.below(3);
    let mut shape = s.full_shape(rank);
    let axis = s.axis(rank);
    shape[axis.rem_euclid(rank as isize) as usize] = 2 + s.below(4);
    let (leaf, view) = s.view(&shape, true);
    let value = if s.once_in(2) { one_in_three_zero } else { |s: &mut Values| s.uniform(0.5, 1.5) };
    Case::new(vec![s.tensor(&leaf, value)], move |v| view(&v[0]).cumprod(axis))
}
