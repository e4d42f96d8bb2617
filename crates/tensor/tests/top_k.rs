//! The k most probable words of a linear layer: the part of the conformance suite, and the same bits on any number of threads.

use unrolled_tensor::conformance::{Part, check_parts};
use unrolled_tensor::fused::{LinearTopKArgs, LinearTopKPartials, TopKSlice, merge_top_k};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

#[test]
fn it_conforms() {
    if let Err(failures) = check_parts(&Device::cpu_with(0, 3, usize::MAX), &[Part::LinearTopK]) {
        panic!("{failures}");
    }
}

/// With few words and with so many that tiles are wider.
#[test]
fn threads_do_not_change_a_bit() {
    for words in [5_003, 12_345] {
        let found = [1, 2, 3, 8].map(|threads| {
            let device = Device::cpu_with(0, threads, usize::MAX);
            let random = |seed: u64, shape: &[usize]| {
                let normal = Distribution::Normal { mean: 0.0, deviation: 0.3 };
                Tensor::random(normal, Key::new(seed), shape, DType::F32, &device)
            };
            let (hidden, weight, bias) = (random(1, &[300, 40]), random(2, &[words, 40]), random(3, &[words]));
            let args = LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &bias, k: 13, watched: 1 };
            let found = || {
                let best = Tensor::linear_top_k(&args);
                [best.values.to_bytes(), best.words.to_bytes(), best.watched.to_bytes()]
            };
            let plain = found();
            weight.keep_packed(1);
            assert!(found() == plain, "kept packed or not");
            let definition = (hidden.matmul(&weight.t()) + &bias).log_softmax(-1).top_k(13, -1).0.to_vec::<f32>();
            let values = Tensor::linear_top_k(&args).values.to_vec::<f32>();
            assert!(values.iter().zip(&definition).all(|(x, y)| (x - y).abs() < 2e-5), "{words} words");
            plain
        });
        assert!(found.iter().all(|of_threads| *of_threads == found[0]));
    }
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

/// In uneven slices the same words are found, and the same log-probabilities to rounding; of one slice to the bit.
#[test]
fn slices_of_the_vocabulary_merge() {
    let device = Device::cpu_with(0, 2, usize::MAX);
    let random = |seed: u64, shape: &[usize]| {
        let normal = Distribution::Normal { mean: 0.0, deviation: 0.3 };
        Tensor::random(normal, Key::new(seed), shape, DType::F32, &device)
    };
    let (hidden, weight, bias) = (random(1, &[70, 40]), random(2, &[3001, 40]), random(3, &[3001]));
    let (k, watched) = (13, 1700);
    let whole = Tensor::linear_top_k(&LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &bias, k, watched });
    for cuts in [&[0, 3001][..], &[0, 5, 1650, 3001]] {
        let slice = |cut: &[usize]| -> LinearTopKPartials {
            let words = cut[1] - cut[0];
            let (weight, bias) = (weight.narrow(0, cut[0], words), bias.narrow(0, cut[0], words));
            let watched = if (cut[0]..cut[1]).contains(&watched) { watched - cut[0] } else { 0 };
            let (weight, bias, k) = (&weight, &bias, k.min(words));
            Tensor::linear_top_k_partials(&LinearTopKArgs { hidden: &hidden, weight, bias, k, watched })
        };
        let parts: Vec<LinearTopKPartials> = cuts.windows(2).map(slice).collect();
        let slices: Vec<TopKSlice<'_>> =
            parts.iter().zip(cuts).map(|(partials, &offset)| TopKSlice { partials, offset }).collect();
        let merged = merge_top_k(&slices, k, parts.len() - 1);
        assert_eq!(merged.words.to_vec::<u32>(), whole.words.to_vec::<u32>());
        if parts.len() == 1 {
            assert!(merged.values.to_bytes() == whole.values.to_bytes());
            assert!(merged.watched.to_bytes() == whole.watched.to_bytes());
        }
        for (found, expected) in [(&merged.values, &whole.values), (&merged.watched, &whole.watched)] {
            let far = (found - expected).abs().max(.., false).item::<f32>();
            assert!(far < 1e-5, "{far}");
        }
    }
}
