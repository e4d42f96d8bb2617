//! Bytes in and out, filling, random numbers, the order of work, and the count of bytes held.

use super::host::{Host, host, rounded};
use super::inputs::{Operand, Values, View, layouts};
use super::report::{Checker, Named, Outcome, equal, exactly, holds};
use crate::ops::Distribution;
use crate::random::{self, Key};
use crate::{DType, Device, Tensor};

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::ALL {
        checker.case("memory", dtype, "1000 elements", |device| bytes_held(device, dtype));
    }
    let device = checker.device();
    for dtype in DType::ALL {
        for (view, shape) in layouts() {
            let x = Operand::new("x", Values::Real, view, shape, dtype, &device);
            checker.case("upload and download", dtype, &x, |device| {
                exactly(&x.tensor, &x.host)?;
                let again = Tensor::from_bytes(&x.tensor.to_bytes(), dtype, shape, device);
                exactly(&again, &x.host).named("its bytes")?;
                exactly(&x.tensor.flatten(), &Host { shape: vec![x.host.values.len()], ..x.host.clone() }).named("flat")
            });
        }
        for value in [0.0, 1.0, 2.7, -1.0, 3e9, f64::NAN] {
            for shape in [&[][..], &[0], &[3, 5], &[20011]] {
                checker.case("full", dtype, format_args!("{value} in {shape:?}"), |device| {
                    let expected = Host::from_fn(shape, |_| rounded(dtype, value));
                    exactly(&Tensor::full(shape, value, dtype, device), &expected)
                });
            }
        }
        checker.case("arange", dtype, "100 elements", |device| {
            exactly(&Tensor::arange(100, dtype, device), &Host::from_fn(&[100], |i| rounded(dtype, i[0] as f64)))
        });
    }
    checker.case("upload and download", DType::Bool, "bytes that are neither 0 nor 1", |device| {
        let x = Tensor::from_bytes(&[0, 1, 2, 255], DType::Bool, [4], device);
        equal(x.to_vec::<bool>(), vec![false, true, true, true])?;
        equal(x.logical_not().to_vec::<bool>(), vec![true, false, false, false])
    });
    for dtype in DType::FLOATS {
        random(checker, dtype);
    }
    checker.case("record, wait and synchronize", DType::F32, "around an addition", order_of_work);
}

/// What a tensor holds is counted, what is dropped is not, and views hold nothing of their own.
fn bytes_held(device: &Device, dtype: DType) -> Outcome {
    device.synchronize();
    let before = device.memory().in_use;
    device.reset_peak_memory();
    equal(device.memory().peak, before).named("peak after its reset")?;
    let bytes = 1000 * dtype.size();
    {
        let x = Tensor::zeros([1000], dtype, device);
        let view = x.reshape([10, 100]).t().narrow(0, 1, 3);
        let held = device.memory().in_use - before;
        holds("a tensor's bytes are counted", held >= bytes && held < bytes + 4096).named("in use")?;
        drop(x);
        equal(device.memory().in_use - before, held).named("in use while a view is left")?;
        let _copy = view.copy();
        holds("a copy's bytes are counted too", device.memory().in_use - before > held)?;
    }
    device.synchronize();
    equal(device.memory().in_use, before).named("in use when all is dropped")?;
    let peak = device.memory().peak;
    holds("the peak stays", peak >= before + bytes && peak <= device.memory().budget)
}

fn random(checker: &mut Checker, dtype: DType) {
    let distributions = [
        Distribution::Uniform { low: -0.08, high: 0.08 },
        // Where rounding goes up to the bound unless it is kept below.
        Distribution::Uniform { low: 1.0, high: 1.0 + 2.0 * dtype.epsilon() },
        Distribution::Uniform { low: -1.0, high: 0.0 },
        Distribution::Normal { mean: 0.0, deviation: 1.0 },
        Distribution::Normal { mean: -3.0, deviation: 0.01 },
        Distribution::Dropout { keep: 0.8 },
        Distribution::Dropout { keep: 1.0 },
    ];
    for distribution in distributions {
        for len in [0, 1, 6, 1003, 40_001] {
            let name = match distribution {
                Distribution::Uniform { .. } => "random uniform",
                Distribution::Normal { .. } => "random normal",
                Distribution::Dropout { .. } => "random dropout",
            };
            let key = Key::new(17).purpose(name).at(u32::MAX as u64 + 5);
            checker.case(name, dtype, format_args!("{distribution:?}, {len} elements"), |device| {
                let expected = |key| Host::from_fn(&[len], |i| random::element(distribution, key, i[0] as u64, dtype));
                exactly(&Tensor::random(distribution, key, [len], dtype, device), &expected(key))?;
                let step = Tensor::scalar(12i64, device);
                let later = Tensor::random_at(distribution, key, Some(&step), [len], dtype, device);
                exactly(&later, &expected(key.at(12))).named("at a step")
            });
        }
    }
}

fn order_of_work(device: &Device) -> Outcome {
    let backend = device.backend();
    let x = Operand::new("x", Values::Whole, View::Plain, &[300, 200], DType::F32, device);
    let doubled = &x.tensor + &x.tensor;
    let waited = backend.record().and_then(|event| backend.wait(&event));
    let redoubled = device.run(|| &doubled + &doubled);
    let done = backend.synchronize();
    equal((waited, done), (Ok(()), Ok(())))?;
    exactly(&redoubled, &host(&x.tensor).map(|x| 4.0 * x))
}
