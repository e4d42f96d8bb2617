//! Parameter groups and freezing by path: PyTorch's arithmetic, the first match wins, what is mistyped is told.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_nn::{Embedding, GroupOptions, Linear, LoadError, Module, Optimiser, Parameter, UnmatchedPattern, module};
use unrolled_tensor::ops::Update;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

const RATE: f64 = 0.1;
const SCALE: f64 = 0.5;
const START: [f64; 3] = [2.0, -1.0, 0.5];
const GRADIENT: [f64; 3] = [0.3, -0.7, 1.1];

/// Three steps of torch.optim's SGD, Adam and AdamW, as their documentation has them.
fn reference(rule: &Update, rate: f64, decay: f64) -> Vec<f64> {
    let one = |(mut p, g): (f64, f64)| {
        let (mut m, mut v) = (0.0, 0.0);
        for t in 1..=3 {
            let g = g * SCALE;
            match *rule {
                Update::Sgd { momentum } => {
                    m = momentum * m + (g + decay * p);
                    p -= rate * m;
                }
                Update::Adam { beta1, beta2, epsilon, decoupled, .. } => {
                    let g = if decoupled { g } else { g + decay * p };
                    p -= if decoupled { rate * decay * p } else { 0.0 };
                    m = beta1 * m + (1.0 - beta1) * g;
                    v = beta2 * v + (1.0 - beta2) * g * g;
                    let (m, v): (f64, f64) = (m / (1.0 - beta1.powi(t)), v / (1.0 - beta2.powi(t)));
                    p -= rate * m / (v.sqrt() + epsilon);
                }
            }
        }
        p
    };
    START.into_iter().zip(GRADIENT).map(one).collect()
}

struct Four {
    plain: Parameter,
    slow: Parameter,
    heavy: Parameter,
    both: Parameter,
}
module!(Four { plain, slow, heavy, both });

fn options(rate_factor: f64, weight_decay: Option<f64>) -> GroupOptions {
    GroupOptions { rate_factor, weight_decay }
}

#[test]
fn each_group_has_its_own_rate_and_decay() {
    let device = Device::cpu();
    let of = |numbers: &[f64]| Tensor::from_slice(numbers, [3], &device);
    let rules = [
        (Optimiser::sgd(), 0.0),
        (Optimiser::momentum(0.9), 0.0),
        (Optimiser::adam(), 0.0),
        (Optimiser::adam_w(0.01), 0.01),
    ];
    for (optimiser, own) in rules {
        let rule = *optimiser.rule();
        let new = || Parameter::new(of(&START));
        let mut model = Four { plain: new(), slow: new(), heavy: new(), both: new() };
        let mut optimiser = optimiser
            .group("slow", options(0.25, None))
            .group("heavy", options(1.0, Some(0.2)))
            .group("b*", options(0.5, Some(0.0)))
            .group("*", options(1.0, None));
        for _ in 0..3 {
            let gradient = unrolled_autograd::Var::constant(of(&GRADIENT));
            let terms: Vec<_> = model.parameters().iter().map(|(_, p)| (p.var() * &gradient).sum(.., false)).collect();
            let sum = terms.into_iter().reduce(|a, b| a + b).unwrap();
            optimiser.step(&mut model, &mut sum.backward(), RATE, SCALE);
        }
        let cases =
            [(&model.plain, 1.0, own), (&model.slow, 0.25, own), (&model.heavy, 1.0, 0.2), (&model.both, 0.5, 0.0)];
        for (i, (parameter, factor, decay)) in cases.into_iter().enumerate() {
            let wanted = reference(&rule, RATE * factor, decay);
            for (found, wanted) in parameter.tensor().to_vec::<f64>().into_iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-12, "{rule:?}, parameter {i}: {found} for {wanted}");
            }
        }
    }
}

/// The same, where SGD's decay meets rows: those that occur decay, the others rest.
#[test]
fn decay_of_a_sparse_gradient_is_that_of_its_rows() {
    let device = Device::cpu();
    let mut table = Embedding { weight: Parameter::new(Tensor::ones([3, 1], DType::F64, &device)) };
    let ids = Tensor::from_slice(&[2u32, 2, 0], [3], &device);
    let mut gradients = table.forward(&ids).sum(.., false).backward();
    let mut optimiser = Optimiser::sgd().group("weight", options(2.0, Some(0.1)));
    optimiser.step(&mut table, &mut gradients, 0.1, 0.5);
    let wanted = [1.0 - 0.2 * (0.5 + 0.1), 1.0, 1.0 - 0.2 * (1.0 + 0.1)];
    for (found, wanted) in table.weight.tensor().to_vec::<f64>().into_iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-15, "{found} for {wanted}");
    }
}

fn layers() -> [Linear; 2] {
    [0, 1].map(|seed| Linear::new(2, 2, 0.5, Key::new(seed), &Device::cpu()))
}

fn step(layers: &mut [Linear; 2], optimiser: &mut Optimiser) {
    let norm = |p: &Parameter| p.var().square().sum(.., false);
    let sum = layers.iter().map(|l| norm(&l.weight) + norm(&l.bias)).reduce(|a, b| a + b).unwrap();
    optimiser.step(layers, &mut sum.backward(), 0.1, 1.0);
}

#[test]
fn the_first_match_wins() {
    let optimiser = Optimiser::sgd().group("0.bias", options(3.0, None)).group("0", options(2.0, None));
    let factors = ["0.bias", "0.weight", "1.bias"].map(|path| optimiser.options_of(path).rate_factor);
    assert_eq!(factors, [3.0, 2.0, 1.0]);
    // A group of factor 0 stays, as if it were frozen.
    let (mut model, mut optimiser) = (layers(), Optimiser::sgd().group("1", options(0.0, None)));
    let before = model.state();
    step(&mut model, &mut optimiser);
    for (path, value) in model.state() {
        assert_eq!(value.to_bytes() == before[&path].to_bytes(), path.starts_with('1'), "{path}");
    }
}

#[test]
fn a_group_without_parameters_is_told_before_anything_changes() {
    let (mut model, mut optimiser) = (layers(), Optimiser::adam().group("*.bias", options(1.0, Some(0.0))));
    assert_eq!(optimiser.check_groups(&model), Ok(()));
    optimiser = optimiser.group("encoder", options(0.5, None));
    let error = optimiser.check_groups(&model).unwrap_err();
    let told = "no parameter matches `encoder`; there are: 0.weight, 0.bias, 1.weight, 1.bias";
    assert_eq!((error.pattern.as_str(), error.to_string().as_str()), ("encoder", told));
    let before = model[0].weight.tensor().to_bytes();
    let panic = catch_unwind(AssertUnwindSafe(|| step(&mut model, &mut optimiser))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), &format!("step: {told}"));
    assert_eq!((model[0].weight.tensor().to_bytes(), optimiser.steps()), (before, 0));
}

#[test]
#[should_panic(expected = "group `a`")]
fn a_rate_factor_below_zero_is_refused() {
    drop(Optimiser::sgd().group("a", options(-1.0, None)));
}

/// Saved without groups, resumed with them, and the other way round.
#[test]
fn what_is_saved_does_not_depend_on_groups() -> Result<(), LoadError> {
    let with = || Optimiser::adam_w(0.1).group("*.bias", options(0.5, Some(0.0)));
    for (first, second) in [(with(), Optimiser::adam_w(0.1)), (Optimiser::adam_w(0.1), with()), (with(), with())] {
        let (mut model, mut optimiser) = (layers(), first.clone());
        step(&mut model, &mut optimiser);
        let mut resumed = second.clone();
        resumed.load(optimiser.steps(), &optimiser.state(), &model)?;
        assert_eq!(resumed.options_of("0.bias"), second.options_of("0.bias"), "groups stay when state is loaded");
        step(&mut model, &mut resumed);
        assert_eq!(resumed.steps(), 2);
    }
    Ok(())
}

#[test]
fn parameters_are_frozen_by_path() {
    let trainable = |model: &[Linear; 2]| -> Vec<String> {
        model.parameters().into_iter().filter(|(_, p)| p.is_trainable()).map(|(path, _)| path).collect()
    };
    let mut model = layers();
    assert_eq!(model.freeze("*"), Ok(4));
    assert_eq!(model.unfreeze("*.weight"), Ok(2));
    assert_eq!(trainable(&model), ["0.weight", "1.weight"]);
    assert_eq!(model.freeze("1"), Ok(2), "those that are frozen already count too");
    assert_eq!(trainable(&model), ["0.weight"]);
    let before = model.state();
    step(&mut model, &mut Optimiser::momentum(0.9));
    for (path, value) in model.state() {
        assert_eq!(value.to_bytes() == before[&path].to_bytes(), path != "0.weight", "{path}");
    }
    let paths = ["0.weight", "0.bias", "1.weight", "1.bias"].map(String::from).to_vec();
    assert_eq!(model.freeze("0.weigh"), Err(UnmatchedPattern { pattern: "0.weigh".into(), paths }));
    assert_eq!(trainable(&model), ["0.weight"], "a name is matched whole");
}
