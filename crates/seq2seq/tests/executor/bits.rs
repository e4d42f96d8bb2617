//! Losses and parameters, bit for bit.

use unrolled_nn::{Module, Optimiser};
use unrolled_seq2seq::config::Precision;
use unrolled_seq2seq::cost_model::{Machine, Search, search};
use unrolled_seq2seq::executor::Executor;
use unrolled_seq2seq::schedule::{Chunks, Lengths, Order, Plan, Slice, Sums, Vocabulary, When};
use unrolled_seq2seq::training::Trainer;
use unrolled_tensor::{Device, MatmulPrecision};

use super::{Setting, distance};

fn check_parameters(what: &str, several: &Executor, one: &Trainer) {
    let (several, one) = (several.model_state(), one.model.state());
    assert_eq!(several.keys().collect::<Vec<_>>(), one.keys().collect::<Vec<_>>(), "{what}");
    for (path, value) in &one {
        assert!(
            several[path].to_bytes() == value.to_bytes(),
            "{what}: {path} is {} off",
            distance(&several[path], value)
        );
    }
}

/// Trains both, and compares every step.
fn same(what: &str, setting: &Setting, plan: &Plan, devices: usize, steps: u64) {
    same_on(what, setting, plan, (&Device::cpu(), &Device::cpus(devices)), steps);
}

fn same_on(what: &str, setting: &Setting, plan: &Plan, (one, several): (&Device, &[Device]), steps: u64) {
    let mut one = setting.single_on(one);
    let mut several = setting.executor(plan, several);
    for update in 0..steps {
        let batch = setting.batch_of(update);
        let rate = 0.5 / (1.0 + update as f64);
        let (expected, found) = (one.step(&batch, update, rate), several.step(&batch, update, rate).unwrap());
        assert_eq!(found, expected, "{what}, update {update}");
    }
    check_parameters(what, &several, &one);
    let (found, expected) = (several.optimiser_state(), one.optimiser.state());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    let equal = |name: &String| found[name].to_bytes() == expected[name].to_bytes();
    assert!(expected.keys().all(equal), "{what}: the optimiser's state");
    assert_eq!(several.optimiser_steps(), one.optimiser.steps());
    assert_eq!(several.scaler(), one.scaler.as_ref());
}

#[test]
fn a_hundred_steps_of_the_papers_plan_on_eight_devices() {
    let setting = Setting::new(4, 4);
    same("paper", &setting, &Plan::paper(&setting.sizes, 8).unwrap(), 8, 100);
}

#[test]
fn every_plan_that_keeps_the_sums() {
    let setting = Setting { batch: 40, ..Setting::new(3, 4) };
    let lengths = Lengths::of(&setting.batch_of(0));
    let machine = Machine::of_cpus(3);
    let options = Search { slices: Some(4), simulations: 60, sums: Sums::ByRows };
    let mut plans = vec![Plan::single(&setting.sizes), Plan::deferred(&setting.sizes, 5).unwrap()];
    plans.push(search(&setting.sizes, &lengths, &machine, &options).unwrap());
    let base = Plan::deferred(&setting.sizes, 3).unwrap();
    // Slices out of order, chunks of different lengths, parts of the batch, layers to and fro.
    let slices = [2, 0, 2, 1].into_iter().zip([14, 13, 13, 13]).map(|(device, words)| Slice { words, device });
    for (micro_batches, order, when) in [
        (1, Order::Program, When::Deferred),
        (4, Order::WeightsLast, When::Deferred),
        (2, Order::CriticalPath, When::AtOnce),
    ] {
        plans.push(Plan {
            name: format!("{micro_batches} parts, {order:?}"),
            encoder: vec![0, 2, 0],
            decoder: vec![1, 0, 2],
            target_embedding: 2,
            micro_batches,
            order,
            softmax_weights: when,
            lstm_weights: when,
            chunks: Chunks { lstm: 4, softmax: 3, weights: 5 },
            vocabulary: Vocabulary::Slices(slices.clone().collect()),
            ..base.clone()
        });
    }
    for plan in plans {
        let devices = plan.devices();
        same(&plan.name, &setting, &plan, devices, 3);
    }
}

#[test]
fn one_slice_is_the_fused_softmax() {
    let setting = Setting::new(2, 1);
    let plan = Plan { chunks: Chunks { lstm: 2, softmax: 4, weights: 1 }, ..Plan::single(&setting.sizes) };
    same("single", &setting, &plan, 1, 3);
}

#[test]
fn dropout_masks_and_adams_state() {
    let setting = Setting { dropout: 0.3, optimiser: Optimiser::adam(), ..Setting::new(2, 3) };
    let plan = Plan { micro_batches: 2, ..Plan::deferred(&setting.sizes, 4).unwrap() };
    same("dropout", &setting, &plan, 4, 4);
}

#[test]
fn parts_of_a_batch_one_after_another() {
    for batch in [48, 7] {
        let adam = Optimiser::adam();
        let setting = Setting { parts: 5, dropout: 0.2, optimiser: adam, batch, ..Setting::new(2, 3) };
        let plan = Plan { micro_batches: 2, ..Plan::deferred(&setting.sizes, 4).unwrap() };
        same("five parts", &setting, &plan, 4, 3);
    }
}

#[test]
fn short_floats() {
    for precision in [Precision::Bf16, Precision::F16] {
        let setting = Setting { precision, dropout: 0.2, batch: 24, parts: 2, ..Setting::new(2, 3) };
        let plan = Plan { micro_batches: 2, chunks: Chunks { lstm: 2, softmax: 3, weights: 2 }, ..paper(&setting) };
        same(&precision.to_string(), &setting, &plan, 5, 3);
    }
}

fn paper(setting: &Setting) -> Plan {
    Plan::paper(&setting.sizes, 5).unwrap()
}

/// Where a processor has such products; elsewhere the operands are rounded and multiplied as any others.
#[test]
fn products_in_bf16() {
    let setting = Setting { batch: 40, ..Setting::new(2, 3) };
    let (one, several) = (Device::cpus(1).remove(0), Device::cpus(5));
    several.iter().chain([&one]).for_each(|device| device.set_matmul_precision(MatmulPrecision::Bf16));
    same_on("products in bf16", &setting, &Plan { micro_batches: 4, ..paper(&setting) }, (&one, &several), 3);
}

#[test]
fn a_batch_that_cannot_be_cut_so_often() {
    let setting = Setting { batch: 33, ..Setting::new(2, 2) };
    let plan = Plan { micro_batches: 4, ..Plan::paper(&setting.sizes, 3).unwrap() };
    same("33 sentences", &setting, &plan, 3, 2);
}

#[test]
fn the_softmax_by_rows_adds_the_same_terms_in_another_order() {
    let setting = Setting::new(2, 1);
    let plan = Plan::data_parallel_softmax(&setting.sizes, 4).unwrap();
    let mut one = setting.single();
    let mut several = setting.executor(&plan, &Device::cpus(4));
    for update in 0..10 {
        let batch = setting.batch_of(update);
        let (expected, found) = (one.step(&batch, update, 0.3), several.step(&batch, update, 0.3).unwrap());
        assert!((found.loss / expected.loss - 1.0).abs() < 1e-6, "{} and {}", found.loss, expected.loss);
        assert!((found.gradient_norm / expected.gradient_norm - 1.0).abs() < 1e-6);
    }
    let (several, one) = (several.model_state(), one.model.state());
    for (path, value) in &one {
        let distance = distance(&several[path], value);
        assert!(distance < 1e-6, "{path}: {distance}");
    }
}

#[test]
fn a_trace_tells_every_task_in_an_order_that_can_be() {
    let setting = Setting::new(2, 2);
    let plan = Plan::deferred(&setting.sizes, 4).unwrap();
    let (_, traces) = setting.executor(&plan, &Device::cpus(4)).traced_step(&setting.batch_of(0), 0, 0.1).unwrap();
    let [trace] = &traces[..] else { panic!("one part has one trace") };
    for (task, span) in trace.graph.tasks.iter().zip(&trace.timeline.spans) {
        assert!(0.0 <= span.start && span.start <= span.end && span.end <= trace.timeline.makespan);
        for &input in &task.inputs {
            let producer = trace.graph.values[input].producer;
            assert!(trace.timeline.spans[producer].end <= span.start, "{} before its input", task.job);
        }
    }
    assert!(!trace.timeline.messages.is_empty());
    let names: Vec<String> = (0..4).map(|device| format!("cpu:{device}")).collect();
    let json = unrolled_seq2seq::executor::chrome_trace(&plan, &names, &[(0, trace.clone())]);
    let events = json["traceEvents"].as_array().unwrap();
    let drawn = |name: &str| events.iter().filter(|event| event["ph"] == name).count();
    assert_eq!(drawn("X"), trace.graph.tasks.len() + trace.timeline.messages.len());
}
