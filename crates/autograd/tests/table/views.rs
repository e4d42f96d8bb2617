//! Rows of views and joins.

use unrolled_autograd::Var;
use unrolled_tensor::{Ellipsis, INFER, IntoIndex, NewAxis};

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("leaf", |s| {
            let shape = s.shape();
            Case::new(vec![s.within(&shape, -2.0, 2.0)], |v| v[0].clone())
        }),
        Row::new("reshape", reshape),
        Row::new("permute", permute),
        Row::new("narrow", narrow),
        Row::new("narrow", chunk).named("chunk"),
        Row::new("narrow", at).named("at"),
        Row::new("step_by", |s| {
            let step = 1 + s.below(4);
            with_axis(s, move |x, axis| x.step_by(axis, step))
        }),
        Row::new("unfold", unfold),
        Row::new("flip", |s| with_axis(s, Var::flip)),
        Row::new("broadcast_to", broadcast_to),
        Row::new("concat", concat),
        Row::new("concat", stack).named("stack"),
    ]
}

/// The square makes the second derivative more than 0.
pub fn squared(s: &mut Sample, shape: &[usize], f: impl Fn(&Var) -> Var + 'static) -> Case {
    let (leaf, view) = s.view(shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| f(&view(&v[0])).square())
}

pub fn with_axis(s: &mut Sample, f: impl Fn(&Var, isize) -> Var + 'static) -> Case {
    let mut shape = s.shape();
    shape.push(1 + s.below(3));
    let axis = s.axis(shape.len());
    squared(s, &shape, move |x| f(x, axis))
}

fn reshape(s: &mut Sample) -> Case {
    let shape = s.shape();
    let elements: usize = shape.iter().product();
    let last = s.below(shape.len() + 1) as isize;
    match s.below(4) {
        0 => squared(s, &shape, move |x| x.reshape([elements])),
        1 => squared(s, &shape, move |x| x.unsqueeze(last).unsqueeze(-1).squeeze(last)),
        2 if elements.is_multiple_of(2) && elements > 0 => squared(s, &shape, |x| x.reshape([2, INFER])),
        _ => squared(s, &shape, move |x| x.reshape([1, elements, 1])),
    }
}

fn permute(s: &mut Sample) -> Case {
    let shape = s.full_shape(3);
    let order = s.of(&[[0, 1, 2], [1, 2, 0], [2, 0, 1], [-1, 1, 0], [-2, -3, -1]]);
    squared(s, &shape, move |x| x.permute(order))
}

fn narrow(s: &mut Sample) -> Case {
    let shape = s.full_shape(2);
    let axis = s.below(2);
    let start = s.below(shape[axis] + 1);
    let len = s.below(shape[axis] - start + 1);
    if s.once_in(4) && start < shape[axis] {
        return squared(s, &shape, move |x| x.index(axis as isize, start));
    }
    squared(s, &shape, move |x| x.narrow(axis as isize, start, len))
}

fn at(s: &mut Sample) -> Case {
    let shape = s.full_shape(3);
    let single = s.below(2 * shape[0]) as isize - shape[0] as isize;
    let (from, step) = (s.below(shape[2]), 1 + s.below(3));
    let index = single.rem_euclid(shape[0] as isize) as usize;
    squared(s, &shape, move |x| {
        let part = x.at((single, NewAxis, Ellipsis, (from..).every(step)));
        let long = x.index(0, index).unsqueeze(0).narrow(-1, from, x.dim(-1) - from).step_by(-1, step);
        assert_eq!(part.tensor().to_f64_vec(), long.tensor().to_f64_vec());
        assert!(part.tensor().shares_storage(x.tensor()), "copied");
        part
    })
}

/// Windows that overlap, touch, or leave gaps.
fn unfold(s: &mut Sample) -> Case {
    let rank = 1 + s.below(3);
    let mut shape = s.full_shape(rank);
    let axis = s.axis(rank);
    let (size, step) = (1 + s.below(3), 1 + s.below(4));
    shape[axis.rem_euclid(rank as isize) as usize] = size + s.below(5);
    squared(s, &shape, move |x| x.unfold(axis, size, step))
}

fn chunk(s: &mut Sample) -> Case {
    let (mut shape, parts) = (s.full_shape(2), 1 + s.below(3));
    let axis = s.below(2);
    shape[axis] *= parts;
    let part = s.below(parts);
    squared(s, &shape, move |x| {
        let chunks = x.chunk(parts, axis as isize);
        &chunks[part] * &chunks[parts - 1]
    })
}

fn broadcast_to(s: &mut Sample) -> Case {
    let shape = s.shape();
    let from: Vec<usize> = shape.iter().map(|&n| if s.once_in(2) { 1 } else { n }).collect();
    let to = [s.full_shape(1), shape].concat();
    Case::new(vec![s.within(&from, -2.0, 2.0)], move |v| v[0].broadcast_to(&to).square())
}

fn concat(s: &mut Sample) -> Case {
    let shape = s.full_shape(2);
    let axis = s.below(2);
    let parts = 1 + s.below(3);
    let (mut inputs, mut views) = (Vec::new(), Vec::new());
    for _ in 0..parts {
        let mut shape = shape.clone();
        shape[axis] = s.below(3);
        let (leaf, view) = s.view(&shape, true);
        inputs.push(s.within(&leaf, -2.0, 2.0));
        views.push(view);
    }
    Case::new(inputs, move |v| {
        let mut parts: Vec<Var> = views.iter().zip(v).map(|(view, x)| view(x)).collect();
        // The same part twice.
        parts.push(parts[0].clone());
        Var::concat(&parts.iter().collect::<Vec<_>>(), axis as isize).square()
    })
}

fn stack(s: &mut Sample) -> Case {
    let (shape, axis) = (s.shape(), s.below(2).min(s.below(2)) as isize - 1);
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&shape, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| {
        let (a, b) = (view_a(&v[0]), view_b(&v[1]));
        Var::stack(&[&a, &b, &a], axis).square()
    })
}
