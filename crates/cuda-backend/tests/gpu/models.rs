//! What a translator's step is made of, against the CPU: LSTM layers, the softmax over a vocabulary, optimiser steps.

use std::sync::Arc;

use unrolled_cuda::CudaBackend;
use unrolled_tensor::fused::{
    CrossEntropyArgs, CrossEntropyGradients, LinearTopKArgs, LstmArgs, LstmGradients, LstmOutputGradients,
};
use unrolled_tensor::ops::{Distribution, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::support::{EAGER, LAZY, SHUFFLED, on_gpus};

fn device() -> Device {
    unrolled_cuda::device(0).unwrap()
}

fn normal(name: &str, shape: &[usize], deviation: f64, dtype: DType, device: &Device) -> Tensor {
    Tensor::random(Distribution::Normal { mean: 0.0, deviation }, Key::new(1).purpose(name), shape, dtype, device)
}

/// Within so many epsilons of the largest.
#[track_caller]
fn near(what: &str, found: &Tensor, expected: &Tensor, epsilons: f64) {
    assert_eq!((found.shape(), found.dtype()), (expected.shape(), expected.dtype()), "{what}");
    let (found_values, values) = (found.cast(DType::F64).to_vec::<f64>(), expected.cast(DType::F64).to_vec::<f64>());
    let largest = values.iter().fold(1e-300, |most: f64, x| most.max(x.abs()));
    for (i, (x, y)) in found_values.iter().zip(&values).enumerate() {
        let within = epsilons * found.dtype().epsilon() * largest;
        assert!((x - y).abs() <= within, "{what} of {}, element {i}: {x} instead of {y}", found.dtype());
    }
}

/// Both directions of a layer, some of whose sequences end on the way.
fn layer(
    device: &Device,
    dtype: DType,
    [steps, batch, inputs, h]: [usize; 4],
    lengths: Option<&[u32]>,
    last: bool,
) -> (Vec<Tensor>, LstmGradients) {
    let tensor = |name: &str, shape: &[usize], deviation| normal(name, shape, deviation, dtype, device);
    let lengths = lengths.map(|lengths| Tensor::from_slice(lengths, [batch], device));
    let args = LstmArgs {
        input: &tensor("input", &[steps, batch, inputs], 1.0),
        weight_ih: &tensor("weight_ih", &[4 * h, inputs], 0.6),
        weight_hh: &tensor("weight_hh", &[4 * h, h], 0.15),
        bias: &tensor("bias", &[4 * h], 0.5),
        hidden: &tensor("hidden", &[batch, h], 0.5),
        cell: &tensor("cell", &[batch, h], 1.0),
        lengths: lengths.as_ref(),
        start: 2,
    };
    let arriving = [&[steps, batch, h][..], &[batch, h], &[batch, h]].map(|shape| tensor("arriving", shape, 1.0));
    let [sequence, hidden, cell] = &arriving;
    let gradients = LstmOutputGradients { sequence: Some(sequence), hidden: Some(hidden), cell: Some(cell) };
    let output = Tensor::lstm_sequence(&args);
    let found = [&output.sequence, &output.hidden, &output.cell, &output.cells].map(Tensor::copy).to_vec();
    let gradients = if last {
        Tensor::lstm_sequence_backward_last(&args, output, &gradients)
    } else {
        Tensor::lstm_sequence_backward(&args, &output, &gradients)
    };
    (found, gradients)
}

fn named(gradients: &LstmGradients) -> [(&'static str, &Tensor); 6] {
    [
        ("gradient of the input", &gradients.input),
        ("gradient of weight_ih", &gradients.weight_ih),
        ("gradient of weight_hh", &gradients.weight_hh),
        ("gradient of the bias", &gradients.bias),
        ("gradient of hidden", &gradients.hidden),
        ("gradient of the cell", &gradients.cell),
    ]
}

#[test]
fn lstm_layers_with_ragged_lengths() {
    on_gpus("models::lstm_layers_with_ragged_lengths", &[SHUFFLED], || {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            // The sequences begin two steps before the range: the first has ended by then, the third ends in it.
            // The last one has more cells than a grid has threads.
            let sizes = |steps| [steps, 5, 3, 70];
            for (sizes, lengths) in [
                (sizes(4), Some(&[2u32, 9, 4, 5, 3][..])),
                (sizes(1), None),
                (sizes(1), Some(&[2, 3, 0, 9, 2])),
                (sizes(3), None),
                ([2, 33_000, 1, 1], None),
            ] {
                let (output, gradients) = layer(&device(), dtype, sizes, lengths, false);
                let (expected, expected_gradients) = layer(&Device::cpu(), dtype, sizes, lengths, false);
                for (name, (found, expected)) in
                    ["sequence", "hidden", "cell", "cells"].iter().zip(output.iter().zip(&expected))
                {
                    near(name, found, expected, 8.0);
                }
                for ((name, found), (_, expected)) in named(&gradients).iter().zip(named(&expected_gradients)) {
                    // Those of the weights are sums over all rows.
                    near(name, found, expected, f64::max(24.0, (sizes[0] * sizes[1]) as f64 / 200.0));
                }
                // Where nobody needs the gates any more their memory is used, and nothing changes.
                let (_, again) = layer(&device(), dtype, sizes, lengths, true);
                for ((name, found), (_, again)) in named(&gradients).iter().zip(named(&again)) {
                    assert!(found.to_bytes() == again.to_bytes(), "{name} of {dtype} for the last time");
                }
            }
        }
    });
}

struct Softmax {
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
}

impl Softmax {
    fn new([n, h, v]: [usize; 3], dtype: DType, device: &Device) -> Softmax {
        let words: Vec<u32> = (0..n).map(|row| (row * 37 % v) as u32).collect();
        let weights: Vec<f64> = (0..n).map(|row| [1.0, 0.5, 0.0, 2.0][row % 4]).collect();
        Softmax {
            hidden: normal("hidden", &[n, h], 1.0, dtype, device),
            weight: normal("weight", &[v, h], 0.5, dtype, device),
            // Far enough apart that the wrong maximum overflows; of short floats such logits would be too coarse.
            bias: normal("bias", &[v], if dtype.size() > 2 { 60.0 } else { 1.0 }, dtype, device),
            targets: Tensor::from_slice(&words, [n], device),
            row_weights: Tensor::from_slice(&weights, [n], &Device::cpu()).cast(dtype).to_device(device),
        }
    }

    fn args(&self) -> CrossEntropyArgs<'_> {
        let Softmax { hidden, weight, bias, targets, row_weights } = self;
        CrossEntropyArgs { hidden, weight, bias, targets, row_weights, offset: 0 }
    }
}

fn gradients_near(found: &CrossEntropyGradients, expected: &CrossEntropyGradients, epsilons: f64) {
    near("gradient of hidden", &found.hidden, &expected.hidden, epsilons);
    near("gradient of the weight", &found.weight, &expected.weight, epsilons);
    near("gradient of the bias", &found.bias, &expected.bias, epsilons);
}

#[test]
fn cross_entropy_over_several_chunks_and_slices() {
    on_gpus("models::cross_entropy_over_several_chunks_and_slices", &[SHUFFLED], || {
        // A budget so small that a chunk has 32 rows, the last one 6.
        let small = Device::new(Arc::new(CudaBackend::with_budget(0, 1 << 20).unwrap()));
        for dtype in DType::FLOATS {
            let sizes = [70, 6, 530];
            let cpu = Softmax::new(sizes, dtype, &Device::cpu());
            let expected = Tensor::linear_cross_entropy(&cpu.args(), true);
            let expected_gradients = expected.gradients.as_ref().unwrap();
            for device in [&small, &device()] {
                let gpu = Softmax::new(sizes, dtype, device);
                let found = Tensor::linear_cross_entropy(&gpu.args(), true);
                near("losses", &found.losses, &expected.losses, 16.0);
                gradients_near(found.gradients.as_ref().unwrap(), expected_gradients, 128.0);
                assert!(found.losses.to_f64_vec().iter().skip(2).step_by(4).all(|&loss| loss == 0.0));
            }
            // Two slices of the vocabulary, whose partials are merged on the CPU.
            let gpu = Softmax::new(sizes, dtype, &small);
            let slice = |from: usize, to: usize| [&gpu.weight, &gpu.bias].map(|x| x.narrow(0, from, to - from));
            let slices = [(0, slice(0, 300)), (300, slice(300, 530))];
            let args = slices.each_ref().map(|(offset, [weight, bias])| CrossEntropyArgs {
                weight,
                bias,
                offset: *offset,
                ..gpu.args()
            });
            let partials = args.each_ref().map(|args| {
                let mut partials = Tensor::linear_cross_entropy_partials(args);
                for part in [&mut partials.max, &mut partials.sum, &mut partials.target] {
                    *part = part.to_device(&Device::cpu());
                }
                partials
            });
            let (log_sum, target) = unrolled_tensor::fused::cross_entropy::merge(&partials);
            let losses = unrolled_tensor::fused::cross_entropy::weighted_losses(&log_sum, &target, &cpu.row_weights);
            near("losses of slices", &losses, &expected.losses, 16.0);
            let log_sum = log_sum.to_device(&small);
            let [left, right] = args.each_ref().map(|args| Tensor::linear_cross_entropy_gradients(args, &log_sum));
            let whole = |a: &Tensor, b: &Tensor| {
                Tensor::concat(&[&a.to_device(&Device::cpu()), &b.to_device(&Device::cpu())], 0)
            };
            near(
                "gradient of the weight in slices",
                &whole(&left.weight, &right.weight),
                &expected_gradients.weight,
                128.0,
            );
            near("gradient of the bias in slices", &whole(&left.bias, &right.bias), &expected_gradients.bias, 128.0);
        }
    });
}

/// More rows than the threads that put those that count before the others.
#[test]
fn cross_entropy_of_many_rows() {
    on_gpus("models::cross_entropy_of_many_rows", &[SHUFFLED], || {
        for dtype in DType::FLOATS {
            let [cpu, gpu] = [&Device::cpu(), &device()]
                .map(|device| Tensor::linear_cross_entropy(&Softmax::new([1700, 2, 5], dtype, device).args(), true));
            near("losses", &gpu.losses, &cpu.losses, 16.0);
            near("gradient of hidden", &gpu.gradients.unwrap().hidden, &cpu.gradients.unwrap().hidden, 128.0);
        }
    });
}

#[test]
fn the_most_probable_words() {
    on_gpus("models::the_most_probable_words", &[SHUFFLED], || {
        let small = Device::new(Arc::new(CudaBackend::with_budget(0, 1 << 20).unwrap()));
        for dtype in DType::FLOATS {
            let [cpu, gpu] = [&Device::cpu(), &small].map(|device| {
                let Softmax { hidden, weight, bias, .. } = Softmax::new([40, 5, 700], dtype, device);
                Tensor::linear_top_k(&LinearTopKArgs {
                    hidden: &hidden,
                    weight: &weight,
                    bias: &bias,
                    k: 11,
                    watched: 699,
                })
            });
            near("values", &gpu.values, &cpu.values, 16.0);
            near("watched", &gpu.watched, &cpu.watched, 16.0);
            if dtype == DType::F32 || dtype == DType::F64 {
                assert_eq!(gpu.words.to_vec::<u32>(), cpu.words.to_vec::<u32>());
            }
        }
    });
}

#[test]
fn optimiser_steps_have_the_bits_of_the_cpu() {
    on_gpus("models::optimiser_steps_have_the_bits_of_the_cpu", &[LAZY], || {
        // Constants that a wrong rounding to f32 makes others.
        let adam = |decoupled| Update::Adam { beta1: 0.85, beta2: 0.99, epsilon: 1e-6, weight_decay: 0.1, decoupled };
        for dtype in DType::FLOATS {
            for rule in [Update::Sgd { momentum: 0.0 }, Update::Sgd { momentum: 0.85 }, adam(false), adam(true)] {
                for rows in [None, Some([8u32, 1, 5, 0, 2, 7, 3, 6])] {
                    let [cpu, gpu] = [Device::cpu(), device()].map(|device| {
                        let mut p = normal("p", &[9, 4100], 1.0, dtype, &device);
                        let mut state: Vec<Tensor> = (0..rule.states())
                            .map(|_| {
                                Tensor::random(
                                    Distribution::Uniform { low: 0.5, high: 2.0 },
                                    Key::new(2),
                                    [9, 4100],
                                    dtype,
                                    &device,
                                )
                            })
                            .collect();
                        let count = rows.map_or(9, |rows| rows.len());
                        let rows = rows.map(|rows| Tensor::from_slice(&rows, [count], &device));
                        for step in 1..4 {
                            let g = normal(&format!("g {step}"), &[count, 4100], 1.0, dtype, &device);
                            // What changes from step to step is read on the device, in either type.
                            let hyper = [0.35, 1.0 / f64::from(step), 0.3, 0.7];
                            let hyper = Tensor::from_slice(&hyper, [4], &Device::cpu());
                            let hyper = if step == 2 { hyper.cast(DType::F32) } else { hyper };
                            p.update(&rule, &g, rows.as_ref(), &mut state, &hyper.to_device(&device));
                        }
                        let mut sum = p.copy();
                        sum.accumulate(&state.first().unwrap_or(&p).t().copy().t(), -0.75);
                        sum.accumulate(&p, 1.0);
                        state.extend([p, sum]);
                        state.iter().map(Tensor::to_bytes).collect::<Vec<_>>()
                    });
                    assert!(cpu == gpu, "{rule:?} of {dtype}, rows {rows:?}");
                }
            }
        }
        for dtype in [DType::U32, DType::I64] {
            let [cpu, gpu] = [Device::cpu(), device()].map(|device| {
                // More elements than a grid has threads.
                let of = |x: &[i64]| {
                    Tensor::from_slice(&x.repeat(9000), [36_000], &Device::cpu()).cast(dtype).to_device(&device)
                };
                let mut onto = of(&[5, 0, 7, 4_000_000_000]);
                onto.accumulate(&of(&[2, 3, 11, 4_000_000_000]), -0.5);
                onto.accumulate(&of(&[1, 9, 0, 100]), 1.0);
                onto.accumulate(&of(&[0, 0, 100, 3_000_000_000]), 3.0);
                onto.to_bytes()
            });
            assert_eq!(cpu, gpu, "accumulation of {dtype}");
        }
    });
}

#[test]
fn a_target_or_a_row_outside_is_found_out() {
    on_gpus("models::a_target_or_a_row_outside_is_found_out", &[EAGER], || {
        let lost = |work: &dyn Fn(&Device)| {
            // A launch that failed takes its device's context with it, and hides the next.
            let done = unrolled_tensor::catch_device_error(|| work(&device()));
            assert!(matches!(done, Err(unrolled_tensor::DeviceError::Lost { .. })), "{done:?}");
        };
        lost(&|device| {
            let mut softmax = Softmax::new([4, 2, 9], DType::F32, device);
            softmax.targets = Tensor::from_slice(&[1u32, 9, 100, 3], [4], device);
            Tensor::linear_cross_entropy(&softmax.args(), false).losses.to_vec::<f32>();
        });
    });
}
