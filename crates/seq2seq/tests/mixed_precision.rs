//! Training in f16 and bf16 ends where training in f32 does; what overflows in f16 is skipped.

use unrolled_nn::{LossScaler, Module, Optimiser, ScalerOptions};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Normalise, Precision};
use unrolled_seq2seq::model::{DeviceBatch, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::training::{Recipe, StepReport, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision};

const SIZES: Sizes = Sizes { source_words: 9, target_words: 9, embedding: 8, hidden: 24, layers: 1, softmax_slices: 2 };
const PAIRS: u32 = 48;
const UPDATES: u64 = 150;

/// Sentences of 1 to 4 words to be copied.
fn corpus() -> NumberedCorpus {
    let mut corpus = NumberedCorpus::new();
    for i in 0..PAIRS as u64 {
        let key = Key::new(i);
        let words: Vec<u32> = (0..1 + i % 4).map(|place| 3 + key.below(place, 6) as u32).collect();
        corpus.push(&words, &words);
    }
    corpus
}

fn trainer(precision: Precision) -> Trainer {
    trainer_on(&Device::cpu(), precision)
}

fn trainer_on(device: &Device, precision: Precision) -> Trainer {
    let model = Model::new(&SIZES, 0.1, 0.3.into(), Key::new(1), device);
    let key = Key::new(4);
    let recipe = Recipe { normalise: Normalise::Sentences, clip_norm: 5.0, dropout: true, key, precision };
    Trainer::new(model, Optimiser::adam(), recipe)
}

/// Trains; answers every step's report and the loss of a word after them all, in f32.
fn train(trainer: &mut Trainer) -> (Vec<StepReport>, f64) {
    let corpus = corpus();
    let batches: Vec<Vec<u32>> = (0..3).map(|b| (0..PAIRS).filter(|i| i % 3 == b).collect()).collect();
    let step = |update: u64| {
        let batch = Batch::of(&corpus, &batches[update as usize % batches.len()], true);
        trainer.step(&batch, update, 0.02)
    };
    let reports: Vec<StepReport> = (0..UPDATES).map(step).collect();
    let all = Batch::of(&corpus, &(0..PAIRS).collect::<Vec<_>>(), true);
    let loss = trainer.model.loss(&DeviceBatch::new(&all, trainer.model.device()), None).tensor().to_f64_vec()[0];
    (reports, loss / (all.target_words + all.sentences() as u64) as f64)
}

/// From ln 9 = 2.2 nats a word all three come to the same loss within 0.05 nats.
#[test]
fn all_precisions_converge_to_the_same_loss() {
    let results = [Precision::F32, Precision::Bf16, Precision::F16].map(|precision| {
        let mut trainer = trainer(precision);
        let (reports, loss) = train(&mut trainer);
        assert!(trainer.model.parameters().iter().all(|(_, p)| p.tensor().dtype() == DType::F32));
        let first = reports[0].loss / reports[0].predictions as f64;
        assert!((1.9..2.5).contains(&first), "{precision}: the first loss is {first}");
        let skipped = reports.iter().filter(|report| !report.taken).count();
        assert_eq!(reports.iter().all(|report| report.loss_scale.is_none()), precision != Precision::F16);
        println!("{precision}: {first:.4} to {loss:.4} nats a word, {skipped} steps skipped");
        (loss, skipped, trainer)
    });
    let [(exact, ..), (bf16, none, _), (f16, skipped, trainer)] = &results;
    assert!(*exact < 0.3, "f32 does not learn: {exact}");
    for loss in [bf16, f16] {
        assert!((loss - exact).abs() < 0.05, "{loss} for f32's {exact}");
    }
    let bits = |trainer: &Trainer| trainer.model.projection.weight.tensor().to_bytes();
    assert_ne!(bits(&results[0].2), bits(&results[1].2), "bf16 is not f32");
    assert_eq!(*none, 0, "bf16 has the range of f32");
    assert_eq!(trainer.scaler.as_ref().unwrap().skipped(), *skipped as u64);
    assert_eq!(trainer.optimiser.steps(), UPDATES - *skipped as u64);
}

/// Tensors stay f32, and only the operands of products are rounded: closer to f32 than tensors of bf16 are.
#[test]
fn products_in_bf16_converge_with_those_in_f32() {
    let losses = [MatmulPrecision::F32, MatmulPrecision::Bf16].map(|precision| {
        let device = Device::cpu_with(0, 1, usize::MAX);
        device.set_matmul_precision(precision);
        let mut trainer = trainer_on(&device, Precision::F32);
        let (reports, loss) = train(&mut trainer);
        let curve: Vec<f64> = reports.iter().map(|report| report.loss / report.predictions as f64).collect();
        println!("{precision:?}: {:.4} to {loss:.4} nats a word", curve[0]);
        (curve, loss)
    });
    let [(exact_curve, exact), (curve, loss)] = losses;
    assert!(exact < 0.3, "f32 does not learn: {exact}");
    assert_ne!(curve[0], exact_curve[0], "bf16 is not f32");
    assert!(
        (curve[0] / exact_curve[0] - 1.0).abs() < 1e-3,
        "the first loss: {} for f32's {}",
        curve[0],
        exact_curve[0]
    );
    assert!((loss - exact).abs() < 0.05, "{loss} for f32's {exact}");
}

/// A scale far too large: steps are skipped, to the bit, until it has fallen to where f16 has room; then training goes on.
#[test]
fn a_scale_that_is_too_large_falls() {
    let mut trainer = trainer(Precision::F16);
    let large = ScalerOptions { initial: 16_777_216.0, ..ScalerOptions::default() };
    trainer.scaler = Some(LossScaler::with_options(large));
    let corpus = corpus();
    let batch = Batch::of(&corpus, &[0, 1, 2, 3, 4, 5], true);
    let state = |trainer: &Trainer| -> Vec<Vec<u8>> {
        trainer.model.state().into_values().map(|tensor| tensor.to_bytes()).collect()
    };
    let before = state(&trainer);
    let mut scale = 16_777_216.0;
    loop {
        let report = trainer.step(&batch, 0, 0.02);
        assert_eq!(report.loss_scale, Some(scale));
        if report.taken {
            assert!(report.gradient_norm.is_finite() && !report.overflowed);
            break;
        }
        assert!(report.overflowed && report.loss.is_finite() && report.gradient_norm.is_infinite());
        assert_eq!(state(&trainer), before);
        assert_eq!((trainer.optimiser.steps(), trainer.optimiser.state().len()), (0, 0));
        scale /= 2.0;
    }
    assert!((2.0..16_777_216.0).contains(&scale), "{scale}");
    assert_ne!(state(&trainer), before);
}
