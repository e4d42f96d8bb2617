//! LSTM, embedding, layer normalisation.

use unrolled_autograd::{Backward, Gradient, Var};
use unrolled_nn::{Embedding, LayerNorm, Lstm, LstmState, Module};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::golden::{Golden, each};

pub const CASES: &[&str] = &["lstm", "lstm_one_step", "embedding", "layer_norm"];

/// What both ways of running a stack of layers take: input, initial state, lengths.
type Forward = fn(&Lstm, &Var, &LstmState, &Tensor) -> (Var, LstmState);

fn fused(lstm: &Lstm, x: &Var, state: &LstmState, lengths: &Tensor) -> (Var, LstmState) {
    lstm.forward(x, state, Some(lengths), None)
}

fn plain(lstm: &Lstm, x: &Var, state: &LstmState, lengths: &Tensor) -> (Var, LstmState) {
    let mut sequence = x.clone();
    let mut after = LstmState { hidden: Vec::new(), cell: Vec::new() };
    for (layer, (h, c)) in lstm.layers.iter().zip(state.hidden.iter().zip(&state.cell)) {
        let states = sequence.lstm_sequence_plain(layer.weights(), h, c, Some(lengths), 0);
        sequence = states.sequence;
        after.hidden.push(states.hidden);
        after.cell.push(states.cell);
    }
    (sequence, after)
}

/// bool `[T, B, 1]`: where `t` is before the row's end.
fn before_end(lengths: &Tensor, steps: usize) -> Tensor {
    let times = Tensor::arange(steps, DType::U32, lengths.device()).unsqueeze(1);
    lengths.unsqueeze(0).gt(&times).unsqueeze(2)
}

fn stacked(states: &[Var]) -> Var {
    Var::stack(&states.iter().collect::<Vec<_>>(), 0)
}

/// Values, loss and gradients of both cases. PyTorch's output is 0 past a row's end, ours stays as it was at the end.
fn check_lstm(golden: &mut Golden, device: &Device, forward: Forward) {
    let (x, h0, c0) = (golden.leaf("input.input"), golden.leaf("input.h0"), golden.leaf("input.c0"));
    let lengths = golden.ids("input.lengths");
    let (layers, hidden) = (h0.dim(0), h0.dim(2));
    let mut lstm = Lstm::new(x.dim(2), hidden, layers, 0.0, 0.1, Key::new(1), device);
    golden.fill("parameter.lstm.", &mut lstm);
    let of = |all: &Var| (0..layers).map(|layer| all.index(0, layer)).collect();
    let (output, last) = forward(&lstm, &x, &LstmState { hidden: of(&h0), cell: of(&c0) }, &lengths);

    let alive = before_end(&lengths, x.dim(0));
    let value = output.tensor();
    golden.check("expected.output", &alive.select(value, &value.zeros_like()));
    let top = last.hidden[layers - 1].tensor().unsqueeze(0);
    let (kept, wanted) = (alive.select(&top, value), top.broadcast_to(value.shape()));
    assert_eq!(kept.to_f64_vec(), wanted.to_f64_vec(), "past its end a row keeps its state");
    let (hidden, cell) = (stacked(&last.hidden), stacked(&last.cell));
    golden.check("expected.hidden", hidden.tensor());
    golden.check("expected.cell", cell.tensor());

    let product = |x: &Var, name| (x * &golden.constant(name)).sum(.., false);
    let loss = product(&output, "input.r1") + product(&hidden, "input.r2") + product(&cell, "input.r3");
    golden.check("expected.loss", loss.tensor());
    let gradients = loss.backward();
    for (name, var) in [("input", &x), ("h0", &h0), ("c0", &c0)] {
        golden.check_gradient(name, &gradients, var);
    }
    for (path, parameter) in lstm.parameters() {
        golden.check_gradient(&format!("lstm.{path}"), &gradients, parameter.var());
    }
    let of_input = gradients.get(&x).unwrap();
    let at_padding = alive.select(&of_input.zeros_like(), &of_input);
    assert!(at_padding.to_f64_vec().iter().all(|&g| g == 0.0), "padding gets a gradient of exactly 0");
}

#[test]
fn lstm() {
    for forward in [fused as Forward, plain] {
        each("lstm", |golden, device| check_lstm(golden, device, forward));
    }
}

#[test]
fn lstm_one_step() {
    for forward in [fused as Forward, plain] {
        each("lstm_one_step", |golden, device| check_lstm(golden, device, forward));
    }
}

#[test]
fn embedding() {
    each("embedding", |golden, device| {
        let mut layer = Embedding::new(10, 6, 0.1, Key::new(1), device);
        golden.fill("parameter.", &mut layer);
        let output = layer.forward(&golden.ids("input.indices"));
        golden.check("expected.output", output.tensor());
        let gradients = output.backward_from(&golden.constant("input.cotangent"), Backward::default());
        golden.check_gradient("weight", &gradients, layer.weight.var());
        let Some(Gradient::Rows(rows)) = gradients.gradient(layer.weight.var()) else { panic!("a sparse gradient") };
        assert_eq!(rows.index.to_vec::<u32>(), [0, 1, 3, 5, 7, 9], "each word once, though some occur often");
    });
}

#[test]
fn layer_norm() {
    each("layer_norm", |golden, device| {
        let mut layer = LayerNorm::new(10, device);
        golden.fill("parameter.", &mut layer);
        let x = golden.leaf("input.input");
        let output = layer.forward(&x);
        golden.check("expected.output", output.tensor());
        let gradients = output.backward_from(&golden.constant("input.cotangent"), Backward::default());
        golden.check_gradient("input", &gradients, &x);
        golden.check_gradient("weight", &gradients, layer.weight.var());
        golden.check_gradient("bias", &gradients, layer.bias.var());
    });
}
