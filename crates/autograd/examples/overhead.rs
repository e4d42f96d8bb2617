//! What recording costs: 10,000 additions and products of one element, forwards and backwards, beside the same work without a graph.
//! With `--json` one line for `benches/vs_pytorch.py --graph`.

use std::time::Instant;

use unrolled_autograd::{Var, no_grad};
use unrolled_tensor::{Device, Tensor};

const NODES: usize = 10_000;

fn chain(x: &Var, w: &Var) -> Var {
    (0..NODES / 2).fold(x.clone(), |y, _| &(&y * w) + x)
}

/// The quickest of several runs, in microseconds a node.
fn quickest(mut run: impl FnMut()) -> f64 {
    let seconds = (0..20).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min) * 1e6 / NODES as f64
}

/// The seconds of the quickest run of both passes, and the gradients, so that a comparison can tell that the work is the same.
fn json(x: &Var, w: &Var) {
    let seconds = quickest(|| drop(chain(x, w).backward())) * NODES as f64 / 1e6;
    let gradients = chain(x, w).backward();
    let [x, w] = [x, w].map(|v| gradients.get(v).expect("the chain depends on it").item::<f32>());
    println!("{{\"nodes\": {NODES}, \"seconds\": {seconds:e}, \"gradients\": [{x:.4}, {w:.4}]}}");
}

fn main() {
    let leaf = |value: f32| Var::leaf(Tensor::scalar(value, &Device::cpu()));
    let (x, w) = (leaf(1.0), leaf(0.5));
    if std::env::args().any(|argument| argument == "--json") {
        return json(&x, &w);
    }
    let plain = quickest(|| drop(no_grad(|| chain(&x, &w))));
    let forward = quickest(|| drop(chain(&x, &w)));
    let both = quickest(|| drop(chain(&x, &w).backward()));
    println!("µs a node: {plain:.3} unrecorded, {forward:.3} recorded and dropped, {both:.3} with backward");
}
