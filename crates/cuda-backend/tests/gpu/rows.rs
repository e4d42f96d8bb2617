//! Softmax, the largest k, sums of equal rows and random numbers against the CPU: small cases that reach every branch of their kernels.

use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::support::{EAGER, LAZY, SHUFFLED, on_gpus};

fn devices() -> [Device; 2] {
    [Device::cpu(), unrolled_cuda::device(0).unwrap()]
}

/// The same numbers on both devices.
fn both(values: &[f64], shape: &[usize], dtype: DType) -> [Tensor; 2] {
    devices().map(|device| Tensor::from_slice(values, shape, &Device::cpu()).cast(dtype).to_device(&device))
}

/// Numbers in [−4, 4) with some repeated, NaN, infinities and both zeros.
fn numbers(count: usize, specials: bool) -> Vec<f64> {
    let key = Key::new(5).purpose("rows");
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 3.5, 3.5, -f64::NAN];
    (0..count as u64)
        .map(|i| match key.below(i + 100_000, 40) {
            choice if specials && choice < 8 => special[choice as usize],
            _ => (key.uniform(i) * 64.0).floor() / 8.0 - 4.0,
        })
        .collect()
}

#[track_caller]
fn same_bits(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!((found.shape(), found.dtype()), (expected.shape(), expected.dtype()), "{what}");
    assert!(found.to_bytes() == expected.to_bytes(), "{what}: {found} instead of {expected}");
}

/// Within so many epsilons of the largest; infinities and NaN alike.
#[track_caller]
fn near(what: &str, found: &Tensor, expected: &Tensor, epsilons: f64) {
    let (found_values, values) = (found.cast(DType::F64).to_vec::<f64>(), expected.cast(DType::F64).to_vec::<f64>());
    let largest = values.iter().filter(|x| x.is_finite()).fold(1e-300, |most: f64, x| most.max(x.abs()));
    let within = epsilons * found.dtype().epsilon() * largest;
    for (i, (x, y)) in found_values.iter().zip(&values).enumerate() {
        assert!(x == y || (x - y).abs() <= within || (x.is_nan() && y.is_nan()), "{what}, {i}: {x} instead of {y}");
    }
}

#[test]
fn softmax_of_short_and_long_rows() {
    on_gpus("rows::softmax_of_short_and_long_rows", &[SHUFFLED], || {
        for dtype in DType::FLOATS {
            for (rows, n) in [(9, 1), (11, 33), (3, 1024), (2, 1300), (1, 300)] {
                let [cpu, gpu] = both(&numbers(rows * n, false), &[rows, n], dtype);
                near(&format!("softmax of {n} {dtype}"), &gpu.softmax(1), &cpu.softmax(1), 8.0);
                near(&format!("log-softmax of {n} {dtype}"), &gpu.log_softmax(1), &cpu.log_softmax(1), 8.0);
            }
        }
        // A row of −∞ with one number, one of nothing else, one with +∞ and one with NaN; alike in a warp and in a block.
        for n in [40, 1100] {
            let mut values = vec![f64::NEG_INFINITY; 4 * n];
            values[n / 2] = 2.0;
            values[2 * n..].fill(1.0);
            values[2 * n + 3] = f64::INFINITY;
            values[4 * n - 1] = f64::NAN;
            let [cpu, gpu] = both(&values, &[4, n], DType::F32);
            near("softmax of infinities", &gpu.softmax(1), &cpu.softmax(1), 8.0);
            near("log-softmax of infinities", &gpu.log_softmax(1), &cpu.log_softmax(1), 8.0);
        }
    });
}

#[test]
fn the_largest_k_in_all_three_ways() {
    on_gpus("rows::the_largest_k_in_all_three_ways", &[SHUFFLED], || {
        let dtypes = [DType::F32, DType::F64, DType::F16, DType::BF16, DType::U32, DType::I64];
        for dtype in dtypes {
            // Counted, picked, sorted; the first and the last by more threads than a grid has.
            for (rows, n, k) in
                [(900, 37, 9), (3, 128, 128), (2, 300, 5), (3, 600, 64), (1, 1500, 90), (17, 2000, 2000)]
            {
                let values = numbers(rows * n, dtype.is_float());
                let values: Vec<f64> =
                    if dtype == DType::U32 { values.iter().map(|x| (x + 4.0) * 5e8).collect() } else { values };
                let values: Vec<f64> =
                    if dtype == DType::I64 { values.iter().map(|x| x * 2f64.powi(60)).collect() } else { values };
                let [cpu, gpu] = both(&values, &[rows, n], dtype);
                let (expected, found) = (cpu.top_k(k, 1), gpu.top_k(k, 1));
                let what = format!("the largest {k} of {n} {dtype}");
                same_bits(&what, &found.1, &expected.1);
                same_bits(&what, &found.0, &expected.0);
            }
        }
    });
}

#[test]
fn sums_of_many_duplicates_are_those_of_the_cpu_to_the_bit() {
    on_gpus("rows::sums_of_many_duplicates_are_those_of_the_cpu_to_the_bit", &[SHUFFLED], || {
        let key = Key::new(3).purpose("duplicates");
        let index =
            |count: usize, bound: u64| -> Vec<u32> { (0..count as u64).map(|i| key.below(i, bound) as u32).collect() };
        let on = |values: &[u32], shape: &[usize]| devices().map(|device| Tensor::from_slice(values, shape, &device));
        let reals = |count: usize| -> Vec<f64> { (0..count as u64).map(|i| key.normal(i)).collect() };
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16, DType::U32, DType::I64] {
            let whole =
                |x: Vec<f64>| if dtype.is_float() { x } else { x.iter().map(|x| (x * 9.0).abs().floor()).collect() };
            let [x, gpu_x] = both(&whole(reals(7 * 3)), &[7, 3], dtype);
            // One index a slice: several tiles of keys, of which seven differ. (More elements than a grid has threads, here and below.)
            let [source, gpu_source] = both(&whole(reals(11_000 * 3)), &[11_000, 3], dtype);
            let [rows, gpu_rows] = on(&index(11_000, 7), &[11_000]);
            let found = gpu_x.index_add(0, &gpu_rows, &gpu_source);
            same_bits(&format!("slices of {dtype}"), &found, &x.index_add(0, &rows, &source));
            // An index for each element, over the other axis.
            let [source, gpu_source] = both(&whole(reals(7 * 4800)), &[7, 4800], dtype);
            let [places, gpu_places] = on(&index(7 * 4800, 3), &[7, 4800]);
            let found = gpu_x.scatter_add(1, &gpu_places, &gpu_source);
            same_bits(&format!("elements of {dtype}"), &found, &x.scatter_add(1, &places, &source));
            same_bits(
                "a gather",
                &found.gather(1, &gpu_places),
                &x.scatter_add(1, &places, &source).gather(1, &places),
            );
            if !dtype.is_float() {
                continue;
            }
            // Rows all over the range of an index, so that every pass of the sort has work.
            let far: Vec<u32> = index(33_000, 20_000).iter().map(|i| i.wrapping_mul(0x9e37_79b1)).collect();
            // Of −0 alone the sum is 0.
            let reals = reals(33_000 * 3).into_iter().map(|x| if x.abs() < 0.3 { -0.0 } else { x });
            let ([values, gpu_values], [rows, gpu_rows]) =
                (both(&reals.collect::<Vec<_>>(), &[33_000, 3], dtype), on(&far, &[33_000]));
            let (expected, found) = (values.coalesce(&rows), gpu_values.coalesce(&gpu_rows));
            same_bits("distinct rows", &found.0, &expected.0);
            same_bits(&format!("sums of rows of {dtype}"), &found.1, &expected.1);
        }
    });
}

/// Three axes in an order of their own, so that places are found axis by axis.
#[test]
fn views_are_gathered_and_scattered_as_on_the_cpu() {
    on_gpus("rows::views_are_gathered_and_scattered_as_on_the_cpu", &[SHUFFLED], || {
        let key = Key::new(4).purpose("views");
        let turned = |x: &Tensor| x.permute([2, 0, 1]).flip(1).narrow(2, 1, 4);
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16, DType::U32, DType::I64, DType::Bool] {
            let values: Vec<f64> =
                (0..6 * 5 * 7).map(|i| key.below(i, 2 + u64::from(dtype != DType::Bool) * 50) as f64).collect();
            let xs = both(&values, &[6, 5, 7], dtype);
            let index: Vec<u32> = (0..6 * 5 * 7).map(|i| key.below(1000 + i, 6) as u32).collect();
            let indices = devices().map(|device| Tensor::from_slice(&index, [6, 5, 7], &device));
            let [expected, found] = [0, 1].map(|i| turned(&xs[i]).gather(1, &turned(&indices[i])));
            same_bits(&format!("a gather of {dtype}"), &found, &expected);
            let [expected, found] =
                [0, 1].map(|i| turned(&xs[i]).index_select(0, &indices[i].index(0, 2).index(0, 3).step_by(0, 2)));
            same_bits(&format!("slices of {dtype}"), &found, &expected);
            if dtype != DType::Bool {
                let [expected, found] =
                    [0, 1].map(|i| turned(&xs[i]).scatter_add(1, &turned(&indices[i]), &turned(&xs[i]).flip(2)));
                same_bits(&format!("a scatter of {dtype}"), &found, &expected);
                let [expected, found] = [0, 1].map(|i| {
                    let rows = indices[i].index(0, 2).index(0, 3).narrow(0, 0, 4).flip(0);
                    turned(&xs[i]).index_add(
                        2,
                        &rows.cast(DType::I64).affine(0.5, 0.0).cast(DType::U32),
                        &turned(&xs[i]),
                    )
                });
                same_bits(&format!("a scatter of slices of {dtype}"), &found, &expected);
            }
        }
    });
}

#[test]
fn an_index_outside_is_found_out() {
    on_gpus("rows::an_index_outside_is_found_out", &[EAGER], || {
        let device = unrolled_cuda::device(0).unwrap();
        let x = Tensor::ones([5, 2], DType::F32, &device);
        let index = Tensor::from_slice(&[4u32, 5], [2], &device);
        let failed = unrolled_tensor::catch_device_error(|| x.index_select(0, &index).to_vec::<f32>());
        assert!(matches!(failed, Err(unrolled_tensor::DeviceError::Lost { .. })), "{failed:?}");
    });
}

#[test]
fn random_numbers_have_the_bits_of_the_cpu() {
    on_gpus("rows::random_numbers_have_the_bits_of_the_cpu", &[LAZY], || {
        let distributions = [
            Distribution::Normal { mean: -0.5, deviation: 1.5 },
            Distribution::Uniform { low: -0.08, high: 0.08 },
            Distribution::Uniform { low: 1.0, high: 1.0 + 1e-7 },
            Distribution::Uniform { low: -1.0, high: 0.0 },
            Distribution::Dropout { keep: 0.7 },
        ];
        for dtype in DType::FLOATS {
            for distribution in distributions {
                for (len, step) in [(1usize, 0u64), (7, 1 << 40), (140_003, 3), (1026, u64::MAX)] {
                    let key = Key::new(len as u64).purpose("bits").at(step);
                    let [expected, found] =
                        devices().map(|device| Tensor::random(distribution, key, [len], dtype, &device));
                    same_bits(&format!("{distribution:?}, {len} {dtype} at {step}"), &found, &expected);
                }
                let [expected, found] = devices().map(|device| {
                    let step = Tensor::scalar((1i64 << 33) + 5, &device);
                    Tensor::random_at(distribution, Key::new(1), Some(&step), [50], dtype, &device)
                });
                same_bits("at a step that the device holds", &found, &expected);
            }
        }
    });
}
