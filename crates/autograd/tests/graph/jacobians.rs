//! Jacobians and Hessians against closed forms.

use proptest::prelude::*;
use unrolled_autograd::{Var, hessian, hvp, jacobian, jvp, vjp};
use unrolled_tensor::{DType, Device, Tensor};

use crate::{message, tensor, values};

fn matrix(values: &[f64], shape: [usize; 2]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::cpu())
}

#[track_caller]
fn near(a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape());
    let furthest = values(&a.sub(b)).into_iter().fold(0f64, |most, d| most.max(d.abs()));
    assert!(furthest < 1e-11, "{a:?} is not {b:?}");
}

/// xᵀ A x, whose gradient is (A + Aᵀ) x.
#[test]
fn a_quadratic_form() {
    let a = matrix(&[1.0, 2.0, -3.0, 0.5, 4.0, 1.5, -1.0, 0.0, 2.5], [3, 3]);
    let symmetric = a.add(&a.t());
    let form = |v: &[Var]| v[0].matmul(&Var::constant(a.clone()).matmul(&v[0]));
    let (x, t) = (tensor(&[0.5, -1.0, 2.0]), tensor(&[1.0, 3.0, -0.25]));
    let (y, product) = hvp(form, std::slice::from_ref(&x), std::slice::from_ref(&t));
    near(&y, form(&[Var::constant(x.clone())]).tensor());
    near(&product[0], &symmetric.matmul(&t));
    near(&jacobian(form, std::slice::from_ref(&x))[0], &symmetric.matmul(&x));
    near(&hessian(form, &[x])[0][0], &symmetric);
}

/// ∂p_i/∂x_j = p_i (δ_ij − p_j)
#[test]
fn the_jacobian_of_a_softmax() {
    let x = tensor(&[0.3, -1.2, 2.0, 0.0]);
    let p = x.softmax(0);
    let outer = p.unsqueeze(1).mul(&p.unsqueeze(0));
    let identity = Tensor::arange(4, DType::U32, &Device::cpu());
    let identity = identity.unsqueeze(1).eq(&identity.unsqueeze(0)).cast(DType::F64);
    near(&jacobian(|v| v[0].softmax(0), &[x])[0], &identity.mul(&p.unsqueeze(1)).sub(&outer));
}

#[test]
fn shapes_are_those_of_output_and_input() {
    let (a, b) = (matrix(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]), matrix(&[1.0, -1.0, 0.5], [3, 1]));
    let blocks = jacobian(|v| v[0].matmul(&v[1]).squeeze(1), &[a.clone(), b]);
    assert_eq!((blocks[0].shape(), blocks[1].shape()), (&[2, 2, 3][..], &[2, 3, 1][..]));
    near(&blocks[1].reshape([2, 3]), &a);
    assert_eq!(values(&blocks[0]), [1.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.5]);
    // Nothing depends on the second input, and there is nothing to depend.
    let blocks = jacobian(|v| v[0].narrow(0, 0, 0), &[a, tensor(&[1.0])]);
    assert_eq!((blocks[0].shape(), blocks[1].shape()), (&[0, 3, 2, 3][..], &[0, 3, 1][..]));
    assert_eq!(values(&jacobian(|v| v[0].detach(), &[tensor(&[1.0])])[0]), [0.0]);
}

/// (1 − x)² + 100 (y − x²)² as a function of two inputs.
fn rosenbrock(v: &[Var]) -> Var {
    (1.0 - &v[0]).square() + (&v[1] - &v[0].square()).square() * 100.0
}

#[test]
fn the_hessian_of_rosenbrocks_function() {
    let scalar = |value: f64| Tensor::scalar(value, &Device::cpu());
    let (x, y) = (-1.2, 1.0);
    let inputs = [scalar(x), scalar(y)];
    let expected = [[2.0 - 400.0 * (y - x * x) + 800.0 * x * x, -400.0 * x], [-400.0 * x, 200.0]];
    let blocks = hessian(rosenbrock, &inputs);
    for (i, row) in expected.iter().enumerate() {
        for (j, &expected) in row.iter().enumerate() {
            assert_eq!(blocks[i][j].shape(), [0usize; 0]);
            assert!((blocks[i][j].item::<f64>() - expected).abs() < 1e-10);
        }
    }
    let (_, product) = hvp(rosenbrock, &inputs, &[scalar(2.0), scalar(-3.0)]);
    for (i, row) in expected.iter().enumerate() {
        assert!((product[i].item::<f64>() - (2.0 * row[0] - 3.0 * row[1])).abs() < 1e-10);
    }
}

#[test]
fn what_is_linear_has_hessian_zero() {
    let blocks = hessian(|v| (&v[0] * 3.0).sum(.., false), &[tensor(&[1.0, 2.0]), tensor(&[4.0])]);
    assert_eq!((values(&blocks[0][0]), values(&blocks[1][0])), (vec![0.0; 4], vec![0.0; 2]));
    assert_eq!((blocks[0][1].shape(), blocks[1][1].shape()), (&[2, 1][..], &[1, 1][..]));
    let (_, product) = hvp(|v| v[0].sum(.., false), &[tensor(&[1.0, 2.0])], &[tensor(&[1.0, 1.0])]);
    assert_eq!(values(&product[0]), [0.0, 0.0]);
}

/// Entangled in both inputs.
fn smooth(v: &[Var]) -> Var {
    (v[0].matmul(&v[1]).tanh() * v[0].sin().sum(1, true)).square().sum(.., false)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hessians_are_symmetric_and_every_way_agrees(
        a in proptest::collection::vec(-1.5f64..1.5, 6),
        b in proptest::collection::vec(-1.5f64..1.5, 3),
        t in proptest::collection::vec(-1.0f64..1.0, 9),
    ) {
        let inputs = [matrix(&a, [2, 3]), matrix(&b, [3, 1])];
        let tangents = [matrix(&t[..6], [2, 3]), matrix(&t[6..], [3, 1])];
        let blocks = hessian(smooth, &inputs);
        let flat = |i: usize, j: usize| blocks[i][j].reshape([inputs[i].elements(), inputs[j].elements()]);
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            near(&flat(i, j), &flat(j, i).t());
        }
        let (y, products) = hvp(smooth, &inputs, &tangents);
        for i in 0..2 {
            let by_blocks = (0..2).map(|j| flat(i, j).matmul(&tangents[j].reshape([tangents[j].elements()])));
            near(&products[i].reshape([inputs[i].elements()]), &by_blocks.reduce(|a, b| a.add(&b)).unwrap());
        }
        let first = jacobian(smooth, &inputs);
        let (_, pulled) = vjp(smooth, &inputs, |y| y.ones_like());
        pulled.iter().zip(&first).for_each(|(a, b)| near(a, b));
        let (same, pushed) = jvp(smooth, &inputs, &tangents);
        let dot: f64 = first.iter().zip(&tangents).map(|(g, t)| g.mul(t).sum(.., false).item::<f64>()).sum();
        prop_assert!((pushed.item::<f64>() - dot).abs() < 1e-11);
        prop_assert_eq!(y.to_bytes(), same.to_bytes());
    }
}

#[test]
fn wrong_shapes_are_named() {
    let x = [tensor(&[1.0, 2.0])];
    let said = message(|| hvp(|v| v[0].exp(), &x, &x));
    assert!(said.contains("hvp: the function's value has shape [2], not one element"), "{said}");
    let said = message(|| hvp(|v| v[0].sum(.., false), &x, &[]));
    assert!(said.contains("hvp: 0 tangents for 1 inputs"), "{said}");
    let said = message(|| hvp(|v| v[0].sum(.., false), &x, &[tensor(&[1.0])]));
    assert!(said.contains("hvp: tangent 0 is f64 of shape [1], its input f64 of shape [2]"), "{said}");
    let said = message(|| hvp(|v| v[0].sum(.., false), &x, &[x[0].cast(DType::F32)]));
    assert!(said.contains("hvp: tangent 0 is f32 of shape [2], its input f64 of shape [2]"), "{said}");
    let said = message(|| hessian(|v| v[0].exp(), &x));
    assert!(said.contains("hessian: the function's value has shape [2], not one element"), "{said}");
}
