//! Optimisers beyond single steps: saved and resumed, sparse rows, what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use unrolled_autograd::{Gradient, Gradients, Rows, Var};
use unrolled_nn::{
    Embedding, GroupOptions, LoadError, Module, Optimiser, clip_factor, global_norm, module, safetensors_file,
};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

const WORDS: usize = 9;
const WIDTH: usize = 3;

struct Pair {
    table: Embedding,
    other: Embedding,
}
module!(Pair { table, other });

fn pair() -> Pair {
    let table = |name| Embedding::new(WORDS, WIDTH, 0.5, Key::new(1).purpose(name), &Device::cpu());
    Pair { table: table("table"), other: table("other") }
}

/// Gradients of a batch of ids: rows of `table`, all of `other`.
fn gradients(pair: &Pair, ids: &[u32], step: u64) -> Gradients {
    let device = Device::cpu();
    let ids = Tensor::from_slice(ids, [ids.len()], &device);
    let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    let random = |shape: &[usize], name| {
        Var::constant(Tensor::random(normal, Key::new(5).purpose(name).at(step), shape, DType::F32, &device))
    };
    let rows = pair.table.forward(&ids);
    let rows = (&rows * &random(rows.shape(), "rows")).sum(.., false);
    (rows + (pair.other.weight.var() * &random(&[WORDS, WIDTH], "all")).sum(.., false)).backward()
}

fn rules() -> [(&'static str, Optimiser); 4] {
    [
        ("SGD", Optimiser::sgd()),
        ("momentum", Optimiser::momentum(0.9)),
        ("Adam", Optimiser::adam()),
        ("AdamW", Optimiser::adam_w(0.01)),
    ]
}

fn run(pair: &mut Pair, optimiser: &mut Optimiser, steps: std::ops::Range<u64>) {
    for step in steps {
        // Not every row occurs in every step: then lazy states matter.
        let ids: Vec<u32> = (0..4).map(|i| Key::new(9).at(step).below(i, WORDS as u64) as u32).collect();
        let mut gradients = gradients(pair, &ids, step);
        let factor = clip_factor(global_norm(pair, &gradients), 2.0);
        optimiser.step(pair, &mut gradients, 0.1, factor);
    }
}

/// As [`run`], with the numbers of a step on the device, rows padded, and a step that is called off before each.
fn run_by(pair: &mut Pair, optimiser: &mut Optimiser, steps: std::ops::Range<u64>) {
    optimiser.prepare(pair);
    for step in steps {
        let ids: Vec<u32> = (0..4).map(|i| Key::new(9).at(step).below(i, WORDS as u64) as u32).collect();
        for scale in [Some(f64::NAN), None] {
            let mut gradients = gradients(pair, &ids, step);
            let factor = clip_factor(global_norm(pair, &gradients), 2.0);
            let [c1, c2] = optimiser.corrections();
            let hyper = Tensor::from_slice(&[0.1, scale.unwrap_or(factor), c1, c2], [4], &Device::cpu());
            let Some(Gradient::Rows(rows)) = gradients.take(pair.table.weight.var()) else { panic!("rows of a table") };
            let (twice, zeros) = (Tensor::concat(&[&rows.index; 2], 0), rows.values.zeros_like());
            let (index, values) = Tensor::concat(&[&rows.values, &zeros], 0).coalesce_padded(&twice);
            gradients.insert(pair.table.weight.var(), Gradient::Rows(Rows { index, values, ..*rows }.into()));
            optimiser.step_by(pair, &mut gradients, &hyper);
        }
        optimiser.begin_step();
    }
}

fn bits(tensors: BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<u8>> {
    tensors.into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect()
}

#[test]
fn saved_and_resumed_gives_the_same_bits() {
    for (name, rule) in rules() {
        let (mut whole, mut optimiser) = (pair(), rule.clone());
        run(&mut whole, &mut optimiser, 0..7);

        let (mut first, mut before) = (pair(), rule.clone());
        run(&mut first, &mut before, 0..3);
        let folder = tempfile::tempdir().unwrap();
        let save = |file: &str, tensors: BTreeMap<String, Tensor>| {
            let path = folder.path().join(file);
            safetensors_file::save(&path, tensors.iter().map(|(n, t)| (n.clone(), t)), &BTreeMap::new()).unwrap();
            safetensors_file::load(&path, &Device::cpu()).unwrap().tensors
        };
        let (model, state) = (save("model", first.state()), save("optimiser", before.state()));

        let (mut second, mut after) = (pair(), rule);
        second.load(&model).unwrap();
        after.load(before.steps(), &state, &second).unwrap();
        assert_eq!(after.steps(), 3);
        run(&mut second, &mut after, 3..7);
        assert_eq!(bits(second.state()), bits(whole.state()), "{name}: parameters");
        assert_eq!(bits(after.state()), bits(optimiser.state()), "{name}: what the optimiser remembers");
        assert_eq!(after.steps(), 7);
    }
}

#[test]
fn a_step_by_numbers_on_the_device_is_the_same_step() {
    let slow = GroupOptions { rate_factor: 0.25, weight_decay: Some(0.1) };
    let groups = ("Adam in groups", Optimiser::adam().group("table", slow));
    for (name, rule) in rules().into_iter().chain([groups]) {
        let [(mut a, mut by_host), (mut b, mut by_device)] = [0, 1].map(|_| (pair(), rule.clone()));
        run(&mut a, &mut by_host, 0..4);
        run_by(&mut b, &mut by_device, 0..4);
        assert_eq!(bits(a.state()), bits(b.state()), "{name}: parameters");
        assert_eq!(bits(by_host.state()), bits(by_device.state()), "{name}: what the optimiser remembers");
        assert_eq!(by_host.steps(), by_device.steps());
    }
    let decaying = GroupOptions { weight_decay: Some(0.1), ..GroupOptions::default() };
    assert!(!Optimiser::sgd().group("table", decaying).can_step_by());
}

/// The saved state is a copy: a step of the optimiser it was loaded into does not change it.
#[test]
fn a_loaded_state_is_not_shared() {
    let (mut model, mut optimiser) = (pair(), Optimiser::adam());
    run(&mut model, &mut optimiser, 0..1);
    let saved = optimiser.state();
    let before = bits(saved.clone());
    let mut other = Optimiser::adam();
    other.load(1, &saved, &model).unwrap();
    run(&mut model, &mut other, 1..2);
    run(&mut model, &mut optimiser, 1..2);
    assert_eq!(bits(saved), before);
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let (mut model, mut adam) = (pair(), Optimiser::adam());
    run(&mut model, &mut adam, 0..2);
    let good = adam.state();
    assert_eq!(
        good.keys().collect::<Vec<_>>(),
        ["other.weight.0", "other.weight.1", "table.weight.0", "table.weight.1"]
    );
    let without = |path: &str| {
        let mut state = good.clone();
        state.remove(path);
        state
    };
    let with = |path: &str, shape: &[usize]| {
        let mut state = good.clone();
        state.insert(path.to_string(), Tensor::zeros(shape, DType::F32, &Device::cpu()));
        state
    };
    let unexpected = |path: &str| LoadError::Unexpected { path: path.to_string() };
    let mismatch = LoadError::Mismatch {
        path: "table.weight.1".to_string(),
        wanted: "f32[9, 3]".to_string(),
        found: "f32[3, 9]".to_string(),
    };
    let cases = [
        (Optimiser::adam(), without("table.weight.1"), LoadError::Missing { path: "table.weight.1".to_string() }),
        (Optimiser::adam(), with("table.weight.1", &[3, 9]), mismatch),
        (Optimiser::adam(), with("table.weight.2", &[9, 3]), unexpected("table.weight.2")),
        (Optimiser::adam(), with("gone.weight.0", &[9, 3]), unexpected("gone.weight.0")),
        // Another rule's state is left over, and the error says which part.
        (Optimiser::momentum(0.9), good.clone(), unexpected("other.weight.1")),
        (Optimiser::sgd(), good.clone(), unexpected("other.weight.0")),
    ];
    for (mut optimiser, state, wanted) in cases {
        assert_eq!(optimiser.load(2, &state, &model), Err(wanted));
        assert_eq!((optimiser.steps(), optimiser.state().len()), (0, 0), "nothing changes where loading fails");
    }
    // A parameter that was frozen all along has no state yet.
    let mut half = without("table.weight.1");
    half.remove("table.weight.0");
    assert_eq!(Optimiser::adam().load(2, &half, &model), Ok(()));
}

proptest! {
    /// For plain SGD a step on rows is the step on the whole table, whatever rows, duplicates among them; and so is the norm.
    #[test]
    fn sparse_rows_are_exact_for_sgd(ids in prop::collection::vec(0..WORDS as u32, 0..20), rate in 0.01..1.0f64, scale in 0.1..2.0f64) {
        let (mut sparse, mut dense) = (pair(), pair());
        let mut rows = gradients(&sparse, &ids, 0);
        let found = rows.gradient(sparse.table.weight.var());
        prop_assert!(matches!(found, Some(Gradient::Rows(_))));
        let all = rows.get(sparse.table.weight.var()).unwrap();
        let product = |p: &Embedding, g: &Tensor| (p.weight.var() * &Var::constant(g.clone())).sum(.., false);
        let other = rows.get(sparse.other.weight.var()).unwrap();
        let mut whole = (product(&dense.table, &all) + product(&dense.other, &other)).backward();
        let is_dense = matches!(whole.gradient(dense.table.weight.var()), Some(Gradient::Dense(_)));
        prop_assert!(is_dense);
        let (a, b) = (global_norm(&sparse, &rows), global_norm(&dense, &whole));
        prop_assert!((a - b).abs() <= 1e-6 * b, "norms {a} and {b}");
        Optimiser::sgd().step(&mut sparse, &mut rows, rate, scale);
        Optimiser::sgd().step(&mut dense, &mut whole, rate, scale);
        prop_assert_eq!(bits(sparse.state()), bits(dense.state()));
    }
}

/// Momentum and Adam are lazy on rows: a row that does not occur rests, and so does what is remembered of it.
#[test]
fn rows_that_do_not_occur_rest() {
    for (name, mut optimiser) in rules() {
        let mut model = pair();
        let mut step = |model: &mut Pair, ids: &[u32], at| {
            let mut gradients = gradients(model, ids, at);
            optimiser.step(model, &mut gradients, 0.1, 1.0);
            let state = optimiser.state().into_iter().filter(|(path, _)| path.starts_with("table")).map(|(_, t)| t);
            [vec![model.table.weight.tensor().clone()], state.collect()].concat()
        };
        let before = step(&mut model, &[2, 5, 5], 0);
        let after = step(&mut model, &[5, 8], 1);
        for (before, after) in before.iter().zip(&after) {
            let (before, after) = (before.to_vec::<f32>(), after.to_vec::<f32>());
            for (row, (a, b)) in before.chunks(WIDTH).zip(after.chunks(WIDTH)).enumerate() {
                assert_eq!(a != b, row == 5 || row == 8, "{name}: row {row}");
            }
        }
    }
}

#[test]
fn a_step_without_gradients_changes_nothing() {
    for (name, mut optimiser) in rules() {
        let mut model = pair();
        let before = bits(model.state());
        optimiser.step(&mut model, &mut Gradients::default(), 0.1, 1.0);
        assert_eq!(bits(model.state()), before, "{name}");
    }
}
