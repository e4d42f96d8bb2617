//! An LSTM from matrix products up, and that the layer `Lstm` computes the same, values and gradients.
//!
//! ```text
//! cargo run --example 05_lstm_by_hand
//! ```

use unrolled::nn::LstmLayer;
use unrolled::prelude::*;

/// One step: x `[B, I]` and the state h, c `[B, H]` to the next state.
fn cell(layer: &LstmLayer, x: &Var, h: &Var, c: &Var) -> (Var, Var) {
    // All four gates in one product, [B, 4H]; then each cuts out its own columns.
    let gates = x.matmul(&layer.weight_ih.var().t()) + h.matmul(&layer.weight_hh.var().t()) + layer.bias.var();
    let n = layer.hidden_size();
    let gate = |k: usize| gates.at((.., k * n..(k + 1) * n));
    let input = gate(0).sigmoid(); // how much of the candidate comes in
    let forget = gate(1).sigmoid(); // how much of the old cell stays
    let candidate = gate(2).tanh();
    let output = gate(3).sigmoid(); // how much of the cell is shown
    let c = forget * c + input * candidate;
    let h = output * c.tanh();
    (h, c)
}

/// All steps of x `[T, B, I]`: h at each, `[T, B, H]`.
fn unroll(layer: &LstmLayer, x: &Var) -> Var {
    let [steps, batch] = [0, 1].map(|axis| x.dim(axis));
    let zeros = Var::constant(Tensor::zeros([batch, layer.hidden_size()], x.dtype(), x.device()));
    let (mut h, mut c) = (zeros.clone(), zeros);
    let mut shown = Vec::new();
    for t in 0..steps {
        (h, c) = cell(layer, &x.at(t), &h, &c);
        shown.push(h.clone());
    }
    Var::stack(&shown.iter().collect::<Vec<_>>(), 0)
}

fn main() {
    let (steps, batch, inputs, hidden) = (5, 2, 3, 4);
    let device = Device::cpu();
    let key = Key::new(2014);
    let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    let x = Var::leaf(Tensor::random(normal, key.purpose("x"), [steps, batch, inputs], DType::F32, &device));
    let lstm = Lstm::new(inputs, hidden, 1, 0.0, 0.5, key.purpose("lstm"), &device);

    let by_hand = unroll(&lstm.layers[0], &x);
    let state = LstmState::zeros(1, batch, hidden, DType::F32, &device);
    let (fused, _) = lstm.forward(&x, &state, None, None);
    println!("h after the last step, by hand:\n{}", by_hand.at(-1).tensor());
    println!("h after the last step, fused:\n{}", fused.at(-1).tensor());
    println!("the fused one is a single operation: {}", fused.operation());

    // The same gradients, of the input and of each parameter.
    let (of_hand, of_fused) = (by_hand.square().sum(.., false).backward(), fused.square().sum(.., false).backward());
    let parameters = lstm.parameters();
    let named = parameters.iter().map(|(path, parameter)| (path.as_str(), parameter.var()));
    for (name, var) in named.chain([("x", &x)]) {
        let (a, b) = (of_hand.get(var).unwrap(), of_fused.get(var).unwrap());
        let far = (&a - &b).abs().max(.., false).item::<f32>();
        println!("gradient of {name} {:?}: the same within 1e-5: {}", a.shape(), far < 1e-5);
    }
}
