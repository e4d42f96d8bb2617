//! What is done in phases and pieces has the bits of what is done at once: an executor that spreads a step over devices relies on it.

use unrolled_tensor::fused::{
    CrossEntropyArgs, KeptLogits, KeptRows, LstmArgs, LstmOutputGradients, LstmWeightArgs, MergedPartials,
    merge_partials,
};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, SUM_BLOCK, Tensor};

fn random(name: &str, shape: &[usize], device: &Device) -> Tensor {
    let uniform = Distribution::Uniform { low: -0.5, high: 0.5 };
    Tensor::random(uniform, Key::new(5).purpose(name), shape, DType::F32, device)
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec::<f32>().iter().map(|x| x.to_bits()).collect()
}

fn same(what: &str, a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let differ = bits(a).iter().zip(bits(b)).filter(|(a, b)| **a != *b).count();
    assert_eq!(differ, 0, "{what}: {differ} of {} elements differ", a.elements());
}

struct Softmax {
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
}

const ROWS: usize = 3 * SUM_BLOCK + 100;
const WORDS: usize = 1000;

impl Softmax {
    fn new(device: &Device) -> Softmax {
        let targets: Vec<u32> = (0..ROWS as u32).map(|row| row * 37 % WORDS as u32).collect();
        let row_weights: Vec<f32> =
            (0..ROWS).map(|row| if row % 7 == 3 || row > ROWS - 40 { 0.0 } else { 1.0 }).collect();
        Softmax {
            hidden: random("hidden", &[ROWS, 48], device),
            weight: random("weight", &[WORDS, 48], device),
            bias: random("bias", &[WORDS], device),
            targets: Tensor::from_slice(&targets, [ROWS], device),
            row_weights: Tensor::from_slice(&row_weights, [ROWS], device),
        }
    }

    /// The rows that count.
    fn live(&self) -> Vec<usize> {
        let weights = self.row_weights.to_vec::<f32>();
        (0..ROWS).filter(|&row| weights[row] != 0.0).collect()
    }

    /// Losses, gradient of h, weight and bias, with rows in parts of so many and the weight's gradient so many rows at a time.
    fn in_pieces(&self, part_rows: usize, at_a_time: usize) -> [Tensor; 4] {
        let (mut losses, mut d_hidden, mut kept, mut hidden) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for from in (0..ROWS).step_by(part_rows) {
            let part = |x: &Tensor| x.narrow(0, from, part_rows.min(ROWS - from));
            let (rows, targets, row_weights) = (part(&self.hidden), part(&self.targets), part(&self.row_weights));
            let args = CrossEntropyArgs {
                hidden: &rows,
                weight: &self.weight,
                bias: &self.bias,
                targets: &targets,
                row_weights: &row_weights,
                offset: 0,
            };
            let (partials, begun) = Tensor::linear_cross_entropy_begin(&args);
            let merged: MergedPartials = merge_partials(&[partials]);
            losses.push(merged.losses(&row_weights));
            let (gradient, done): (Tensor, KeptLogits) = Tensor::linear_cross_entropy_hidden(&args, begun, &merged);
            d_hidden.push(gradient);
            kept.push(done);
            hidden.push(rows);
        }
        let parts: Vec<KeptRows<'_>> =
            kept.iter().zip(&hidden).map(|(kept, hidden)| KeptRows { kept, hidden }).collect();
        let rows: Vec<(u32, u32)> =
            self.live().into_iter().map(|row| ((row / part_rows) as u32, (row % part_rows) as u32)).collect();
        let made = rows
            .chunks(at_a_time)
            .fold(None, |onto, rows| Some(Tensor::linear_cross_entropy_weights(&parts, rows, onto)));
        let (weight, bias) = made.expect("there are rows");
        let join = |parts: &[Tensor]| Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        [join(&losses), join(&d_hidden), weight, bias]
    }
}

#[test]
fn the_softmax_in_phases_and_pieces_is_the_fused_one() {
    for threads in [1, 3] {
        let device = Device::cpu_with(0, threads, usize::MAX);
        let softmax = Softmax::new(&device);
        let args = CrossEntropyArgs {
            hidden: &softmax.hidden,
            weight: &softmax.weight,
            bias: &softmax.bias,
            targets: &softmax.targets,
            row_weights: &softmax.row_weights,
            offset: 0,
        };
        let whole = Tensor::linear_cross_entropy(&args, true);
        let gradients = whole.gradients.unwrap();
        for (part_rows, at_a_time) in [(ROWS, ROWS), (100, SUM_BLOCK), (333, 2 * SUM_BLOCK), (1, ROWS)] {
            let [losses, hidden, weight, bias] = softmax.in_pieces(part_rows, at_a_time);
            same("losses", &losses, &whole.losses);
            same("gradient of h", &hidden, &gradients.hidden);
            same("gradient of the weight", &weight, &gradients.weight);
            same("gradient of the bias", &bias, &gradients.bias);
        }
    }
}

#[test]
#[should_panic(expected = "row 3 does not count")]
fn a_row_that_does_not_count_has_no_gradient() {
    let softmax = Softmax::new(&Device::cpu());
    let args = CrossEntropyArgs {
        hidden: &softmax.hidden,
        weight: &softmax.weight,
        bias: &softmax.bias,
        targets: &softmax.targets,
        row_weights: &softmax.row_weights,
        offset: 0,
    };
    let (partials, kept) = Tensor::linear_cross_entropy_begin(&args);
    let (_, kept) = Tensor::linear_cross_entropy_hidden(&args, kept, &merge_partials(&[partials]));
    Tensor::linear_cross_entropy_weights(&[KeptRows { kept: &kept, hidden: &softmax.hidden }], &[(0, 3)], None);
}

#[test]
fn an_lstm_backward_in_pieces_of_time_is_the_whole_one() {
    let device = Device::cpus(1).remove(0);
    let (steps, batch, inputs, h) = (11, 30, 20, 40);
    let x = random("x", &[steps, batch, inputs], &device);
    let (ih, hh) = (random("ih", &[4 * h, inputs], &device), random("hh", &[4 * h, h], &device));
    let (bias, d) = (random("b", &[4 * h], &device), random("d", &[steps, batch, h], &device));
    let (h0, c0) = (random("h0", &[batch, h], &device), random("c0", &[batch, h], &device));
    let (dh, dc) = (random("dh", &[batch, h], &device), random("dc", &[batch, h], &device));
    let lengths: Vec<u32> = (0..batch as u32).map(|row| 1 + row % steps as u32).collect();
    let lengths = Tensor::from_slice(&lengths, [batch], &device);
    fn args<'a>(w: [&'a Tensor; 4], [input, hidden, cell]: [&'a Tensor; 3], start: usize) -> LstmArgs<'a> {
        let [weight_ih, weight_hh, bias, lengths] = w;
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths: Some(lengths), start }
    }
    let w = [&ih, &hh, &bias, &lengths];
    let all = args(w, [&x, &h0, &c0], 0);
    let output = Tensor::lstm_sequence(&all);
    let arriving = LstmOutputGradients { sequence: Some(&d), hidden: Some(&dh), cell: Some(&dc) };
    let whole = Tensor::lstm_sequence_backward(&all, &output, &arriving);
    let (mut outputs, mut state) = (Vec::new(), (h0.clone(), c0.clone()));
    let pieces = [(0, 4), (4, 1), (5, 6)];
    for (start, len) in pieces {
        let input = x.narrow(0, start, len);
        let made = Tensor::lstm_sequence(&args(w, [&input, &state.0, &state.1], start));
        let before = std::mem::replace(&mut state, (made.hidden.clone(), made.cell.clone()));
        outputs.push((made, before, input));
    }
    let join = |parts: Vec<&Tensor>| Tensor::concat(&parts, 0);
    let sequence = join(outputs.iter().map(|(made, ..)| &made.sequence).collect());
    same("h", &sequence, &output.sequence);
    let (mut sums, mut d_x, mut carried) = (Vec::new(), Vec::new(), (dh, dc));
    for ((start, len), (made, before, input)) in pieces.into_iter().zip(outputs).rev() {
        let d = d.narrow(0, start, len);
        let arriving = LstmOutputGradients { sequence: Some(&d), hidden: Some(&carried.0), cell: Some(&carried.1) };
        let made =
            Tensor::lstm_sequence_backward_data(&args(w, [&input, &before.0, &before.1], start), made, &arriving);
        sums.insert(0, made.sums);
        d_x.insert(0, made.input);
        carried = (made.hidden, made.cell);
    }
    same("gradient of x", &join(d_x.iter().collect()), &whole.input);
    same("gradient of h before", &carried.0, &whole.hidden);
    same("gradient of c before", &carried.1, &whole.cell);
    let sums = join(sums.iter().collect());
    let args = LstmWeightArgs { sums: &sums, input: &x, hidden: &h0, sequence: &sequence };
    let weights = Tensor::lstm_weight_gradients(&args);
    same("gradient of W_ih", &weights.weight_ih, &whole.weight_ih);
    same("gradient of W_hh", &weights.weight_hh, &whole.weight_hh);
    same("gradient of b", &weights.bias, &whole.bias);
}
