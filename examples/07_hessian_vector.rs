//! Second derivatives without a Hessian: products of it with vectors, at the price of a few gradients.
//!
//! ```text
//! cargo run --example 07_hessian_vector
//! ```

use unrolled::prelude::*;

/// Rosenbrock's valley: Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)².
fn rosenbrock(v: &[Var]) -> Var {
    let (now, next) = (v[0].at(..-1), v[0].at(1..));
    let valley = (next - now.square()).square().sum(.., false) * 100.0;
    valley + (1.0 - now).square().sum(.., false)
}

/// The value of `f` and the product of its Hessian with `tangent`: the gradient of ⟨gradient, tangent⟩.
fn hvp(f: impl Fn(&[Var]) -> Var, x: &Tensor, tangent: &Tensor) -> (Tensor, Tensor) {
    let x = Var::leaf(x.clone());
    let y = f(std::slice::from_ref(&x));
    let one = Var::constant(y.tensor().ones_like());
    let record = Backward { create_graph: true, ..Backward::default() };
    let gradient = grad(&[(&y, &one)], &[&x], record).remove(0).expect("y depends on x");
    let product = grad(&[(&gradient, &Var::constant(tangent.clone()))], &[&x], Backward::default()).remove(0);
    (y.into_tensor(), product.expect("so does its gradient").into_tensor())
}

fn main() {
    let device = Device::cpu();
    let x = Tensor::from_slice(&[-1f64, 0.5, 1.0, 1.5], [4], &device);

    // The product with a unit vector is a column of the Hessian.
    let unit = Tensor::from_slice(&[1f64, 0.0, 0.0, 0.0], [4], &device);
    let (value, product) = hvp(rosenbrock, &x, &unit);
    println!("f(x) = {value:.2}");
    println!("H e₀ = {product:.1}");

    // The whole Hessian takes as many products as there are elements: for small functions only.
    let units = Tensor::arange(4, DType::U32, &device).one_hot(4, DType::F64);
    let rows: Vec<Tensor> = units.unbind(0).iter().map(|unit| hvp(rosenbrock, &x, unit).1).collect();
    let whole = Tensor::stack(&rows.iter().collect::<Vec<_>>(), 0);
    println!("H =\n{whole:.1}");

    // Power iteration: the largest curvature and its direction, from products alone.
    let mut direction = Tensor::ones([4], DType::F64, &device) * 0.5;
    let mut curvature = 0.0;
    for step in 1..=120 {
        let (_, product) = hvp(rosenbrock, &x, &direction);
        curvature = (&direction * &product).sum(.., false).item::<f64>();
        direction = &product / &product.square().sum(.., true).sqrt();
        if step % 40 == 0 {
            println!("after {step} products: curvature {curvature:.2}");
        }
    }
    let left = whole.matmul(&direction) - &direction * curvature;
    println!("direction: {direction:.3}");
    println!("H d = λ d: {}", left.abs().max(.., false).item::<f64>() < 1e-3);
}
