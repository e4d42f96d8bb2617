//! The k most probable words of a linear layer: the part of the conformance suite, and the same bits on any number of threads.

use unrolled_tensor::conformance::{Part, check_parts};
use unrolled_tensor::fused::LinearTopKArgs;
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

#[test]
fn it_conforms() {
    if let Err(failures) = check_parts(&Device::cpu_with(0, 3, usize::MAX), &[Part::LinearTopK]) {
        panic!("{failures}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let found = [1, 2, 3, 8].map(|threads| {
        let device = Device::cpu_with(0, threads, usize::MAX);
        let random = |seed: u64, shape: &[usize]| {
            let normal = Distribution::Normal { mean: 0.0, deviation: 0.3 };
            Tensor::random(normal, Key::new(seed), shape, DType::F32, &device)
        };
        let (hidden, weight, bias) = (random(1, &[300, 40]), random(2, &[5003, 40]), random(3, &[5003]));
        let args = LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &bias, k: 13, watched: 1 };
        let found = || {
            let best = Tensor::linear_top_k(&args);
            [best.values.to_bytes(), best.words.to_bytes(), best.watched.to_bytes()]
        };
        let plain = found();
        weight.keep_packed(1);
        assert!(found() == plain, "kept packed or not");
        plain
    });
    assert!(found.iter().all(|of_threads| *of_threads == found[0]));
}

/// What is kept of a weight goes when the weight changes, and so does its memory.
#[test]
fn a_changed_weight_is_packed_anew() {
    let device = Device::cpu_with(0, 1, usize::MAX);
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &device);
    let (hidden, mut weight, bias) = (ones(&[1, 2]), ones(&[3, 2]), Tensor::zeros([3], DType::F32, &device));
    let change = Tensor::from_slice(&[0f32, 0.0, 5.0, 0.0, 0.0, 0.0], [3, 2], &device);
    let before = device.memory().in_use;
    weight.keep_packed(1);
    assert!(device.memory().in_use > before);
    let best = |weight: &Tensor| {
        let args = LinearTopKArgs { hidden: &hidden, weight, bias: &bias, k: 1, watched: 0 };
        Tensor::linear_top_k(&args).words.item::<u32>()
    };
    assert_eq!(best(&weight), 0);
    weight.accumulate(&change, 1.0);
    assert_eq!(device.memory().in_use, before);
    assert_eq!(best(&weight), 1);
}
