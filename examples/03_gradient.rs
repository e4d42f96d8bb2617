//! Gradients: asked of leaves, returned as a value, of any order, and checked.
//!
//! ```text
//! cargo run --example 03_gradient
//! ```

use unrolled::prelude::*;

fn main() {
    let device = Device::cpu();

    // A leaf is what gradients are asked for. Whatever is computed from one remembers how.
    let x = Var::leaf(Tensor::from_slice(&[1f64, 2.0, 3.0], [3], &device));
    let y = x.powf(3.0).sum(.., false);
    println!("y = Σ x³ = {}, made by {:?}", y.tensor(), y.operations());

    // `backward` returns the gradients; nothing is stored in x, so nothing has to be zeroed before the next pass.
    let gradients = y.backward();
    println!("dy/dx = 3x² = {}", gradients.get(&x).unwrap());

    // With `create_graph` the gradient is itself differentiable. `grad` asks for the gradients of certain outputs by certain inputs.
    let y = x.powf(3.0).sum(.., false);
    let one = Var::constant(y.tensor().ones_like());
    let options = Backward { create_graph: true, ..Backward::default() };
    let first = grad(&[(&y, &one)], &[&x], options).remove(0).unwrap();
    let second = first.sum(.., false).backward();
    println!("d²y/dx² = 6x = {}", second.get(&x).unwrap());

    // `detach` cuts the graph; under `no_grad` none is built.
    let z = (&x * x.detach()).sum(.., false);
    println!("d(x · detached x)/dx = {}", z.backward().get(&x).unwrap());
    println!("under no_grad a result is tracked: {}", no_grad(|| x.exp()).is_tracked());

    // Is a gradient right? Compare it with finite differences, in f64.
    let softplus_norm = |v: &[Var]| v[0].softplus().square().sum(.., false).sqrt();
    let point = Tensor::from_slice(&[0.5f64, -1.0, 2.0], [3], &device);
    println!("gradcheck: {}", describe(gradcheck(softplus_norm, std::slice::from_ref(&point))));
    println!("gradgradcheck: {}", describe(gradgradcheck(softplus_norm, &[point])));
}

fn describe<E: std::fmt::Display>(result: Result<(), E>) -> String {
    result.map_or_else(|error| error.to_string(), |()| "agrees with finite differences".to_owned())
}
