//! Which gradients come back.

use unrolled_autograd::{Backward, Gradient, Var, grad, jvp, vjp};
use unrolled_tensor::{DType, Device, Tensor};

use crate::{CREATE, KEEP, leaf, message, tensor, values};

fn ones(like: &Var) -> Var {
    Var::constant(like.tensor().ones_like())
}

#[test]
fn a_graph_serves_one_pass_unless_kept() {
    let x = leaf(&[2.0]);
    let y = x.exp().square();
    let first = y.backward_with(KEEP).get(&x).unwrap();
    assert_eq!(values(&first), values(&y.backward().get(&x).unwrap()));
    let said = message(|| y.backward());
    assert!(said.contains("an earlier backward has freed this graph at `square`; set `keep_graph`"), "{said}");
    // A new end on a freed graph.
    let said = message(|| y.exp().backward());
    assert!(said.contains("freed this graph at `square`"), "{said}");
    let said = message(|| grad(&[(&y, &ones(&y))], &[&x], KEEP));
    assert!(said.contains("freed this graph at `square`"), "{said}");
}

#[test]
fn what_nothing_depends_on_has_no_gradient() {
    let (x, unused) = (leaf(&[2.0]), leaf(&[1.0]));
    let mut gradients = x.exp().backward();
    assert!(gradients.get(&unused).is_none() && gradients.gradient(&unused).is_none());
    assert!(gradients.get(&unused.detach()).is_none());
    assert_eq!((gradients.len(), gradients.is_empty()), (1, false));
    assert!(gradients.take(&x).is_some() && gradients.take(&x).is_none() && gradients.is_empty());
    assert!(x.floor().backward().get(&x).is_none(), "flat");
    assert!(x.powf(0.0).backward().is_empty(), "flat");
}

#[test]
fn a_leaf_is_its_own_output() {
    let x = leaf(&[2.0]);
    assert_eq!(values(&x.backward().get(&x).unwrap()), [1.0]);
    assert_eq!(values(&x.backward().get(&x).unwrap()), [1.0], "there is nothing to free");
}

#[test]
fn mistakes_are_named() {
    let x = leaf(&[1.0, 2.0]);
    assert!(message(|| x.backward()).contains("backward: shape [2] has not one element"));
    assert!(message(|| x.detach().sum(.., false).backward()).contains("was not tracked"));
    let g = Var::constant(tensor(&[1.0]));
    let said = message(|| x.exp().backward_from(&g, Backward::default()));
    assert!(said.contains("backward: gradient f64 of shape [1] for f64 of shape [2]"), "{said}");
    let g = Var::constant(Tensor::ones([2], DType::F32, &Device::cpu()));
    let said = message(|| x.exp().backward_from(&g, Backward::default()));
    assert!(said.contains("gradient f32 of shape [2] for f64 of shape [2]"), "{said}");
    let said = message(|| x.sum_to(&[3]));
    assert!(said.contains("sum_to: shape [3] does not broadcast to [2]"), "{said}");
    let said = message(|| x.sum_to(&[1, 2]));
    assert!(said.contains("sum_to: shape [1, 2] does not broadcast to [2]"), "{said}");
    let said = message(|| jvp(|v| v[0].exp(), &[tensor(&[1.0])], &[]));
    assert!(said.contains("jvp: 0 tangents for 1 inputs"), "{said}");
    let said = message(|| x.linear(&x, None));
    assert!(said.contains("linear: input of shape [2] and weight of shape [2] do not fit"), "{said}");
}

#[test]
fn gradients_of_inner_variables() {
    let x = leaf(&[0.5]);
    let h = x.exp();
    let y = h.square() * &x;
    let all = grad(&[(&y, &ones(&y))], &[&h, &x, &h, &y, &leaf(&[1.0])], KEEP);
    let value = |i: usize| all[i].as_ref().unwrap().tensor().item::<f64>();
    let e = 0.5f64.exp();
    assert!((value(0) - 2.0 * e * 0.5).abs() < 1e-12);
    assert!((value(1) - (e * e + 2.0 * e * 0.5 * e)).abs() < 1e-12, "through h, and not");
    assert_eq!((value(2), value(3)), (value(0), 1.0));
    assert!(all[4].is_none());
}

/// As a pipeline does: the end's gradients with respect to what enters it, then those of the part before.
#[test]
fn a_graph_can_be_gone_through_in_pieces() {
    let (x, w) = (leaf(&[0.5, 2.0]), leaf(&[1.5, -1.0]));
    let build = || {
        let h = (&x * &w).tanh();
        let y = (h.exp() * &w).sum(.., false);
        (h, y)
    };
    let (_, y) = build();
    let whole = y.backward();
    let (h, y) = build();
    let mut end = grad(&[(&y, &ones(&y))], &[&h], Backward::default());
    let rest = h.backward_from(&end.remove(0).unwrap(), Backward::default());
    assert_eq!(values(&rest.get(&x).unwrap()), values(&whole.get(&x).unwrap()));
    // w enters in both pieces.
    let through_h = rest.get(&w).unwrap();
    let direct = h.tensor().exp();
    for ((a, b), c) in values(&through_h).iter().zip(values(&direct)).zip(values(&whole.get(&w).unwrap())) {
        assert!((a + b - c).abs() < 1e-12);
    }
}

#[test]
fn what_is_not_asked_for_stays() {
    let (x, w) = (leaf(&[0.5]), leaf(&[2.0]));
    let side = w.exp();
    let y = &side * &x.exp();
    grad(&[(&y, &ones(&y))], &[&x], Backward::default());
    assert!(side.backward().get(&w).is_some(), "the side's graph was not freed");
    assert!(grad(&[], &[&x], Backward::default())[0].is_none());
    assert!(grad(&[(&y, &ones(&y))], &[], Backward::default()).is_empty());
}

#[test]
fn several_outputs_add_up() {
    let x = leaf(&[3.0]);
    let (a, b) = (x.square(), x.exp());
    let two = Var::constant(tensor(&[2.0]));
    let sum =
        grad(&[(&a, &two), (&b, &ones(&b)), (&a, &ones(&a)), (&x.detach(), &two)], &[&x], KEEP).remove(0).unwrap();
    assert!((sum.tensor().item::<f64>() - (3.0 * 6.0 + 3f64.exp())).abs() < 1e-12);
}

#[test]
fn shared_subexpressions_count_each_use() {
    let x = leaf(&[2.0]);
    let s = x.square();
    let y = &s * &s + &s * 3.0 + &x;
    // x⁴ + 3x² + x
    assert_eq!(values(&y.backward().get(&x).unwrap()), [4.0 * 8.0 + 6.0 * 2.0 + 1.0]);
}

/// Both operands of an addition get one and the same tensor: adding to one of them must not change the other, nor the caller's.
#[test]
fn sums_in_place_change_nobody_elses_gradient() {
    let (a, b) = (leaf(&[1.0, 2.0]), leaf(&[3.0, 4.0]));
    let y = &a + &b;
    let z = &y + &a + &a;
    let g = Var::constant(tensor(&[1.0, 10.0]));
    let all = grad(&[(&z, &g)], &[&a, &b, &y, &z], Backward::default());
    let all: Vec<Vec<f64>> = all.iter().map(|g| values(g.as_ref().unwrap().tensor())).collect();
    assert_eq!(all, [[3.0, 30.0], [1.0, 10.0], [1.0, 10.0], [1.0, 10.0]]);
    assert_eq!(values(g.tensor()), [1.0, 10.0]);
    // Twice the same operand, and sums on the way.
    let twice = &a + &a;
    let z = &twice + &twice + &b;
    let all = grad(&[(&z, &g), (&twice, &g)], &[&a, &twice, &b], Backward::default());
    let all: Vec<Vec<f64>> = all.iter().map(|g| values(g.as_ref().unwrap().tensor())).collect();
    assert_eq!(all, [[6.0, 60.0], [3.0, 30.0], [1.0, 10.0]]);
    assert_eq!(values(g.tensor()), [1.0, 10.0]);
    // Views of one gradient: the parts of a concatenation that are also used elsewhere.
    let z = Var::concat(&[&a, &b], 0);
    let g = Var::constant(tensor(&[1.0, 2.0, 3.0, 4.0]));
    let gradients = grad(&[(&z, &g), (&a, &Var::constant(tensor(&[5.0, 5.0])))], &[&a, &b, &z], Backward::default());
    let all: Vec<Vec<f64>> = gradients.iter().map(|g| values(g.as_ref().unwrap().tensor())).collect();
    assert_eq!(all, [vec![6.0, 7.0], vec![3.0, 4.0], vec![1.0, 2.0, 3.0, 4.0]]);
}

#[test]
fn derivatives_of_any_order() {
    let x = leaf(&[2.0]);
    let mut y = x.powf(4.0);
    for wanted in [32.0, 48.0, 48.0, 24.0] {
        y = grad(&[(&y, &ones(&y))], &[&x], CREATE).remove(0).unwrap();
        assert_eq!(values(y.tensor()), [wanted]);
    }
    assert!(grad(&[(&y, &ones(&y))], &[&x], CREATE)[0].is_none(), "a constant");
}

#[test]
fn products_with_the_jacobian_from_both_sides_agree() {
    let f = |v: &[Var]| v[0].matmul(&v[1]).tanh();
    let m = |values: &[f64], shape: [usize; 2]| Tensor::from_slice(values, shape, &Device::cpu());
    let inputs = [m(&[0.1, 0.2, -0.3, 0.4], [2, 2]), m(&[0.5, -0.6], [2, 1])];
    let tangents = [m(&[1.0, -1.0, 0.5, 2.0], [2, 2]), m(&[0.3, 0.7], [2, 1])];
    let u = m(&[1.5, -0.5], [2, 1]);
    let (_, pulled) = vjp(f, &inputs, |_| u.clone());
    let (y, pushed) = jvp(f, &inputs, &tangents);
    let dot = |a: &Tensor, b: &Tensor| a.mul(b).sum(.., false).item::<f64>();
    let left: f64 = pulled.iter().zip(&tangents).map(|(g, t)| dot(g, t)).sum();
    assert!((left - dot(&u, &pushed)).abs() < 1e-12);
    let moved: Vec<Tensor> = inputs.iter().zip(&tangents).map(|(x, t)| x.add(&t.affine(1e-6, 0.0))).collect();
    let difference = f(&moved.into_iter().map(Var::constant).collect::<Vec<_>>()).tensor().sub(&y).affine(1e6, 0.0);
    assert!(values(&difference.sub(&pushed)).iter().all(|d| d.abs() < 1e-5));
    let (_, zero) = jvp(|v| v[0].detach(), &inputs[..1], &tangents[..1]);
    assert_eq!(values(&zero), [0.0; 4]);
}

#[test]
fn rows_are_distinct_and_ascending() {
    let table = Var::leaf(Tensor::from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [4, 2], &Device::cpu()));
    let ids = |ids: &[u32]| Tensor::from_slice(ids, [ids.len()], &Device::cpu());
    let y = table.embedding(&ids(&[3, 1, 3])).square().sum(.., false) + table.embedding(&ids(&[1])).sum(.., false);
    let gradients = y.backward();
    let Some(Gradient::Rows(rows)) = gradients.gradient(&table) else { panic!("sparse") };
    assert_eq!((rows.index.to_vec::<u32>(), rows.shape), (vec![1, 3], [4, 2]));
    assert_eq!(values(&rows.values), [5.0, 7.0, 24.0, 28.0]);
    assert_eq!(gradients.gradient(&table).unwrap().shape()[..], [4, 2]);
    assert_eq!(values(&gradients.get(&table).unwrap()), [0.0, 0.0, 5.0, 7.0, 0.0, 0.0, 24.0, 28.0]);
}

/// One table as embedding and as the output layer: sparse and dense parts add up, in either order.
#[test]
fn tied_embeddings() {
    let table = Var::leaf(Tensor::from_slice(&[0.5, -1.0, 0.25, 2.0, 1.0, -0.5], [3, 2], &Device::cpu()));
    let ids = Tensor::from_slice(&[2u32, 0, 2], [3], &Device::cpu());
    let picked = Tensor::from_slice(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], [3, 3], &Device::cpu());
    let picked = Var::constant(picked);
    let through = |rows: Var| rows.linear(&table, None).square().sum(.., false);
    let sparse = through(table.embedding(&ids)).backward();
    assert!(matches!(sparse.gradient(&table), Some(Gradient::Dense(_))));
    let dense = through(picked.matmul(&table)).backward().get(&table).unwrap();
    let near = |a: &Tensor| values(&a.sub(&dense)).iter().all(|d| d.abs() < 1e-12);
    assert!(near(&sparse.get(&table).unwrap()));
    // The projection recorded first: its gradient arrives last.
    let turned = table.t().contiguous_copy();
    let late = (table.embedding(&ids).matmul(&turned)).square().sum(.., false).backward();
    assert!(near(&late.get(&table).unwrap()));
}

trait ContiguousCopy {
    fn contiguous_copy(&self) -> Var;
}

impl ContiguousCopy for Var {
    /// The same values by way of an operation.
    fn contiguous_copy(&self) -> Var {
        self * 1.0
    }
}

#[test]
fn the_same_graph_gives_the_same_bits() {
    let run = || {
        let x = Var::leaf(Tensor::random(
            unrolled_tensor::ops::Distribution::Normal { mean: 0.0, deviation: 1.0 },
            unrolled_tensor::random::Key::new(3),
            [37, 53],
            DType::F32,
            &Device::cpu(),
        ));
        let s = x.t().matmul(&x).softmax(-1);
        let y = (&s * &s).log1p().sum(0, false).exp() + s.max(1, false);
        y.sum(.., false).backward().get(&x).unwrap().to_bytes()
    };
    let first = run();
    assert!((0..3).all(|_| run() == first));
    assert_eq!(std::thread::spawn(run).join().unwrap(), first);
}
