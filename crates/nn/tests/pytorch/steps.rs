//! Clipping and optimisers.

use unrolled_autograd::{Gradients, Var};
use unrolled_nn::{Module, Optimiser, Parameter, clip_factor, global_norm};
use unrolled_tensor::Tensor;

use crate::golden::each;

pub const CASES: &[&str] = &["clip", "optimisers"];

const MAX_NORM: f64 = 5.0;

/// Gradients that are exactly `wanted`, one for each parameter.
fn gradients_of(parameters: &[Parameter], wanted: &[Tensor]) -> Gradients {
    let pairs = parameters.iter().zip(wanted);
    let terms = pairs.map(|(p, g)| (p.var() * &Var::constant(g.clone())).sum(.., false));
    terms.reduce(|a, b| a + b).unwrap().backward()
}

/// Clipping happens inside the optimiser's step: at rate 1 from 0, a parameter becomes minus its clipped gradient.
#[test]
fn clip() {
    each("clip", |golden, device| {
        for (case, parts) in [("large", 3), ("small", 3), ("equal", 2)] {
            let wanted: Vec<Tensor> = (0..parts).map(|i| golden.get(&format!("input.{case}.{i}"))).collect();
            let zeros = |g: &Tensor| Parameter::new(Tensor::zeros(g.shape(), g.dtype(), device));
            let mut parameters: Vec<Parameter> = wanted.iter().map(zeros).collect();
            let mut gradients = gradients_of(&parameters, &wanted);
            let norm = global_norm(&parameters, &gradients);
            golden.check(&format!("expected.{case}.norm"), &Tensor::scalar(norm, device));
            let factor = clip_factor(norm, MAX_NORM);
            assert_eq!(factor < 1.0, case == "large");
            Optimiser::sgd().step(&mut parameters, &mut gradients, 1.0, factor);
            for (i, parameter) in parameters.iter().enumerate() {
                golden.check(&format!("expected.{case}.{i}"), &parameter.tensor().neg());
            }
        }
    });
}

#[test]
fn optimisers() {
    each("optimisers", |golden, _| {
        for (name, mut optimiser, rate) in [
            ("sgd", Optimiser::sgd(), 0.1),
            ("sgd_momentum", Optimiser::momentum(0.9), 0.1),
            ("adam", Optimiser::adam(), 0.01),
            ("adamw", Optimiser::adam_w(0.01), 0.01),
        ] {
            let keys = ["a", "b"];
            let mut parameters = keys.map(|key| golden.parameter(&format!("parameter.{key}"))).to_vec();
            let all = keys.map(|key| golden.get(&format!("input.gradients.{key}")));
            let mut history = [Vec::new(), Vec::new()];
            for step in 0..10 {
                let now = all.each_ref().map(|gradients| gradients.index(0, step));
                let mut gradients = gradients_of(&parameters, &now);
                optimiser.step(&mut parameters, &mut gradients, rate, 1.0);
                for (history, (_, parameter)) in history.iter_mut().zip(parameters.parameters()) {
                    history.push(parameter.tensor().clone());
                }
            }
            assert_eq!(optimiser.steps(), 10);
            for (key, history) in keys.iter().zip(history) {
                let steps = Tensor::stack(&history.iter().collect::<Vec<_>>(), 0);
                golden.check(&format!("expected.{name}.{key}"), &steps);
            }
        }
    });
}
