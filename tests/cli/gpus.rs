//! The command on eight virtual GPUs (crates/virtual-cuda): a driver that interprets the kernels.

use std::path::Path;

use crate::command::{command, text};
use crate::toy::corpus;

/// Trains a small model for two updates, of whose products the order does not depend on the plan.
fn trained(folder: &Path, run: &str, more: &[&str]) -> String {
    let small = [
        "train",
        "--preset",
        "tiny",
        "--layers",
        "2",
        "--hidden-size",
        "8",
        "--embedding-size",
        "6",
        "--batch-size",
        "8",
        "--epochs",
        "0",
        "--updates",
        "2",
        "--valid-bleu-sentences",
        "0",
        "--softmax-slices",
        "3",
        "--source",
        "a.en",
        "--target",
        "a.fr",
        "--threads",
        "1",
    ];
    let driver = virtual_cuda::install::library().expect("cargo builds it beside the tests");
    let names = driver.parent().unwrap().join("virtual-driver");
    virtual_cuda::install::into(&driver, &names, true).unwrap();
    let mut command = command(folder, &[&small[..], &["--output", run], more].concat());
    command.env("LD_LIBRARY_PATH", names).env("VIRTUAL_CUDA_DEVICES", "8");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{run}: {}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

#[test]
fn a_plan_on_eight_gpus_writes_the_checkpoint_of_one() {
    let corpus = corpus();
    let folder = corpus.path();
    trained(folder, "one", &["--device", "cuda:0"]);
    let told = trained(folder, "eight", &["--plan", "paper", "--devices", "cuda:0-7", "--trace", "trace.json"]);
    assert!(told.contains("cuda:0 to cuda:7 by plan `paper`"), "{told}");
    let model = |run: &str| std::fs::read(folder.join(run).join("checkpoints/0000000002/model.safetensors")).unwrap();
    assert!(model("one") == model("eight"));
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    // Two layers leave six GPUs, of which the three slices take three.
    assert!((0..5).all(|gpu| events.iter().any(|event| event["pid"] == gpu && event["cat"] != "message")));
    trained(folder, "mix", &["--plan", "paper", "--devices", "2xcpu+cuda:2-4"]);
    assert!(folder.join("mix/checkpoints/0000000002/model.safetensors").exists());
}
