//! How many nodes live, and how deep graphs may be. One test alone in its process, since the count is the process's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use unrolled_autograd::{Backward, Function, Var, grad, live_nodes};
use unrolled_tensor::{Device, Tensor};

const DEEP: usize = 100_000;

fn leaf(value: f64) -> Var {
    Var::leaf(Tensor::scalar(value, &Device::cpu()))
}

/// A chain of about `DEEP` nodes, of two kinds.
fn chain(x: &Var) -> Var {
    (0..DEEP / 2).fold(x.clone(), |y, _| (y + x).affine(0.5, 0.0))
}

/// `DEEP` nodes in layers of 100, each with two in the layer before as inputs.
fn lattice(x: &Var) -> Var {
    let mut layer: Vec<Var> = (0..100).map(|i| x * (1.0 + i as f64 / 100.0)).collect();
    for _ in 0..DEEP / 100 {
        layer = (0..100).map(|i| layer[i].maximum(&layer[(i + 1) % 100])).collect();
    }
    Var::stack(&layer.iter().collect::<Vec<_>>(), 0).sum(.., false)
}

/// Runs `step` where recursion over a deep graph would overflow the stack.
fn on_small_stack(step: impl FnOnce() + Send + 'static) {
    let before = live_nodes();
    thread::Builder::new().stack_size(256 << 10).spawn(step).expect("a thread").join().expect("no panic");
    assert_eq!(live_nodes(), before);
}

fn gradient_of(y: &Var, x: &Var) -> f64 {
    y.backward().get(x).expect("y depends on x").item()
}

fn deep_graphs() {
    // With their slopes.
    let graphs: [(fn(&Var) -> Var, f64); 2] = [(chain, 1.0), (lattice, 199.0)];
    for (build, slope) in graphs {
        // Dropped whole, with and without a backward pass before.
        on_small_stack(move || {
            let y = build(&leaf(0.5));
            assert!(live_nodes() > DEEP);
            drop(y);
        });
        on_small_stack(move || {
            let x = leaf(0.5);
            let y = build(&x);
            assert!((gradient_of(&y, &x) - slope).abs() < 1e-9);
            assert!(live_nodes() < 10, "backward frees what it has passed");
        });
    }
    // The pass itself recorded: graphs that refer to one another.
    on_small_stack(|| {
        let x = leaf(0.5);
        let (y, one) = (chain(&x).square(), Var::constant(Tensor::scalar(1.0, &Device::cpu())));
        let recorded = Backward { create_graph: true, ..Backward::default() };
        let first = grad(&[(&y, &one)], &[&x], recorded).remove(0).expect("y depends on x");
        assert!((gradient_of(&first, &x) - 2.0).abs() < 1e-6);
    });
    // Asked for one variable in the middle.
    on_small_stack(|| {
        let middle = chain(&leaf(0.5));
        let (y, one) = (lattice(&middle), Var::constant(Tensor::scalar(1.0, &Device::cpu())));
        let g = grad(&[(&y, &one)], &[&middle], Backward::default()).remove(0).expect("y depends on it");
        assert!((g.tensor().item::<f64>() - 199.0).abs() < 1e-9);
    });
}

struct Fails;

impl Function for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![x[0].clone()]
    }
    fn backward(&self, _: &[Var], _: &[Var], _: &[Option<Var>]) -> Vec<Option<Var>> {
        panic!("half-way")
    }
}

fn a_panic_half_way() {
    let before = live_nodes();
    let x = leaf(0.5);
    let y = Var::apply(Arc::new(Fails), &[&x.exp().exp()]).remove(0).exp().exp();
    assert_eq!(live_nodes(), before + 6);
    catch_unwind(AssertUnwindSafe(|| y.backward())).expect_err("the function fails");
    assert_eq!(live_nodes(), before + 2, "x, and y's own node, which holds nothing any more");
    drop((x, y));
    assert_eq!(live_nodes(), before);
}

/// The last handles are dropped on other threads, several at once.
fn on_other_threads() {
    let before = live_nodes();
    for _ in 0..50 {
        let shared = leaf(0.5).exp();
        let ends: Vec<Var> = (0..4).map(|_| (0..100).fold(shared.clone(), |y, _| y.sin())).collect();
        drop(shared);
        thread::scope(|scope| ends.into_iter().for_each(|y| drop(scope.spawn(move || drop(y)))));
        assert_eq!(live_nodes(), before);
    }
}

fn steps() {
    let before = live_nodes();
    let (w, x) = (leaf(0.5), Var::constant(Tensor::scalar(2.0, &Device::cpu())));
    for _ in 0..3 {
        let gradients = (&w * &x).tanh().backward();
        assert_eq!(gradients.len(), 1);
        assert_eq!(live_nodes(), before + 1, "the leaf");
    }
    let kept = (&w * &x).tanh();
    kept.backward_with(Backward { keep_graph: true, ..Backward::default() });
    assert_eq!(live_nodes(), before + 3);
    drop(kept);
    assert_eq!(live_nodes(), before + 1);
    let untracked = (&x * &x).tanh();
    assert_eq!(live_nodes(), before + 1, "{untracked:?} has no graph");
}

#[test]
fn nodes_live_as_long_as_they_are_held() {
    steps();
    a_panic_half_way();
    on_other_threads();
    deep_graphs();
    assert_eq!(live_nodes(), 0);
}
