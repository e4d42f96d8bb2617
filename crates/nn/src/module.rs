//! How a model names its parameters.

use std::collections::BTreeMap;

use unrolled_tensor::{DType, Tensor};

use crate::{Parameter, UnmatchedPattern, path_matches};

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

    /// The same module with its parameters in `dtype`, for computing in f16 or bf16 while what is learnt stays in f32. The copy shares the
    /// parameters: gradients pass through the conversion to this module's own parameters and arrive in their dtype. So a copy is made for each
    /// step, after the one before has changed the parameters; and dropped before the step, which would else copy what both share.
    ///
    /// ```
    /// use unrolled_autograd::Var;
    /// use unrolled_nn::{Linear, Module};
    /// use unrolled_tensor::{random::Key, DType, Device, Tensor};
    ///
    /// let device = Device::cpu();
    /// let layer = Linear::new(3, 2, 0.1, Key::new(1), &device);
    /// let x = Var::constant(Tensor::ones([4, 3], DType::BF16, &device));
    /// let y = layer.in_dtype(DType::BF16).forward(&x);
    /// assert_eq!(y.dtype(), DType::BF16);
    /// let gradients = y.sum(.., false).backward();
    /// assert_eq!(gradients.get(layer.bias.var()).unwrap().to_vec::<f32>(), [4.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// Where `dtype` is not a float. The copy's parameters panic where something would change them.
    #[must_use]
    #[track_caller]
    fn in_dtype(&self, dtype: DType) -> Self
    where
        Self: Sized + Clone,
    {
        let mut copy = self.clone();
        for (_, parameter) in copy.parameters_mut() {
            *parameter = parameter.converted(dtype);
        }
        copy
    }

    /// The parameters whose paths [match](path_matches) `pattern` are not learnt from now on. Answers how many they are.
    ///
    /// ```
    /// use unrolled_nn::{Linear, Module};
    /// use unrolled_tensor::{random::Key, Device};
    /// let mut layers = vec![Linear::new(3, 2, 0.1, Key::new(1), &Device::cpu()); 2];
    /// assert_eq!(layers.freeze("0")?, 2);
    /// assert!(!layers[0].bias.is_trainable() && layers[1].bias.is_trainable());
    /// assert_eq!(layers.unfreeze("*.bias")?, 2);
    /// assert!(layers[0].bias.is_trainable() && !layers[0].weight.is_trainable());
    /// assert!(layers.freeze("2").is_err());
    /// # Ok::<(), unrolled_nn::UnmatchedPattern>(())
    /// ```
    ///
    /// # Errors
    /// Where no parameter matches.
    fn freeze(&mut self, pattern: &str) -> Result<usize, UnmatchedPattern> {
        set_trainable(self.parameters_mut(), pattern, false)
    }

    /// The parameters whose paths [match](path_matches) `pattern` are learnt again. Answers how many they are.
    ///
    /// # Errors
    /// Where no parameter matches.
    fn unfreeze(&mut self, pattern: &str) -> Result<usize, UnmatchedPattern> {
        set_trainable(self.parameters_mut(), pattern, true)
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

fn set_trainable(
    parameters: Vec<(String, &mut Parameter)>,
    pattern: &str,
    trainable: bool,
) -> Result<usize, UnmatchedPattern> {
    let (mut chosen, mut paths) = (0, Vec::new());
    for (path, parameter) in parameters {
        if path_matches(pattern, &path) {
            parameter.set_trainable(trainable);
            chosen += 1;
        }
        paths.push(path);
    }
    if chosen > 0 { Ok(chosen) } else { Err(UnmatchedPattern { pattern: pattern.to_owned(), paths }) }
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

/// `path.name`, or just `name` at the top.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Implements [`Module`] for a struct: each field that is listed is a module and gives its name to the path. A field after `flatten` gives none. Fields after
/// `; skip` (a size, a rate, a key) are no modules.
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
///
/// `Vec`s, arrays, tuples, `Option`s and `Box`es of modules are modules, and so is a struct of structs; of a tuple struct the fields are numbers.
/// What is skipped is neither learnt nor saved.
///
/// ```
/// use unrolled_nn::{module, Dropout, LayerNorm, Linear, Module, Parameter};
/// use unrolled_tensor::{random::Key, Device, Tensor};
///
/// struct Scale(Parameter, f64);
/// module!(Scale { 0; skip 1 });
///
/// struct Slope(f64);
/// module!(Slope { skip 0 });
///
/// struct Network {
///     heads: [Linear; 2],
///     norms: (LayerNorm, Option<LayerNorm>),
///     rest: Box<dyn Module>,
///     stack: Vec<Scale>,
///     slope: Slope,
///     dropout: Dropout,
///     width: usize,
/// }
/// module!(Network { heads, norms, rest, stack, slope; skip dropout, width });
///
/// let device = Device::cpu();
/// let width = 3;
/// let network = Network {
///     heads: [1, 2].map(|seed| Linear::new(width, width, 0.1, Key::new(seed), &device)),
///     norms: (LayerNorm::new(width, &device), None),
///     rest: Box::new(Scale(Parameter::new(Tensor::scalar(1f32, &device)), 0.5)),
///     stack: vec![Scale(Parameter::new(Tensor::scalar(2f32, &device)), 0.5)],
///     slope: Slope(0.1),
///     dropout: Dropout::new(0.1),
///     width,
/// };
/// let paths: Vec<String> = network.parameters().into_iter().map(|(path, _)| path).collect();
/// assert_eq!(paths[..4], ["heads.0.weight", "heads.0.bias", "heads.1.weight", "heads.1.bias"]);
/// assert_eq!(paths[4..], ["norms.0.weight", "norms.0.bias", "rest.0", "stack.0.0"]);
/// # assert_eq!(network.width, 3);
/// # assert_eq!((network.stack[0].1, network.slope.0), (0.5, 0.1));
/// ```
///
/// A field that is forgotten does not compile, so that nothing stays unlearnt by mistake; nor does one that the struct does not have:
///
/// ```compile_fail,E0063
/// use unrolled_nn::{module, Parameter};
/// struct Scale { factor: Parameter, shift: Parameter }
/// module!(Scale { factor }); // error[E0063]: missing field `shift` in initializer of `Scale`
/// ```
///
/// ```compile_fail,E0560
/// use unrolled_nn::{module, Parameter};
/// struct Scale { factor: Parameter }
/// module!(Scale { facter, factor }); // error[E0560]: struct `Scale` has no field named `facter`
/// ```
#[macro_export]
macro_rules! module {
    ($type:ty { $($field:tt),* $(,)? $(; skip $($skipped:tt),+ $(,)?)? }) => {
        impl $crate::Module for $type {
            fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a $crate::Parameter)>) {
                $crate::every_field!($($field)* $($($skipped)+)?);
                $($crate::Module::collect(&self.$field, &$crate::path(path, stringify!($field)), found);)*
            }
            fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut $crate::Parameter)>) {
                $($crate::Module::collect_mut(&mut self.$field, &$crate::path(path, stringify!($field)), found);)*
            }
        }
    };
    ($type:ty { skip $($skipped:tt),+ $(,)? }) => {
        impl $crate::Module for $type {
            fn collect<'a>(&'a self, _: &str, _: &mut Vec<(String, &'a $crate::Parameter)>) {
                $crate::every_field!($($skipped)+);
            }
            fn collect_mut<'a>(&'a mut self, _: &str, _: &mut Vec<(String, &'a mut $crate::Parameter)>) {}
        }
    };
    ($type:ty { flatten $field:tt $(,)? $(; skip $($skipped:tt),+ $(,)?)? }) => {
        impl $crate::Module for $type {
            fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a $crate::Parameter)>) {
                $crate::every_field!($field $($($skipped)+)?);
                $crate::Module::collect(&self.$field, path, found);
            }
            fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut $crate::Parameter)>) {
                $crate::Module::collect_mut(&mut self.$field, path, found);
            }
        }
    };
}

/// For [`module!`]: compiles where these are all fields of `Self`. (Of a pattern that leaves out a private field the compiler does not say which.)
#[doc(hidden)]
#[macro_export]
macro_rules! every_field {
    ($($field:tt)*) => {
        #[allow(unreachable_code, clippy::diverging_sub_expression)]
        let _ = || Self { $($field: ::core::unreachable!(),)* };
    };
}
