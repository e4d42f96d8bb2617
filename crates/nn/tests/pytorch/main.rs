//! Layers, losses, clipping and optimisers against PyTorch, whose values `scripts/pytorch_parity.py` has recorded: in f32 and f64, values
//! and gradients, on the shared CPU device and on an independent one.

mod golden;
mod layers;
mod losses;
mod steps;

/// Every recorded file belongs to a test; the folders beside them are other tests'.
#[test]
fn no_recorded_case_is_forgotten() {
    let files = std::fs::read_dir(golden::folder()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let mut cases: Vec<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    cases.sort();
    let mut known: Vec<String> = Vec::new();
    for case in layers::CASES.iter().chain(losses::CASES).chain(steps::CASES) {
        known.extend(["f32", "f64"].map(|dtype| format!("{case}_{dtype}.safetensors")));
    }
    known.sort();
    assert_eq!(cases, known);
}
