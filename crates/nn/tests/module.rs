//! Modules: paths, values out and in, what is refused; every parameter learns unless it is frozen.

use std::collections::BTreeMap;

use unrolled_autograd::Var;
use unrolled_nn::{
    Embedding, LayerNorm, Linear, LoadError, Lstm, LstmLayer, LstmState, Module, Optimiser, Parameter, module,
    unused_parameters,
};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

struct Stack {
    lstm: Lstm,
}
module!(Stack { lstm });

struct Network {
    words: Embedding,
    encoder: Stack,
    norm: Option<LayerNorm>,
    none: Option<LayerNorm>,
    outputs: Vec<Linear>,
    temperature: Parameter,
}
module!(Network { words, encoder, norm, none, outputs, temperature });

struct Wrapper {
    inner: Network,
}
module!(Wrapper { flatten inner });

fn network(seed: u64) -> Network {
    let (key, device) = (Key::new(seed), Device::cpu());
    Network {
        words: Embedding::new(7, 3, 0.5, key.purpose("words"), &device),
        encoder: Stack { lstm: Lstm::new(3, 4, 2, 0.0, 0.5, key.purpose("encoder"), &device) },
        norm: Some(LayerNorm::new(4, &device)),
        none: None,
        outputs: vec![Linear::new(4, 2, 0.5, key.purpose("output"), &device)],
        temperature: Parameter::new(Tensor::scalar(1f32, &device)),
    }
}

const PATHS: [&str; 12] = [
    "words.weight",
    "encoder.lstm.0.weight_ih",
    "encoder.lstm.0.weight_hh",
    "encoder.lstm.0.bias",
    "encoder.lstm.1.weight_ih",
    "encoder.lstm.1.weight_hh",
    "encoder.lstm.1.bias",
    "norm.weight",
    "norm.bias",
    "outputs.0.weight",
    "outputs.0.bias",
    "temperature",
];

fn bits(module: &dyn Module) -> BTreeMap<String, Vec<u8>> {
    module.state().into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect()
}

fn random(shape: &[usize], name: &str) -> Tensor {
    let distribution = Distribution::Uniform { low: -1.0, high: 1.0 };
    Tensor::random(distribution, Key::new(3).purpose(name), shape, DType::F32, &Device::cpu())
}

/// A loss in which all parameters of a [`Network`] take part.
fn loss(network: &Network) -> Var {
    let ids = Tensor::from_slice(&[1u32, 2, 3, 1, 6, 0], [3, 2], &Device::cpu());
    let start = LstmState::zeros(2, 2, 4, DType::F32, &Device::cpu());
    let (hidden, _) = network.encoder.lstm.forward(&network.words.forward(&ids), &start, None, None);
    let hidden = network.norm.as_ref().map_or(hidden.clone(), |norm| norm.forward(&hidden));
    let output = network.outputs[0].forward(&hidden) * network.temperature.var();
    (output * Var::constant(random(&[3, 2, 2], "cotangent"))).sum(.., false)
}

#[test]
fn paths_follow_the_fields() {
    let mut network = network(1);
    let paths = |module: &dyn Module| module.parameters().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths(&network), PATHS);
    let of_mut: Vec<String> = network.parameters_mut().into_iter().map(|(path, _)| path).collect();
    assert_eq!(of_mut, PATHS);
    let count: usize = network.parameters().iter().map(|(_, p)| p.tensor().elements()).sum();
    assert_eq!((network.parameter_count(), count), (7 * 3 + 16 * (3 + 4 + 1) + 16 * (4 + 4 + 1) + 8 + 10 + 1, count));
    assert_eq!(paths(&Wrapper { inner: network }), PATHS, "`flatten` adds no name");
}

#[test]
fn values_go_from_one_model_to_another() {
    let (from, mut to) = (network(1), network(2));
    assert_ne!(bits(&from), bits(&to));
    let state = from.state();
    to.load(&state).unwrap();
    assert_eq!(bits(&from), bits(&to));
    // The values may share storage, but a step of one model must not be seen in the other.
    let before = bits(&from);
    let mut gradients = loss(&to).backward();
    Optimiser::sgd().step(&mut to, &mut gradients, 0.1, 1.0);
    assert_eq!(bits(&from), before);
    assert_ne!(bits(&to), before);
    assert_eq!(state["temperature"].item::<f32>(), 1.0);
}

#[test]
fn values_go_to_the_parameters_device() {
    let device = Device::cpus(2).remove(1);
    let mut there = Linear::new(4, 2, 0.5, Key::new(1), &device);
    let here = Linear::new(4, 2, 0.5, Key::new(2), &Device::cpu());
    there.load(&here.state()).unwrap();
    assert_eq!(there.weight.tensor().device(), &device);
    assert_eq!(bits(&there), bits(&here));
}

/// Each kind of wrong values: the error, and that nothing has changed.
#[test]
fn wrong_values_are_refused_whole() {
    let good = network(2).state();
    let with = |path: &str, tensor: Tensor| {
        let mut state = good.clone();
        state.insert(path.to_string(), tensor);
        state
    };
    let mut missing = good.clone();
    missing.remove("temperature");
    let path = |path: &str| path.to_string();
    let mismatch = |at: &str, wanted: &str, found: &str| LoadError::Mismatch {
        path: path(at),
        wanted: path(wanted),
        found: path(found),
    };
    let cpu = Device::cpu();
    for (state, wanted, message) in [
        (missing, LoadError::Missing { path: path("temperature") }, "no value for parameter `temperature`"),
        (
            with("norm.gain", Tensor::zeros([4], DType::F32, &cpu)),
            LoadError::Unexpected { path: path("norm.gain") },
            "the model has no parameter `norm.gain`",
        ),
        (
            with("norm.bias", Tensor::zeros([5], DType::F32, &cpu)),
            mismatch("norm.bias", "f32[4]", "f32[5]"),
            "parameter `norm.bias` is f32[4], but its value is f32[5]",
        ),
        (
            with("norm.bias", Tensor::zeros([4], DType::F64, &cpu)),
            mismatch("norm.bias", "f32[4]", "f64[4]"),
            "parameter `norm.bias` is f32[4], but its value is f64[4]",
        ),
    ] {
        let mut network = network(1);
        let before = bits(&network);
        let error = network.load(&state).unwrap_err();
        assert_eq!((error.to_string().as_str(), &error), (message, &wanted));
        assert_eq!(bits(&network), before, "nothing changes where loading fails: {error}");
    }
}

#[test]
#[should_panic(expected = "a parameter of shape [2] cannot become [3]")]
fn a_parameter_keeps_its_shape() {
    let mut parameter = Parameter::new(Tensor::zeros([2], DType::F32, &Device::cpu()));
    parameter.set(Tensor::zeros([3], DType::F32, &Device::cpu()));
}

#[test]
#[should_panic(expected = "u32 has no gradients")]
fn a_parameter_is_of_floats() {
    Parameter::new(Tensor::zeros([2], DType::U32, &Device::cpu()));
}

/// All layers alone, then all together: no parameter is left without a gradient, nor with one of zeros.
#[test]
fn every_parameter_of_every_layer_gets_a_gradient() {
    let (key, device) = (Key::new(1), Device::cpu());
    let x = Var::constant(random(&[3, 2, 4], "x"));
    let cotangent = Var::constant(random(&[3, 2, 4], "cotangent"));
    let ids = Tensor::from_slice(&[0u32, 1, 2, 3, 4, 0], [3, 2], &device);
    let zeros = |layers| LstmState::zeros(layers, 2, 4, DType::F32, &device);
    let embedding = Embedding::new(5, 4, 0.5, key, &device);
    let linear = Linear::new(4, 4, 0.5, key, &device);
    let norm = LayerNorm::new(4, &device);
    let layer = LstmLayer::new(4, 4, 0.5, key, &device);
    let lstm = Lstm::new(4, 4, 3, 0.1, 0.5, key, &device);
    let state = zeros(1);
    let whole = network(1);
    let outputs: [(&str, &dyn Module, Var); 6] = [
        ("embedding", &embedding, embedding.forward(&ids)),
        ("linear", &linear, linear.forward(&x)),
        ("layer norm", &norm, norm.forward(&x)),
        (
            "one LSTM layer",
            &layer,
            x.lstm_sequence(layer.weights(), &state.hidden[0], &state.cell[0], None, 0).sequence,
        ),
        ("LSTM", &lstm, lstm.forward(&x, &zeros(3), None, Some(key)).0),
        ("network", &whole, loss(&whole)),
    ];
    for (name, module, output) in outputs {
        let loss = if output.rank() == 0 { output } else { (output * &cotangent).sum(.., false) };
        let gradients = loss.backward();
        assert_eq!(gradients.len(), module.parameters().len(), "{name}");
        for (path, parameter) in module.parameters() {
            let gradient = gradients.get(parameter.var()).unwrap_or_else(|| panic!("{name}: no gradient of {path}"));
            assert_eq!(gradient.shape(), parameter.tensor().shape(), "{name}: {path}");
            let numbers = gradient.to_f64_vec();
            assert!(numbers.iter().all(|g| g.is_finite()) && numbers.iter().any(|&g| g != 0.0), "{name}: {path}");
        }
    }
}

#[test]
fn a_frozen_parameter_stays_until_it_thaws() {
    for rule in [Optimiser::sgd(), Optimiser::momentum(0.9), Optimiser::adam(), Optimiser::adam_w(0.1)] {
        let (mut network, mut optimiser) = (network(1), rule);
        network.encoder.lstm.layers[0].weight_hh.set_trainable(false);
        network.words.weight.set_trainable(false);
        let frozen = ["encoder.lstm.0.weight_hh", "words.weight"];
        let before = bits(&network);
        let mut step = |network: &mut Network| {
            let mut gradients = loss(network).backward();
            optimiser.step(network, &mut gradients, 0.1, 1.0);
            (gradients.len(), bits(network))
        };
        let (left, after) = step(&mut network);
        assert_eq!(left, 0, "a step uses all gradients up");
        for path in PATHS {
            assert_eq!(before[path] == after[path], frozen.contains(&path), "{path}");
        }
        network.words.weight.set_trainable(true);
        let (_, thawed) = step(&mut network);
        assert_ne!(thawed["words.weight"], before["words.weight"]);
        assert_eq!(thawed[frozen[0]], before[frozen[0]]);
    }
}

/// Freezing between the backward pass and the step counts too.
#[test]
fn a_parameter_frozen_after_backward_stays() {
    let mut network = network(1);
    let before = bits(&network);
    let mut gradients = loss(&network).backward();
    network.temperature.set_trainable(false);
    Optimiser::sgd().step(&mut network, &mut gradients, 0.1, 1.0);
    assert_eq!(bits(&network)["temperature"], before["temperature"]);
    assert_ne!(bits(&network)["norm.bias"], before["norm.bias"]);
}

#[test]
fn a_frozen_parameter_takes_new_values() {
    let (mut to, from) = (network(1), network(2));
    to.words.weight.set_trainable(false);
    to.load(&from.state()).unwrap();
    assert_eq!(bits(&to), bits(&from));
    assert!(!to.words.weight.is_trainable() && to.temperature.is_trainable());
}

#[test]
fn parameters_without_a_gradient_are_named() {
    let new = |name: &str| Linear::new(2, 2, 0.5, Key::new(1).purpose(name), &Device::cpu());
    let mut layers = vec![new("a"), new("b"), new("c")];
    layers[2].bias.set_trainable(false);
    let x = Var::constant(Tensor::ones([1, 2], DType::F32, &Device::cpu()));
    let through = |layers: &[Linear]| layers.iter().fold(x.clone(), |x, layer| layer.forward(&x)).sum(.., false);
    assert!(unused_parameters(&layers, &through(&layers).backward()).is_empty(), "the frozen one is not missed");
    let unused = unused_parameters(&layers, &through(&layers[1..2]).backward());
    assert_eq!(unused, ["0.weight", "0.bias", "2.weight"]);
}
