//! Layers of an LSTM overlapped along the diagonal: the same bits as one after another, whenever the lanes run.

use unrolled_autograd::Var;
use unrolled_cuda::Options;
use unrolled_nn::{Lstm, LstmState, Module};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Tensor};

use crate::support::{EAGER, LAZY, NO_CUBLAS, SHUFFLED, Virtual, device_with, on_gpus};

/// Other random times than [`SHUFFLED`].
const OTHER_TIMES: Virtual =
    Virtual { name: "other random times", variables: &[("VIRTUAL_CUDA_TIMING", "random:1234")], cublas: true };

fn random(name: &str, shape: &[usize], device: &Device) -> Tensor {
    let normal = Distribution::Normal { mean: 0.0, deviation: 0.5 };
    Tensor::random(normal, Key::new(8).purpose(name), shape, DType::F32, device)
}

/// An encoder and a decoder of `layers` layers, forward and backward: the outputs, the states, and all gradients.
fn stacks(device: &Device, layers: usize, [source, target]: [usize; 2]) -> Vec<Vec<u8>> {
    let (batch, inputs, hidden) = (3, 4, 5);
    let stack = |name| Lstm::new(inputs, hidden, layers, 0.0, 0.6, Key::new(2).purpose(name), device);
    let [encoder, decoder] = ["encoder", "decoder"].map(stack);
    let words = [source, target].map(|steps| Var::leaf(random("words", &[steps, batch, inputs], device)));
    let lengths = [source, target].map(|steps| Tensor::from_slice(&[steps as u32, 1, steps as u32 / 2], [3], device));
    let start = LstmState::zeros(layers, batch, hidden, DType::F32, device);
    let (read, state) = encoder.forward(&words[0], &start, Some(&lengths[0]), None);
    let (written, state) = decoder.forward(&words[1], &state, Some(&lengths[1]), None);
    let mut bytes: Vec<Vec<u8>> = [&read, &written].map(|x| x.tensor().to_bytes()).into();
    bytes.extend(state.hidden.iter().chain(&state.cell).map(|x| x.tensor().to_bytes()));
    let weights = Var::constant(random("weights", written.shape(), device));
    let mut loss = (&written * &weights).sum(.., false);
    for x in state.cell.iter().step_by(2) {
        loss += x.square().sum(.., false);
    }
    let gradients = loss.backward();
    let parameters = encoder.parameters().into_iter().chain(decoder.parameters());
    let leaves = words.into_iter().chain(parameters.map(|(_, parameter)| parameter.var().clone()));
    bytes.extend(leaves.map(|leaf| gradients.get(&leaf).unwrap().to_bytes()));
    bytes
}

#[test]
fn layers_at_once_have_the_bits_of_layers_one_after_another() {
    let kinds = [EAGER, LAZY, SHUFFLED, OTHER_TIMES, NO_CUBLAS];
    on_gpus("wave::layers_at_once_have_the_bits_of_layers_one_after_another", &kinds, || {
        let [one_by_one, at_once] =
            [false, true].map(|overlap| device_with(Options { budget: None, graphs: false, overlap }).1);
        // More layers than lanes; and steps so few that there is nothing to overlap.
        for (layers, steps) in [(3, [9, 14]), (5, [13, 3]), (2, [2, 6])] {
            for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
                let bits = [&one_by_one, &at_once].map(|device| {
                    device.set_matmul_precision(precision);
                    stacks(device, layers, steps)
                });
                assert!(bits[0] == bits[1], "{layers} layers, {steps:?} steps, {precision:?}");
            }
        }
        assert_eq!(at_once.memory().in_use, 0, "what was kept during a wave has gone back");
    });
}

/// Many threads with work of their own while layers are overlapped.
#[test]
fn other_threads_may_work_meanwhile() {
    on_gpus("wave::other_threads_may_work_meanwhile", &[LAZY, SHUFFLED], || {
        let (_, device) = device_with(Options { budget: None, graphs: true, overlap: true });
        let expected = stacks(&device, 2, [7, 6]);
        std::thread::scope(|scope| {
            let sums = scope.spawn(|| {
                for i in 0..60 {
                    let x = Tensor::full([300], f64::from(i), DType::F32, &device);
                    assert_eq!((&x + &x).sum(.., false).item::<f32>(), 600.0 * i as f32);
                }
            });
            for _ in 0..3 {
                assert!(stacks(&device, 2, [7, 6]) == expected);
            }
            sums.join().unwrap();
        });
    });
}
