//! Derivatives on GPUs against finite differences, of the operations that have kernels of their own.

use unrolled_autograd::{LstmWeights, Var, gradcheck, gradgradcheck};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::support::{EAGER, LAZY, on_gpus};

fn random(name: &str, shape: &[usize], device: &Device) -> Tensor {
    Tensor::random(Distribution::Uniform { low: -1.5, high: 1.5 }, Key::new(3).purpose(name), shape, DType::F64, device)
}

fn passes<E: std::fmt::Display>(what: &str, outcome: Result<(), E>) {
    if let Err(error) = outcome {
        panic!("{what}: {error}");
    }
}

#[test]
fn plain_operations() {
    on_gpus("gradients::plain_operations", &[LAZY], || {
        let device = unrolled_cuda::device(0).unwrap();
        let (x, y) = (random("x", &[2, 3], &device), random("y", &[3, 2], &device));
        let index = Tensor::from_slice(&[1u32, 0, 1, 1], [4], &device);
        type Row = (&'static str, Box<dyn Fn(&[Var]) -> Var>);
        let rows: [Row; 6] = [
            ("a product and a view", Box::new(|v| v[0].matmul(&v[1]) * v[1].t().matmul(&v[0].t()).t())),
            ("functions", Box::new(|v| (v[0].tanh() * v[1].t().sigmoid()).exp() + v[0].square())),
            ("softmax", Box::new(|v| v[0].softmax(-1) * v[1].t().log_softmax(0))),
            ("sums", Box::new(|v| v[0].sum([0], true) * v[0].mean([1], true))),
            ("rows by number", Box::new(move |v| v[0].index_select(0, &index).matmul(&v[1]))),
            ("parts", Box::new(|v| Var::concat(&[&v[0], &v[1].t(), &v[0]], 0).square())),
        ];
        let inputs = [x, y];
        for (name, f) in &rows {
            passes(name, gradcheck(f, &inputs));
            passes(name, gradgradcheck(f, &inputs));
        }
    });
}

#[test]
fn fused_operations() {
    on_gpus("gradients::fused_operations", &[EAGER], || {
        let device = unrolled_cuda::device(0).unwrap();
        let (t, b, i, h) = (3, 2, 2, 3);
        let shapes: [&[usize]; 6] = [&[t, b, i], &[4 * h, i], &[4 * h, h], &[4 * h], &[b, h], &[b, h]];
        let inputs = shapes.map(|shape| random("lstm", shape, &device));
        let lengths = Tensor::from_slice(&[3u32, 1], [b], &device);
        let layer = |v: &[Var]| {
            let weights = LstmWeights { ih: &v[1], hh: &v[2], bias: &v[3] };
            let states = v[0].lstm_sequence(weights, &v[4], &v[5], Some(&lengths), 0);
            let parts = [states.sequence, states.hidden, states.cell].map(|x| x.reshape([x.tensor().elements()]));
            Var::concat(&parts.each_ref(), 0)
        };
        passes("lstm_sequence", gradcheck(layer, &inputs));

        let shapes: [&[usize]; 3] = [&[4, 3], &[5, 3], &[5]];
        let inputs = shapes.map(|shape| random("softmax", shape, &device));
        let targets = Tensor::from_slice(&[4u32, 0, 2, 2], [4], &device);
        let weights = Tensor::from_slice(&[1f64, 0.0, 0.25, 1.0], [4], &device);
        let whole = |v: &[Var]| v[0].linear_cross_entropy(&v[1], &v[2], &targets, &weights);
        passes("linear_cross_entropy", gradcheck(whole, &inputs));
        let split = |v: &[Var]| v[0].linear_cross_entropy_split(&v[1], &v[2], &targets, &weights, 2);
        passes("linear_cross_entropy in slices", gradcheck(split, &inputs));
    });
}
