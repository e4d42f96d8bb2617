//! Rows of matrix products.

use unrolled_autograd::Var;

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("matmul", matmul),
        Row::new("matmul", batched).named("matmul, leading axes"),
        Row::new("matmul", vectors).named("matmul, vectors"),
        Row::new("matmul", aliased).named("matmul, aliased"),
        Row::new("matmul", linear).named("linear"),
    ]
}

fn length(s: &mut Sample) -> usize {
    s.of(&[1, 2, 2, 3, 3, 4, 0])
}

/// A product of operands of these shapes, each a view of a leaf.
fn product(s: &mut Sample, a: &[usize], b: &[usize]) -> Case {
    let ((a, view_a), (b, view_b)) = (s.view(a, true), s.view(b, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| view_a(&v[0]).matmul(&view_b(&v[1])))
}

fn matmul(s: &mut Sample) -> Case {
    let (m, k, n) = (length(s), length(s), length(s));
    product(s, &[m, k], &[k, n])
}

fn batched(s: &mut Sample) -> Case {
    let (m, k, n) = (1 + s.below(2), length(s), 1 + s.below(2));
    let (a, b) = s.of(&[
        (vec![2], vec![2]),
        (vec![2], vec![]),
        (vec![], vec![3]),
        (vec![2, 1], vec![2]),
        (vec![1, 2], vec![2, 1]),
        (vec![0], vec![1]),
    ]);
    product(s, &[&a[..], &[m, k]].concat(), &[&b[..], &[k, n]].concat())
}

fn vectors(s: &mut Sample) -> Case {
    let (m, k) = (length(s), length(s));
    match s.below(4) {
        0 => product(s, &[k], &[k]),
        1 => product(s, &[k], &[k, m]),
        2 => product(s, &[m, k], &[k]),
        _ => product(s, &[2, m, k], &[k]),
    }
}

fn aliased(s: &mut Sample) -> Case {
    let n = 1 + s.below(3);
    let x = s.within(&[n, n], -2.0, 2.0);
    match s.below(2) {
        0 => Case::new(vec![x], |v| v[0].matmul(&v[0])),
        _ => Case::new(vec![x], |v| v[0].t().matmul(&v[0])),
    }
}

fn linear(s: &mut Sample) -> Case {
    let rank = s.below(3);
    let (i, o, mut shape) = (length(s), length(s), s.full_shape(rank));
    shape.push(i);
    let (leaf, view) = s.view(&shape, true);
    let mut inputs = vec![s.within(&leaf, -2.0, 2.0), s.within(&[o, i], -2.0, 2.0)];
    if s.once_in(3) {
        return Case::new(inputs, move |v| view(&v[0]).linear(&v[1], None));
    }
    inputs.push(s.within(&[o], -2.0, 2.0));
    Case::new(inputs, move |v: &[Var]| view(&v[0]).linear(&v[1], Some(&v[2])))
}
