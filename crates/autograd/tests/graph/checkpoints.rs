//! Checkpoints: what is computed again has the same bits and needs less memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use unrolled_autograd::{Backward, Var, checkpoint, grad, is_recording, no_grad};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor, memory_in_use, peak_memory, reset_peak_memory};

use crate::{CREATE, KEEP, leaf, message, values};

fn normal(purpose: &str, shape: [usize; 2], device: &Device) -> Tensor {
    let distribution = Distribution::Normal { mean: 0.0, deviation: 0.7 };
    Tensor::random(distribution, Key::new(7).purpose(purpose), shape, DType::F32, device)
}

/// tanh(x W) with dropout, added to x.
fn layer(x: &Var, weight: &Var, key: Key) -> Var {
    let mask = Tensor::random(Distribution::Dropout { keep: 0.75 }, key, x.shape(), x.dtype(), x.device());
    x.matmul(weight).tanh() * Var::constant(mask) + x
}

/// `weights` layers, plain, or in checkpoints of `every` layers.
fn network(x: &Var, weights: &[Var], every: Option<usize>) -> Var {
    let key = |i: usize| Key::new(3).purpose(&format!("dropout {i}"));
    let Some(every) = every else {
        return weights.iter().enumerate().fold(x.clone(), |x, (i, weight)| layer(&x, weight, key(i)));
    };
    weights.chunks(every).enumerate().fold(x.clone(), |x, (part, weights)| {
        let weights = weights.to_vec();
        let segment = move |v: &[Var]| {
            let each = weights.iter().enumerate();
            vec![each.fold(v[0].clone(), |x, (i, weight)| layer(&x, weight, key(part * every + i)))]
        };
        checkpoint(segment, &[&x]).remove(0)
    })
}

fn bits(x: &Tensor) -> Vec<u8> {
    x.to_bytes()
}

#[test]
fn values_and_gradients_have_the_same_bits() {
    let device = Device::cpu();
    let x = Var::leaf(normal("x", [5, 8], &device));
    let weights: Vec<Var> = (0..6).map(|i| Var::leaf(normal(&format!("w{i}"), [8, 8], &device))).collect();
    // The first weight also serves outside, before and after.
    let run = |every: Option<usize>| {
        let y = network(&x.matmul(&weights[0]), &weights, every).matmul(&weights[0]);
        let gradients = y.square().sum(.., false).backward();
        let mut all = vec![bits(y.tensor()), bits(&gradients.get(&x).unwrap())];
        all.extend(weights.iter().map(|w| bits(&gradients.get(w).unwrap())));
        (all, gradients.len())
    };
    let plain = run(None);
    assert_eq!(plain.1, 7);
    for every in [1, 2, 4, 6] {
        assert_eq!(run(Some(every)), plain, "{every} layers in a checkpoint");
    }
}

/// An output twice, an input as it came, a captured variable as it is, and a constant.
#[test]
fn outputs_of_every_kind() {
    let run = |again: bool| {
        let (x, w) = (leaf(&[0.3, -0.7]), leaf(&[1.1, 0.9]));
        let (h, captured) = (x.sin(), w.clone());
        let f = move |v: &[Var]| {
            let y = &v[0] * &captured;
            vec![y.clone(), v[0].clone(), captured.clone(), y.exp(), y.clone(), v[0].detach(), y]
        };
        let outputs = if again { checkpoint(f, &[&h]) } else { f(std::slice::from_ref(&h)) };
        let tracked: Vec<bool> = outputs.iter().map(Var::is_tracked).collect();
        assert_eq!(tracked, [true, true, true, true, true, false, true]);
        assert!(outputs[1].same(&h) && outputs[2].same(&w) && outputs[0].same(&outputs[4]));
        let factors = [0.1, 0.7, 1.3, 0.37, 1e-9, 1.0, 3.3];
        let parts: Vec<Var> = outputs.iter().zip(factors).map(|(y, factor)| y.square() * factor).collect();
        let sum = parts.into_iter().reduce(|a, b| a + b).unwrap().sum(.., false);
        let gradients = sum.backward();
        [bits(sum.tensor()), bits(&gradients.get(&x).unwrap()), bits(&gradients.get(&w).unwrap())]
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn the_function_runs_once_forward_and_once_in_each_pass() {
    let runs = Arc::new(AtomicUsize::new(0));
    let (x, w, counted) = (leaf(&[0.5]), leaf(&[2.0]), runs.clone());
    let captured = w.clone();
    let f = move |v: &[Var]| {
        counted.fetch_add(1, Relaxed);
        assert!(is_recording() || !v[0].is_tracked());
        vec![(&v[0] * &captured).sin()]
    };
    let y = checkpoint(f.clone(), &[&x]).remove(0);
    assert_eq!((runs.load(Relaxed), y.operations()), (1, vec!["checkpoint", "leaf", "leaf"]));
    let first = y.backward_with(KEEP);
    let second = no_grad(|| y.backward());
    assert_eq!(runs.load(Relaxed), 3);
    assert_eq!(values(&first.get(&w).unwrap()), values(&second.get(&w).unwrap()));
    let said = message(|| y.backward());
    assert!(said.contains("an earlier backward has freed this graph at `checkpoint`"), "{said}");
    // Nothing tracked, nothing to compute again.
    let untracked = no_grad(|| checkpoint(f, &[&x.detach()])).remove(0);
    assert!(!untracked.is_tracked());
    let constant = checkpoint(|v| vec![v[0].exp()], &[&x.detach()]).remove(0);
    assert!(!constant.is_tracked());
}

#[test]
fn only_a_captured_variable_is_tracked() {
    let (x, w) = (leaf(&[0.5]).detach(), leaf(&[2.0]));
    let captured = w.clone();
    let y = checkpoint(move |v| vec![&v[0] * &captured.square()], &[&x]).remove(0);
    assert_eq!(values(&y.backward().get(&w).unwrap()), [2.0]);
}

#[test]
fn chosen_gradients_pass_through() {
    let (x, w, other) = (leaf(&[0.5, -1.0]), leaf(&[2.0, 0.3]), leaf(&[1.0, 1.0]));
    let h = x.exp();
    let build = |again: bool| {
        let captured = (w.clone(), other.clone());
        let f = move |v: &[Var]| {
            let inner = captured.0.clone();
            let y = checkpoint(move |v| vec![(&v[0] * &inner).tanh()], &[&v[0]]).remove(0);
            vec![y * &captured.1]
        };
        if again { checkpoint(f, &[&h]).remove(0) } else { (&h * &w).tanh() * &other }
    };
    let ones = Var::constant(h.tensor().ones_like());
    for wanted in [vec![&h], vec![&w], vec![&x, &w], vec![&h, &x]] {
        let of = |y: &Var| -> Vec<Vec<u8>> {
            grad(&[(y, &ones)], &wanted, KEEP).into_iter().map(|g| bits(g.unwrap().tensor())).collect()
        };
        assert_eq!(of(&build(true)), of(&build(false)));
    }
    let y = build(true);
    let all = grad(&[(&y, &ones)], &[&y, &leaf(&[1.0])], Backward::default());
    assert_eq!(values(all[0].as_ref().unwrap().tensor()), [1.0, 1.0]);
    assert!(all[1].is_none());
    assert_eq!(y.backward_from(&ones, Backward::default()).len(), 3, "the graph was not gone through");
}

#[test]
fn derivatives_of_derivatives() {
    let run = |again: bool| {
        let (x, w) = (leaf(&[0.5, -1.0]), leaf(&[2.0, 0.3]));
        let captured = w.clone();
        let f = move |v: &[Var]| vec![(&v[0] * &captured).sin() * &v[0]];
        let y = if again { checkpoint(f, &[&x]).remove(0) } else { f(std::slice::from_ref(&x)).remove(0) };
        let y = (y.square() * &x).sum(.., false);
        let one = Var::constant(y.tensor().ones_like());
        let first = grad(&[(&y, &one)], &[&x], CREATE).remove(0).unwrap().square().sum(.., false);
        let second = grad(&[(&first, &one)], &[&x, &w], Backward::default());
        second.into_iter().map(|g| values(g.unwrap().tensor())).collect::<Vec<_>>()
    };
    for (a, b) in run(true).concat().into_iter().zip(run(false).concat()) {
        assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{a} is not {b}");
    }
}

#[test]
fn a_function_that_changes_its_mind_is_refused() {
    let x = leaf(&[0.5, 1.0]);
    let runs = AtomicUsize::new(0);
    let f = move |v: &[Var]| vec![v[0].exp().narrow(0, 0, 2 - runs.fetch_add(1, Relaxed))];
    let y = checkpoint(f, &[&x]).remove(0).sum(.., false);
    let said = message(|| y.backward());
    assert!(said.contains("checkpoint: run again, the function gave [([1], F64)] instead of [([2], F64)]"), "{said}");
    assert!(is_recording());
}

/// What the device holds at most in forward and backward of 16 layers.
fn peak(every: Option<usize>) -> usize {
    let device = Device::cpu_with(0, 1, usize::MAX);
    let x = Var::leaf(normal("x", [100, 100], &device));
    let weight = Var::leaf(normal("w", [100, 100], &device));
    let weights = vec![weight; 16];
    reset_peak_memory(&device);
    let before = memory_in_use(&device);
    assert_eq!(peak_memory(&device), before);
    network(&x, &weights, every).square().sum(.., false).backward();
    peak_memory(&device) - before
}

#[test]
fn a_deep_network_needs_less_memory() {
    let (plain, fours, ones) = (peak(None), peak(Some(4)), peak(Some(1)));
    // Each plain layer keeps three tensors (its input, the hyperbolic tangent and the mask), each checkpoint one beside those of one segment.
    assert!(fours * 2 < plain && ones * 2 < plain, "{plain} bytes, by fours {fours}, by ones {ones}");
}

#[test]
fn deep_chains_of_checkpoints_are_dropped_without_recursion() {
    let chain = || {
        let x = leaf(&[0.5]);
        let y = (0..20_000).fold(x.clone(), |y, _| {
            let captured = y.clone();
            checkpoint(move |v| vec![(&v[0] + &captured).affine(0.5, 0.0)], &[&y]).remove(0)
        });
        (x, y)
    };
    let work = move || {
        drop(chain());
        let (x, y) = chain();
        assert_eq!(values(&y.backward().get(&x).unwrap()), [1.0]);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}
