//! Rows of gathering and scattering.

use unrolled_autograd::Var;
use unrolled_tensor::INFER;

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("gather", gather),
        Row::new("gather", top_k).named("top_k"),
        Row::new("gather", sort).named("sort"),
        Row::new("gather", index_select).named("index_select"),
        Row::new("scatter_add", scatter_add),
        Row::new("scatter_add", index_add).named("index_add"),
        Row::new("embedding", embedding),
    ]
}

/// A shape, an axis of it, and the shape of an index along that axis.
fn places(s: &mut Sample) -> (Vec<usize>, usize, Vec<usize>) {
    let rank = 1 + s.below(3);
    let shape = s.full_shape(rank);
    let axis = s.below(rank);
    let mut index = shape.clone();
    index[axis] = s.below(5);
    (shape, axis, index)
}

fn gather(s: &mut Sample) -> Case {
    let (shape, axis, index) = places(s);
    let index = s.indices(&index, shape[axis]);
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| view(&v[0]).gather(axis as isize, &index).square())
}

/// The order must not change within a step, so no two are nearly equal.
fn top_k(s: &mut Sample) -> Case {
    let (shape, axis, _) = places(s);
    let (leaf, view) = s.view(&shape, false);
    let k = s.below(shape[axis] + 1);
    let x = s.distinct(&[&leaf]).remove(0);
    Case::new(vec![x], move |v| view(&v[0]).top_k(k, axis as isize).0.square())
}

fn sort(s: &mut Sample) -> Case {
    let (shape, axis, _) = places(s);
    let (leaf, view) = s.view(&shape, false);
    let descending = s.once_in(2);
    let x = s.distinct(&[&leaf]).remove(0);
    let weights = s.within(&shape, 0.5, 2.0);
    Case::new(vec![x], move |v| {
        view(&v[0]).sort(axis as isize, descending).0.square() * Var::constant(weights.cast(v[0].dtype()))
    })
}

/// Slices that repeat, are left out, or none.
fn index_select(s: &mut Sample) -> Case {
    let (shape, axis, _) = places(s);
    let n = s.below(5);
    let index = s.indices(&[n], shape[axis]);
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| view(&v[0]).index_select(axis as isize, &index).square())
}

fn index_add(s: &mut Sample) -> Case {
    let (shape, axis, places) = places(s);
    let index = s.indices(&[places[axis]], shape[axis]);
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&places, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| {
        view_a(&v[0]).index_add(axis as isize, &index, &view_b(&v[1])).square()
    })
}

fn scatter_add(s: &mut Sample) -> Case {
    let (shape, axis, places) = places(s);
    let index = s.indices(&places, shape[axis]);
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&places, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| {
        view_a(&v[0]).scatter_add(axis as isize, &index, &view_b(&v[1])).square()
    })
}

/// Ids of any shape, some of them more than once; the table a leaf, or made from one, or also used as a whole.
fn embedding(s: &mut Sample) -> Case {
    let (v_len, d) = (1 + s.below(4), 1 + s.below(3));
    let shape = s.of(&[vec![], vec![3], vec![2, 2], vec![0], vec![2, 1, 2]]);
    let ids = s.indices(&shape, v_len);
    let whole = s.once_in(3);
    let (leaf, view) = s.view(&[v_len, d], true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| {
        let table = view(&v[0]);
        let rows = table.embedding(&ids).square();
        if whole { rows.reshape([INFER, d]).linear(&table, None) } else { rows }
    })
}
