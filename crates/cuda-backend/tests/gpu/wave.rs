//! Layers of an LSTM overlapped along the diagonal: the same bits as one after another, whenever the lanes run.

use unrolled_autograd::Var;
use unrolled_cuda::Options;
use unrolled_nn::{Lstm, LstmState, Module};
use unrolled_tensor::fused::{LstmArgs, LstmGradients, LstmOutput, LstmOutputGradients};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Tensor};

use crate::support::{EAGER, LAZY, NO_CUBLAS, OVERTAKING, SHUFFLED, Virtual, device_with, launches, on_gpus};

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
    let kinds = [EAGER, LAZY, SHUFFLED, OTHER_TIMES, OVERTAKING, NO_CUBLAS];
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

/// Tensors of one shape, of which layers read some of the last and to which they add what they make.
struct Pool(Vec<Tensor>);

impl Pool {
    fn new<const N: usize>(name: &str, shape: &[usize], device: &Device) -> Pool {
        Pool((0..N).map(|i| random(&format!("{name} {i}"), shape, device)).collect())
    }

    /// One of the last few.
    fn pick(&self, dice: &mut Dice) -> Tensor {
        self.0[self.0.len() - 1 - dice.below(self.0.len().min(8))].clone()
    }
}

/// Chance, by a seed.
struct Dice(Key, u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.1 += 1;
        self.0.below(self.1, sides as u64) as usize
    }
}

/// A layer's arguments, held.
#[derive(Clone)]
struct Held {
    input: Tensor,
    weights: [Tensor; 2],
    bias: Tensor,
    states: [Tensor; 2],
}

impl Held {
    fn args(&self) -> LstmArgs<'_> {
        let Held { input, weights: [weight_ih, weight_hh], bias, states: [hidden, cell] } = self;
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths: None, start: 0 }
    }
}

/// `layers` layers, forward and backward as chance will have it, each of which reads whatever has the right shape of what the last ones have made or are
/// making, whether or not it makes sense: sequences (turned round, some of them), states, gradients, gradients of weights as weights and of sums as gates. All
/// that they make.
fn tangle(device: &Device, seed: u64, layers: usize) -> Vec<Vec<u8>> {
    let (steps, batch, h) = (11, 2, 3);
    let mut sequences = Pool::new::<2>("sequence", &[steps, batch, h], device);
    let mut states = Pool::new::<2>("state", &[batch, h], device);
    let mut weights = Pool::new::<2>("weight", &[4 * h, h], device);
    let mut biases = Pool::new::<1>("bias", &[4 * h], device);
    let mut gates = Pool::new::<0>("gates", &[steps, batch, 4 * h], device);
    let mut dice = Dice(Key::new(seed), 0);
    let mut forward: Vec<(Held, LstmOutput)> = Vec::new();
    for _ in 0..layers {
        let kind = if forward.is_empty() { 0 } else { dice.below(6) };
        if kind < 3 {
            let input = sequences.pick(&mut dice);
            let input = if dice.below(4) == 0 { input.flip(0) } else { input };
            let weights = [weights.pick(&mut dice), weights.pick(&mut dice)];
            let (bias, these) = (biases.pick(&mut dice), [states.pick(&mut dice), states.pick(&mut dice)]);
            let held = Held { input, weights, bias, states: these };
            let output = Tensor::lstm_sequence(&held.args());
            sequences.0.extend([&output.sequence, &output.cells].map(Clone::clone));
            states.0.extend([&output.hidden, &output.cell].map(Clone::clone));
            if dice.below(2) == 0 {
                gates.0.push(output.gates.clone());
            }
            forward.push((held, output));
            continue;
        }
        let (mut held, mut output) = forward[forward.len() - 1 - dice.below(forward.len().min(3))].clone();
        if !gates.0.is_empty() && dice.below(3) == 0 {
            output.gates = gates.pick(&mut dice);
        }
        for other in [&mut output.cells, &mut output.sequence, &mut held.input] {
            if dice.below(3) == 0 {
                *other = sequences.pick(&mut dice);
            }
        }
        if dice.below(3) == 0 {
            held.states = [states.pick(&mut dice), states.pick(&mut dice)];
        }
        let sequence = sequences.pick(&mut dice);
        let [hidden, cell] = [states.pick(&mut dice), states.pick(&mut dice)];
        let arriving = LstmOutputGradients {
            sequence: Some(&sequence),
            hidden: Some(&hidden).filter(|_| dice.below(2) == 0),
            cell: Some(&cell).filter(|_| dice.below(2) == 0),
        };
        if kind == 3 {
            let made = Tensor::lstm_sequence_backward_data(&held.args(), output, &arriving);
            gates.0.push(made.sums);
            sequences.0.push(made.input);
            states.0.extend([made.hidden, made.cell]);
            continue;
        }
        let mut made = vec![Tensor::lstm_sequence_backward(&held.args(), &output, &arriving)];
        if kind == 5 {
            // Nobody else has its gates, unless they are among those above, and their gradients take their place.
            forward.clear();
            made.push(Tensor::lstm_sequence_backward_last(&held.args(), output, &arriving));
        }
        for LstmGradients { input, weight_ih, weight_hh, bias, hidden, cell } in made {
            sequences.0.push(input);
            states.0.extend([hidden, cell]);
            weights.0.extend([weight_ih, weight_hh]);
            biases.0.push(bias);
        }
    }
    let pools = [sequences, states, weights, biases, gates];
    pools.iter().flat_map(|pool| &pool.0).map(Tensor::to_bytes).collect()
}

/// Whatever reads what another lane is making, in whichever of its arguments.
#[test]
fn layers_in_a_tangle_wait_for_all_that_they_read() {
    on_gpus("wave::layers_in_a_tangle_wait_for_all_that_they_read", &[LAZY, OVERTAKING, SHUFFLED], || {
        let [one_by_one, at_once] =
            [false, true].map(|overlap| device_with(Options { budget: None, graphs: false, overlap }).1);
        for seed in 0..32 {
            let bits = [&one_by_one, &at_once].map(|device| tangle(device, seed, 20));
            let wrong = bits[0].iter().zip(&bits[1]).filter(|(a, b)| a != b).count();
            assert!(wrong == 0, "{wrong} of {} tensors, seed {seed}", bits[0].len());
        }
    });
}

#[test]
fn layers_do_run_at_once() {
    on_gpus("wave::layers_do_run_at_once", &[EAGER], || {
        let chain = |overlap| {
            let (_, device) = device_with(Options { budget: None, graphs: false, overlap });
            launches(|| drop(stacks(&device, 4, [32, 32])))
        };
        let (Some(one_by_one), Some(at_once)) = (chain(false), chain(true)) else { return };
        println!("launches, and those that follow one another: {one_by_one:?} one by one, {at_once:?} at once");
        assert_eq!(one_by_one.all, at_once.all, "the same work");
        assert_eq!(one_by_one.all, one_by_one.chain, "in one stream");
        let fast = 5 * at_once.chain < 2 * one_by_one.chain;
        assert!(fast, "not even two and a half times as fast, were launches all that counts");
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
