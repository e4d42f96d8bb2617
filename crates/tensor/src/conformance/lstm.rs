//! The LSTM verb against its definition, in f64: ranges of steps, ended rows, absent gradients, views.

use super::host::host;
use super::inputs::{Operand, Values, View};
use super::report::{Checker, Named, Outcome, Within, compare};
use crate::fused::lstm::{backward_definition, definition};
use crate::fused::{LstmArgs, LstmGradients, LstmOutput, LstmOutputGradients};
use crate::{DType, Device, Tensor};

/// Steps, batch, inputs, cells; where the range starts; the lengths of the sequences.
struct Case {
    sizes: [usize; 4],
    start: usize,
    lengths: Option<&'static [u32]>,
    view: View,
}

/// More rows than a group of rows or a vector kernel's tile has, their sequences ending in any order.
const MANY: [u32; 37] =
    [3, 0, 5, 9, 2, 4, 4, 1, 7, 3, 3, 0, 6, 2, 5, 1, 4, 8, 2, 0, 3, 5, 4, 1, 2, 6, 3, 4, 0, 5, 7, 1, 2, 3, 4, 5, 6];

const CASES: [Case; 13] = [
    Case { sizes: [1, 1, 1, 1], start: 0, lengths: None, view: View::Plain },
    Case { sizes: [0, 2, 3, 4], start: 0, lengths: None, view: View::Plain },
    Case { sizes: [0, 2, 3, 4], start: 3, lengths: Some(&[1, 5]), view: View::Transposed },
    Case { sizes: [3, 0, 2, 4], start: 0, lengths: Some(&[]), view: View::Plain },
    Case { sizes: [3, 2, 4, 5], start: 0, lengths: None, view: View::Transposed },
    Case { sizes: [4, 3, 2, 3], start: 0, lengths: Some(&[4, 0, 2]), view: View::Mixed },
    Case { sizes: [4, 3, 2, 3], start: 5, lengths: Some(&[5, 7, 20]), view: View::Flipped },
    Case { sizes: [3, 2, 4, 5], start: 0, lengths: None, view: View::RepeatedFirst },
    Case { sizes: [5, 33, 20, 40], start: 2, lengths: None, view: View::Narrowed },
    Case { sizes: [2, 9, 20, 270], start: 0, lengths: None, view: View::Plain },
    Case { sizes: [5, 37, 9, 21], start: 0, lengths: Some(&MANY), view: View::Plain },
    Case { sizes: [4, 37, 20, 50], start: 2, lengths: Some(&MANY), view: View::Transposed },
    Case { sizes: [1, 37, 5, 17], start: 3, lengths: Some(&MANY), view: View::Plain },
];

/// The tensors of [`LstmArgs`], and gradients that arrive.
struct Tensors {
    inputs: Vec<Tensor>,
    lengths: Option<Tensor>,
    arriving: Vec<Tensor>,
    start: usize,
}

impl Tensors {
    fn new(case: &Case, dtype: DType, device: &Device) -> Tensors {
        let [t, b, i, h] = case.sizes;
        let operand = |name: &str, scale: f64, shape: &[usize]| {
            let view = if case.view.fits(shape) { case.view } else { View::Offset };
            let x = Operand::new(name, Values::Real, view, shape, dtype, device).tensor;
            // Scaling makes a fresh tensor; by 1 the view itself is taken.
            if scale == 1.0 { x } else { x.affine(scale, 0.0) }
        };
        let weight_scale = 0.5 / ((i + h) as f64).sqrt();
        let plain = |name: &str, shape: &[usize]| operand(name, 1.0, shape);
        Tensors {
            inputs: vec![
                plain("input", &[t, b, i]),
                operand("weight_ih", weight_scale, &[i, 4 * h]).t(),
                operand("weight_hh", weight_scale, &[4 * h, h]),
                operand("bias", 0.25, &[4 * h]),
                operand("hidden", 0.25, &[b, h]),
                plain("cell", &[b, h]),
            ],
            lengths: case.lengths.map(|lengths| Tensor::from_slice(lengths, [lengths.len()], device)),
            arriving: vec![plain("d sequence", &[t, b, h]), plain("d hidden", &[b, h]), plain("d cell", &[b, h])],
            start: case.start,
        }
    }

    /// The same values in f64.
    fn wide(&self) -> Tensors {
        let wide = |tensors: &[Tensor]| tensors.iter().map(|x| x.cast(DType::F64)).collect();
        Tensors {
            inputs: wide(&self.inputs),
            arriving: wide(&self.arriving),
            lengths: self.lengths.clone(),
            start: self.start,
        }
    }

    fn args(&self) -> LstmArgs<'_> {
        let [input, weight_ih, weight_hh, bias, hidden, cell] = &self.inputs[..] else { unreachable!("six tensors") };
        let lengths = self.lengths.as_ref();
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths, start: self.start }
    }

    /// Those of the gradients that `present` has a bit for.
    fn gradients(&self, present: usize) -> LstmOutputGradients<'_> {
        let of = |i: usize| (present >> i & 1 == 1).then(|| &self.arriving[i]);
        LstmOutputGradients { sequence: of(0), hidden: of(1), cell: of(2) }
    }
}

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        for case in &CASES {
            let [t, b, i, h] = case.sizes;
            let described = format!("T {t}, B {b}, I {i}, H {h}, start {}, lengths {:?}", case.start, case.lengths);
            checker.case("lstm_sequence", dtype, &described, |device| forward(case, dtype, device));
            checker.case("lstm_sequence_backward", dtype, &described, |device| backward(case, dtype, device));
            checker.case("lstm_sequence in pieces", dtype, &described, |device| in_pieces(case, dtype, device));
        }
    }
}

/// Rounding errors of all steps together, measured by the largest element.
fn near(found: &Tensor, expected: &Tensor) -> Outcome {
    let expected = host(expected);
    // What comes out small was made of terms that were about 1.
    let largest = expected.values.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    // Of f16 and bf16 the definition itself rounds after every operation.
    let epsilons = match found.dtype() {
        DType::F16 => 64.0 * 8192.0,
        DType::BF16 => 64.0 * 65536.0,
        _ => 64.0,
    };
    compare(found, &expected, Within::Relative { epsilons, floor: largest })
}

fn answers<'a>(found: &'a LstmOutput, expected: &'a LstmOutput) -> [(&'static str, &'a Tensor, &'a Tensor); 4] {
    [
        ("sequence", &found.sequence, &expected.sequence),
        ("hidden", &found.hidden, &expected.hidden),
        ("cell", &found.cell, &expected.cell),
        ("cells", &found.cells, &expected.cells),
    ]
}

fn forward(case: &Case, dtype: DType, device: &Device) -> Outcome {
    let tensors = Tensors::new(case, dtype, device);
    let wide = tensors.wide();
    let found = Tensor::lstm_sequence(&tensors.args());
    let expected = definition(&wide.args()).expect("the definition runs");
    for (name, found, expected) in answers(&found, &expected) {
        near(found, expected).named(name)?;
    }
    Ok(())
}

fn gradients<'a>(a: &'a LstmGradients, b: &'a LstmGradients) -> [(&'static str, &'a Tensor, &'a Tensor); 6] {
    [
        ("gradient of the input", &a.input, &b.input),
        ("gradient of weight_ih", &a.weight_ih, &b.weight_ih),
        ("gradient of weight_hh", &a.weight_hh, &b.weight_hh),
        ("gradient of the bias", &a.bias, &b.bias),
        ("gradient of hidden", &a.hidden, &b.hidden),
        ("gradient of the cell", &a.cell, &b.cell),
    ]
}

fn backward(case: &Case, dtype: DType, device: &Device) -> Outcome {
    let tensors = Tensors::new(case, dtype, device);
    let wide = tensors.wide();
    let output = Tensor::lstm_sequence(&tensors.args());
    let wide_output = definition(&wide.args()).expect("the definition runs");
    let large = case.sizes.iter().product::<usize>() > 50_000;
    for present in if large { 7..8 } else { 0..8 } {
        let found = Tensor::lstm_sequence_backward(&tensors.args(), &output, &tensors.gradients(present));
        let expected = backward_definition(&wide.args(), &wide_output, &wide.gradients(present));
        for (name, found, expected) in gradients(&found, &expected.expect("the definition runs")) {
            near(found, expected).named(name)?;
        }
    }
    // Once more where the output's memory may be used, which then holds the gradients of the sums.
    let again = Tensor::lstm_sequence_backward(&tensors.args(), &output, &tensors.gradients(7));
    let last = Tensor::lstm_sequence_backward_last(&tensors.args(), output, &tensors.gradients(7));
    for (name, last, again) in gradients(&last, &again) {
        if last.to_bytes() != again.to_bytes() {
            return near(last, again).named(name);
        }
    }
    Ok(())
}

/// A range cut in two gives the same steps as the whole.
fn in_pieces(case: &Case, dtype: DType, device: &Device) -> Outcome {
    let tensors = Tensors::new(case, dtype, device);
    let whole = Tensor::lstm_sequence(&tensors.args());
    let steps = case.sizes[0];
    let (mut hidden, mut cell) = (tensors.inputs[4].clone(), tensors.inputs[5].clone());
    let mut sequences = Vec::new();
    for (from, len) in [(0, steps / 3), (steps / 3, steps - steps / 3)] {
        let input = tensors.inputs[0].narrow(0, from, len);
        let args = LstmArgs { input: &input, hidden: &hidden, cell: &cell, start: case.start + from, ..tensors.args() };
        let output = Tensor::lstm_sequence(&args);
        (hidden, cell) = (output.hidden, output.cell);
        sequences.push(output.sequence);
    }
    let sequence = Tensor::concat(&sequences.iter().collect::<Vec<_>>(), 0);
    for (name, piece, whole) in
        [("sequence", &sequence, &whole.sequence), ("hidden", &hidden, &whole.hidden), ("cell", &cell, &whole.cell)]
    {
        near(piece, whole).named(name)?;
    }
    Ok(())
}
