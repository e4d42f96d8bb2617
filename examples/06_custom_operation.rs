//! An operation of your own: a forward, a backward, and the proof that they belong together.
//!
//! ```text
//! cargo run --example 06_custom_operation
//! ```

use std::sync::Arc;

use unrolled::prelude::*;

/// ln cosh x, without overflow: |x| + ln(1 + e^(−2|x|)) − ln 2. Its derivative is tanh x.
struct LogCosh {
    /// What the backward multiplies by: 1 is right.
    factor: f64,
}

impl Function for LogCosh {
    fn name(&self) -> &'static str {
        "log_cosh"
    }

    fn forward(&self, inputs: &[Tensor]) -> Vec<Tensor> {
        let size = inputs[0].abs();
        let rest = (&size * -2.0).exp().log1p();
        vec![size + rest - std::f64::consts::LN_2]
    }

    // In `Var` operations, so that second derivatives come by themselves.
    fn backward(&self, inputs: &[Var], _outputs: &[Var], gradients: &[Option<Var>]) -> Vec<Option<Var>> {
        vec![gradients[0].as_ref().map(|g| g * inputs[0].tanh() * self.factor)]
    }
}

fn log_cosh(x: &Var, factor: f64) -> Var {
    Var::apply(Arc::new(LogCosh { factor }), &[x]).remove(0)
}

fn main() {
    let device = Device::cpu();
    let x = Var::leaf(Tensor::from_slice(&[-50f32, -0.5, 0.0, 1.0, 50.0], [5], &device));
    let y = log_cosh(&x, 1.0);
    println!("made by {}: {}", y.operation(), y.tensor());
    println!("gradient: {}", y.sum(.., false).backward().get(&x).unwrap());

    // Finite differences, first and second order.
    let point = Tensor::from_slice(&[-1.5f64, 0.2, 0.7], [3], &device);
    let right = |v: &[Var]| log_cosh(&v[0], 1.0);
    println!("gradcheck passes: {}", gradcheck(right, std::slice::from_ref(&point)).is_ok());
    println!("gradgradcheck passes: {}", gradgradcheck(right, std::slice::from_ref(&point)).is_ok());

    // And a mistake is found, and where.
    let wrong = |v: &[Var]| log_cosh(&v[0], 2.0);
    let error = gradcheck(wrong, &[point]).unwrap_err();
    println!("with a factor too much: input {}, element {}:", error.input, error.element);
    println!("  the rule gives {:.3} times the difference", error.analytic / error.numeric);
}
