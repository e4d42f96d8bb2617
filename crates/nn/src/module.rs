//! Parameters, and how a model names them.

use std::collections::BTreeMap;

use unrolled_autograd::Var;
use unrolled_tensor::Tensor;

/// A tensor that is learnt: a leaf that an optimiser changes in place.
#[derive(Clone, Debug)]
pub struct Parameter {
    var: Var,
}

impl Parameter {
    /// A parameter that starts as `value`.
    ///
    /// # Panics
    /// Where the dtype is not a float.
    #[track_caller]
    pub fn new(value: Tensor) -> Parameter {
        Parameter { var: Var::leaf(value) }
    }

    /// The variable, for use in a model's forward.
    pub fn var(&self) -> &Var {
        &self.var
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        self.var.tensor()
    }

    /// The value, for an update in place. Whoever else holds the old value keeps it.
    ///
    /// # Panics
    /// Where the parameter is frozen.
    #[track_caller]
    pub fn tensor_mut(&mut self) -> &mut Tensor {
        self.var.value_mut()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// Where shape or dtype differ.
    #[track_caller]
    pub fn set(&mut self, value: Tensor) {
        if value.shape() != self.tensor().shape() || value.dtype() != self.tensor().dtype() {
            panic!("a parameter of shape {:?} cannot become {:?}", self.tensor().shape(), value.shape());
        }
        self.var = if self.is_trainable() { Var::leaf(value) } else { Var::constant(value) };
    }

    /// Whether gradients are asked for it.
    pub fn is_trainable(&self) -> bool {
        self.var.is_tracked()
    }

    /// From now on it is not learnt, or learnt again.
    pub fn set_trainable(&mut self, trainable: bool) {
        if trainable != self.is_trainable() {
            let value = self.tensor().clone();
            self.var = if trainable { Var::leaf(value) } else { Var::constant(value) };
        }
    }
}

/// Something with parameters, each under a path such as `encoder.lstm.0.weight_hh`.
///
/// [`module!`](crate::module!) writes the two methods for a struct whose fields are modules.
pub trait Module {
    /// Adds each parameter under `path` to `found`, in a fixed order.
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>);

    /// As [`collect`](Module::collect), for changing them.
    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>);

    /// All parameters by path.
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    /// All parameters by path, for changing them.
    fn parameters_mut(&mut self) -> Vec<(String, &mut Parameter)> {
        let mut found = Vec::new();
        self.collect_mut("", &mut found);
        found
    }

    /// How many numbers are learnt.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, parameter)| parameter.tensor().elements()).sum()
    }

    /// The values by path, sharing their storage.
    fn state(&self) -> BTreeMap<String, Tensor> {
        self.parameters().into_iter().map(|(path, parameter)| (path, parameter.tensor().clone())).collect()
    }

    /// Replaces all values by those of `state`, each moved to its parameter's device.
    ///
    /// # Errors
    /// Where a path is missing or left over, or a shape or dtype differs; nothing is changed then.
    fn load(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), LoadError> {
        let mut parameters = self.parameters_mut();
        for (path, parameter) in &parameters {
            let value = state.get(path).ok_or_else(|| LoadError::Missing { path: path.clone() })?;
            let wanted = parameter.tensor();
            if value.shape() != wanted.shape() || value.dtype() != wanted.dtype() {
                let describe = |t: &Tensor| format!("{}{:?}", t.dtype(), t.shape());
                return Err(LoadError::Mismatch {
                    path: path.clone(),
                    wanted: describe(wanted),
                    found: describe(value),
                });
            }
        }
        if let Some(path) = state.keys().find(|path| !parameters.iter().any(|(known, _)| known == *path)) {
            return Err(LoadError::Unexpected { path: path.clone() });
        }
        for (path, parameter) in &mut parameters {
            let device = parameter.tensor().device().clone();
            parameter.set(state[path].to_device(&device));
        }
        Ok(())
    }
}

/// Why a model does not take some saved values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The model has a parameter that is not among the values.
    #[error("no value for parameter `{path}`")]
    Missing {
        /// The parameter's path.
        path: String,
    },
    /// There is a value for which the model has no parameter.
    #[error("the model has no parameter `{path}`")]
    Unexpected {
        /// The value's path.
        path: String,
    },
    /// A value has another shape or dtype.
    #[error("parameter `{path}` is {wanted}, but its value is {found}")]
    Mismatch {
        /// The parameter's path.
        path: String,
        /// The parameter's dtype and shape.
        wanted: String,
        /// The value's.
        found: String,
    },
}

impl Module for Parameter {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        found.push((path.to_owned(), self));
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        found.push((path.to_owned(), self));
    }
}

/// `path.name`, or just `name` at the top.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl<M: Module> Module for Vec<M> {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        for (i, module) in self.iter().enumerate() {
            module.collect(&join(path, &i.to_string()), found);
        }
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        for (i, module) in self.iter_mut().enumerate() {
            module.collect_mut(&join(path, &i.to_string()), found);
        }
    }
}

impl<M: Module> Module for Option<M> {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        if let Some(module) = self {
            module.collect(path, found);
        }
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        if let Some(module) = self {
            module.collect_mut(path, found);
        }
    }
}

/// Implements [`Module`] for a struct: each named field is a module and gives its name to the path. A field after `flatten` gives none.
///
/// ```
/// use unrolled_nn::{module, Linear, Module};
/// use unrolled_tensor::{random::Key, Device};
///
/// struct Pair { first: Linear, second: Linear }
/// module!(Pair { first, second });
///
/// let new = |name| Linear::new(3, 2, 0.1, Key::new(1).purpose(name), &Device::cpu());
/// let pair = Pair { first: new("first"), second: new("second") };
/// assert_eq!(pair.parameters()[2].0, "second.weight");
/// ```
#[macro_export]
macro_rules! module {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::Module for $type {
            fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a $crate::Parameter)>) {
                $($crate::Module::collect(&self.$field, &$crate::path(path, stringify!($field)), found);)*
            }
            fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut $crate::Parameter)>) {
                $($crate::Module::collect_mut(&mut self.$field, &$crate::path(path, stringify!($field)), found);)*
            }
        }
    };
    ($type:ty { flatten $field:ident }) => {
        impl $crate::Module for $type {
            fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a $crate::Parameter)>) {
                $crate::Module::collect(&self.$field, path, found);
            }
            fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut $crate::Parameter)>) {
                $crate::Module::collect_mut(&mut self.$field, path, found);
            }
        }
    };
}
