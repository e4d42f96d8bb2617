//! Rows of the fused operations and of users' own.

use std::sync::Arc;

use unrolled_autograd::{Function, LstmStates, LstmWeights, Var};
use unrolled_tensor::{Device, Tensor};

use crate::row::{Case, Row};
use crate::sample::{Sample, each};

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("lstm_sequence", |s| lstm(s, Var::lstm_sequence)).refuses_second("use `Var::lstm_sequence_plain`"),
        Row::new("reshape", |s| lstm(s, Var::lstm_sequence_plain)).named("lstm_sequence_plain"),
        Row::new("linear_cross_entropy", linear_cross_entropy)
            .refuses_second("`hidden.linear(weight, bias).log_softmax(-1)`"),
        Row::new("matmul", plain_cross_entropy).named("cross-entropy in plain operations"),
        Row::new("product_and_sine", custom).named("a user's own function"),
    ]
}

type Layer = for<'a, 'b> fn(&'a Var, LstmWeights<'b>, &'a Var, &'a Var, Option<&'a Tensor>, usize) -> LstmStates;

/// 0 to 3 steps, which may continue an earlier range; sequences that end before, within and after it; some or all outputs used.
fn lstm(s: &mut Sample, layer: Layer) -> Case {
    let (t, b, i, h) = (s.below(4), 1 + s.below(2), 1 + s.below(3), 1 + s.below(2));
    let start = s.of(&[0, 0, 2]);
    let lengths = s.once_in(2).then(|| s.indices(&[b], start + t + 2));
    let shapes: [&[usize]; 6] = [&[t, b, i], &[4 * h, i], &[4 * h, h], &[4 * h], &[b, h], &[b, h]];
    let inputs = shapes.map(|shape| s.within(shape, -1.5, 1.5)).to_vec();
    let used = s.of(&[[true, true, true], [true, false, false], [false, true, false], [false, false, true]]);
    Case::new(inputs, move |v| {
        let weights = LstmWeights { ih: &v[1], hh: &v[2], bias: &v[3] };
        let states = layer(&v[0], weights, &v[4], &v[5], lengths.as_ref(), start);
        let parts = [states.sequence, states.hidden, states.cell].map(|x| x.reshape([x.tensor().elements()]));
        let parts: Vec<&Var> = parts.iter().zip(used).filter(|(_, used)| *used).map(|(part, _)| part).collect();
        // Also of those without a step, something depends on the state.
        Var::concat(&[&parts[..], &[&v[4].reshape([b * h])]].concat(), 0)
    })
}

/// Rows, features and words; some rows do not count.
fn cross_entropy_inputs(s: &mut Sample) -> (Vec<Tensor>, Tensor, Tensor) {
    let (n, h, words) = (1 + s.below(4), 1 + s.below(3), 2 + s.below(4));
    let inputs = vec![s.within(&[n, h], -2.0, 2.0), s.within(&[words, h], -2.0, 2.0), s.within(&[words], -2.0, 2.0)];
    let targets = s.indices(&[n], words);
    let row_weights = s.tensor(&[n], |s| s.of(&[0.0, 1.0, 1.0, 0.25]));
    (inputs, targets, row_weights)
}

fn linear_cross_entropy(s: &mut Sample) -> Case {
    let (inputs, targets, row_weights) = cross_entropy_inputs(s);
    let slices = 1 + s.below(2);
    Case::new(inputs, move |v| {
        let row_weights = row_weights.cast(v[0].dtype());
        let loss = match slices {
            1 => v[0].linear_cross_entropy(&v[1], &v[2], &targets, &row_weights),
            _ => v[0].linear_cross_entropy_split(&v[1], &v[2], &targets, &row_weights, slices),
        };
        // Of f16 and bf16 the losses are f32.
        loss.cast(v[0].dtype())
    })
}

/// What the fused one's message says to write instead.
fn plain_cross_entropy(s: &mut Sample) -> Case {
    let (inputs, targets, row_weights) = cross_entropy_inputs(s);
    let n = targets.elements();
    Case::new(inputs, move |v| {
        let logarithms = v[0].linear(&v[1], Some(&v[2])).log_softmax(-1);
        let losses =
            logarithms.gather(1, &targets.reshape([n, 1])).squeeze(1) * Var::constant(row_weights.cast(v[0].dtype()));
        -losses.sum(.., false)
    })
}

/// (x, y) → (x y, sin x), and how many elements there are, which has no gradient.
struct ProductAndSine;

impl Function for ProductAndSine {
    fn name(&self) -> &'static str {
        "product_and_sine"
    }
    fn forward(&self, v: &[Tensor]) -> Vec<Tensor> {
        vec![v[0].mul(&v[1]), v[0].sin(), Tensor::scalar(v[0].elements() as u32, &Device::cpu())]
    }
    fn backward(&self, v: &[Var], outputs: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
        assert!(outputs.len() == 3 && !outputs[2].is_tracked() && g[2].is_none());
        let of_product = g[0].as_ref().map(|g| (g * &v[1], g * &v[0]));
        let of_sine = g[1].as_ref().map(|g| g * &v[0].cos());
        let (x, y) = of_product.unzip();
        vec![[x, of_sine].into_iter().flatten().reduce(|a, b| a + b), y]
    }
}

fn custom(s: &mut Sample) -> Case {
    let shape = s.shape();
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&shape, true));
    let used = s.below(3);
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)], move |v| {
        let outputs = Var::apply(Arc::new(ProductAndSine), &[&view_a(&v[0]), &view_b(&v[1])]);
        assert!(!outputs[2].is_tracked());
        match used {
            0 => outputs[0].clone(),
            1 => outputs[1].square(),
            _ => &outputs[0] * &outputs[1],
        }
    })
}

/// The fused layer and its definition in plain operations answer alike, also where sequences end and ranges continue.
#[test]
fn the_fused_layer_is_the_plain_one() {
    each("lstm_sequence, fused and plain", 60, |s| {
        let (t, b, i, h) = (s.below(4), 1 + s.below(3), 1 + s.below(3), 1 + s.below(3));
        let start = s.of(&[0, 2]);
        let lengths = s.once_in(2).then(|| s.indices(&[b], start + t + 2));
        let shapes: [&[usize]; 6] = [&[t, b, i], &[4 * h, i], &[4 * h, h], &[4 * h], &[b, h], &[b, h]];
        let v = shapes.map(|shape| Var::constant(s.within(shape, -1.5, 1.5)));
        let weights = || LstmWeights { ih: &v[1], hh: &v[2], bias: &v[3] };
        let fused = v[0].lstm_sequence(weights(), &v[4], &v[5], lengths.as_ref(), start);
        let plain = v[0].lstm_sequence_plain(weights(), &v[4], &v[5], lengths.as_ref(), start);
        let pairs = [(fused.sequence, plain.sequence), (fused.hidden, plain.hidden), (fused.cell, plain.cell)];
        for (fused, plain) in pairs {
            let (a, b) = (fused.tensor().to_vec::<f64>(), plain.tensor().to_vec::<f64>());
            if a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-12) {
                return Err(format!("{a:?}, plain {b:?}"));
            }
        }
        Ok(())
    });
}
