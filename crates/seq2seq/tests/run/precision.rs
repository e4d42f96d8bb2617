//! Runs in f16 and bf16, whole or in products alone: stopped and resumed is the same as never stopped, scale and all; the log tells of skipped steps.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use unrolled_nn::checkpoint::{self, CheckpointStore};
use unrolled_seq2seq::config::{Config, MatmulPrecision, Optimiser, Precision};
use unrolled_seq2seq::progress::{Event, Silent};
use unrolled_seq2seq::run;
use unrolled_tensor::{DType, Device};

use crate::toy::{FRESH, Outcome, RESUME, StopAt, config, corpus, log, outcome, train, train_until};

/// A run that overflows: of parameters this large a gradient times 65536 is more than f16 holds.
fn in_precision(folder: &Path, name: &str, precision: Precision) -> Config {
    let base = config(folder, name, Optimiser::Adam);
    Config { precision, updates: 12, log_every: 1, initial_range: 3.0, batch_size: 4, ..base }
}

/// `loss_scale` and `skipped` of each update in the log.
fn scales(run: &Path) -> Vec<(Option<f64>, u64)> {
    let of =
        |event: Event| if let Event::Update(update) = event { Some((update.loss_scale, update.skipped)) } else { None };
    log(run).into_iter().filter_map(of).collect()
}

fn newest(run: &Path) -> checkpoint::Checkpoint {
    let store = CheckpointStore::open(run).unwrap();
    checkpoint::read(store.folder(store.latest().unwrap().unwrap()), &Device::cpu()).unwrap()
}

#[test]
fn stopped_and_resumed_in_any_precision() {
    let folder = corpus();
    for precision in [Precision::F16, Precision::Bf16] {
        let straight = in_precision(folder.path(), &format!("straight-{precision}"), precision);
        train(&straight, &FRESH, &mut Vec::new()).unwrap();
        let wanted = outcome(straight.output.as_ref().unwrap());
        for at in [1, 5, 8] {
            let config = in_precision(folder.path(), &format!("{precision}-{at}"), precision);
            let stop = AtomicBool::new(false);
            let mut observer = StopAt { at, stop: &stop, events: Vec::new() };
            train_until(&config, &FRESH, &mut observer, &stop).unwrap();
            train(&config, &RESUME, &mut Vec::new()).unwrap();
            assert_eq!(outcome(config.output.as_ref().unwrap()), wanted, "{precision}, stopped at {at}");
        }
        let saved = newest(straight.output.as_ref().unwrap());
        let scale = saved.state["loss_scaler"]["scale"].as_f64();
        assert!(if precision == Precision::F16 { scale < Some(65536.0) } else { scale.is_none() }, "{scale:?}");
        assert!(saved.model.values().chain(saved.optimiser.values()).all(|tensor| tensor.dtype() == DType::F32));
    }
}

#[test]
fn the_log_and_the_checkpoint_tell_of_skipped_steps() {
    let folder = corpus();
    let config = in_precision(folder.path(), "run", Precision::F16);
    let run = config.output.clone().unwrap();
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    let scales = scales(&run);
    assert_eq!((scales.len(), scales[0].0), (12, Some(65536.0)));
    let mut expected = 65536.0;
    for &(scale, skipped) in &scales {
        assert_eq!(scale, Some(expected));
        expected /= if skipped == 1 { 2.0 } else { 1.0 };
    }
    let skipped: u64 = scales.iter().map(|(_, skipped)| skipped).sum();
    assert!((1..12).contains(&skipped), "{scales:?}");
    let progress = newest(&run).state;
    assert_eq!(progress["loss_scaler"]["scale"].as_f64(), Some(expected));
    assert_eq!(progress["loss_scaler"]["skipped"].as_u64(), Some(skipped));
    assert_eq!(progress["optimiser_steps"].as_u64(), Some(12 - skipped));
    assert_eq!(progress["diverging"].as_u64(), Some(0), "an overflow says nothing of the model");
}

#[test]
fn a_run_can_go_on_in_another_precision() {
    let folder = corpus();
    let config = in_precision(folder.path(), "run", Precision::F32);
    let run = config.output.clone().unwrap();
    train(&Config { updates: 4, ..config.clone() }, &FRESH, &mut Vec::new()).unwrap();
    for (updates, precision) in [(8, Precision::F16), (12, Precision::F32)] {
        train(&Config { updates, precision, ..config.clone() }, &RESUME, &mut Vec::new()).unwrap();
    }
    let told: Vec<bool> = scales(&run).into_iter().map(|(scale, _)| scale.is_some()).collect();
    assert_eq!(told, [[false; 4], [true; 4], [false; 4]].concat());
}

/// The parameters after 12 updates with products in a precision, on a device of `threads` threads, which is left as it was.
fn products_in(folder: &Path, name: &str, matmul_precision: MatmulPrecision, threads: usize) -> Outcome {
    let base = config(folder, name, Optimiser::Sgd);
    let config = Config { matmul_precision, updates: 12, ..base };
    let device = Device::cpu_with(0, threads, usize::MAX);
    let stop = AtomicBool::new(false);
    run::train(&config, &device, &FRESH, &mut Silent, &stop).unwrap();
    assert_eq!(device.matmul_precision(), unrolled_tensor::MatmulPrecision::F32);
    outcome(config.output.as_ref().unwrap())
}

#[test]
fn products_in_bf16_train_nearly_as_well_and_the_same_on_any_number_of_threads() {
    let folder = corpus();
    let exact = products_in(folder.path(), "f32", MatmulPrecision::F32, 2);
    let [one, three] = [1, 3].map(|n| products_in(folder.path(), &format!("bf16-{n}"), MatmulPrecision::Bf16, n));
    assert_eq!(one, three);
    let [(_, exact), (_, rounded)] = [&exact, &one].map(|outcome| outcome.validations.last_key_value().unwrap());
    assert!(exact != rounded && (rounded / exact - 1.0).abs() < 0.02, "{exact} and {rounded}");
}

#[test]
fn a_device_without_tf32_refuses_it_before_anything_is_written() {
    let folder = corpus();
    let config = Config { matmul_precision: MatmulPrecision::Tf32, ..config(folder.path(), "run", Optimiser::Sgd) };
    let refused = train(&config, &FRESH, &mut Vec::new()).unwrap_err().to_string();
    assert!(refused.contains("TF32") && refused.contains("matmul-precision"), "{refused}");
    assert!(!config.output.unwrap().exists());
}
