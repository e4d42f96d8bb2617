//! Optimisers: SGD with or without momentum, Adam, AdamW.

use std::collections::BTreeMap;

use unrolled_autograd::{Gradient, Gradients};
use unrolled_tensor::ops::Update;
use unrolled_tensor::{DeviceError, Tensor};

use crate::module::LoadError;
use crate::{Module, Parameter};

/// A rule for turning gradients into steps, and what it remembers of each parameter.
///
/// A sparse gradient ([`Gradient::Rows`]) changes only its rows. For plain SGD that is exact. Momentum and Adam are then "lazy", as PyTorch's
/// SparseAdam is: the state of a row rests while the row does not occur, instead of decaying.
#[derive(Clone, Debug)]
pub struct Optimiser {
    rule: Update,
    steps: u64,
    state: BTreeMap<String, Vec<Tensor>>,
}

impl Optimiser {
    /// An optimiser of any rule.
    pub fn new(rule: Update) -> Optimiser {
        Optimiser { rule, steps: 0, state: BTreeMap::new() }
    }

    /// Plain SGD: p ← p − rate · g.
    pub fn sgd() -> Optimiser {
        Optimiser::new(Update::Sgd { momentum: 0.0 })
    }

    /// v ← momentum · v + g, p ← p − rate · v.
    pub fn momentum(momentum: f64) -> Optimiser {
        Optimiser::new(Update::Sgd { momentum })
    }

    /// Adam (Kingma, Ba 2015) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    pub fn adam() -> Optimiser {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        Optimiser::new(Update::Adam { beta1, beta2, epsilon, weight_decay: 0.0, decoupled: false })
    }

    /// AdamW (Loshchilov, Hutter 2019): Adam with decoupled weight decay.
    pub fn adam_w(weight_decay: f64) -> Optimiser {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        Optimiser::new(Update::Adam { beta1, beta2, epsilon, weight_decay, decoupled: true })
    }

    /// The rule.
    pub fn rule(&self) -> &Update {
        &self.rule
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step of `rate` along the gradients times `scale` (the clip factor), which are used up. Parameters without a gradient stay.
    ///
    /// # Panics
    /// With a [`DeviceError`] where memory for the state is lacking.
    #[track_caller]
    pub fn step(&mut self, module: &mut dyn Module, gradients: &mut Gradients, rate: f64, scale: f64) {
        self.steps += 1;
        let corrections = match self.rule {
            Update::Adam { beta1, beta2, .. } => [beta1, beta2].map(|beta| 1.0 - beta.powf(self.steps as f64)),
            _ => [1.0, 1.0],
        };
        let hyper = [rate, scale, corrections[0], corrections[1]].map(|x| x as f32);
        for (path, parameter) in module.parameters_mut() {
            if let Some(gradient) = gradients.take(parameter.var()) {
                let outcome = self.change(&path, parameter, gradient, hyper);
                outcome.unwrap_or_else(|error| error.raise());
            }
        }
    }

    fn change(
        &mut self,
        path: &str,
        parameter: &mut Parameter,
        gradient: Gradient,
        hyper: [f32; 4],
    ) -> Result<(), DeviceError> {
        let value = parameter.tensor_mut();
        let device = value.device().clone();
        let states = self.rule.states();
        let state = self
            .state
            .entry(path.to_owned())
            .or_insert_with(|| (0..states).map(|_| Tensor::zeros(value.shape(), value.dtype(), &device)).collect());
        let hyper = Tensor::from_slice(&hyper, [4], &device);
        let (gradient, rows) = match &gradient {
            Gradient::Dense(gradient) => (gradient.tensor(), None),
            Gradient::Rows(rows) => (&rows.values, Some(&rows.index)),
        };
        device.backend().update(&self.rule, value, gradient, rows, state, &hyper)
    }

    /// What must be saved to go on later: the state of each parameter as `path.0`, `path.1`.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let named = |(path, tensors): (&String, &Vec<Tensor>)| {
            let path = path.clone();
            tensors.clone().into_iter().enumerate().map(move |(i, tensor)| (format!("{path}.{i}"), tensor))
        };
        self.state.iter().flat_map(named).collect()
    }

    /// Goes on from a saved state after `steps` steps, for the parameters of `module`.
    ///
    /// # Errors
    /// Where a state is left over or missing beside others of its parameter, or has not its parameter's shape.
    pub fn load(&mut self, steps: u64, saved: &BTreeMap<String, Tensor>, module: &dyn Module) -> Result<(), LoadError> {
        let mut state = BTreeMap::new();
        let mut used = 0;
        for (path, parameter) in module.parameters() {
            let names: Vec<String> = (0..self.rule.states()).map(|i| format!("{path}.{i}")).collect();
            if names.iter().all(|name| !saved.contains_key(name)) {
                continue;
            }
            let mut tensors = Vec::new();
            for name in names {
                let tensor = saved.get(&name).ok_or_else(|| LoadError::Missing { path: name.clone() })?;
                let wanted = parameter.tensor();
                if tensor.shape() != wanted.shape() || tensor.dtype() != wanted.dtype() {
                    let describe = |t: &Tensor| format!("{}{:?}", t.dtype(), t.shape());
                    return Err(LoadError::Mismatch { path: name, wanted: describe(wanted), found: describe(tensor) });
                }
                tensors.push(tensor.to_device(wanted.device()).copy());
                used += 1;
            }
            state.insert(path, tensors);
        }
        if used != saved.len() {
            let known = |name: &String| name.rsplit_once('.').is_some_and(|(path, _)| state.contains_key(path));
            let path = saved.keys().find(|name| !known(name)).cloned().unwrap_or_default();
            return Err(LoadError::Unexpected { path });
        }
        (self.steps, self.state) = (steps, state);
        Ok(())
    }
}
