//! What is learnt.

use std::sync::OnceLock;

use unrolled_autograd::{Var, is_recording};
use unrolled_tensor::{DType, Tensor};

/// A tensor that is learnt: a leaf that an optimiser changes in place.
///
/// A copy in another dtype, to compute with, is what [`Module::in_dtype`](crate::Module::in_dtype) makes.
#[derive(Clone, Debug)]
pub struct Parameter {
    var: Var,
    /// Where this is a copy to compute with.
    copy: Option<Box<Converted>>,
}

/// The value in another dtype, converted when it is first asked for: a table of which only rows are needed is never converted whole.
#[derive(Clone, Debug)]
struct Converted {
    dtype: DType,
    recorded: OnceLock<Var>,
    /// Asked for under `no_grad`, the answer must not be kept for a forward pass that is recorded.
    unrecorded: OnceLock<Var>,
}

impl Parameter {
    /// A parameter that starts as `value`.
    ///
    /// # Panics
    /// Where the dtype is not a float.
    #[track_caller]
    pub fn new(value: Tensor) -> Parameter {
        Parameter { var: Var::leaf(value), copy: None }
    }

    /// The variable, for use in a model's forward.
    pub fn var(&self) -> &Var {
        match &self.copy {
            None => &self.var,
            Some(copy) => {
                let there = if is_recording() { &copy.recorded } else { &copy.unrecorded };
                there.get_or_init(|| self.var.cast(copy.dtype))
            }
        }
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        self.var().tensor()
    }

    /// The value, for an update in place. Whoever else holds the old value keeps it.
    ///
    /// # Panics
    /// Where the parameter is frozen, or a copy in another dtype.
    #[track_caller]
    pub fn tensor_mut(&mut self) -> &mut Tensor {
        self.check_original("tensor_mut");
        self.var.value_mut()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// Where shape or dtype differ, or this is a copy in another dtype.
    #[track_caller]
    pub fn set(&mut self, value: Tensor) {
        self.check_original("set");
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
    ///
    /// # Panics
    /// Where this is a copy in another dtype.
    #[track_caller]
    pub fn set_trainable(&mut self, trainable: bool) {
        self.check_original("set_trainable");
        if trainable != self.is_trainable() {
            let value = self.tensor().clone();
            self.var = if trainable { Var::leaf(value) } else { Var::constant(value) };
        }
    }

    /// The rows of this table `[V, D]` that `ids` (u32, any shape) name → `[.., D]`, as [`Var::embedding`] of [`var`](Parameter::var). Of a copy
    /// in another dtype only these rows are converted; their gradients are added up in the parameter's own dtype.
    ///
    /// ```
    /// use unrolled_nn::{Module, Parameter};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let device = Device::cpu();
    /// let table = Parameter::new(Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0], [2, 2], &device));
    /// let ids = Tensor::from_slice(&[1u32, 1, 0], [3], &device);
    /// let rows = table.in_dtype(DType::BF16).embedding(&ids);
    /// assert_eq!((rows.dtype(), rows.shape()), (DType::BF16, &[3, 2][..]));
    /// let gradient = rows.sum(.., false).backward().get(table.var()).unwrap();
    /// assert_eq!(gradient.to_vec::<f32>(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// Where this has not two axes, the ids are not u32, or one is outside the table.
    #[track_caller]
    pub fn embedding(&self, ids: &Tensor) -> Var {
        let rows = self.var.embedding(ids);
        match &self.copy {
            None => rows,
            Some(copy) => rows.cast(copy.dtype),
        }
    }

    /// What [`Module::in_dtype`](crate::Module::in_dtype) makes of a parameter.
    #[track_caller]
    pub(crate) fn converted(&self, dtype: DType) -> Parameter {
        if !dtype.is_float() {
            panic!("in_dtype: {dtype} has no gradients");
        }
        let fresh = || Box::new(Converted { dtype, recorded: OnceLock::new(), unrecorded: OnceLock::new() });
        Parameter { var: self.var.clone(), copy: (dtype != self.var.dtype()).then(fresh) }
    }

    /// # Panics
    /// Where this is a copy, which nothing may change: it would part from its parameter.
    #[track_caller]
    pub(crate) fn check_original(&self, operation: &str) {
        if let Some(copy) = &self.copy {
            let own = self.var.dtype();
            panic!(
                "{operation}: this is a copy in {} of a parameter in {own}; change the parameter itself",
                copy.dtype
            );
        }
    }
}
