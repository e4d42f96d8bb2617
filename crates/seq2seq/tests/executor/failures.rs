//! What fails is named, and nobody waits for it.

use unrolled_nn::Optimiser;
use unrolled_seq2seq::batch::Batch;
use unrolled_seq2seq::executor::{Executor, StepError};
use unrolled_seq2seq::schedule::Plan;
use unrolled_tensor::{Device, DeviceError};

use super::Setting;

fn in_words(error: &StepError) -> String {
    let cause = std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

#[test]
fn a_device_without_room_ends_the_step_by_name() {
    let setting = Setting::new(2, 2);
    let plan = Plan::paper(&setting.sizes, 4).unwrap();
    // Room for its parameters and a little more on the device of the first slice, plenty on the others.
    let devices: Vec<Device> =
        (0..4).map(|index| Device::cpu_with(index, 1, if index == 2 { 20_000 } else { usize::MAX })).collect();
    let mut executor = setting.executor(&plan, &devices);
    let before = executor.model_state();
    let error = executor.step(&setting.batch_of(0), 0, 0.1).unwrap_err();
    let StepError::Device { device, error: DeviceError::OutOfMemory { budget: 20_000, .. }, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(device, "cpu:2");
    let told = in_words(&error);
    assert!(told.contains("softmax") && told.contains("on cpu:2") && told.contains("out of memory"), "{told}");
    // What the step needed is given back, and nothing was changed; but nobody could know that of a later step.
    assert!(before.iter().all(|(path, value)| executor.model_state()[path].to_bytes() == value.to_bytes()));
    assert!(matches!(executor.step(&setting.batch_of(0), 0, 0.1), Err(StepError::Broken)));
}

#[test]
fn a_device_without_room_for_its_parameters() {
    let setting = Setting::new(2, 2);
    let plan = Plan::paper(&setting.sizes, 4).unwrap();
    let devices = Device::cpus_with_budget(4, 1000);
    let (sizes, recipe) = (&setting.sizes, setting.recipe());
    let error = Executor::new(sizes, setting.model(), Optimiser::sgd(), recipe, &plan, &devices).unwrap_err();
    assert!(in_words(&error).contains("taking the parameters` on cpu:0: out of memory"), "{}", in_words(&error));
}

#[test]
fn a_task_that_panics_ends_the_step_by_name() {
    let setting = Setting::new(2, 2);
    let mut executor = setting.executor(&Plan::paper(&setting.sizes, 4).unwrap(), &Device::cpus(4));
    let good = setting.batch_of(0);
    let mut source = good.source.clone();
    source.ids[0] = 40; // a word too many
    let error = executor.step(&Batch { source, ..good }, 0, 0.1).unwrap_err();
    let StepError::Task { device, task, reason } = &error else { panic!("{error:?}") };
    assert_eq!(device, "cpu:0");
    assert!(task.starts_with("encoder embedding") && reason.contains("40"), "{task}: {reason}");
}

#[test]
fn what_cannot_be_run_is_refused_before() {
    let setting = Setting::new(2, 2);
    let refused = |plan: &Plan, devices: usize| {
        let (sizes, devices, recipe) = (&setting.sizes, Device::cpus(devices), setting.recipe());
        Executor::new(sizes, setting.model(), Optimiser::sgd(), recipe, plan, &devices).unwrap_err().to_string()
    };
    let paper = Plan::paper(&setting.sizes, 4).unwrap();
    assert_eq!(refused(&paper, 3), "plan `paper` needs 4 devices, not 3");
    let three = Plan::layered(&setting.sizes, 2, 3);
    assert!(refused(&three, 5).contains("set `softmax-slices` to 3"));
}
