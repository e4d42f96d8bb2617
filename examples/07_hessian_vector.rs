//! Second derivatives without a Hessian: products of it with vectors, at the price of a few gradients.
//!
//! ```text
//! cargo run --example 07_hessian_vector
//! ```

use unrolled::autograd::{hessian, hvp};
use unrolled::prelude::*;

/// Rosenbrock's valley: Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)².
fn rosenbrock(v: &[Var]) -> Var {
    let (now, next) = (v[0].at(..-1), v[0].at(1..));
    let valley = (next - now.square()).square().sum(.., false) * 100.0;
    valley + (1.0 - now).square().sum(.., false)
}

fn main() {
    let device = Device::cpu();
    let x = Tensor::from_slice(&[-1f64, 0.5, 1.0, 1.5], [4], &device);

    // The product with a unit vector is a column of the Hessian.
    let unit = Tensor::from_slice(&[1f64, 0.0, 0.0, 0.0], [4], &device);
    let (value, product) = hvp(rosenbrock, std::slice::from_ref(&x), &[unit]);
    println!("f(x) = {value:.2}");
    println!("H e₀ = {:.1}", product[0]);

    // The whole Hessian takes as many passes as there are elements: for small functions only.
    let whole = &hessian(rosenbrock, std::slice::from_ref(&x))[0][0];
    println!("H =\n{whole:.1}");

    // Power iteration: the largest curvature and its direction, from products alone.
    let mut direction = Tensor::ones([4], DType::F64, &device) * 0.5;
    let mut curvature = 0.0;
    for step in 1..=120 {
        let (_, product) = hvp(rosenbrock, std::slice::from_ref(&x), std::slice::from_ref(&direction));
        curvature = (&direction * &product[0]).sum(.., false).item::<f64>();
        direction = &product[0] / &product[0].square().sum(.., true).sqrt();
        if step % 40 == 0 {
            println!("after {step} products: curvature {curvature:.2}");
        }
    }
    let left = whole.matmul(&direction) - &direction * curvature;
    println!("direction: {direction:.3}");
    println!("H d = λ d: {}", left.abs().max(.., false).item::<f64>() < 1e-3);
}
