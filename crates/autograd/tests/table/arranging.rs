//! Rows of cutting, padding, rolling and repeating.

use unrolled_autograd::Var;

use super::views::{squared, with_axis};
use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("narrow", split).named("split"),
        Row::new("narrow", split_every).named("split_every"),
        Row::new("narrow", unbind).named("unbind"),
        Row::new("reshape", flatten).named("flatten, flatten_axes"),
        Row::new("permute", move_axis).named("move_axis"),
        Row::new("concat", pad).named("pad"),
        Row::new("concat", roll).named("roll"),
        Row::new("broadcast_to", repeat).named("repeat"),
        Row::new("broadcast_to", |s| {
            let times = s.of(&[1, 2, 3, 0]);
            with_axis(s, move |x, axis| x.repeat_interleave(times, axis))
        })
        .named("repeat_interleave"),
        Row::new("step_by", diagonal).named("diagonal"),
    ]
}

/// Into three parts, of which any may be empty; one of them is used, and one twice.
fn split(s: &mut Sample) -> Case {
    let lengths = [s.below(3), 1 + s.below(2), s.below(2)];
    let (mut shape, axis, part) = (s.full_shape(2), s.below(2), s.below(3));
    shape[axis] = lengths.iter().sum();
    squared(s, &shape, move |x| {
        let parts = x.split(&lengths, axis as isize);
        &parts[part] * &parts[part].sum(axis as isize, true)
    })
}

fn split_every(s: &mut Sample) -> Case {
    let length = 1 + s.below(3);
    with_axis(s, move |x, axis| {
        let parts = x.split_every(length, axis);
        let sums: Vec<Var> = parts.iter().map(|part| part.square().sum(axis, true)).collect();
        Var::concat(&sums.iter().collect::<Vec<_>>(), axis)
    })
}

fn unbind(s: &mut Sample) -> Case {
    let mut shape = s.shape();
    shape.push(1 + s.below(3));
    squared(s, &shape, |x| x.unbind(-1).into_iter().reduce(|a, b| a * b).expect("a part"))
}

fn flatten(s: &mut Sample) -> Case {
    let mut shape = s.shape();
    shape.push(2);
    let (first, last) = (s.below(shape.len()), s.below(shape.len()));
    let (first, last) = (first.min(last) as isize, first.max(last) as isize);
    let all = s.once_in(3);
    squared(s, &shape, move |x| if all { x.flatten() } else { x.flatten_axes(first, last) })
}

fn move_axis(s: &mut Sample) -> Case {
    let mut shape = s.shape();
    shape.push(2);
    let (from, to) = (s.axis(shape.len()), s.axis(shape.len()));
    squared(s, &shape, move |x| x.move_axis(from, to))
}

/// Around the last axes, or none of them; one side at least of the first.
fn pad(s: &mut Sample) -> Case {
    let mut shape = s.shape();
    shape.push(s.of(&[2, 1, 3, 0]));
    let mut pairs: Vec<(usize, usize)> = (0..shape.len()).map(|_| (s.below(3), s.below(3))).collect();
    pairs.drain(..s.below(shape.len()));
    pairs[0].0 += 1;
    squared(s, &shape, move |x| x.pad(&pairs, 0.75))
}

/// By less than the whole axis, by more, and the other way.
fn roll(s: &mut Sample) -> Case {
    let mut shape = s.shape();
    shape.push(2 + s.below(2));
    let n = shape[shape.len() - 1] as isize;
    let shift = s.of(&[1, -1, n + 1, -1 - 2 * n]);
    let weights = s.within(&[n as usize], 0.5, 2.0);
    squared(s, &shape, move |x| {
        let weights = Var::constant(weights.cast(x.dtype()));
        x.roll(shift, -1) * weights
    })
}

fn repeat(s: &mut Sample) -> Case {
    let shape = s.shape();
    let times: Vec<usize> = (0..shape.len() + s.below(2)).map(|_| s.of(&[1, 2, 3, 0])).collect();
    squared(s, &shape, move |x| x.repeat(&times))
}

/// Beside the matrix, too, where nothing is left.
fn diagonal(s: &mut Sample) -> Case {
    let shape = s.full_shape(3);
    let (a, b) = s.of(&[(0, 1), (1, 2), (2, 0), (-1, -2)]);
    let offset = s.below(7) as isize - 3;
    squared(s, &shape, move |x| x.diagonal(offset, a, b))
}
