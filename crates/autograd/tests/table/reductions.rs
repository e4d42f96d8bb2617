//! Rows of reductions and of what works along an axis.

use unrolled_autograd::Var;

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("sum", |s| over_axes(s, |x, axes, keep| x.sum(axes, keep))),
        Row::new("sum", |s| over_axes(s, |x, axes, keep| x.mean(axes, keep))).named("mean"),
        Row::new("sum", variance).named("var"),
        Row::new("sum", sum_to).named("sum_to"),
        Row::new("extreme", |s| extreme(s, |x, axes, keep| x.max(axes, keep))).named("max"),
        Row::new("extreme", |s| extreme(s, |x, axes, keep| x.min(axes, keep))).named("min"),
        Row::new("cumsum", |s| along(s, Var::cumsum)),
        Row::new("softmax", |s| along(s, Var::softmax)),
        Row::new("log_softmax", |s| along(s, Var::log_softmax)),
        Row::new("log", |s| {
            let keep = s.once_in(2);
            along(s, move |x, axis| x.logsumexp(axis, keep))
        })
        .named("logsumexp"),
        Row::new("log", |s| over_full_axes(s, |x, axes, keep| x.logsumexp(axes, keep))).named("logsumexp, axes"),
    ]
}

type OverAxes = fn(&Var, &[isize], bool) -> Var;

/// Any axes, in any order, of any shape; also those of length 0, but not for a mean.
fn over_axes(s: &mut Sample, f: OverAxes) -> Case {
    let shape = if s.once_in(3) {
        s.shape()
    } else {
        let rank = s.below(4);
        s.full_shape(rank)
    };
    let (leaf, view) = s.view(&shape, true);
    let (mut axes, keep) = (s.axes(shape.len()), s.once_in(2));
    // The mean of nothing is no number.
    axes.retain(|&axis| shape[axis as usize] > 0);
    axes.reverse();
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| f(&view(&v[0]), &axes[..], keep))
}

fn variance(s: &mut Sample) -> Case {
    let (rank, keep) = (1 + s.below(3), s.once_in(2));
    let shape: Vec<usize> = (0..rank).map(|_| 2 + s.below(2)).collect();
    let axis = s.axis(rank);
    let (leaf, view) = s.view(&shape, true);
    let correction = s.below(2);
    let all = s.once_in(3);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| {
        let x = view(&v[0]);
        if all { x.var(.., correction, keep) } else { x.var(axis, correction, keep) }
    })
}

fn sum_to(s: &mut Sample) -> Case {
    let shape = s.shape();
    let lead = s.full_shape(1);
    let whole = [&lead[..], &shape[..]].concat();
    let (leaf, view) = s.view(&whole, true);
    let to: Vec<usize> = shape.iter().map(|&n| if s.once_in(2) { 1 } else { n }).collect();
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| view(&v[0]).sum_to(&to))
}

/// Any axes, none of length 0.
fn over_full_axes(s: &mut Sample, f: OverAxes) -> Case {
    let rank = s.below(4);
    let shape = s.full_shape(rank);
    let (leaf, view) = s.view(&shape, true);
    let (axes, keep) = (s.axes(rank), s.once_in(2));
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| f(&view(&v[0]), &axes[..], keep))
}

/// No two elements equal, so no view that repeats them.
fn extreme(s: &mut Sample, f: OverAxes) -> Case {
    let rank = s.below(4);
    let shape = s.full_shape(rank);
    let (leaf, view) = s.view(&shape, false);
    let (axes, keep) = (s.axes(rank), s.once_in(2));
    let x = s.distinct(&[&leaf]).remove(0);
    Case::new(vec![x], move |v| f(&view(&v[0]), &axes[..], keep))
}

fn along(s: &mut Sample, f: impl Fn(&Var, isize) -> Var + 'static) -> Case {
    let rank = 1 + s.below(3);
    let mut shape = s.full_shape(rank);
    let axis = s.axis(rank);
    if s.once_in(6) && rank > 1 {
        // Any axis but the one worked along may be empty.
        shape[(axis.rem_euclid(rank as isize) as usize + 1) % rank] = 0;
    }
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| f(&view(&v[0]), axis))
}
