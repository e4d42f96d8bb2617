//! Mixed precision: computed in 16 bits, learnt in 32, and a loss scale that finds its size by itself.
//!
//! ```text
//! cargo run --example 08_mixed_precision
//! ```

use unrolled::nn::ScalerOptions;
use unrolled::nn::loss::mean_squared_error;
use unrolled::prelude::*;

/// One hidden layer. `Clone`, since a copy in another dtype is computed with.
#[derive(Clone)]
struct Net {
    hidden: Linear,
    output: Linear,
}

module!(Net { hidden, output });

impl Net {
    fn new(key: Key, device: &Device) -> Net {
        Net {
            hidden: Linear::new(1, 16, 1.0, key.purpose("hidden"), device),
            output: Linear::new(16, 1, 0.25, key.purpose("output"), device),
        }
    }

    fn forward(&self, x: &Var) -> Var {
        self.output.forward(&self.hidden.forward(x).tanh())
    }
}

/// Learns y = x² on [−1, 1] with everything between parameters and loss in `dtype`; the loss at the end, in f32.
fn learn(dtype: DType, mut scaler: LossScaler) -> f32 {
    let device = Device::cpu();
    let uniform = Distribution::Uniform { low: -1.0, high: 1.0 };
    let x = Tensor::random(uniform, Key::new(8).purpose("x"), [64, 1], DType::F32, &device);
    let (x, y) = (Var::constant(x.clone()), Var::constant(x.square()));
    let mut net = Net::new(Key::new(8), &device);
    let mut optimiser = Optimiser::adam();
    for step in 0..300 {
        // The parameters stay in f32: a step may be smaller than the distance of two neighbours in 16 bits. Their gradients arrive in f32 too.
        let loss = {
            let short = net.in_dtype(dtype);
            mean_squared_error(&short.forward(&x.cast(dtype)), &y.cast(dtype))
        };
        let mut gradients = scaler.scale(&loss).backward();
        // Divides the gradients by the scale; where one has overflowed, it leaves everything as it was and lowers the scale.
        match scaler.step(&mut optimiser, &mut net, &mut gradients, 0.01, 1.0) {
            StepOutcome::Taken { .. } => {}
            StepOutcome::Skipped { scale } => {
                println!("  step {step}: a gradient overflowed; the scale falls to {scale}")
            }
        }
    }
    println!("  steps taken: {}, skipped: {}", optimiser.steps(), scaler.skipped());
    mean_squared_error(&net.forward(&x), &y).tensor().item()
}

fn main() {
    println!("f32:");
    let full = learn(DType::F32, LossScaler::disabled());
    // bf16 has the range of f32: no scale is needed.
    println!("bf16:");
    let brain = learn(DType::BF16, LossScaler::disabled());
    // f16 ends at 65504 and below at 6e-8: the loss is scaled up so that small gradients survive. It begins too high here, to show what happens.
    println!("f16:");
    let options = ScalerOptions { initial: 16_777_216.0, ..ScalerOptions::default() };
    let half = learn(DType::F16, LossScaler::with_options(options));
    for (name, loss) in [("f32", full), ("bf16", brain), ("f16", half)] {
        println!("{name} has learnt it: {}", loss < 0.005);
    }
}
