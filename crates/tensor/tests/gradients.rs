//! The definitions of the fused gradients against finite differences in f64: what every backend's own version is held to must itself be
//! right.

use unrolled_tensor::fused::{CrossEntropyArgs, LstmArgs, LstmOutputGradients, cross_entropy, lstm};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

fn normal(name: &str, shape: &[usize]) -> Tensor {
    let normal = Distribution::Normal { mean: 0.0, deviation: 0.7 };
    Tensor::random(normal, Key::new(3).purpose(name), shape, DType::F64, &Device::cpu())
}

/// Compares `gradient` with central differences of `loss` in every element of `inputs[which]`.
fn check(name: &str, inputs: &[Tensor], which: usize, gradient: &Tensor, loss: &dyn Fn(&[Tensor]) -> f64) {
    let step = 1e-5;
    let values = inputs[which].to_vec::<f64>();
    assert_eq!(gradient.shape(), inputs[which].shape(), "{name}");
    for (i, analytic) in gradient.to_vec::<f64>().into_iter().enumerate() {
        let at = |offset: f64| {
            let (mut inputs, mut values) = (inputs.to_vec(), values.clone());
            values[i] += offset;
            inputs[which] = Tensor::from_slice(&values, inputs[which].shape(), inputs[which].device());
            loss(&inputs)
        };
        let numeric = (at(step) - at(-step)) / (2.0 * step);
        assert!((numeric - analytic).abs() < 1e-8 + 1e-7 * numeric.abs(), "{name} [{i}]: {numeric} {analytic}");
    }
}

#[test]
fn the_definition_of_lstm_backward_is_the_derivative_of_forward() {
    let [t, b, i, h] = [4usize, 3, 2, 3];
    let names = ["input", "weight_ih", "weight_hh", "bias", "hidden", "cell"];
    let shapes: [&[usize]; 6] = [&[t, b, i], &[4 * h, i], &[4 * h, h], &[4 * h], &[b, h], &[b, h]];
    let inputs: Vec<Tensor> = names.iter().zip(shapes).map(|(name, shape)| normal(name, shape)).collect();
    let arriving = [normal("ds", &[t, b, h]), normal("dh", &[b, h]), normal("dc", &[b, h])];
    for lengths in [None, Some([4u32, 0, 2])] {
        let lengths = lengths.map(|lengths| Tensor::from_slice(&lengths, [b], &Device::cpu()));
        let args = |x: &[Tensor], run: &mut dyn FnMut(&LstmArgs<'_>)| {
            let [input, weight_ih, weight_hh, bias, hidden, cell] = x else { panic!("six inputs") };
            let lengths = lengths.as_ref();
            run(&LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths, start: 0 });
        };
        let loss = |x: &[Tensor]| {
            let mut total = 0.0;
            args(x, &mut |args| {
                let output = lstm::definition(args).expect("the definition runs");
                total = [(&output.sequence, 0), (&output.hidden, 1), (&output.cell, 2)]
                    .map(|(x, which)| (x * &arriving[which]).sum(.., false).item::<f64>())
                    .iter()
                    .sum();
            });
            total
        };
        let [sequence, hidden, cell] = [0, 1, 2].map(|which| Some(&arriving[which]));
        args(&inputs, &mut |args| {
            let output = lstm::definition(args).expect("the definition runs");
            let gradients = LstmOutputGradients { sequence, hidden, cell };
            let found = lstm::backward_definition(args, &output, &gradients).expect("the definition runs");
            let found = [found.input, found.weight_ih, found.weight_hh, found.bias, found.hidden, found.cell];
            for which in 0..6 {
                check(names[which], &inputs, which, &found[which], &loss);
            }
        });
    }
}

#[test]
fn the_definition_of_cross_entropy_is_softmax_and_its_derivative() {
    let [n, h, v] = [4usize, 3, 5];
    let device = Device::cpu();
    let inputs = [normal("hidden", &[n, h]), normal("weight", &[v, h]), normal("bias", &[v])];
    let targets = Tensor::from_slice(&[4u32, 0, 2, 2], [n], &device);
    let row_weights = Tensor::from_slice(&[1.0f64, 0.5, 0.0, 2.0], [n], &device);
    let losses = |x: &[Tensor]| {
        let [hidden, weight, bias] = x else { panic!("three inputs") };
        let logs = hidden.linear(weight, Some(bias)).log_softmax(1);
        let picked = logs.gather(1, &targets.unsqueeze(1)).squeeze(1);
        -(picked * &row_weights)
    };
    let [hidden, weight, bias] = &inputs;
    let args = CrossEntropyArgs { hidden, weight, bias, targets: &targets, row_weights: &row_weights, offset: 0 };
    let found = cross_entropy::definition(&args, true).expect("the definition runs");
    let wanted = losses(&inputs).to_vec::<f64>();
    for (loss, wanted) in found.losses.to_vec::<f64>().iter().zip(&wanted) {
        assert!((loss - wanted).abs() < 1e-14, "{loss} {wanted}");
    }
    let gradients = found.gradients.expect("gradients were asked for");
    let loss = |x: &[Tensor]| losses(x).sum(.., false).item::<f64>();
    for (which, gradient) in [&gradients.hidden, &gradients.weight, &gradients.bias].into_iter().enumerate() {
        check(["hidden", "weight", "bias"][which], &inputs, which, gradient, &loss);
    }
}
