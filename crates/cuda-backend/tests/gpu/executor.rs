//! A training step over several GPUs is the step of one, and what fails is named.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use unrolled_cuda::CudaBackend;
use unrolled_nn::{Module, Optimiser};
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::config::{Config, Optimiser as Rule, Precision};
use unrolled_seq2seq::executor::{Executor, StepError};
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::progress::Silent;
use unrolled_seq2seq::run::{self, Error, Placement, RunOptions};
use unrolled_seq2seq::schedule::{Chunks, Order, Plan, Slice, Vocabulary, When};
use unrolled_seq2seq::training::{Recipe, StepReport, Trainer};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Device, DeviceError, Tensor};

use crate::support::{Virtual, on_gpus};

/// Work is done as late as possible: what does not wait for another GPU finds nothing there.
const LAZY: Virtual = Virtual {
    name: "eight GPUs, lazy",
    variables: &[("VIRTUAL_CUDA_DEVICES", "8"), ("VIRTUAL_CUDA_TIMING", "lazy")],
    cublas: true,
};
/// Work is done at random times, products in our own kernel.
const RANDOM: Virtual = Virtual {
    name: "eight GPUs, random times, without cuBLAS",
    variables: &[("VIRTUAL_CUDA_DEVICES", "8"), ("VIRTUAL_CUDA_TIMING", "random:5")],
    cublas: false,
};
const EAGER: Virtual = Virtual { name: "eight GPUs", variables: &[("VIRTUAL_CUDA_DEVICES", "8")], cublas: true };

/// The first so many GPUs; none where a machine has fewer.
fn gpus(count: usize) -> Option<Vec<Device>> {
    (0..count).map(|index| unrolled_cuda::device(index).ok()).collect()
}

/// A small model and sentences of different lengths, together more rows than the sums' block.
fn sizes(layers: usize, softmax_slices: usize) -> Sizes {
    Sizes { source_words: 20, target_words: 23, embedding: 5, hidden: 6, layers, softmax_slices }
}

fn batch(update: u64) -> Batch {
    let mut corpus = NumberedCorpus::new();
    for pair in 0..64 {
        let key = Key::new(update).at(pair);
        let words = |name: &str, words: u64| -> Vec<u32> {
            let key = key.purpose(name);
            (0..1 + key.below(0, 7)).map(|i| 3 + key.below(1 + i, words - 3) as u32).collect()
        };
        corpus.push(&words("source", 20), &words("target", 23));
    }
    Batch::of(&corpus, &(0..64).collect::<Vec<_>>(), true)
}

fn model(sizes: &Sizes, device: &Device) -> Model {
    Model::new(sizes, 0.2, 0.3.into(), Key::new(1), device)
}

fn recipe() -> Recipe {
    Recipe::of(&Config { dropout: 0.2, clip_norm: 1.0, ..Config::default() })
}

const STEPS: u64 = 2;

/// What a training leaves: its reports, and the parameters by path.
type Learnt = (Vec<StepReport>, Vec<(String, Tensor)>);

fn by_one(sizes: &Sizes, device: &Device) -> Learnt {
    let mut trainer = Trainer::new(model(sizes, device), Optimiser::adam(), recipe());
    let reports = (0..STEPS).map(|update| trainer.step(&batch(update), update, 0.05)).collect();
    (reports, trainer.model.state().into_iter().collect())
}

fn by_several(sizes: &Sizes, plan: &Plan, devices: &[Device]) -> Learnt {
    let adam = Optimiser::adam();
    let mut executor = Executor::new(sizes, model(sizes, &Device::cpu()), adam, recipe(), plan, devices).unwrap();
    let reports = (0..STEPS).map(|update| executor.step(&batch(update), update, 0.05).unwrap()).collect();
    (reports, executor.model_state().into_iter().collect())
}

#[track_caller]
fn same(what: &str, found: &Learnt, expected: &Learnt) {
    assert_eq!(found.0, expected.0, "{what}");
    for ((path, found), (_, expected)) in found.1.iter().zip(&expected.1) {
        assert!(found.to_bytes() == expected.to_bytes(), "{what}: {path}");
    }
}

#[track_caller]
fn near(what: &str, found: &Learnt, expected: &Learnt) {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * a.abs().max(b.abs()).max(1.0);
    for (found, expected) in found.0.iter().zip(&expected.0) {
        assert!(near(found.loss, expected.loss), "{what}: losses {} and {}", found.loss, expected.loss);
    }
    for ((path, found), (_, expected)) in found.1.iter().zip(&expected.1) {
        let (found, expected) = (found.to_f64_vec(), expected.to_f64_vec());
        // Adam's first steps are as long whatever a gradient's size, and of one that is nearly 0 the sign is chance.
        let far = found.iter().zip(&expected).filter(|(a, b)| !near(**a, **b)).count();
        assert!(far <= found.len() / 100, "{what}: {far} of {} numbers of {path} are far off", found.len());
    }
}

/// Five uneven slices to and fro, layers in any order, micro-batches, pieces of time of several lengths.
fn uneven(sizes: &Sizes) -> Plan {
    let words = [5, 5, 5, 4, 4].into_iter().zip([3, 1, 3, 7, 5]);
    Plan {
        name: "uneven".to_owned(),
        encoder: vec![0, 4],
        decoder: vec![6, 2],
        target_embedding: 2,
        micro_batches: 4,
        order: Order::WeightsLast,
        softmax_weights: When::AtOnce,
        chunks: Chunks { lstm: 3, softmax: 2, weights: 5 },
        vocabulary: Vocabulary::Slices(words.map(|(words, device)| Slice { words, device }).collect()),
        ..Plan::deferred(sizes, 4).unwrap()
    }
}

#[test]
fn several_gpus_learn_what_one_learns() {
    on_gpus("executor::several_gpus_learn_what_one_learns", &[LAZY, RANDOM], || {
        let Some(gpus) = gpus(8) else { return };
        for (sizes, plans) in [
            (sizes(4, 4), vec![Plan::paper(&sizes(4, 4), 8).unwrap()]),
            (sizes(2, 5), vec![uneven(&sizes(2, 5))]),
            (sizes(2, 1), vec![Plan::single(&sizes(2, 1)), Plan::deferred(&sizes(2, 1), 2).unwrap()]),
        ] {
            let one = by_one(&sizes, &gpus[0]);
            near("one GPU and the CPU", &one, &by_one(&sizes, &Device::cpu()));
            for plan in plans {
                same(&plan.name, &by_several(&sizes, &plan, &gpus), &one);
            }
        }
    });
}

/// Parts of a batch, and bf16, whose sums a GPU keeps in f32 within a task.
#[test]
fn parts_and_short_floats_are_those_of_one() {
    on_gpus("executor::parts_and_short_floats_are_those_of_one", &[LAZY], || {
        let Some(gpus) = gpus(4) else { return };
        let (sizes, recipe) = (sizes(2, 2), Recipe { precision: Precision::Bf16, ..recipe() });
        let mut one = Trainer::new(model(&sizes, &gpus[0]), Optimiser::sgd(), recipe);
        one.parts = 2;
        let plan = Plan::paper(&sizes, 4).unwrap();
        let several = Executor::new(&sizes, model(&sizes, &Device::cpu()), Optimiser::sgd(), recipe, &plan, &gpus);
        let mut several = several.unwrap().in_parts(2);
        let found = several.step(&batch(0), 0, 0.1).unwrap();
        let state = |state: std::collections::BTreeMap<String, Tensor>| state.into_iter().collect();
        let expected = (vec![one.step(&batch(0), 0, 0.1)], state(one.model.state()));
        same("bf16 in two parts", &(vec![found], state(several.model_state())), &expected);
    });
}

#[test]
fn cpus_and_gpus_share_a_step() {
    on_gpus("executor::cpus_and_gpus_share_a_step", &[LAZY], || {
        let Some(gpus) = gpus(2) else { return };
        let (sizes, cpus) = (sizes(2, 2), Device::cpus(2));
        let plan = Plan::paper(&sizes, 4).unwrap();
        let expected = by_one(&sizes, &Device::cpu());
        for devices in [[&cpus[0], &gpus[0], &cpus[1], &gpus[1]], [&gpus[0], &cpus[0], &gpus[1], &cpus[1]]] {
            near("a mix", &by_several(&sizes, &plan, &devices.map(Clone::clone)), &expected);
        }
    });
}

fn in_words(error: &StepError) -> String {
    let cause = std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

#[test]
fn a_gpu_that_fails_ends_the_step_by_name() {
    on_gpus("executor::a_gpu_that_fails_ends_the_step_by_name", &[LAZY, EAGER], || {
        let Some(mut devices) = gpus(8) else { return };
        let mut others = devices.split_off(4);
        let sizes = sizes(2, 2);
        let plan = Plan::paper(&sizes, 4).unwrap();
        let start = |devices: &[Device]| {
            let model = model(&sizes, &Device::cpu());
            Executor::new(&sizes, model, Optimiser::sgd(), recipe(), &plan, devices).unwrap()
        };
        // A word too many: a kernel of the encoder's GPU stops itself.
        let good = batch(0);
        let mut source = good.source.clone();
        source.ids[0] = 20;
        let error = start(&devices).step(&Batch { source, ..good }, 0, 0.1).unwrap_err();
        let told = in_words(&error);
        assert!(matches!(error, StepError::Device { error: DeviceError::Lost { .. }, .. }), "{told}");
        // These GPUs are lost for this process. Of the others one has room for its parameters and a little more.
        others[2] = Device::new(Arc::new(CudaBackend::with_budget(6, 4000).unwrap()));
        let mut executor = start(&others);
        let error = executor.step(&batch(0), 0, 0.1).unwrap_err();
        let told = in_words(&error);
        assert!(told.contains("softmax") && told.contains("on cuda:6") && told.contains("out of memory"), "{told}");
        assert!(matches!(executor.step(&batch(0), 0, 0.1), Err(StepError::Broken)));
    });
}

#[test]
fn a_run_keeps_its_last_checkpoint_where_a_gpu_fails() {
    on_gpus("executor::a_run_keeps_its_last_checkpoint_where_a_gpu_fails", &[EAGER], || {
        let Some(mut devices) = gpus(4) else { return };
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("pairs.tsv");
        std::fs::write(&text, "one two\tun deux\ntwo one\tdeux un\none\tun\ntwo two one\tdeux deux un\n").unwrap();
        let config = |updates: usize| {
            let output = Some(folder.path().join("run"));
            let (tsv, plan, optimiser) = (vec![text.clone()], "paper".to_owned(), Rule::Sgd);
            let small = Config::preset("tiny").unwrap();
            Config { tsv, output, plan, optimiser, updates, epochs: 0.0, layers: 2, softmax_slices: 2, ..small }
        };
        let train = |devices: &[Device], updates, resume| {
            let home = Device::cpu();
            let placement = Placement { devices: devices.to_vec(), home, machine: None, trace: None };
            let options = RunOptions { resume, overwrite: false };
            run::train_over(&config(updates), &placement, &options, &mut Silent, &AtomicBool::new(false))
        };
        train(&devices, 2, false).unwrap();
        let kept = std::fs::read_link(folder.path().join("run/latest")).ok();
        let good =
            std::mem::replace(&mut devices[3], Device::new(Arc::new(CudaBackend::with_budget(3, 2000).unwrap())));
        let failed = train(&devices, 4, true).unwrap_err();
        let Error::Step(StepError::Device { device, error: DeviceError::OutOfMemory { .. }, .. }) = &failed else {
            panic!("{failed:?}");
        };
        assert_eq!(device, "cuda:3");
        assert_eq!(std::fs::read_link(folder.path().join("run/latest")).ok(), kept);
        devices[3] = good;
        assert_eq!(train(&devices, 4, true).unwrap().updates, 4);
    });
}
