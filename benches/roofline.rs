//! How near matrix products come to what the processor's multiply–add units can do: `cargo bench --bench roofline [-- --json]`.
//!
//! The shapes are those of one training step at the sizes s, m and l (2 × 256, 4 × 512, 4 × 1000) and some that are hard for other reasons. Each is timed with
//! one thread and with all, the best of many runs, each beside a peak that was measured just before, since a shared machine's changes.
//! `benches/pytorch_roofline.py` does the same products in PyTorch.

use std::hint::black_box;
use std::time::{Duration, Instant};

use unrolled::tensor::ops::Distribution;
use unrolled::tensor::random::Key;
use unrolled::tensor::{DType, Device, MatmulPrecision, Tensor, peak_flops};

/// How the operands lie.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `a bᵀ` with the weight `b` `[n, k]` packed before.
    Packed,
    /// `a bᵀ`, `b` `[n, k]`.
    Weight,
    /// `a b`.
    Plain,
    /// `aᵀ b` with `a` `[k, m]`: a weight's gradient.
    Gradient,
}

const SHAPES: [(&str, Form, [usize; 3]); 24] = [
    ("s state", Form::Packed, [64, 256, 1024]),
    ("s input", Form::Weight, [1280, 256, 1024]),
    ("s gradient", Form::Gradient, [1024, 1280, 256]),
    ("s logits", Form::Weight, [512, 256, 8000]),
    ("m state", Form::Packed, [64, 512, 2048]),
    ("m state backwards", Form::Plain, [64, 2048, 512]),
    ("m input", Form::Weight, [1600, 512, 2048]),
    ("m input, packed", Form::Packed, [1600, 512, 2048]),
    ("m gradient", Form::Gradient, [2048, 1600, 512]),
    ("m logits", Form::Weight, [512, 512, 30000]),
    ("m logits' gradient", Form::Gradient, [30000, 512, 512]),
    ("l state", Form::Packed, [128, 1000, 4000]),
    ("l input", Form::Weight, [3200, 1000, 4000]),
    ("l gradient", Form::Gradient, [4000, 3200, 1000]),
    ("l logits", Form::Weight, [256, 1000, 80000]),
    ("square", Form::Plain, [1024, 1024, 1024]),
    ("square, packed", Form::Packed, [1024, 1024, 1024]),
    ("small", Form::Plain, [64, 64, 64]),
    ("one row, packed", Form::Packed, [1, 512, 2048]),
    ("one row", Form::Weight, [1, 512, 2048]),
    ("one row, plain", Form::Plain, [1, 512, 2048]),
    ("8 rows, packed", Form::Packed, [8, 512, 2048]),
    ("8 rows", Form::Weight, [8, 512, 2048]),
    ("one column", Form::Plain, [2048, 512, 1]),
];

struct Measured {
    name: &'static str,
    sizes: [usize; 3],
    threads: usize,
    precision: MatmulPrecision,
    flops: f64,
    peak: f64,
}

fn normal(shape: [usize; 2]) -> Tensor {
    let distribution = Distribution::Normal { mean: 0.0, deviation: 0.1 };
    Tensor::random(distribution, Key::new(1), shape, DType::F32, &Device::cpu())
}

/// The best of many runs in a third of a second, and of three at least.
fn seconds(mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while start.elapsed() < Duration::from_millis(330) || runs < 3 {
        let before = Instant::now();
        work();
        best = best.min(before.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

fn measure(form: Form, [m, k, n]: [usize; 3]) -> f64 {
    let a = if form == Form::Gradient { normal([k, m]).t() } else { normal([m, k]) };
    let b = if matches!(form, Form::Packed | Form::Weight) {
        let weight = normal([n, k]);
        if form == Form::Packed {
            weight.keep_packed(1);
        }
        weight.t()
    } else {
        normal([k, n])
    };
    2.0 * (m * k * n) as f64 / seconds(|| drop(black_box(a.matmul(&b))))
}

fn all(threads: usize, precision: MatmulPrecision, only: &str) -> Vec<Measured> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("the system gives threads");
    Device::cpu().set_matmul_precision(precision);
    let shapes = SHAPES.into_iter().filter(|(name, ..)| name.contains(only));
    let one = |(name, form, sizes)| {
        pool.install(|| {
            let peak = peak_flops().unwrap_or(f64::NAN);
            Measured { name, sizes, threads, precision, flops: measure(form, sizes), peak }
        })
    };
    shapes.map(one).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let only = arguments.iter().find(|argument| !argument.starts_with("--")).map_or("", String::as_str);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut numbers = vec![1];
    numbers.extend((cores > 1).then_some(cores));
    for precision in [MatmulPrecision::F32, MatmulPrecision::F32Fma, MatmulPrecision::Bf16] {
        for &threads in &numbers {
            for measured in all(threads, precision, only) {
                report(&measured, json);
            }
        }
    }
}

/// The share is always that of the f32 peak.
fn report(measured: &Measured, json: bool) {
    let &Measured { name, sizes: [m, k, n], threads, precision, flops, peak } = measured;
    let precision = format!("{precision:?}").to_lowercase();
    let (gigaflops, peak, share) = (flops / 1e9, peak / 1e9, flops / peak);
    if json {
        let line = serde_json::json!({
            "name": name, "m": m, "k": k, "n": n, "threads": threads, "precision": precision,
            "gflops": gigaflops, "f32_peak_gflops": peak, "share": share,
        });
        println!("{line}");
    } else {
        let shape = format!("{m}×{k}×{n}");
        println!(
            "{name:20} {shape:>16} {precision} {threads} threads {gigaflops:8.1} of {peak:6.1} GFLOP/s {:5.1} %",
            100.0 * share
        );
    }
}
