//! What a graph holds on its device, and when it lets go.

use std::sync::{Arc, Mutex};

use unrolled_autograd::{Function, Var, no_grad};
use unrolled_tensor::{DType, Device, Tensor};

use crate::KEEP;

/// Bytes of one tensor of these tests.
const SIZE: usize = 8 * 1000;

fn device() -> Device {
    Device::cpu_with(0, 1, usize::MAX)
}

fn ones(device: &Device) -> Tensor {
    Tensor::ones([1000], DType::F64, device)
}

fn held(device: &Device) -> f64 {
    device.memory().in_use as f64 / SIZE as f64
}

#[test]
fn a_step_gives_all_back() {
    let device = device();
    let x = Var::leaf(ones(&device));
    let before = device.memory().in_use;
    for _ in 0..3 {
        let y = x.exp().tanh().sum(.., false);
        assert!(held(&device) >= 3.0);
        let gradients = y.backward();
        drop(y);
        assert_eq!(device.memory().in_use, before + SIZE, "the gradient");
        drop(gradients);
        assert_eq!(device.memory().in_use, before);
    }
}

/// The identity, whose backward notes what the device holds.
struct Probe(Mutex<Vec<usize>>);

impl Function for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![x[0].clone()]
    }
    fn backward(&self, x: &[Var], _: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
        self.0.lock().unwrap().push(x[0].device().memory().in_use / SIZE);
        vec![g[0].clone()]
    }
}

#[test]
fn saved_tensors_go_as_backward_passes() {
    let device = device();
    let probe = Arc::new(Probe(Mutex::default()));
    let build = |x: &Var| {
        let chain = (0..8).fold(x.clone(), |y, _| Var::apply(probe.clone(), &[&y.sin().tanh()]).remove(0));
        chain.sum(.., false)
    };
    let x = Var::leaf(ones(&device));
    let y = build(&x);
    y.backward();
    let seen = std::mem::take(&mut *probe.0.lock().unwrap());
    // Each stage saves the sine's input (the stage before's output) and the hyperbolic tangent's output, but not the sine itself. The first
    // gradient is one element, broadcast.
    assert!(seen[1..].windows(2).all(|pair| pair[1] == pair[0] - 1), "{seen:?}");
    build(&x).backward_with(KEEP);
    let kept = std::mem::take(&mut *probe.0.lock().unwrap());
    assert!(kept[1..].iter().all(|&now| now == kept[1]), "{kept:?}");
}

#[test]
fn a_product_keeps_only_what_a_gradient_needs() {
    let device = device();
    let x = Var::leaf(ones(&device));
    let others = [Var::constant(ones(&device)), Var::leaf(ones(&device))];
    let before = held(&device);
    for (other, kept) in others.iter().zip([0.0, 1.0]) {
        // Of the shifted x only the product is left, unless the other operand's gradient needs it.
        let product = x.affine(1.0, 1.0) * other;
        assert_eq!(held(&device) - before, 1.0 + kept);
        drop(product);
        let product = other * x.affine(1.0, 1.0);
        assert_eq!(held(&device) - before, 1.0 + kept);
        drop(product);
    }
    let sum = x.affine(1.0, 1.0) + others[1].affine(1.0, 1.0);
    assert_eq!(held(&device) - before, 1.0);
    drop(sum);
    let quotient = x.affine(1.0, 1.0) / &others[0];
    assert_eq!(held(&device) - before, 1.0);
    drop(quotient);
    let untracked = no_grad(|| x.exp().tanh());
    assert_eq!(held(&device) - before, 1.0);
    drop(untracked);
    assert_eq!(held(&device), before);
}

/// The first gradient is moved to the leaf, not copied.
#[test]
fn gradients_have_one_owner() {
    let device = device();
    let x = Var::leaf(ones(&device));
    let mut gradients = (x.exp() + x.sin()).sum(.., false).backward();
    let unrolled_autograd::Gradient::Dense(gradient) = gradients.take(&x).unwrap() else { panic!("dense") };
    assert!(gradient.tensor().is_unique());
}

/// The weight's gradient is the largest of a translator's step: a second copy of it would be the peak.
#[test]
fn gradients_that_a_loss_has_made_are_moved() {
    let device = device();
    let leaf = |shape: &[usize]| Var::leaf(Tensor::ones(shape, DType::F64, &device));
    let (hidden, weight, bias) = (leaf(&[2, 100]), leaf(&[500, 100]), leaf(&[500]));
    let targets = Tensor::from_slice(&[3u32, 4], [2], &device);
    let counted = Tensor::ones([2], DType::F64, &device);
    let loss = hidden.linear_cross_entropy(&weight, &bias, &targets, &counted);
    device.reset_peak_memory();
    let before = device.memory().in_use;
    let moved = loss.backward();
    assert!(device.memory().peak - before < weight.tensor().elements(), "the weight's alone is eight times as much");
    // What arrives from elsewhere multiplies them.
    let loss = hidden.linear_cross_entropy(&weight, &bias, &targets, &counted);
    let three = Var::constant(loss.tensor().affine(0.0, 3.0));
    let scaled = loss.backward_from(&three, Default::default());
    for var in [&hidden, &weight, &bias] {
        let (moved, scaled) = (moved.get(var).unwrap(), scaled.get(var).unwrap());
        assert_eq!(moved.affine(3.0, 0.0).to_vec::<f64>(), scaled.to_vec::<f64>());
    }
}
