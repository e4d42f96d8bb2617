//! A device with a clock: the same answers, and an account of where they came from.

use unrolled_tensor::fused::{CrossEntropyArgs, LstmArgs, LstmOutputGradients};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Tensor, conformance};

fn cpu() -> Device {
    Device::cpu_with(0, 2, usize::MAX)
}

fn uniform(shape: &[usize], device: &Device) -> Tensor {
    Tensor::random(Distribution::Uniform { low: -0.5, high: 0.5 }, Key::new(3), shape, DType::F32, device)
}

#[test]
fn a_device_with_a_clock_conforms() {
    let (device, profile) = cpu().profiled();
    let _step = profile.step();
    if let Err(failures) = conformance::check(&device) {
        panic!("{failures}");
    }
    let verbs: Vec<&str> = profile.report().by_verb().iter().map(|verb| verb.call.verb).collect();
    for verb in
        ["matmul", "lstm_sequence", "linear_cross_entropy", "update by adam", "coalesce", "gather", "tanh", "add"]
    {
        assert!(verbs.contains(&verb), "{verb} is not in {verbs:?}");
    }
}

#[test]
fn what_is_set_on_it_is_set_on_the_device() {
    let plain = cpu();
    let (device, _) = plain.profiled();
    device.set_matmul_precision(MatmulPrecision::Bf16);
    assert_eq!((plain.matmul_precision(), device.matmul_precision()), (MatmulPrecision::Bf16, MatmulPrecision::Bf16));
    assert_eq!((device.name(), device.run(rayon::current_num_threads)), (plain.name(), 2));
}

#[test]
fn only_steps_count_and_nested_ones_once() {
    let (device, profile) = cpu().profiled();
    let x = uniform(&[8, 8], &device);
    assert!(profile.report().calls.is_empty(), "nothing counts outside of a step");
    {
        let _outer = profile.step();
        let _inner = device.profile().unwrap().step();
        x.tanh();
    }
    drop(profile.step());
    profile.time("outside", || x.tanh());
    let report = profile.report();
    assert_eq!((report.steps, report.calls.len(), report.calls[0].call.verb), (2, 1, "tanh"));
    assert!(report.calls[0].seconds <= report.seconds);
    {
        let _step = profile.step();
        profile.time("both", || x.tanh().exp());
    }
    let counts: Vec<_> = profile.report().by_verb().iter().map(|verb| (verb.call.verb, verb.calls)).collect();
    assert!(counts.contains(&("both", 1)) && counts.contains(&("tanh", 1)) && counts.len() == 2, "{counts:?}");
    profile.reset();
    assert_eq!((profile.report().calls.len(), profile.report().steps), (0, 0));
}

#[test]
fn work_on_padding_is_not_counted_as_work() {
    let (device, profile) = cpu().profiled();
    let (steps, batch, inputs, hidden) = (5, 3, 4, 6);
    let lengths = Tensor::from_slice(&[5u32, 2, 0], [batch], &device);
    let [input, w_ih, w_hh] =
        [[steps * batch, inputs], [4 * hidden, inputs], [4 * hidden, hidden]].map(|s| uniform(&s, &device));
    let (input, bias, state) =
        (input.reshape([steps, batch, inputs]), uniform(&[4 * hidden], &device), uniform(&[batch, hidden], &device));
    let args = LstmArgs {
        input: &input,
        weight_ih: &w_ih,
        weight_hh: &w_hh,
        bias: &bias,
        hidden: &state,
        cell: &state,
        lengths: Some(&lengths),
        start: 1,
    };
    let (h, weight, targets) = (
        uniform(&[4, hidden], &device),
        uniform(&[9, hidden], &device),
        Tensor::from_slice(&[1u32, 8, 0, 0], [4], &device),
    );
    let row_weights = Tensor::from_slice(&[1f32, 0.5, 0.0, 1.0], [4], &device);
    let loss = CrossEntropyArgs {
        hidden: &h,
        weight: &weight,
        bias: &uniform(&[9], &device),
        targets: &targets,
        row_weights: &row_weights,
        offset: 0,
    };
    {
        let _step = profile.step();
        let output = Tensor::lstm_sequence(&args);
        Tensor::lstm_sequence_backward(&args, &output, &LstmOutputGradients::default());
        Tensor::linear_cross_entropy(&loss, true);
    }
    let report = profile.report();
    let flops = |verb: &str| report.calls.iter().find(|measured| measured.call.verb == verb).unwrap().flops;
    // From step 1 on, 4 and 1 steps are left of the sequences; each multiplies [I + H] by [4H].
    let forward = 2 * 5 * (inputs + hidden) * 4 * hidden;
    assert_eq!((flops("lstm_sequence"), flops("lstm_sequence_backward")), (forward as u64, 2 * forward as u64));
    assert_eq!(flops("linear_cross_entropy"), (3 * 2 * 3 * hidden * 9) as u64);
}

#[test]
fn the_peak_is_what_a_product_reaches() {
    let (device, profile) = cpu().profiled();
    assert_eq!(profile.report().peak_flops, None);
    let peak = profile.measure_peak();
    // Any machine that this can run on: from a slow emulation to a large server.
    assert!((1e7..1e14).contains(&peak), "{peak}");
    let report = profile.report();
    assert!(report.peak_flops >= Some(peak) && report.calls.is_empty());
    assert_eq!(device.memory().in_use, 0);
}
