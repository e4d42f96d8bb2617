//! A model, a loss, an optimiser: the loop that all training is.
//!
//! ```text
//! cargo run --example 04_fit_a_line
//! ```

use unrolled::nn::loss::mean_squared_error;
use unrolled::prelude::*;

fn main() {
    let device = Device::cpu();
    let key = Key::new(7);

    // 64 points near y = 3x − 1.
    let uniform = Distribution::Uniform { low: -1.0, high: 1.0 };
    let noise = Distribution::Normal { mean: 0.0, deviation: 0.1 };
    let x = Tensor::random(uniform, key.purpose("x"), [64, 1], DType::F32, &device);
    let y = x.affine(3.0, -1.0) + Tensor::random(noise, key.purpose("noise"), [64, 1], DType::F32, &device);
    let (x, y) = (Var::constant(x), Var::constant(y));

    // One weight and one bias, uniform in [−0.1, 0.1).
    let mut line = Linear::new(1, 1, 0.1, key.purpose("line"), &device);
    println!("parameters: {:?}", line.parameters().iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>());

    let mut optimiser = Optimiser::momentum(0.9);
    for step in 0..=100 {
        let loss = mean_squared_error(&line.forward(&x), &y);
        if step % 20 == 0 {
            println!("step {step:3}: loss {:.4}", loss.tensor().item::<f32>());
        }
        let mut gradients = loss.backward();
        optimiser.step(&mut line, &mut gradients, 0.05, 1.0);
    }
    println!("y = {:.2} x + ({:.2})", line.weight.tensor().item::<f32>(), line.bias.tensor().item::<f32>());
}
