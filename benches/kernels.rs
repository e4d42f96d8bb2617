//! The kernels at the sizes of the translator's presets: `cargo bench --bench kernels`. `s`: 2×256, batch 64; `m`: 4×512, batch 64.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use unrolled::tensor::fused::{CrossEntropyArgs, LstmArgs, LstmOutputGradients};
use unrolled::tensor::ops::{Distribution, Update};
use unrolled::tensor::random::Key;
use unrolled::tensor::{DType, Device, Tensor};

fn normal(shape: &[usize]) -> Tensor {
    let distribution = Distribution::Normal { mean: 0.0, deviation: 0.1 };
    Tensor::random(distribution, Key::new(1), shape, DType::F32, &Device::cpu())
}

/// Throughput is in floating-point operations: elements/s are FLOP/s.
fn matmul(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    for [m, k, n] in [[1, 512, 2048], [64, 256, 1024], [1280, 256, 1024], [1280, 256, 8000], [128, 1000, 4000]] {
        let (a, b) = (normal(&[m, k]), normal(&[n, k]));
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bench| {
            bench.iter(|| black_box(a.matmul(&b.t())));
        });
    }
    group.finish();
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    let (x, row) = (normal(&[1280, 1024]), normal(&[1024]));
    group.throughput(Throughput::Elements(x.elements() as u64));
    group.bench_function("add", |bench| bench.iter(|| black_box(x.add(&x))));
    group.bench_function("add a row", |bench| bench.iter(|| black_box(x.add(&row))));
    group.bench_function("add a transpose", |bench| {
        let square = normal(&[1024, 1024]);
        bench.iter(|| black_box(square.add(&square.t())));
    });
    group.bench_function("tanh", |bench| bench.iter(|| black_box(x.tanh())));
    group.bench_function("exp", |bench| bench.iter(|| black_box(x.exp())));
    group.bench_function("sum of rows", |bench| bench.iter(|| black_box(x.sum(1, false))));
    group.bench_function("sum of columns", |bench| bench.iter(|| black_box(x.sum(0, false))));
    group.finish();
}

/// Throughput is in floating-point operations of the products, of which backward has twice as many: elements/s are FLOP/s.
fn lstm(c: &mut Criterion) {
    let mut group = c.benchmark_group("lstm");
    for (name, steps, batch, hidden) in [("s", 21, 64, 256), ("m", 26, 64, 512), ("l", 26, 128, 1000)] {
        let (input, state) = (normal(&[steps, batch, hidden]), normal(&[batch, hidden]));
        let (w_ih, w_hh, bias) = (normal(&[4 * hidden, hidden]), normal(&[4 * hidden, hidden]), normal(&[4 * hidden]));
        let args = LstmArgs {
            input: &input,
            weight_ih: &w_ih,
            weight_hh: &w_hh,
            bias: &bias,
            hidden: &state,
            cell: &state,
            lengths: None,
            start: 0,
        };
        let output = Tensor::lstm_sequence(&args);
        let arrived = LstmOutputGradients { sequence: Some(&output.sequence), hidden: None, cell: None };
        group.sample_size(if hidden == 1000 { 10 } else { 30 });
        let operations = (2 * steps * batch * 4 * hidden * 2 * hidden) as u64;
        group.throughput(Throughput::Elements(operations));
        group.bench_function(BenchmarkId::new("forward", name), |b| b.iter(|| black_box(Tensor::lstm_sequence(&args))));
        group.throughput(Throughput::Elements(2 * operations));
        group.bench_function(BenchmarkId::new("backward", name), |b| {
            b.iter(|| black_box(Tensor::lstm_sequence_backward(&args, &output, &arrived)));
        });
    }
    group.finish();
}

/// Of `rows` rows; every row counts, as in PyTorch's reference.
struct Projection {
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
}

impl Projection {
    fn new(rows: usize, hidden: usize, words: usize) -> Projection {
        let targets: Vec<u32> = (0..rows as u32).map(|row| row * 31 % words as u32).collect();
        Projection {
            hidden: normal(&[rows, hidden]),
            weight: normal(&[words, hidden]),
            bias: normal(&[words]),
            targets: Tensor::from_slice(&targets, [rows], &Device::cpu()),
            row_weights: Tensor::ones([rows], DType::F32, &Device::cpu()),
        }
    }

    fn args(&self) -> CrossEntropyArgs<'_> {
        CrossEntropyArgs {
            hidden: &self.hidden,
            weight: &self.weight,
            bias: &self.bias,
            targets: &self.targets,
            row_weights: &self.row_weights,
            offset: 0,
        }
    }
}

/// Throughput in floating-point operations of the products: three with gradients, one without.
fn cross_entropy(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear_cross_entropy");
    group.sample_size(10);
    for (name, [rows, hidden, words]) in
        [("s", [1280, 256, 8000]), ("m", [1600, 512, 30_000]), ("l", [1024, 1000, 80_000])]
    {
        let projection = Projection::new(rows, hidden, words);
        let args = projection.args();
        let product = (2 * rows * hidden * words) as u64;
        group.throughput(Throughput::Elements(3 * product));
        group.bench_function(BenchmarkId::new("loss and gradients", name), |b| {
            b.iter(|| black_box(Tensor::linear_cross_entropy(&args, true)));
        });
        group.throughput(Throughput::Elements(product));
        group.bench_function(BenchmarkId::new("loss", name), |b| {
            b.iter(|| black_box(Tensor::linear_cross_entropy(&args, false)));
        });
    }
    group.finish();
}

fn softmax(c: &mut Criterion) {
    let mut group = c.benchmark_group("softmax");
    let projection = Projection::new(1280, 256, 8000);
    let logits = projection.hidden.matmul(&projection.weight.t());
    group.bench_function("log_softmax", |b| b.iter(|| black_box(logits.log_softmax(1))));
    group.bench_function("top_k of 12", |b| b.iter(|| black_box(logits.top_k(12, 1))));
    group.finish();
}

/// Elements are the parameters that change.
fn update(c: &mut Criterion) {
    let mut group = c.benchmark_group("update");
    let shape = [30_000, 512];
    let hyper = Tensor::from_slice(&[0.1, 0.5, 1.0, 1.0], [4], &Device::cpu());
    let adam = Update::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false };
    let gradient = normal(&shape);
    group.throughput(Throughput::Elements(gradient.elements() as u64));
    for (name, rule) in [("sgd", Update::Sgd { momentum: 0.0 }), ("adam", adam)] {
        let mut parameter = normal(&shape).affine(2.0, 0.0);
        let mut state: Vec<Tensor> =
            (0..rule.states()).map(|_| Tensor::zeros(shape, DType::F32, &Device::cpu())).collect();
        group.bench_function(name, |b| b.iter(|| parameter.update(&rule, &gradient, None, &mut state, &hyper)));
    }
    group.bench_function("norm", |b| b.iter(|| black_box(gradient.sum_squares(.., false))));
    // The words of a batch, some of them more than once.
    let words: Vec<u32> = (0..1600u32).map(|i| i * i % 1200).collect();
    let (index, values) = (Tensor::from_slice(&words, [1600], &Device::cpu()), normal(&[1600, 512]));
    let (rows, sums) = values.coalesce(&index);
    group.throughput(Throughput::Elements(sums.elements() as u64));
    let mut table = normal(&shape);
    group.bench_function("sgd of rows", |b| {
        b.iter(|| table.update(&Update::Sgd { momentum: 0.0 }, &sums, Some(&rows), &mut [], &hyper));
    });
    group.throughput(Throughput::Elements(values.elements() as u64));
    group.bench_function("coalesce", |b| b.iter(|| black_box(values.coalesce(&index))));
    group.finish();
}

criterion_group!(kernels, matmul, elementwise, lstm, cross_entropy, softmax, update);
criterion_main!(kernels);
