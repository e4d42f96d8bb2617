//! Gradients of parts of a batch, added up; and values that change before backward.

use unrolled_autograd::{Backward, Gradient, Gradients, Var, grad};
use unrolled_tensor::{Device, Tensor};

use crate::{CREATE, leaf, message, tensor, values};

fn ids(ids: &[u32]) -> Tensor {
    Tensor::from_slice(ids, [ids.len()], &Device::cpu())
}

#[test]
fn two_half_batches_are_one() {
    let table = Var::leaf(Tensor::from_slice(&[0.5, -1.0, 0.25, 2.0, 1.0, -0.5, 4.0, 3.0], [4, 2], &Device::cpu()));
    let (w, unused) = (leaf(&[1.5, -0.5]), leaf(&[1.0]));
    let loss = |words: &[u32]| (table.embedding(&ids(words)) * &w).tanh().square().sum(.., false);
    let whole = (loss(&[3, 1, 0, 3]) * 0.25).backward();
    let mut halves = loss(&[3, 1]).backward();
    halves.accumulate(loss(&[0, 3]).backward());
    halves.scale(0.25);
    assert_eq!(halves.len(), 2);
    assert!(halves.get(&unused).is_none());
    for v in [&table, &w] {
        let apart = values(&halves.get(v).unwrap().sub(&whole.get(v).unwrap()));
        assert!(apart.iter().all(|d| d.abs() < 1e-15), "{apart:?}");
    }
    let Some(Gradient::Rows(rows)) = halves.gradient(&table) else { panic!("sparse") };
    assert_eq!(rows.index.to_vec::<u32>(), [0, 1, 3], "distinct and ascending");
}

#[test]
fn sparse_and_dense_gradients_add_up() {
    let table = leaf(&[1.0, 2.0, 3.0, 4.0]).tensor().reshape([2, 2]);
    let table = Var::leaf(table);
    let sparse = || table.embedding(&ids(&[1])).sum(.., false).backward();
    let dense = || table.sum(.., false).backward();
    for (mut a, b) in [(sparse(), dense()), (dense(), sparse())] {
        a.accumulate(b);
        assert_eq!(values(&a.get(&table).unwrap()), [1.0, 1.0, 2.0, 2.0]);
    }
    let mut empty = Gradients::default();
    empty.scale(2.0);
    empty.accumulate(sparse());
    assert!(matches!(empty.gradient(&table), Some(Gradient::Rows(_))));
}

#[test]
fn sums_change_nobody_elses_gradient_and_stay_differentiable() {
    let x = leaf(&[2.0]);
    let first = x.square().backward();
    let mut sum = first.clone();
    sum.accumulate(first.clone());
    sum.scale(10.0);
    assert_eq!((values(&first.get(&x).unwrap()), values(&sum.get(&x).unwrap())), (vec![4.0], vec![80.0]));
    let mut recorded = x.powf(3.0).backward_with(CREATE);
    recorded.accumulate(x.square().backward());
    let Some(Gradient::Dense(g)) = recorded.take(&x) else { panic!("dense") };
    let one = Var::constant(tensor(&[1.0]));
    assert_eq!(values(grad(&[(&g, &one)], &[&x], Backward::default())[0].as_ref().unwrap().tensor()), [12.0]);
}

/// The graph keeps the value that it was computed with.
#[test]
fn a_value_changed_before_backward_is_not_the_one_differentiated() {
    let build = |w: &Var| {
        let h = (w * w).tanh();
        (h.exp() / w + w.powf(3.0)).sum(.., false)
    };
    let mut w = leaf(&[0.3, -0.7, 1.9]);
    let expected = build(&w).backward().get(&w).unwrap();
    let loss = build(&w);
    w.value_mut().accumulate(&tensor(&[100.0, -50.0, 25.0]), 1.0);
    assert_eq!(values(w.tensor()), [100.3, -50.7, 26.9]);
    assert_eq!(loss.backward().get(&w).unwrap().to_bytes(), expected.to_bytes());
    // The next pass sees the new one.
    assert_ne!(build(&w).backward().get(&w).unwrap().to_bytes(), expected.to_bytes());
    let said = message(|| (&w * 2.0).value_mut().clone());
    assert!(said.contains("value_mut: only a leaf may change; this comes from `affine`"), "{said}");
}
