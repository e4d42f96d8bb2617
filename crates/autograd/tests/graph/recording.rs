//! What is recorded, and when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use unrolled_autograd::{Gradients, NoGrad, Var, is_recording, no_grad};
use unrolled_tensor::{DType, Device, Tensor};

use crate::{KEEP, leaf, message, values};

#[test]
fn only_what_depends_on_a_leaf_is_tracked() {
    let (x, c) = (leaf(&[1.0]), leaf(&[2.0]).detach());
    assert!((&x * &c).is_tracked() && !(&c * &c).is_tracked());
    assert!(x.is_leaf() && !(&x * 1.0).is_leaf() && !c.is_leaf());
    assert_eq!((x.operation(), c.operation(), (&x * &c).operation()), ("leaf", "constant", "mul"));
    assert_eq!((x.exp() * &x.exp()).operations(), ["mul", "exp", "exp", "leaf"]);
    assert_eq!(format!("{:?}", x.exp()), "Var<exp> f64[1] on cpu [2.7183]");
    assert!(x.same(&x.clone()) && !x.same(&c) && !c.same(&c) && !x.same(&leaf(&[1.0])));
}

#[test]
fn no_gradient_passes_a_detached_variable() {
    let x = leaf(&[3.0]);
    let y = &x * &x.detach();
    assert_eq!(values(&y.backward().get(&x).unwrap()), [3.0]);
}

#[test]
fn integers_and_truth_values_are_not_tracked() {
    let x = leaf(&[1.0, 2.0]);
    assert!(!x.cast(DType::I64).is_tracked() && !x.cast(DType::Bool).is_tracked());
    assert!(x.cast(DType::F16).is_tracked());
    assert!(
        message(|| Var::leaf(Tensor::ones([1], DType::U32, &Device::cpu()))).contains("leaf: u32 has no gradients")
    );
}

#[test]
fn guards_nest_and_end_with_a_panic() {
    let x = leaf(&[1.0]);
    let outer = NoGrad::new();
    no_grad(|| assert!(!x.exp().is_tracked()));
    assert!(!is_recording() && !x.exp().is_tracked());
    drop(outer);
    assert!(is_recording() && x.exp().is_tracked());
    catch_unwind(AssertUnwindSafe(|| no_grad(|| panic!("inside")))).unwrap_err();
    assert!(is_recording());
    // Guards may end in any order.
    let (first, second) = (NoGrad::new(), NoGrad::new());
    drop(first);
    assert!(!is_recording());
    drop(second);
    assert!(is_recording());
}

#[test]
fn a_guard_counts_for_its_thread() {
    let x = leaf(&[1.0]);
    no_grad(|| {
        thread::scope(|scope| scope.spawn(|| assert!(x.exp().is_tracked())).join().unwrap());
        assert!(!x.exp().is_tracked());
    });
}

#[test]
fn a_pass_under_no_grad_works_and_leaves_recording_as_it_was() {
    let x = leaf(&[2.0]);
    let y = x.square();
    let gradients = no_grad(|| y.backward_with(KEEP));
    assert_eq!(values(&gradients.get(&x).unwrap()), [4.0]);
    y.backward();
    assert!(is_recording());
    // Also where the pass panics.
    message(|| y.backward());
    assert!(is_recording());
}

/// A thread of a device that waits for others within one task takes up another.
#[test]
fn a_task_does_not_see_what_another_is_in_the_middle_of() {
    let device = Device::cpu_with(0, 2, usize::MAX);
    let x = Tensor::ones([256, 256], DType::F32, &device);
    let leaf = Var::leaf(Tensor::scalar(2f32, &device));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    device.run(|| no_grad(|| drop(x.matmul(&x))));
                }
                ended.store(true, Ordering::Relaxed);
            });
        }
        while !ended.load(Ordering::Relaxed) {
            assert!(device.run(|| leaf.exp().is_tracked()), "recorded, whatever others are in the middle of");
        }
    });
    assert!(!no_grad(|| device.run(|| leaf.exp().is_tracked())), "a task is in the middle of what its caller is");
}

/// Nothing about a graph belongs to a thread.
#[test]
fn graphs_cross_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Var>();
    shared::<Gradients>();
    let x = leaf(&[0.5, -1.0]);
    let trunk = x.tanh();
    let first = trunk.exp().sum(.., false);
    let second = thread::scope(|scope| scope.spawn(|| trunk.sin().sum(.., false)).join().unwrap());
    let there = thread::spawn({
        let (first, x) = (first.clone(), x.clone());
        move || first.backward_with(KEEP).get(&x).unwrap().to_vec::<f64>()
    });
    let both = thread::scope(|scope| {
        let tasks: Vec<_> = (0..4).map(|_| scope.spawn(|| second.backward_with(KEEP).get(&x).unwrap())).collect();
        tasks.into_iter().map(|task| values(&task.join().unwrap())).collect::<Vec<_>>()
    });
    assert!(both.iter().all(|g| *g == values(&second.backward_with(KEEP).get(&x).unwrap())));
    assert_eq!(there.join().unwrap(), values(&first.backward_with(KEEP).get(&x).unwrap()));
}
