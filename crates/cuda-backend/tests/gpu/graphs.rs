//! Work that is captured in CUDA graphs and replayed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use unrolled_cuda::{CudaBackend, GraphCounts, Options};
use unrolled_nn::{LossScaler, Module, Optimiser};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, Trainer};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{
    Captured, DType, Device, DeviceError, MatmulPrecision, Reading, Tensor, Work, catch_device_error,
};

use crate::support::{EAGER, LAZY, SHUFFLED, Virtual, device_with, launches, on_gpus};

const SIZES: Sizes = Sizes { source_words: 9, target_words: 11, embedding: 5, hidden: 6, layers: 2, softmax_slices: 1 };
/// The words of the longest source and target of each batch, of three sentences.
const BUCKETS: [(u64, u64); 3] = [(2, 3), (6, 9), (9, 4)];
const STEPS: u64 = 12;

fn options(graphs: bool, overlap: bool) -> Options {
    Options { budget: None, graphs, overlap }
}

/// Batches of these buckets, each step another, of sentences of different lengths.
fn batch(step: u64) -> Batch {
    batch_of(step, |longest, key| 1 + key.below(1000, longest))
}

/// The same, whose other sentences are as long as `length` says.
fn batch_of(step: u64, length: impl Fn(u64, Key) -> u64) -> Batch {
    let (source, target) = BUCKETS[step as usize % BUCKETS.len()];
    let mut corpus = NumberedCorpus::new();
    let words = |longest: u64, pair: u64, words: u64| -> Vec<u32> {
        let key = Key::new(100 * step + pair);
        let count = if pair == 0 { longest } else { length(longest, key) };
        (0..count).map(|place| 3 + key.below(place, words - 3) as u32).collect()
    };
    (0..3).for_each(|pair| corpus.push(&words(source, pair, 9), &words(target, pair, 11)));
    Batch::of(&corpus, &[0, 1, 2], true)
}

fn trainer(device: &Device, optimiser: Optimiser, precision: Precision, dropout: bool) -> Trainer {
    let model = Model::new(&SIZES, 0.2, 0.3.into(), Key::new(1), device);
    let recipe = Recipe { normalise: Normalise::Sentences, clip_norm: 0.5, dropout, key: Key::new(4), precision };
    Trainer::new(model, optimiser, recipe)
}

/// Losses and norms of all steps, and the parameters after them.
fn trained(device: &Device, optimiser: Optimiser, precision: Precision) -> (Vec<[u64; 2]>, Vec<Vec<u8>>) {
    let mut trainer = trainer(device, optimiser, precision, true);
    let step = |update: u64| {
        let report = trainer.step(&batch(update), update, 0.05);
        [report.loss.to_bits(), report.gradient_norm.to_bits()]
    };
    let reports = (0..STEPS).map(step).collect();
    (reports, trainer.model.parameters().into_iter().map(|(_, parameter)| parameter.tensor().to_bytes()).collect())
}

#[test]
fn captured_steps_have_the_bits_of_others() {
    on_gpus("graphs::captured_steps_have_the_bits_of_others", &[EAGER, LAZY, SHUFFLED], || {
        for (optimiser, precision, products) in [
            (Optimiser::sgd as fn() -> Optimiser, Precision::F32, MatmulPrecision::F32),
            (Optimiser::adam, Precision::F32, MatmulPrecision::Bf16),
            (Optimiser::sgd, Precision::Bf16, MatmulPrecision::F32),
            // Its first steps overflow, and are not taken.
            (|| Optimiser::momentum(0.9), Precision::F16, MatmulPrecision::F32),
        ] {
            let run = |options| {
                let (backend, device) = device_with(options);
                device.set_matmul_precision(products);
                let trained = trained(&device, optimiser(), precision);
                assert!(backend.uncaptured().is_empty(), "{:?}", backend.uncaptured());
                (trained, backend.graph_counts())
            };
            let (plain, none) = run(options(false, false));
            assert_eq!(none, GraphCounts::default());
            for overlap in [false, true] {
                let (found, counts) = run(options(true, overlap));
                assert!(found == plain, "{precision:?}, products in {products:?}, overlapped: {overlap}");
                let (shapes, steps) = (BUCKETS.len() as u64, STEPS);
                assert_eq!(counts, GraphCounts { captured: shapes, launched: steps - shapes, without: shapes });
            }
        }
    });
}

/// The whole step is in the graph: what the host adds are copies.
#[test]
fn a_replayed_step_launches_nothing_but_its_graph() {
    on_gpus("graphs::a_replayed_step_launches_nothing_but_its_graph", &[EAGER], || {
        for (optimiser, precision) in [(Optimiser::sgd(), Precision::F32), (Optimiser::adam(), Precision::F16)] {
            let (backend, device) = device_with(options(true, true));
            let mut trainer = trainer(&device, optimiser, precision, true);
            let mut step = |update| {
                trainer.step(&batch(update), update, 0.05);
            };
            (0..STEPS).for_each(&mut step);
            let captured = backend.graph_counts().captured;
            let Some(launched) = launches(|| (STEPS..2 * STEPS).for_each(step)) else { return };
            println!("{STEPS} steps: {launched:?}");
            assert_eq!((launched.alone, backend.graph_counts().captured), (0, captured));
            assert!(launched.all > 100 * STEPS, "{launched:?}");
        }
    });
}

#[test]
fn a_step_without_a_finite_norm_is_called_off_on_the_device() {
    on_gpus("graphs::a_step_without_a_finite_norm_is_called_off_on_the_device", &[EAGER, LAZY], || {
        let run = |graphs| {
            let (_, device) = device_with(options(graphs, graphs));
            let mut trainer = trainer(&device, Optimiser::adam(), Precision::F32, false);
            // A step in the middle is so long that no other is possible.
            let rate = |update| if update == STEPS / 2 { f64::INFINITY } else { 0.05 };
            let step = |update| trainer.step(&batch(update), update, rate(update)).taken;
            let taken: Vec<bool> = (0..STEPS).map(step).collect();
            let tensors = trainer.model.parameters().into_iter().map(|(_, parameter)| parameter.tensor());
            let learnt: Vec<Vec<u8>> = tensors.chain(trainer.optimiser.states()).map(Tensor::to_bytes).collect();
            (taken, trainer.optimiser.steps(), learnt)
        };
        let plain = run(false);
        assert!((0..STEPS).map(|update| update <= STEPS / 2).eq(plain.0.iter().copied()), "{:?}", plain.0);
        assert!(run(true) == plain);
    });
}

/// The loss's scale comes and goes between steps of one shape.
#[test]
fn a_step_with_a_scale_is_another_than_without() {
    on_gpus("graphs::a_step_with_a_scale_is_another_than_without", &[EAGER], || {
        let run = |graphs| {
            let (_, device) = device_with(options(graphs, graphs));
            let mut trainer = trainer(&device, Optimiser::sgd(), Precision::F32, true);
            let step = |update| {
                trainer.scaler = (update / 3 % 2 == 1).then(LossScaler::new);
                let report = trainer.step(&batch(0), update, 0.05);
                [report.loss, report.gradient_norm].map(f64::to_bits)
            };
            (0..STEPS).map(step).collect::<Vec<_>>()
        };
        assert!(run(true) == run(false));
    });
}

/// A batch's gradient in parts, one after the other, all in a graph for each shape.
#[test]
fn a_step_in_parts_is_captured() {
    on_gpus("graphs::a_step_in_parts_is_captured", &[EAGER, LAZY], || {
        let run = |graphs| {
            let (backend, device) = device_with(options(graphs, graphs));
            let mut trainer = trainer(&device, Optimiser::adam(), Precision::F32, true);
            trainer.parts = 3;
            // The parts of a bucket have the same shapes each time.
            let even = |update| batch_of(update, |longest, _| longest);
            let losses: Vec<u64> =
                (0..STEPS).map(|update| trainer.step(&even(update), update, 0.05).loss.to_bits()).collect();
            let learnt: Vec<Vec<u8>> =
                trainer.model.parameters().into_iter().map(|(_, parameter)| parameter.tensor().to_bytes()).collect();
            (losses, learnt, backend.graph_counts())
        };
        let (plain, captured) = (run(false), run(true));
        assert!(plain.0 == captured.0 && plain.1 == captured.1);
        let shapes = BUCKETS.len() as u64;
        assert_eq!(captured.2, GraphCounts { captured: shapes, launched: STEPS - shapes, without: shapes });
    });
}

#[test]
fn padded_batches_share_a_graph() {
    on_gpus("graphs::padded_batches_share_a_graph", &[LAZY], || {
        for parts in [1, 3] {
            let (backend, device) = device_with(options(true, true));
            // A CPU captures nothing, so it pads nothing.
            let [mut padded, mut plain] = [device, Device::cpu()].map(|device| {
                let mut trainer = trainer(&device, Optimiser::sgd(), Precision::F32, false);
                (trainer.parts, trainer.pad_steps) = (parts, 16);
                trainer
            });
            for update in 0..4 {
                let [a, b] = [&mut padded, &mut plain].map(|trainer| trainer.step(&batch(update), update, 0.05).loss);
                assert!((a - b).abs() < 1e-4 * b, "step {update}: {a} and {b}");
            }
            assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 3, without: 1 });
        }
    });
}

/// Work that reads `parameters` where they are.
fn captured(
    device: &Device,
    what: &Captured<'_>,
    parameters: &[&Tensor],
    run: impl FnMut(&[Tensor]) -> Vec<Tensor>,
) -> Vec<Tensor> {
    device.captured(what, Reading { parameters, run })
}

fn tensor(values: &[f32], device: &Device) -> Tensor {
    Tensor::from_slice(values, [values.len()], device)
}

/// `weight · x` and random numbers of the step, `times` over, with an x and a step of its own each.
fn scaled(device: &Device, weight: &Tensor, times: u64) {
    for step in 0..times {
        let x = tensor(&[step as f32, -1.0, 2.0], device);
        let what = Captured { name: "scaled", inputs: &[&x], step };
        let draw = || {
            let even = Distribution::Uniform { low: 0.0, high: 1.0 };
            Tensor::random(even, Key::new(5).at(step), [3], DType::F32, device)
        };
        let answers = captured(device, &what, &[weight], |inputs| vec![&inputs[0] * weight, draw(), inputs[0].clone()]);
        let expected = [&x * weight, draw(), x.clone()];
        for (found, expected) in answers.iter().zip(&expected) {
            assert_eq!(found.to_vec::<f32>(), expected.to_vec::<f32>(), "step {step}");
        }
    }
}

#[test]
fn work_reads_its_inputs_its_step_and_its_parameters_of_now() {
    on_gpus("graphs::work_reads_its_inputs_its_step_and_its_parameters_of_now", &[EAGER, LAZY], || {
        let (backend, device) = device_with(options(true, true));
        let mut weight = tensor(&[1.0, 2.0, 3.0], &device);
        scaled(&device, &weight, 4);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 3, without: 1 });
        // In place, and then somewhere else.
        weight.accumulate(&tensor(&[0.5, 0.5, 0.5], &device), 1.0);
        scaled(&device, &weight, 2);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 5, without: 1 });
        let before = weight.clone();
        weight.accumulate(&tensor(&[0.5, 0.5, 0.5], &device), 1.0);
        scaled(&device, &weight, 2);
        scaled(&device, &before, 2);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 3, launched: 9, without: 1 });
        // Elsewhere in the same memory, or in another order.
        let table = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3], &device);
        for weight in [table.index(0, 0), table.index(0, 1), table.index(0, 1).flip(0), table.index(0, 0)] {
            scaled(&device, &weight, 1);
        }
    });
}

#[test]
fn answers_that_are_held_stay_as_they_are() {
    on_gpus("graphs::answers_that_are_held_stay_as_they_are", &[EAGER, LAZY], || {
        let (backend, device) = device_with(options(true, true));
        let mut held = Vec::new();
        for step in 0..6u64 {
            let x = tensor(&[step as f32, 1.0], &device);
            let what = Captured { name: "squares", inputs: &[&x], step };
            held.push(captured(&device, &what, &[], |inputs| vec![&inputs[0] * &inputs[0]]).remove(0));
            if step == 3 {
                held.drain(..3);
            }
        }
        let expected = [[9.0, 1.0], [16.0, 1.0], [25.0, 1.0]];
        assert!(held.iter().zip(&expected).all(|(x, expected)| x.to_vec::<f32>() == expected));
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 1, without: 5 });
    });
}

#[test]
fn what_cannot_be_replayed_runs_each_time_and_says_why() {
    on_gpus("graphs::what_cannot_be_replayed_runs_each_time_and_says_why", &[EAGER, LAZY], || {
        type Work = (&'static str, fn(&Tensor, &Tensor, u64) -> Tensor);
        let works: [Work; 5] = [
            ("no input", |x, other, _| x * other),
            ("to the host", |x, _, _| x.affine(f64::from(x.to_vec::<f32>()[0]), 0.0)),
            ("of the host's", |x, _, step| x * &tensor(&[step as f32, 0.0], x.device())),
            ("at step", |x, _, _| {
                let even = Distribution::Uniform { low: 0.0, high: 1.0 };
                x * &Tensor::random(even, Key::new(5).at(77), [2], DType::F32, x.device())
            }),
            ("waits", |x, _, _| {
                x.device().synchronize();
                x.clone()
            }),
        ];
        for (why, work) in works {
            let (backend, device) = device_with(options(true, true));
            for step in 0..3u64 {
                let [x, other] = [[step as f32 + 2.0, 1.0], [step as f32, 3.0]].map(|values| tensor(&values, &device));
                let what = Captured { name: why, inputs: &[&x], step };
                let found = captured(&device, &what, &[], |inputs| vec![work(&inputs[0], &other, step)]).remove(0);
                assert_eq!(found.to_vec::<f32>(), work(&x, &other, step).to_vec::<f32>(), "{why}, step {step}");
            }
            let [said] = &backend.uncaptured()[..] else { panic!("{why}: {:?}", backend.uncaptured()) };
            assert!(said.contains(why), "{said}");
            assert_eq!(backend.graph_counts(), GraphCounts { captured: 0, launched: 0, without: 3 });
        }
    });
}

/// Adds each input to a sum, and says so in its way.
struct Adding<'a> {
    sum: &'a mut Tensor,
    then: fn(&Tensor) -> Tensor,
}

impl Work for Adding<'_> {
    fn parameters(&self) -> Vec<&Tensor> {
        vec![&*self.sum]
    }

    fn changed(&mut self) -> Vec<&mut Tensor> {
        vec![&mut *self.sum]
    }

    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor> {
        self.sum.accumulate(&inputs[0], 1.0);
        vec![(self.then)(self.sum)]
    }
}

/// `sum` plus 1 to `times`, and what was answered last.
fn added(device: &Device, sum: &mut Tensor, times: u64, then: fn(&Tensor) -> Tensor) -> Vec<f32> {
    let mut last = Vec::new();
    for step in 1..=times {
        let x = tensor(&[step as f32], device);
        let what = Captured { name: "adding", inputs: &[&x], step };
        last = device.captured(&what, Adding { sum, then }).remove(0).to_vec();
    }
    last
}

#[test]
fn work_changes_its_parameters_and_nothing_that_others_hold() {
    on_gpus("graphs::work_changes_its_parameters_and_nothing_that_others_hold", &[EAGER, LAZY], || {
        let (backend, device) = device_with(options(true, true));
        let mut sum = tensor(&[0.5], &device);
        let squared = |x: &Tensor| x * x;
        assert_eq!(added(&device, &mut sum, 4, squared), [10.5 * 10.5]);
        let before = sum.clone();
        assert_eq!(added(&device, &mut sum, 3, squared), [16.5 * 16.5]);
        assert_eq!((before.to_vec::<f32>(), sum.to_vec::<f32>()), (vec![10.5], vec![16.5]));
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 2, launched: 6, without: 1 });
    });
}

#[test]
fn work_that_fails_after_a_change_is_not_done_twice() {
    on_gpus("graphs::work_that_fails_after_a_change_is_not_done_twice", &[EAGER, LAZY], || {
        let (_, device) = device_with(options(true, true));
        let mut sum = tensor(&[0.5], &device);
        let read: fn(&Tensor) -> Tensor = |x| x.affine(f64::from(x.to_vec::<f32>()[0]), 0.0);
        let failed = catch_unwind(AssertUnwindSafe(|| added(&device, &mut sum, 1, read)));
        let error = failed.expect_err("it reads what it makes").downcast::<DeviceError>().unwrap();
        assert!(error.to_string().contains("to the host"), "{error}");
        assert_eq!(sum.to_vec::<f32>(), [1.5]);
        // From then on it is not recorded.
        assert_eq!(added(&device, &mut sum, 2, read), [4.5 * 4.5]);
        // What it does not mind it does once.
        let minding = |x: &Tensor| match catch_device_error(|| x.to_vec::<f32>()) {
            Ok(numbers) => x.affine(f64::from(numbers[0]), 0.0),
            Err(_) => x * x,
        };
        let (_, device) = device_with(options(true, true));
        let mut sum = tensor(&[0.5], &device);
        assert_eq!(added(&device, &mut sum, 3, minding), [6.5 * 6.5]);
    });
}

/// Holds what it changes.
struct Holding<'a>(&'a mut Tensor);

impl Work for Holding<'_> {
    fn parameters(&self) -> Vec<&Tensor> {
        vec![&*self.0]
    }

    fn changed(&mut self) -> Vec<&mut Tensor> {
        vec![&mut *self.0]
    }

    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor> {
        let before = self.0.clone();
        self.0.accumulate(&inputs[0], 1.0);
        vec![&*self.0 - &before]
    }
}

#[test]
fn work_that_holds_what_it_changes_is_not_recorded() {
    on_gpus("graphs::work_that_holds_what_it_changes_is_not_recorded", &[EAGER, LAZY], || {
        let (backend, device) = device_with(options(true, true));
        let mut sum = tensor(&[0.5], &device);
        for step in 1..=3u64 {
            let x = tensor(&[step as f32], &device);
            let what = Captured { name: "holding", inputs: &[&x], step };
            assert_eq!(device.captured(&what, Holding(&mut sum)).remove(0).to_vec::<f32>(), [step as f32]);
        }
        assert_eq!(sum.to_vec::<f32>(), [6.5]);
        let [why] = &backend.uncaptured()[..] else { panic!("{:?}", backend.uncaptured()) };
        assert!(why.contains("somebody else holds"), "{why}");
    });
}

/// What another device does would be missing in a replay.
#[test]
fn work_on_two_devices_is_not_recorded() {
    const TWO: Virtual = Virtual { name: "two", variables: &[("VIRTUAL_CUDA_DEVICES", "2")], cublas: false };
    on_gpus("graphs::work_on_two_devices_is_not_recorded", &[TWO], || {
        let (backend, device) = device_with(options(true, true));
        let Ok(other) = CudaBackend::with(1, options(true, true)) else { return };
        let mut there = tensor(&[0.0], &Device::new(Arc::new(other)));
        for step in 1..=3u64 {
            let x = tensor(&[step as f32], &device);
            let what = Captured { name: "two devices", inputs: &[&x], step };
            let run = |inputs: &[Tensor]| {
                there = there.affine(1.0, 1.0);
                vec![&inputs[0] * &inputs[0]]
            };
            assert_eq!(captured(&device, &what, &[], run).remove(0).to_vec::<f32>(), [(step * step) as f32]);
        }
        assert_eq!(there.to_vec::<f32>(), [3.0]);
        let [why] = &backend.uncaptured()[..] else { panic!("{:?}", backend.uncaptured()) };
        assert!(why.contains("cuda:1"), "{why}");
    });
}

#[test]
fn a_panic_in_the_middle_of_a_capture_leaves_the_device_as_it_was() {
    on_gpus("graphs::a_panic_in_the_middle_of_a_capture_leaves_the_device_as_it_was", &[EAGER, LAZY], || {
        let (backend, device) = device_with(options(true, true));
        let weight = tensor(&[1.0, 2.0, 3.0], &device);
        scaled(&device, &weight, 1);
        let x = tensor(&[1.0, 2.0, 3.0], &device);
        let what = Captured { name: "scaled", inputs: &[&x], step: 0 };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            captured(&device, &what, &[&weight], |inputs| {
                let product = &inputs[0] * &weight;
                assert!(product.rank() == 7, "so it goes");
                vec![product]
            })
        }));
        assert!(panicked.is_err());
        scaled(&device, &weight, 3);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 3, without: 1 });
    });
}

#[test]
fn a_graph_gets_the_memory_that_the_pool_does_not_need() {
    const SMALL: Virtual = Virtual { name: "8 MiB", variables: &[("VIRTUAL_CUDA_MEMORY_MB", "8")], cublas: false };
    on_gpus("graphs::a_graph_gets_the_memory_that_the_pool_does_not_need", &[SMALL], || {
        let (backend, device) = device_with(options(true, true));
        let weight = tensor(&[1.0, 2.0, 3.0], &device);
        scaled(&device, &weight, 1);
        if launches(|| ()).is_some() {
            // All that is free goes to the pool, which keeps it.
            let free = || device_with(options(false, false)).1.memory().budget;
            let mut filled = Vec::new();
            while free() >= 256 {
                filled.push(Tensor::zeros([(1 << free().ilog2()) / 4], DType::F32, &device));
            }
        }
        scaled(&device, &weight, 3);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 1, launched: 3, without: 1 });
    });
}

#[test]
fn memory_of_graphs_goes_to_whoever_needs_it() {
    on_gpus("graphs::memory_of_graphs_goes_to_whoever_needs_it", &[EAGER, LAZY], || {
        let (backend, device) = device_with(Options { budget: Some(16 << 20), ..options(true, true) });
        let squares = |times: usize| {
            for step in 0..times {
                let x = Tensor::full([1 << 19], step as f64, DType::F32, &device);
                let what = Captured { name: "squares", inputs: &[&x], step: 0 };
                let square = captured(&device, &what, &[], |inputs| vec![&inputs[0] * &inputs[0]]).remove(0);
                assert_eq!(square.narrow(0, 70_000, 1).to_vec::<f32>(), [(step * step) as f32]);
            }
        };
        squares(3);
        assert!(device.memory().in_use >= 4 << 20, "{:?}", device.memory());
        // Only without them is there room.
        drop(Tensor::zeros([15 << 18], DType::F32, &device));
        assert_eq!(device.memory().in_use, 0);
        squares(3);
        assert_eq!(backend.graph_counts(), GraphCounts { captured: 2, launched: 4, without: 2 });
    });
}
