//! Optimisers: SGD with or without momentum, Adam, AdamW.

use std::collections::{BTreeMap, BTreeSet};

use unrolled_autograd::{Gradient, Gradients};
use unrolled_tensor::Tensor;
use unrolled_tensor::ops::Update;

use crate::groups::{GroupOptions, Groups, decayed};
use crate::module::LoadError;
use crate::{Module, Parameter, UnmatchedPattern};

/// A rule for turning gradients into steps, and what it remembers of each parameter.
///
/// A sparse gradient ([`Gradient::Rows`]) changes only its rows. For plain SGD that is exact. Momentum and Adam are then "lazy", as PyTorch's
/// SparseAdam is: the state of a row rests while the row does not occur, instead of decaying.
#[derive(Clone, Debug)]
pub struct Optimiser {
    rule: Update,
    steps: u64,
    state: BTreeMap<String, Vec<Tensor>>,
    groups: Groups,
}

impl Optimiser {
    /// An optimiser of any rule.
    pub fn new(rule: Update) -> Optimiser {
        Optimiser { rule, steps: 0, state: BTreeMap::new(), groups: Groups::default() }
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

    /// Treats the parameters whose paths [match](crate::path_matches) `pattern` by these options. Of several groups that match a parameter the first
    /// one added counts. What is saved and loaded does not depend on groups, so they can change when a run is resumed.
    ///
    /// ```
    /// use unrolled_nn::{GroupOptions, Optimiser};
    /// // Weight decay for weights alone, and a slow encoder.
    /// let optimiser = Optimiser::adam_w(0.01)
    ///     .group("*.bias", GroupOptions { weight_decay: Some(0.0), ..Default::default() })
    ///     .group("encoder", GroupOptions { rate_factor: 0.1, ..Default::default() });
    /// # let _ = optimiser;
    /// ```
    ///
    /// # Panics
    /// Where a number is negative or not finite. A pattern that matches nothing panics in [`step`](Optimiser::step).
    #[must_use]
    #[track_caller]
    pub fn group(mut self, pattern: impl Into<String>, options: GroupOptions) -> Optimiser {
        self.groups.add(pattern.into(), options);
        self
    }

    /// Checks that each group has a parameter of `module`: one that matches none is a mistyped one.
    ///
    /// # Errors
    /// Where one has none: the first such.
    pub fn check_groups(&self, module: &dyn Module) -> Result<(), UnmatchedPattern> {
        self.groups.check(module)
    }

    /// How the parameter of that path is treated.
    pub fn options_of(&self, path: &str) -> GroupOptions {
        self.groups.of(path)
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
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where memory for the state is lacking. Where a [group](Optimiser::group) matches no
    /// parameter, or `module` is a [copy](Module::in_dtype) in another dtype.
    #[track_caller]
    pub fn step(&mut self, module: &mut dyn Module, gradients: &mut Gradients, rate: f64, scale: f64) {
        if let Err(error) = self.groups.check(module) {
            panic!("step: {error}");
        }
        self.begin_step();
        for (path, parameter) in module.parameters_mut() {
            parameter.check_original("step");
            if let Some(gradient) = gradients.take(parameter.var()) {
                self.change(&path, parameter, gradient, rate, scale);
            }
        }
    }

    /// Counts a step whose parameters are then [changed](Optimiser::change) one by one: for whoever has their gradients at different times or places.
    ///
    /// ```
    /// use unrolled_autograd::{Gradient, Var};
    /// use unrolled_nn::{Optimiser, Parameter};
    /// use unrolled_tensor::{Device, Tensor};
    /// let device = Device::cpu();
    /// let mut parameter = Parameter::new(Tensor::from_slice(&[1f32], [1], &device));
    /// let gradient = Gradient::Dense(Var::constant(Tensor::from_slice(&[2f32], [1], &device)));
    /// let mut optimiser = Optimiser::sgd();
    /// optimiser.begin_step();
    /// optimiser.change("weight", &mut parameter, gradient, 0.25, 1.0);
    /// assert_eq!((parameter.tensor().item::<f32>(), optimiser.steps()), (0.5, 1));
    /// ```
    pub fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Makes what the rule remembers of each parameter that is learnt, where it is missing: then [`step_by`](Optimiser::step_by) asks for no memory that stays.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where memory is lacking.
    #[track_caller]
    pub fn prepare(&mut self, module: &dyn Module) {
        for (path, parameter) in module.parameters().into_iter().filter(|(_, parameter)| parameter.is_trainable()) {
            self.state_of(&path, parameter.tensor());
        }
    }

    /// The next step's bias corrections: `1 − βᵗ` of both moments for Adam, 1 for rules that have none.
    pub fn corrections(&self) -> [f64; 2] {
        self.corrections_of(self.steps + 1)
    }

    fn corrections_of(&self, step: u64) -> [f64; 2] {
        match self.rule {
            Update::Adam { beta1, beta2, .. } => [beta1, beta2].map(|beta| 1.0 - beta.powf(step as f64)),
            _ => [1.0, 1.0],
        }
    }

    /// Whether [`step_by`](Optimiser::step_by) does what this optimiser is to do: not where a [group](Optimiser::group) adds a decay to the gradients of SGD.
    pub fn can_step_by(&self) -> bool {
        !(matches!(self.rule, Update::Sgd { .. }) && self.groups.decay())
    }

    /// What is remembered of the parameters, in the order of their paths.
    pub fn states(&self) -> impl Iterator<Item = &Tensor> {
        self.state.values().flatten()
    }

    /// [`states`](Optimiser::states), to be changed.
    pub fn states_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.state.values_mut().flatten()
    }

    /// A step whose numbers are on the device, where they may just have been computed: `hyper` (f64 `[4]`) is `[rate, scale, correction 1, correction 2]` as for
    /// [`Tensor::update`], so a NaN for the scale calls it off. It is not counted: who learns that it was taken calls [`begin_step`](Optimiser::begin_step)
    /// then. Parameters without a gradient stay.
    ///
    /// ```
    /// use unrolled_autograd::{Gradient, Gradients, Var};
    /// use unrolled_nn::{Linear, Module, Optimiser};
    /// use unrolled_tensor::{Device, Tensor, random::Key};
    /// let device = Device::cpu();
    /// let mut layer = Linear::new(2, 2, 0.5, Key::new(1), &device);
    /// let mut optimiser = Optimiser::momentum(0.9);
    /// optimiser.prepare(&layer);
    /// let old = layer.bias.tensor().to_vec::<f32>();
    /// let [c1, c2] = optimiser.corrections();
    /// for scale in [f64::NAN, 1.0] {
    ///     let mut gradients = Gradients::default();
    ///     let one = Var::constant(Tensor::from_slice(&[1f32, 0.0], [2], &device));
    ///     gradients.insert(layer.bias.var(), Gradient::Dense(one));
    ///     let hyper = Tensor::from_slice(&[0.5, scale, c1, c2], [4], &device);
    ///     optimiser.step_by(&mut layer, &mut gradients, &hyper);
    /// }
    /// assert_eq!(layer.bias.tensor().to_vec::<f32>(), [old[0] - 0.5, old[1]]);
    /// ```
    ///
    /// # Panics
    /// Where it [cannot](Optimiser::can_step_by), and as [`step`](Optimiser::step).
    #[track_caller]
    pub fn step_by(&mut self, module: &mut dyn Module, gradients: &mut Gradients, hyper: &Tensor) {
        assert!(self.can_step_by(), "step_by: a group adds a decay to the gradients of SGD");
        if let Err(error) = self.groups.check(module) {
            panic!("step_by: {error}");
        }
        for (path, parameter) in module.parameters_mut() {
            parameter.check_original("step_by");
            if let Some(gradient) = gradients.take(parameter.var()) {
                let options = self.groups.of(&path);
                let hyper = options.hyper(hyper);
                let (rule, _) = options.applied(&self.rule);
                let value = parameter.tensor_mut();
                let state = self.state_of(&path, value);
                let (gradient, rows) = parts(&gradient);
                value.update(&rule, gradient, rows, state, &hyper);
            }
        }
    }

    /// What is remembered of a parameter: zeros at first.
    fn state_of(&mut self, path: &str, value: &Tensor) -> &mut [Tensor] {
        let states = self.rule.states();
        let fresh = || (0..states).map(|_| Tensor::zeros(value.shape(), value.dtype(), value.device())).collect();
        self.state.entry(path.to_owned()).or_insert_with(fresh)
    }

    /// What [`step`](Optimiser::step) does with one parameter, which is known by `path`.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where memory for the state is lacking, and where the gradient does not fit the parameter.
    #[track_caller]
    pub fn change(&mut self, path: &str, parameter: &mut Parameter, gradient: Gradient, rate: f64, scale: f64) {
        let corrections = self.corrections_of(self.steps);
        let options = self.groups.of(path);
        let mut hyper = [rate * options.rate_factor, scale, corrections[0], corrections[1]];
        let (rule, decay) = options.applied(&self.rule);
        let value = parameter.tensor_mut();
        let (gradient, rows) = parts(&gradient);
        let with_decay = (decay > 0.0).then(|| decayed(gradient, value, rows, hyper[1], decay));
        if with_decay.is_some() {
            hyper[1] = 1.0;
        }
        // In f64, since parameters may be: the rule's arithmetic rounds them to its own type.
        let hyper = Tensor::from_slice(&hyper, [4], value.device());
        let state = self.state_of(path, value);
        value.update(&rule, with_decay.as_ref().unwrap_or(gradient), rows, state, &hyper);
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
        let mut used = BTreeSet::new();
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
                used.insert(name);
            }
            state.insert(path, tensors);
        }
        if let Some(path) = saved.keys().find(|name| !used.contains(*name)) {
            return Err(LoadError::Unexpected { path: path.clone() });
        }
        (self.steps, self.state) = (steps, state);
        Ok(())
    }
}

/// What an update takes of a gradient: its values, and the rows that they belong to.
fn parts(gradient: &Gradient) -> (&Tensor, Option<&Tensor>) {
    match gradient {
        Gradient::Dense(gradient) => (gradient.tensor(), None),
        Gradient::Rows(rows) => (&rows.values, Some(&rows.index)),
    }
}
