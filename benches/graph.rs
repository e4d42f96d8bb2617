//! The graph alone: `cargo bench --bench graph`. Additions and products of one element, so that nearly all time is spent outside kernels.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unrolled::autograd::{Var, no_grad};
use unrolled::tensor::{Device, Tensor};

const NODES: usize = 10_000;

/// y ← y w + x, `NODES` operations in all.
fn chain(x: &Var, w: &Var) -> Var {
    (0..NODES / 2).fold(x.clone(), |y, _| &(&y * w) + x)
}

fn graph(c: &mut Criterion) {
    let leaf = |value: f32| Var::leaf(Tensor::from_slice(&[value], [1], &Device::cpu()));
    let (x, w) = (leaf(1.0), leaf(0.5));
    let mut group = c.benchmark_group("graph/10000 one-element nodes");
    group.throughput(Throughput::Elements(NODES as u64));
    group.bench_function("unrecorded", |bench| bench.iter(|| black_box(no_grad(|| chain(&x, &w)))));
    group.bench_function("recorded and dropped", |bench| bench.iter(|| black_box(chain(&x, &w))));
    group.bench_function("forward and backward", |bench| bench.iter(|| black_box(chain(&x, &w).backward())));
    group.finish();
}

criterion_group!(benches, graph);
criterion_main!(benches);
