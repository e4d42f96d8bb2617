//! Hooks on gradients.

use std::sync::{Arc, Mutex};

use unrolled_autograd::{Backward, Var, grad, no_grad};
use unrolled_tensor::DType;

use crate::{CREATE, KEEP, leaf, message, values};

#[test]
fn a_hook_sees_the_complete_gradient_once_a_pass() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let x = leaf(&[2.0, 3.0]);
    let noted = seen.clone();
    let hooked = x.square().with_hook(move |g| {
        noted.lock().unwrap().push(values(g.tensor()));
        None
    });
    assert_eq!(values(hooked.tensor()), [4.0, 9.0]);
    let y = (&hooked * 2.0 + &hooked).sum(.., false);
    let gradients = y.backward_with(KEEP);
    assert_eq!(values(&gradients.get(&x).unwrap()), [12.0, 18.0]);
    y.backward();
    assert_eq!(*seen.lock().unwrap(), [[3.0, 3.0], [3.0, 3.0]]);
}

#[test]
fn an_answer_takes_the_gradients_place() {
    let x = leaf(&[2.0]);
    let reversed = x.with_hook(|g| Some(-g)).with_hook(|g| Some(g * 10.0));
    assert_eq!(values(&reversed.square().backward().get(&x).unwrap()), [-40.0]);
    // What does not pass the hook is not changed.
    let y = x.with_hook(|g| Some(g * 0.0)) * &x;
    assert_eq!(values(&y.backward().get(&x).unwrap()), [2.0]);
}

#[test]
fn hooks_are_differentiated() {
    let (x, w) = (leaf(&[2.0]), leaf(&[5.0]));
    let factor = w.clone();
    let y = x.with_hook(move |g| Some(g * &factor)).powf(3.0);
    let one = Var::constant(y.tensor().ones_like());
    let first = grad(&[(&y, &one)], &[&x], CREATE).remove(0).unwrap();
    assert_eq!(values(first.tensor()), [60.0], "3x² w");
    let second = grad(&[(&first, &one)], &[&w, &x], Backward::default());
    let second = second.into_iter().map(|g| values(g.unwrap().tensor())[0]);
    assert_eq!(second.collect::<Vec<_>>(), [12.0, 12.0 * 25.0], "3x², and 6x w that passes the hook again");
}

#[test]
fn without_a_gradient_no_hook_is_called() {
    let hook = |_: &Var| -> Option<Var> { unreachable!("no gradient passes") };
    let x = leaf(&[2.0]);
    let constant = x.detach().with_hook(hook);
    assert!(!constant.is_tracked() && !no_grad(|| x.with_hook(hook)).is_tracked());
    let beside = x.with_hook(hook);
    assert_eq!(values(&(&x * &beside.detach()).backward().get(&x).unwrap()), [2.0]);
}

#[test]
fn wrong_answers_are_named() {
    let x = leaf(&[2.0, 1.0]);
    let run = |hook: fn(&Var) -> Var| message(|| x.with_hook(move |g| Some(hook(g))).sum(.., false).backward());
    let said = run(|g| g.narrow(0, 0, 1));
    assert!(said.contains("hook: f64 of shape [1] for a gradient f64 of shape [2]"), "{said}");
    let said = run(|g| g.cast(DType::F32));
    assert!(said.contains("hook: f32 of shape [2] for a gradient f64 of shape [2]"), "{said}");
}
