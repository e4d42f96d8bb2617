//! Rows of what changes how a graph is gone through.

use unrolled_autograd::{Var, checkpoint};

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("hook", hook),
        Row::new("checkpoint", one_checkpoint),
        Row::new("checkpoint", nested).named("checkpoint in a checkpoint"),
        Row::new("checkpoint", several).named("checkpoint of several outputs"),
    ]
}

/// Two hooks, whose factors cancel in every pass that comes by; one that only looks.
fn hook(s: &mut Sample) -> Case {
    let shape = s.shape();
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -1.5, 1.5)], move |v| {
        let x = view(&v[0]).with_hook(|g| Some(g * 2.0)).with_hook(|g| Some(g * 0.5));
        (x.sin() * &x).with_hook(|_| None)
    })
}

/// One operand given, one captured, and both also used outside.
fn one_checkpoint(s: &mut Sample) -> Case {
    let shape = s.shape();
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&shape, true));
    Case::new(vec![s.within(&a, -1.5, 1.5), s.within(&b, -1.5, 1.5)], move |v| {
        let (a, b) = (view_a(&v[0]), view_b(&v[1]));
        let captured = b.clone();
        let y = checkpoint(move |v| vec![(&v[0] * &captured).sin() * &v[0]], &[&a]).remove(0);
        y.square() * &a + &b
    })
}

fn nested(s: &mut Sample) -> Case {
    let shape = s.shape();
    Case::new(vec![s.within(&shape, -1.5, 1.5), s.within(&shape, -1.5, 1.5)], |v| {
        let w = v[1].clone();
        let outer = move |v: &[Var]| {
            let (w, h) = (w.clone(), v[0].tanh());
            let inner = checkpoint(move |v| vec![&v[0].square() * &w], &[&h]).remove(0);
            vec![inner.sin() * &h]
        };
        checkpoint(outer, &[&v[0]]).remove(0)
    })
}

/// Two outputs; one is there twice, one is an input as it came, one a constant.
fn several(s: &mut Sample) -> Case {
    let shape = s.shape();
    let used = s.of(&[[0, 1], [1, 2], [0, 2], [0, 3], [0, 4]]);
    Case::new(vec![s.within(&shape, -1.5, 1.5)], move |v| {
        let f = |v: &[Var]| {
            let y = v[0].sin();
            vec![y.clone(), y.square() * &v[0], y, v[0].clone(), v[0].detach() * 0.0 + 1.5]
        };
        let outputs = checkpoint(f, &[&(&v[0] * 0.5)]);
        &outputs[used[0]] * &outputs[used[1]]
    })
}
