//! `unrolled devices`, and devices that are not there.

use crate::command::{command, folder, succeeds, text};
use crate::toy::corpus;

#[test]
fn the_cpu_is_listed_and_so_is_what_stands_in_the_way_of_a_gpu() {
    let folder = folder();
    let listed = succeeds(folder.path(), &["devices"]);
    assert!(listed.starts_with("cpu: ") && listed.contains("threads "), "{listed}");
    let objects = succeeds(folder.path(), &["devices", "--json"]);
    let objects: Vec<serde_json::Value> = objects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), listed.lines().count());
    assert_eq!((objects[0]["name"].as_str(), objects[0]["unusable"].as_str()), (Some("cpu"), None));
    #[cfg(feature = "cuda")]
    assert!(objects[1]["name"].as_str().unwrap().starts_with("cuda"), "{objects:?}");
}

/// On a machine with a GPU it is hidden.
#[test]
fn training_on_a_gpu_that_is_not_there_fails_with_one_line() {
    let corpus = corpus();
    let files = ["--source", "a.en", "--target", "a.fr", "--valid-source", "a.en", "--valid-target", "a.fr"];
    let flags = ["train", "--preset", "tiny", "--output", "run", "--device", "cuda:0"];
    let output =
        command(corpus.path(), &[&flags[..], &files].concat()).env("CUDA_VISIBLE_DEVICES", "").output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("error: device `cuda:0` cannot be used: "), "{told}");
    let reasons = ["no NVIDIA driver", "finds no GPU", "too old", "feature `cuda`"];
    assert!(reasons.iter().any(|reason| told.contains(reason)), "{told}");
    assert!(!corpus.path().join("run").exists());
}
