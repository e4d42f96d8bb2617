//! Functions of one and of two elements over the whole range of f32 and f64, against f64 on the CPU: every exponent, both signs, what is not a number.

use unrolled_tensor::ops::{Binary, Unary};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::support::{EAGER, on_gpus};

/// Numbers whose bits are spread evenly, a few near 0 and 1, and the special ones.
fn spread(count: u64, dtype: DType) -> Tensor {
    let key = Key::new(3).purpose("spread");
    let any = |i: u64| match (i % 4, dtype) {
        (0, _) => key.normal(i),
        (1, _) => 1.0 + key.normal(i) / 64.0,
        (2, _) => key.normal(i) * 40.0,
        (_, DType::F64) => f64::from_bits(key.below(2 * i, 1 << 32) << 32 | key.below(2 * i + 1, 1 << 32)),
        _ => f64::from(f32::from_bits(key.below(i, 1 << 32) as u32)),
    };
    let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, 1e-310];
    let values: Vec<f64> = special.into_iter().chain((0..count).map(any)).collect();
    // As f32 once, so that both devices see the same numbers.
    Tensor::from_slice(&values, [values.len()], &Device::cpu()).cast(dtype)
}

/// The distance of a number of `dtype` to the next.
fn unit(x: f64, dtype: DType) -> f64 {
    let (bits, lowest) = if dtype == DType::F32 { (23, -126) } else { (52, -1022) };
    let exponent = if x.is_normal() { (x.to_bits() >> 52 & 0x7ff) as i32 - 1023 } else { -1022 };
    f64::from(exponent.max(lowest) - bits).exp2()
}

/// The largest error, in units of the last place, and where it is; of numbers smaller than `floor` in those of `floor`.
fn worst(found: &Tensor, expected: &Tensor, floor: f64) -> (f64, usize) {
    let dtype = found.dtype();
    let off = |(x, y): (f64, f64)| {
        let rounded = if dtype == DType::F32 { f64::from(y as f32) } else { y };
        let same = x == rounded || (x.is_nan() && y.is_nan());
        let off = if same { 0.0 } else { (x - y).abs() / unit(y.abs().max(floor), dtype) };
        if off.is_nan() { f64::INFINITY } else { off }
    };
    let offs = found.to_f64_vec().into_iter().zip(expected.to_f64_vec()).map(off);
    offs.enumerate().fold((0.0, 0), |most, (i, off)| if off > most.0 { (off, i) } else { most })
}

/// The errors that NVIDIA's documentation states for f32 and f64, in units of the last place; of what is made of several, a few more.
#[test]
fn functions_are_as_exact_as_they_promise() {
    on_gpus("functions::functions_are_as_exact_as_they_promise", &[EAGER], || {
        let gpu = unrolled_cuda::device(0).unwrap();
        let mut failures = Vec::new();
        let mut check = |name: &str,
                         dtype: DType,
                         operands: &[&Tensor],
                         units: f64,
                         floor: f64,
                         of: &dyn Fn(&[Tensor]) -> Tensor| {
            let here: Vec<Tensor> = operands.iter().map(|x| x.cast(DType::F64)).collect();
            let there: Vec<Tensor> = operands.iter().map(|x| x.to_device(&gpu)).collect();
            let (found, expected) = (of(&there).to_device(&Device::cpu()), of(&here));
            let (off, at) = worst(&found, &expected, floor);
            println!("{name} of {dtype}: within {off:.2} units");
            if off > units {
                let [x, y] = [&found, &expected].map(|x| x.to_f64_vec()[at]);
                let of: Vec<f64> = here.iter().map(|of| of.to_f64_vec()[at]).collect();
                failures.push(format!("{name} of {dtype} at {of:?}: {x:e} instead of {y:e}, {off} units off"));
            }
        };
        for dtype in [DType::F32, DType::F64] {
            let x = spread(12_000, dtype);
            for op in Unary::ALL.into_iter().filter(|op| op.takes(dtype)) {
                let (units, floor) = match op {
                    Unary::Exp | Unary::Expm1 | Unary::Log | Unary::Log1p => (1.25, 0.0),
                    Unary::Sin | Unary::Cos | Unary::Tanh | Unary::Erf | Unary::Rsqrt | Unary::Sigmoid => (2.0, 0.0),
                    Unary::Softplus => (2.0, 0.0),
                    // What is smaller is a product with a number that has few bits left.
                    Unary::Silu => (4.0, 1e-36),
                    Unary::Gelu | Unary::GeluTanh => (4.0, 1.0),
                    Unary::Affine { .. } => (1.0, 1.0),
                    // The exponent is rounded to the dtype.
                    Unary::Powf(_) => continue,
                    _ => (0.5, 0.0),
                };
                check(op.name(), dtype, &[&x], units, floor, &|x| x[0].unary(op));
            }
            let [a, b] = [spread(40_000, dtype).abs(), spread(40_000, dtype).flip(0).contiguous()];
            check("powf", dtype, &[&x.abs()], 4.0, 0.0, &|x| x[0].unary(Unary::Powf(1.75)));
            check("pow", dtype, &[&a, &b], 4.0, 0.0, &|x| x[0].binary(Binary::Pow, &x[1]));
        }
        assert!(failures.is_empty(), "{failures:#?}");
    });
}
