//! Rows of functions of single elements that are made of the table's, and of what truth values choose.

use unrolled_autograd::Var;

use crate::row::{Case, Row};
use crate::sample::{Sample, Values};

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("select", |s| of_each(s, beside_zero, |x| x.leaky_relu(0.25))).named("leaky_relu"),
        Row::new("select", |s| of_each(s, beside_zero, |x| x.elu(1.5))).named("elu"),
        Row::new("softplus", |s| of_each(s, |s| s.uniform(-3.0, 3.0), Var::log_sigmoid)).named("log_sigmoid"),
        Row::new("log", |s| of_each(s, |s| s.uniform(0.4, 2.5), Var::log2)).named("log2"),
        Row::new("log", |s| of_each(s, |s| s.uniform(0.4, 2.5), Var::log10)).named("log10"),
        Row::new("select", where_).named("where_"),
        Row::new("select", masked_fill).named("masked_fill"),
        Row::new("select", |s| triangle(s, Var::tril)).named("tril"),
        Row::new("select", |s| triangle(s, Var::triu)).named("triu"),
        Row::new("square", rebound).named("+= -= *= /="),
    ]
}

fn beside_zero(s: &mut Values) -> f64 {
    s.of(&[-1.0, 1.0]) * s.uniform(0.4, 2.0)
}

fn of_each(s: &mut Sample, value: fn(&mut Values) -> f64, f: fn(&Var) -> Var) -> Case {
    let shape = s.shape();
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.tensor(&leaf, value)], move |v| f(&view(&v[0])))
}

fn where_(s: &mut Sample) -> Case {
    let (a, b) = s.broadcast_pair();
    let condition = s.truths(&a);
    let ((a, view_a), (b, view_b)) = (s.view(&a, true), s.view(&b, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| {
        view_a(&v[0]).where_(&condition, &view_b(&v[1]).square())
    })
}

/// The mask of the operand's shape, or one that broadcasts to it.
fn masked_fill(s: &mut Sample) -> Case {
    let shape = s.shape();
    let mask: Vec<usize> = shape.iter().map(|&n| if s.once_in(3) { 1 } else { n }).collect();
    let lead = if s.once_in(3) { shape.len() / 2 } else { 0 };
    let mask = s.truths(&mask[lead..]);
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| view(&v[0]).masked_fill(&mask, -1.5).square())
}

fn triangle(s: &mut Sample, f: fn(&Var, i64) -> Var) -> Case {
    let mut shape = s.shape();
    shape.extend([s.of(&[1, 2, 3, 4]), s.of(&[1, 2, 3, 0])]);
    let (leaf, view) = s.view(&shape, true);
    let diagonal = s.below(7) as i64 - 3;
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| f(&view(&v[0]), diagonal).square())
}

/// What a name was bound to before still has its part in the gradient.
fn rebound(s: &mut Sample) -> Case {
    let shape = s.shape();
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&shape, true));
    let b = s.tensor(&b, |s| s.of(&[-1.0, 1.0]) * s.uniform(0.5, 2.0));
    Case::new(vec![s.within(&a, -1.0, 1.0), b], move |v| {
        let (a, b) = (view_a(&v[0]), view_b(&v[1]));
        let mut y = a.square();
        y += &a;
        y -= b.square();
        y *= &b;
        y /= b;
        y *= 2.0;
        y += 1.0;
        y
    })
}
