//! The kernels at the sizes of the translator's presets: `cargo bench --bench kernels`. `s`: 2×256, batch 64; `m`: 4×512, batch 64.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use unrolled::tensor::fused::{CrossEntropyArgs, LstmArgs, LstmOutputGradients};
use unrolled::tensor::ops::Distribution;
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

fn lstm(c: &mut Criterion) {
    let mut group = c.benchmark_group("lstm");
    for (name, steps, batch, hidden) in [("s", 20, 64, 256), ("m", 25, 64, 512)] {
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
        group.bench_function(BenchmarkId::new("forward", name), |b| b.iter(|| black_box(Tensor::lstm_sequence(&args))));
        group.bench_function(BenchmarkId::new("backward", name), |b| {
            b.iter(|| black_box(Tensor::lstm_sequence_backward(&args, &output, &arrived)));
        });
    }
    group.finish();
}

fn softmax(c: &mut Criterion) {
    let mut group = c.benchmark_group("softmax");
    let (rows, hidden, words) = (1280, 256, 8000);
    let (h, weight, bias) = (normal(&[rows, hidden]), normal(&[words, hidden]), normal(&[words]));
    let targets: Vec<u32> = (0..rows as u32).map(|row| row * 31 % words as u32).collect();
    let targets = Tensor::from_slice(&targets, [rows], &Device::cpu());
    let row_weights = Tensor::ones([rows], DType::F32, &Device::cpu());
    let args = CrossEntropyArgs { hidden: &h, weight: &weight, bias: &bias, targets: &targets, row_weights: &row_weights, offset: 0 };
    group.sample_size(20);
    group.bench_function("linear_cross_entropy", |b| b.iter(|| black_box(Tensor::linear_cross_entropy(&args, true))));
    let logits = h.matmul(&weight.t());
    group.bench_function("log_softmax", |b| b.iter(|| black_box(logits.log_softmax(1))));
    group.bench_function("top_k of 12", |b| b.iter(|| black_box(logits.top_k(12, 1))));
    group.finish();
}

criterion_group!(kernels, matmul, elementwise, lstm, softmax);
criterion_main!(kernels);
