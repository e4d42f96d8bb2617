//! Computing in f16 and bf16 with parameters in f32: where gradients arrive, what overflows, how the scale moves, exact resuming.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_autograd::{Gradient, Var, no_grad};
use unrolled_nn::{
    Embedding, Linear, LossScaler, Lstm, LstmState, Module, Optimiser, Parameter, ScalerOptions, ScalerState,
    StepOutcome, global_norm, loss, module,
};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

const SMALL: [DType; 2] = [DType::F16, DType::BF16];

#[derive(Clone)]
struct Tagger {
    words: Embedding,
    lstm: Lstm,
    output: Linear,
}
module!(Tagger { words, lstm, output });

fn tagger() -> Tagger {
    let (key, device) = (Key::new(1), Device::cpu());
    Tagger {
        words: Embedding::new(6, 4, 0.5, key.purpose("words"), &device),
        lstm: Lstm::new(4, 5, 2, 0.0, 0.5, key.purpose("lstm"), &device),
        output: Linear::new(5, 6, 0.5, key.purpose("output"), &device),
    }
}

impl Tagger {
    /// The loss of saying each word again, in the dtype of the parameters as far as the loss.
    fn loss(&self) -> Var {
        let ids = Tensor::from_slice(&[1u32, 2, 3, 1, 5, 0], [3, 2], &Device::cpu());
        let words = self.words.forward(&ids);
        let start = LstmState::zeros(2, 2, 5, words.dtype(), &Device::cpu());
        let hidden = self.lstm.forward(&words, &start, None, None).0.reshape([6, 5]);
        let weights = Tensor::ones([6], hidden.dtype(), &Device::cpu());
        hidden.linear_cross_entropy(self.output.weight.var(), self.output.bias.var(), &ids.flatten(), &weights)
    }
}

fn bits(tensors: BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<u8>> {
    tensors.into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect()
}

fn message(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should have panicked");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn gradients_arrive_at_the_parameters_in_their_own_dtype() {
    let model = tagger();
    let exact = model.loss().backward();
    for (dtype, allowed) in SMALL.into_iter().zip([8e-3, 6e-2]) {
        let loss = model.in_dtype(dtype).loss();
        assert_eq!(loss.dtype(), DType::F32, "the loss is computed in f32");
        let gradients = loss.backward();
        assert_eq!(gradients.len(), model.parameters().len());
        for (path, parameter) in model.parameters() {
            let (found, wanted) = (gradients.get(parameter.var()).unwrap(), exact.get(parameter.var()).unwrap());
            assert_eq!(found.dtype(), DType::F32, "{path}");
            let distance = (found - &wanted).sum_squares(.., false).item::<f32>().sqrt();
            let length = wanted.sum_squares(.., false).item::<f32>().sqrt();
            assert!(distance > 0.0 && distance < allowed * length, "{dtype} {path}: {distance} of {length}");
        }
        assert!(matches!(gradients.gradient(model.words.weight.var()), Some(Gradient::Rows(_))), "sparse stays sparse");
    }
}

/// 257 times the same row: bf16 has no 257.
#[test]
fn rows_are_added_up_in_f32() {
    let device = Device::cpu();
    let table = Parameter::new(Tensor::zeros([3, 1], DType::F32, &device));
    let ids = Tensor::from_slice(&[2u32; 257], [257], &device);
    let copy = table.in_dtype(DType::BF16);
    for rows in [copy.embedding(&ids), copy.var().embedding(&ids), table.var().cast(DType::F16).embedding(&ids)] {
        let gradients = rows.sum(.., false).cast(DType::F32).backward();
        let Some(Gradient::Rows(rows)) = gradients.gradient(table.var()) else { panic!("a gradient of rows") };
        assert_eq!((rows.index.to_vec::<u32>(), rows.values.to_vec::<f32>()), (vec![2], vec![257.0]));
    }
}

/// Two uses of one table, the second of all of it: rows and a dense gradient meet.
#[test]
fn a_tied_table_gets_both_gradients() {
    let device = Device::cpu();
    let table = Parameter::new(Tensor::ones([3, 2], DType::F32, &device));
    let copy = table.in_dtype(DType::F16);
    let ids = Tensor::from_slice(&[2u32, 0, 2], [3], &device);
    let scores = copy.embedding(&ids).matmul(&copy.var().t());
    let gradient = scores.sum(.., false).backward().get(table.var()).unwrap();
    // Each row of ids sees 3 rows of ones, and each of the table 3 rows of ids.
    assert_eq!(gradient.to_vec::<f32>(), [6.0, 6.0, 3.0, 3.0, 9.0, 9.0]);
}

#[test]
fn a_copy_that_was_first_used_under_no_grad_learns_all_the_same() {
    let model = tagger();
    let copy = model.in_dtype(DType::BF16);
    let unrecorded = no_grad(|| copy.loss());
    let recorded = copy.loss();
    assert!(!unrecorded.is_tracked());
    assert_eq!(unrecorded.tensor().to_bytes(), recorded.tensor().to_bytes());
    assert_eq!(recorded.backward().len(), model.parameters().len());
}

#[test]
fn frozen_parameters_stay_frozen_in_a_copy() {
    let mut model = tagger();
    let frozen = model.freeze("lstm.*.weight_hh").unwrap();
    let gradients = model.in_dtype(DType::F16).loss().backward();
    assert_eq!((frozen, gradients.len()), (2, model.parameters().len() - 2));
}

#[test]
fn a_copy_cannot_be_changed() {
    let model = tagger();
    let mut copy = model.in_dtype(DType::F16);
    let mut gradients = copy.loss().backward();
    let told = message(|| Optimiser::sgd().step(&mut copy, &mut gradients, 0.1, 1.0));
    assert_eq!(told, "step: this is a copy in f16 of a parameter in f32; change the parameter itself");
    let told = message(|| drop(copy.freeze("words")));
    assert!(told.starts_with("set_trainable: this is a copy"), "{told}");
    let mut same = model.in_dtype(DType::F32);
    Optimiser::sgd().step(&mut same, &mut gradients, 0.1, 1.0);
    assert_ne!(bits(same.state()), bits(model.state()), "in its own dtype a copy is a clone");
}

/// A sum of losses that f16 could not hold.
#[test]
fn losses_of_many_rows_are_finite() {
    let device = Device::cpu();
    let (rows, words) = (40_000, 8);
    let hidden = Var::leaf(Tensor::zeros([rows, 1], DType::F16, &device));
    let weight = Var::leaf(Tensor::zeros([words, 1], DType::F16, &device));
    let bias = Var::constant(Tensor::zeros([words], DType::F16, &device));
    let targets = Tensor::zeros([rows], DType::U32, &device);
    let weights = Tensor::ones([rows], DType::F16, &device);
    let loss = hidden.linear_cross_entropy(&weight, &bias, &targets, &weights);
    assert!((loss.tensor().item::<f32>() / (rows as f32 * (words as f32).ln()) - 1.0).abs() < 1e-4);
    assert_eq!(loss.backward().get(&weight).unwrap().dtype(), DType::F16);
}

/// Squares and sums that f16 could not hold; the gradients come back in it.
#[test]
fn losses_are_computed_in_f32() {
    let leaf = |value: f64, shape: &[usize]| Var::leaf(Tensor::full(shape, value, DType::F16, &Device::cpu()));
    let (a, b) = (leaf(500.0, &[3]), leaf(0.0, &[3]));
    let error = loss::mean_squared_error(&a, &b);
    assert_eq!(error.tensor().item::<f32>(), 250_000.0);
    assert_eq!(error.backward().get(&a).unwrap().cast(DType::F32).to_vec::<f32>(), [333.25; 3]);

    let logits = leaf(0.0, &[40_000, 8]);
    let targets = Tensor::zeros([40_000], DType::U32, &Device::cpu());
    let sum = loss::cross_entropy(&logits, &targets, None, loss::Reduction::Sum);
    assert!((sum.tensor().item::<f32>() / (40_000.0 * 8f32.ln()) - 1.0).abs() < 1e-4);
    assert_eq!(sum.backward().get(&logits).unwrap().dtype(), DType::F16);
}

/// A norm that f16 could not hold.
#[test]
fn norms_of_small_dtypes_are_taken_in_f32() {
    let parameter = Parameter::new(Tensor::full([100], 1.0, DType::F16, &Device::cpu()));
    let gradients = (parameter.var() * 1000.0).sum(.., false).backward();
    assert!((global_norm(&parameter, &gradients) - 1e4).abs() < 1e-6);
}

#[test]
fn an_overflow_in_f16_is_skipped_and_changes_no_bit() {
    let mut model = tagger();
    let mut optimiser = Optimiser::adam();
    let mut scaler = LossScaler::new();
    // A step that is taken, so that there is state to be left alone.
    let mut gradients = model.loss().backward();
    optimiser.step(&mut model, &mut gradients, 0.01, 1.0);
    let before = (bits(model.state()), bits(optimiser.state()), optimiser.steps());

    let mut gradients = scaler.scale(&(model.in_dtype(DType::F16).loss() * 10.0)).backward();
    let bias = gradients.get(model.output.bias.var()).unwrap().to_vec::<f32>();
    assert!(bias.iter().any(|g| g.is_infinite()), "65536 is more than f16 holds: {bias:?}");
    let outcome = scaler.step(&mut optimiser, &mut model, &mut gradients, 0.01, 5.0);
    assert_eq!(outcome, StepOutcome::Skipped { scale: 32768.0 });
    assert_eq!((bits(model.state()), bits(optimiser.state()), optimiser.steps()), before);
    assert_eq!(scaler.state(), ScalerState { scale: 32768.0, good_steps: 0, skipped: 1 });

    // The same in bf16 does not overflow, and the scale leaves no trace in the norm.
    let mut gradients = scaler.scale(&(model.in_dtype(DType::BF16).loss() * 10.0)).backward();
    let plain = global_norm(&model, &(model.in_dtype(DType::BF16).loss() * 10.0).backward());
    let outcome = scaler.step(&mut optimiser, &mut model, &mut gradients, 0.01, 5.0);
    let StepOutcome::Taken { norm } = outcome else { panic!("{outcome:?}") };
    assert!((norm / plain - 1.0).abs() < 1e-6, "{norm} and {plain}");
    assert_ne!(bits(model.state()), before.0);
}

/// A gradient that vanishes in f16 without a scale, and does not with one.
#[test]
fn the_scale_saves_small_gradients() {
    let parameter = Parameter::new(Tensor::scalar(1f32, &Device::cpu()));
    let gradient = |scaler: &LossScaler| {
        let output = parameter.in_dtype(DType::F16).var().cast(DType::F32) * 1e-9;
        scaler.scale(&output).backward().get(parameter.var()).unwrap().item::<f32>() as f64 / scaler.factor()
    };
    assert_eq!(gradient(&LossScaler::disabled()), 0.0);
    assert!((gradient(&LossScaler::new()) / 1e-9 - 1.0).abs() < 1e-2);
}

/// One step on a loss whose gradient is finite or not.
fn step(scaler: &mut LossScaler, good: bool) -> StepOutcome {
    let mut parameter = Parameter::new(Tensor::scalar(1f32, &Device::cpu()));
    let mut gradients = scaler.scale(&(parameter.var() * if good { 1.0 } else { f64::INFINITY })).backward();
    let outcome = scaler.step(&mut Optimiser::sgd(), &mut parameter, &mut gradients, 0.5, 0.0);
    assert_eq!(parameter.tensor().item::<f32>(), if good { 0.5 } else { 1.0 });
    outcome
}

const QUICK: ScalerOptions =
    ScalerOptions { initial: 8.0, growth: 2.0, backoff: 0.5, growth_interval: 3, minimum: 2.0, maximum: 16.0 };

#[test]
fn the_scale_rises_after_good_steps_and_falls_after_a_skipped_one() {
    let mut scaler = LossScaler::with_options(QUICK);
    let (good, bad) = (true, false);
    let steps = [good, good, bad, good, good, good, good, good, good, good, good, good, bad, bad, bad, bad];
    let scales = steps.map(|good| {
        let outcome = step(&mut scaler, good);
        match outcome {
            StepOutcome::Taken { norm } => assert!(good && norm == 1.0),
            StepOutcome::Skipped { scale } => assert!(!good && scale == scaler.factor()),
        }
        scaler.factor()
    });
    // A skipped step begins the count anew; the limits are kept.
    assert_eq!(scales, [8., 8., 4., 4., 4., 8., 8., 8., 16., 16., 16., 16., 8., 4., 2., 2.]);
    assert_eq!((scaler.skipped(), scaler.can_fall()), (5, false));
}

#[test]
fn a_disabled_scaler_skips_and_nothing_else() {
    let mut scaler = LossScaler::disabled();
    assert_eq!(step(&mut scaler, false), StepOutcome::Skipped { scale: 1.0 });
    (0..2001).for_each(|_| assert_eq!(step(&mut scaler, true), StepOutcome::Taken { norm: 1.0 }));
    assert_eq!((scaler.factor(), scaler.skipped()), (1.0, 1));
}

#[test]
fn a_resumed_scaler_goes_on_as_it_would_have() {
    let steps = |i: u64| !i.is_multiple_of(7);
    let mut whole = LossScaler::with_options(QUICK);
    let states: Vec<ScalerState> = (0..30)
        .map(|i| {
            let _ = step(&mut whole, steps(i));
            whole.state()
        })
        .collect();
    for stop in [1, 6, 8, 17] {
        let saved = serde_json::to_string(&states[stop]).unwrap();
        let mut resumed = LossScaler::with_options(QUICK);
        resumed.load(serde_json::from_str(&saved).unwrap());
        for i in stop + 1..30 {
            let _ = step(&mut resumed, steps(i as u64));
            assert_eq!(resumed.state(), states[i], "stopped at {stop}");
        }
    }
    let mut limited = LossScaler::with_options(QUICK);
    limited.load(ScalerState { scale: f64::NAN, good_steps: 1, skipped: 2 });
    assert_eq!(limited.factor(), 2.0);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        ScalerOptions { backoff: 0.0, ..QUICK },
        ScalerOptions { growth: 0.5, ..QUICK },
        ScalerOptions { initial: f64::NAN, ..QUICK },
        ScalerOptions { maximum: 4.0, ..QUICK },
    ] {
        let told = message(|| _ = LossScaler::with_options(options));
        assert!(told.contains("is not 0 < backoff"), "{told}");
    }
}

/// Both ways to write a loss in f16 give f32's answer, but for the rounding of the inputs.
#[test]
fn a_mean_squared_error_in_f16_learns() {
    let (device, dtype) = (Device::cpu(), DType::F16);
    let mut layer = Linear::new(2, 1, 0.1, Key::new(1), &device);
    let x = Var::constant(Tensor::from_slice(&[1f32, 0., 0., 1., 1., 1., -1., 1.], [4, 2], &device).cast(dtype));
    let y = Var::constant(Tensor::from_slice(&[3f32, 0., 2., -2.], [4, 1], &device).cast(dtype));
    let (mut optimiser, mut scaler) = (Optimiser::momentum(0.5), LossScaler::new());
    for _ in 0..200 {
        let error = loss::mean_squared_error(&layer.in_dtype(dtype).forward(&x), &y);
        let mut gradients = scaler.scale(&error).backward();
        let _ = scaler.step(&mut optimiser, &mut layer, &mut gradients, 0.1, 0.0);
    }
    let found = [layer.weight.tensor().to_vec::<f32>(), layer.bias.tensor().to_vec::<f32>()].concat();
    for (found, wanted) in found.iter().zip([2.0, -1.0, 1.0]) {
        assert!((found - wanted).abs() < 2e-3, "{found} for {wanted}");
    }
}
