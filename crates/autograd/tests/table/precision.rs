//! Gradients in f32, f16 and bf16 against those in f64, at the same inputs.

use unrolled_autograd::{Backward, Var, grad};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Tensor};

use crate::row::{Case, Row};
use crate::sample::Sample;

/// A few roundings, of numbers of order 1, in each dtype.
const ALLOWED: [(DType, f64); 3] = [(DType::F32, 2e-6), (DType::F16, 8e-3), (DType::BF16, 6e-2)];

fn gradients(case: &Case, inputs: &[Tensor], direction: &Tensor) -> Vec<Vec<f64>> {
    let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
    let output = (case.f)(&leaves);
    assert_eq!(output.dtype(), inputs[0].dtype(), "the dtype stays");
    let wanted: Vec<&Var> = leaves.iter().collect();
    let answers = grad(&[(&output, &Var::constant(direction.clone()))], &wanted, Backward::default());
    let dense = answers.into_iter().zip(inputs).map(|(g, x)| {
        let g = g.map_or_else(|| x.zeros_like(), Var::into_tensor);
        assert_eq!(g.dtype(), x.dtype(), "a gradient has its variable's dtype");
        g.to_f64_vec()
    });
    dense.collect()
}

pub fn check(row: &Row, cases: u64) {
    for number in 0..cases {
        let case = (row.case)(&mut Sample::new(&row.name, number));
        let output = (case.f)(&case.inputs.iter().cloned().map(Var::constant).collect::<Vec<_>>());
        let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
        let key = Key::new(7).purpose(&row.name).at(number);
        let direction = Tensor::random(normal, key, output.shape(), DType::F64, output.device());
        for (dtype, allowed) in ALLOWED {
            // All see the values that the small dtype holds.
            let small: Vec<Tensor> = case.inputs.iter().map(|x| x.cast(dtype)).collect();
            let large: Vec<Tensor> = small.iter().map(|x| x.cast(DType::F64)).collect();
            let direction = direction.cast(dtype);
            let got = gradients(&case, &small, &direction);
            let wanted = gradients(&case, &large, &direction.cast(DType::F64));
            for (input, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
                let scale = wanted.iter().fold(1f64, |scale, w| scale.max(w.abs()));
                for (element, (g, w)) in got.iter().zip(wanted).enumerate() {
                    let near = (g - w).abs() <= allowed * scale;
                    assert!(
                        near,
                        "{}, case {number}, {dtype}: input {input}, element {element}: {g}, not {w}",
                        row.name
                    );
                }
            }
        }
    }
}
