//! Layers where no recorded number is needed: dropout's statistics, the LSTM's edges, sparse gradients.

use unrolled_autograd::{Gradient, Var};
use unrolled_nn::{Dropout, Embedding, Lstm, LstmState};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

fn random(shape: &[usize], name: &str) -> Tensor {
    let distribution = Distribution::Uniform { low: -1.0, high: 1.0 };
    Tensor::random(distribution, Key::new(3).purpose(name), shape, DType::F32, &Device::cpu())
}

fn bytes(x: &Var) -> Vec<u8> {
    x.tensor().to_bytes()
}

#[test]
fn dropout_keeps_the_share_and_the_mean() {
    let n = 100_000;
    let ones = Var::constant(Tensor::ones([n], DType::F32, &Device::cpu()));
    for probability in [0.1, 0.5, 0.9] {
        let kept = Dropout::new(probability).forward(&ones, Some(Key::new(1)));
        let kept = kept.tensor().to_vec::<f32>();
        let scale = (1.0 / (1.0 - probability)) as f32;
        assert!(kept.iter().all(|&x| x == 0.0 || (x - scale).abs() <= 1e-6 * scale));
        let dropped = kept.iter().filter(|&&x| x == 0.0).count() as f64;
        // Five standard deviations of a binomial distribution.
        let bound = 5.0 * (n as f64 * probability * (1.0 - probability)).sqrt();
        assert!((dropped - n as f64 * probability).abs() < bound, "{dropped} of {n} dropped at {probability}");
    }
}

#[test]
fn dropout_depends_on_key_and_step_alone() {
    let x = Var::constant(random(&[50, 40], "x"));
    let dropout = Dropout::new(0.5);
    let key = Key::new(1);
    let mask = bytes(&dropout.forward(&x, Some(key)));
    assert_eq!(mask, bytes(&dropout.forward(&x, Some(key))));
    assert_ne!(mask, bytes(&dropout.forward(&x, Some(key.at(1)))));
    assert_ne!(mask, bytes(&dropout.forward(&x, Some(key.purpose("other")))));
    let elsewhere = Var::constant(x.tensor().to_device(&Device::cpu_with(1, 3, usize::MAX)));
    assert_eq!(mask, bytes(&dropout.forward(&elsewhere, Some(key))), "any device, any number of threads");
    let alone = on_one_thread(|| bytes(&dropout.forward(&x, Some(key))));
    assert_eq!(mask, alone);
}

fn on_one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    Device::cpu_with(0, 1, usize::MAX).run(work)
}

#[test]
fn without_a_key_or_a_probability_nothing_is_dropped() {
    let x = Var::leaf(random(&[5, 4], "x"));
    assert!(Dropout::new(0.5).forward(&x, None).same(&x));
    assert!(Dropout::new(0.0).forward(&x, Some(Key::new(1))).same(&x));
}

/// The gradient passes where the value did, with the same factor.
#[test]
fn dropout_masks_the_gradient_alike() {
    let x = Var::leaf(Tensor::ones([30], DType::F32, &Device::cpu()));
    let y = Dropout::new(0.5).forward(&x, Some(Key::new(1)));
    let gradient = y.sum(.., false).backward().get(&x).unwrap();
    assert_eq!(gradient.to_vec::<f32>(), y.tensor().to_vec::<f32>());
}

#[test]
#[should_panic(expected = "dropout: probability 1 is not in [0, 1)")]
fn dropout_keeps_something() {
    Dropout::new(1.0);
}

/// One table used twice in a graph: its rows are still distinct and ascending, with the sums of a dense gradient.
#[test]
fn embedding_gradients_are_coalesced_rows() {
    let device = Device::cpu();
    let table = Embedding::new(8, 2, 0.5, Key::new(1), &device);
    let ids = |ids: &[u32]| Tensor::from_slice(ids, [ids.len()], &device);
    let weights = |n: usize| {
        let numbers: Vec<f32> = (1..=2 * n).map(|x| x as f32).collect();
        Var::constant(Tensor::from_slice(&numbers, [n, 2], &device))
    };
    let first = (table.forward(&ids(&[6, 1, 6])) * weights(3)).sum(.., false);
    let second = (table.forward(&ids(&[1, 0])) * weights(2)).sum(.., false);
    let gradients = (first + second).backward();
    let Some(Gradient::Rows(rows)) = gradients.gradient(table.weight.var()) else { panic!("a sparse gradient") };
    assert_eq!(rows.shape, [8, 2]);
    assert_eq!(rows.index.to_vec::<u32>(), [0, 1, 6]);
    assert_eq!(rows.values.to_vec::<f32>(), [3.0, 4.0, 3.0 + 1.0, 4.0 + 2.0, 1.0 + 5.0, 2.0 + 6.0]);
    let dense = gradients.get(table.weight.var()).unwrap().to_vec::<f32>();
    assert_eq!(dense, [3., 4., 4., 6., 0., 0., 0., 0., 0., 0., 0., 0., 6., 8., 0., 0.]);
}

#[test]
#[should_panic(expected = "embedding: id 8 at [1, 0] is outside the 8 rows of the table")]
fn an_id_outside_the_table_is_named() {
    let table = Embedding::new(8, 2, 0.5, Key::new(1), &Device::cpu());
    table.forward(&Tensor::from_slice(&[0u32, 7, 8, 9], [2, 2], &Device::cpu()));
}

const LAYERS: usize = 2;
const BATCH: usize = 3;
const INPUTS: usize = 4;
const HIDDEN: usize = 5;

fn lstm() -> Lstm {
    Lstm::new(INPUTS, HIDDEN, LAYERS, 0.0, 0.5, Key::new(1), &Device::cpu())
}

/// Random states; hidden and cell differ.
fn state() -> LstmState {
    let of = |name: &str| (0..LAYERS).map(|l| Var::leaf(random(&[BATCH, HIDDEN], &format!("{name} {l}")))).collect();
    LstmState { hidden: of("hidden"), cell: of("cell") }
}

fn same(a: &LstmState, b: &LstmState) -> bool {
    let pairs = |a: &[Var], b: &[Var]| a.iter().zip(b).all(|(a, b)| bytes(a) == bytes(b));
    pairs(&a.hidden, &b.hidden) && pairs(&a.cell, &b.cell)
}

#[test]
fn no_steps_answer_the_state_as_it_came() {
    let (lstm, state) = (lstm(), state());
    let x = Var::leaf(random(&[0, BATCH, INPUTS], "x"));
    let (output, after) = lstm.forward(&x, &state, None, None);
    assert_eq!(output.shape(), [0, BATCH, HIDDEN]);
    assert!(same(&after, &state));
    // The gradient of the state passes through untouched.
    let gradients = (&after.hidden[1] * 2.0 + &after.cell[1] * 3.0).sum(.., false).backward();
    let of = |var: &Var| gradients.get(var).map(|g| g.to_vec::<f32>());
    assert_eq!(of(&state.hidden[1]), Some(vec![2.0; BATCH * HIDDEN]));
    assert_eq!(of(&state.cell[1]), Some(vec![3.0; BATCH * HIDDEN]));
}

/// After one step the top layer's h is the output, and h = o ⊙ tanh c, by which the two states cannot be exchanged.
#[test]
fn hidden_and_cell_are_what_their_names_say() {
    let (lstm, state) = (lstm(), state());
    let x = Var::constant(random(&[1, BATCH, INPUTS], "x"));
    let (output, after) = lstm.forward(&x, &state, None, None);
    assert_eq!(bytes(&output), bytes(&after.hidden[LAYERS - 1]));
    let step = |inputs: &Var, layer: usize| {
        let weights = lstm.layers[layer].weights();
        let sums = inputs.linear(weights.ih, Some(weights.bias)) + state.hidden[layer].linear(weights.hh, None);
        let gates = sums.chunk(4, 1);
        let cell = gates[1].sigmoid() * &state.cell[layer] + gates[0].sigmoid() * gates[2].tanh();
        (gates[3].sigmoid() * cell.tanh(), cell)
    };
    let mut inputs = x.index(0, 0);
    for layer in 0..LAYERS {
        let (hidden, cell) = step(&inputs, layer);
        for (found, wanted) in [(&after.hidden[layer], &hidden), (&after.cell[layer], &cell)] {
            let pairs = found.tensor().to_f64_vec().into_iter().zip(wanted.tensor().to_f64_vec());
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "layer {layer}: {a} and {b}"));
        }
        inputs = hidden;
    }
    let swapped = LstmState { hidden: state.cell.clone(), cell: state.hidden.clone() };
    let (other, _) = lstm.forward(&x, &swapped, None, None);
    assert_ne!(bytes(&output), bytes(&other));
}

/// Rows of length 0 never leave their first state; each row's result is that of its sequence alone.
#[test]
fn rows_end_at_their_lengths() {
    let (lstm, state) = (lstm(), state());
    let (steps, lengths) = (4, [2u32, 0, 4]);
    let x = Var::leaf(random(&[steps, BATCH, INPUTS], "x"));
    let given = Tensor::from_slice(&lengths, [BATCH], &Device::cpu());
    let (output, after) = lstm.forward(&x, &state, Some(&given), None);
    assert!(same(&after.narrow(1, 1), &state.narrow(1, 1)), "a row of length 0");
    for (row, &length) in lengths.iter().enumerate() {
        let alone = x.narrow(1, row, 1).narrow(0, 0, length as usize);
        let (output_alone, after_alone) = lstm.forward(&alone, &state.narrow(row, 1), None, None);
        assert!(same(&after.narrow(row, 1), &after_alone), "row {row}");
        let part = output.narrow(1, row, 1).narrow(0, 0, length as usize);
        assert_eq!(bytes(&part), bytes(&output_alone), "row {row}");
    }
    // Even where the loss reads the output past the end, padding itself gets nothing.
    let loss = (output * Var::constant(random(&[steps, BATCH, HIDDEN], "cotangent"))).sum(.., false);
    let gradient = loss.backward().get(&x).unwrap();
    for (place, row) in gradient.to_vec::<f32>().chunks(INPUTS).enumerate() {
        let (t, b) = (place / BATCH, place % BATCH);
        assert_eq!(row.iter().all(|&g| g == 0.0), t >= lengths[b] as usize, "step {t}, row {b}");
    }
}

/// A sequence in two pieces, each started from the state before it, is the sequence in one.
#[test]
fn the_state_carries_over() {
    let (lstm, state) = (lstm(), state());
    let x = Var::constant(random(&[5, BATCH, INPUTS], "x"));
    let (whole, last) = lstm.forward(&x, &state, None, None);
    let (first, between) = lstm.forward(&x.narrow(0, 0, 2), &state, None, None);
    let (second, end) = lstm.forward(&x.narrow(0, 2, 3), &between, None, None);
    assert_eq!(bytes(&whole), bytes(&Var::concat(&[&first, &second], 0)));
    assert!(same(&last, &end));
}

#[test]
fn rows_of_a_state_can_be_chosen() {
    let state = state();
    let chosen = state.rows(&Tensor::from_slice(&[2u32, 0, 2, 1], [4], &Device::cpu()));
    for (to, from) in [2, 0, 2, 1].into_iter().enumerate() {
        assert!(same(&chosen.narrow(to, 1), &state.narrow(from, 1)));
    }
}

#[test]
#[should_panic(expected = "lstm: a state of 1 layers for 2")]
fn a_state_has_every_layer() {
    let state = LstmState::zeros(1, BATCH, HIDDEN, DType::F32, &Device::cpu());
    lstm().forward(&Var::constant(random(&[1, BATCH, INPUTS], "x")), &state, None, None);
}

/// Dropout lies between the layers: with one layer there is none, with two the mask changes the output.
#[test]
fn dropout_lies_between_the_layers() {
    let device = Device::cpu();
    let x = Var::constant(random(&[3, BATCH, INPUTS], "x"));
    for layers in [1, 2] {
        let lstm = Lstm::new(INPUTS, HIDDEN, layers, 0.5, 0.5, Key::new(1), &device);
        let start = LstmState::zeros(layers, BATCH, HIDDEN, DType::F32, &device);
        let run = |key| bytes(&lstm.forward(&x, &start, None, key).0);
        let key = Some(Key::new(2));
        assert_eq!(run(key), run(key));
        assert_eq!(run(key) == run(None), layers == 1);
    }
}
