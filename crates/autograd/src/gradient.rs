//! What a backward pass answers with.

use std::collections::HashMap;

use unrolled_tensor::{DType, Dims, Tensor};

use crate::Var;

/// The gradient of one variable.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// As large as the variable.
    Dense(Var),
    /// Of some rows only, all others being 0: what an embedding's table gets.
    Rows(Box<Rows>),
}

/// A gradient of rows of a table. After [`Var::backward`] the rows are distinct and ascending, unless they were asked for [raw](crate::Backward::raw_rows).
#[derive(Clone, Debug)]
pub struct Rows {
    /// u32 `[n]`; of [padded](Tensor::coalesce_padded) rows, which are for an optimiser's step alone, some are no rows of the table.
    pub index: Tensor,
    /// `[n, D]`
    pub values: Tensor,
    /// The table's shape, `[V, D]`.
    pub shape: [usize; 2],
}

impl Rows {
    /// As large as the table.
    pub fn to_dense(&self) -> Tensor {
        Tensor::zeros(self.shape, self.values.dtype(), self.values.device()).index_add(0, &self.index, &self.values)
    }

    /// The same rows in another dtype.
    pub(crate) fn cast(&self, dtype: DType) -> Gradient {
        Gradient::Rows(Rows { index: self.index.clone(), values: self.values.cast(dtype), shape: self.shape }.into())
    }

    fn coalesced(self) -> Rows {
        let (index, values) = self.values.coalesce(&self.index);
        Rows { index, values, ..self }
    }
}

impl Gradient {
    /// The gradient as large as the variable.
    pub fn to_dense(&self) -> Tensor {
        match self {
            Gradient::Dense(gradient) => gradient.tensor().clone(),
            Gradient::Rows(rows) => rows.to_dense(),
        }
    }

    /// The variable's shape, without making rows dense.
    pub fn shape(&self) -> Dims {
        match self {
            Gradient::Dense(gradient) => gradient.shape().into(),
            Gradient::Rows(rows) => rows.shape[..].into(),
        }
    }

    /// Whether it can be differentiated itself.
    fn is_tracked(&self) -> bool {
        matches!(self, Gradient::Dense(gradient) if gradient.is_tracked())
    }

    pub(crate) fn into_var(self) -> Var {
        match self {
            Gradient::Dense(gradient) => gradient,
            Gradient::Rows(rows) => Var::constant(rows.to_dense()),
        }
    }

    /// The sum of two gradients of one variable, as [`Gradients::accumulate`] makes it: rows stay rows, distinct and ascending.
    ///
    /// # Panics
    /// Where they have different dtypes or devices.
    #[must_use]
    #[track_caller]
    pub fn sum(self, other: Gradient) -> Gradient {
        let tracked = self.is_tracked() || other.is_tracked();
        self.plus(other, tracked).coalesced()
    }

    /// With rows distinct and ascending.
    #[must_use]
    pub fn coalesced(self) -> Gradient {
        match self {
            Gradient::Rows(rows) => Gradient::Rows(rows.coalesced().into()),
            dense => dense,
        }
    }

    /// The sum of both. The first of several is moved, not added to zeros.
    pub(crate) fn plus(self, other: Gradient, tracked: bool) -> Gradient {
        match (self, other) {
            (Gradient::Rows(a), Gradient::Rows(b)) => {
                let index = Tensor::concat(&[&a.index, &b.index], 0);
                let values = Tensor::concat(&[&a.values, &b.values], 0);
                Gradient::Rows(Rows { index, values, shape: a.shape }.into())
            }
            (a, b) if tracked => Gradient::Dense(a.into_var() + b.into_var()),
            (Gradient::Dense(dense), Gradient::Rows(rows)) | (Gradient::Rows(rows), Gradient::Dense(dense)) => {
                Gradient::Dense(Var::constant(dense.tensor().index_add(0, &rows.index, &rows.values)))
            }
            (Gradient::Dense(mut a), Gradient::Dense(b)) => {
                a.constant_mut().accumulate(b.tensor(), 1.0);
                Gradient::Dense(a)
            }
        }
    }
}

/// The gradients that a backward pass left at the leaves.
///
/// Gradients belong to this value, not to the variables: two passes do not mix, and threads do not share.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    pub(crate) by_edge: HashMap<(u64, usize), Gradient>,
}

impl Gradients {
    /// The value of a leaf's gradient, dense; `None` where nothing depended on it.
    pub fn get(&self, var: &Var) -> Option<Tensor> {
        self.gradient(var).map(Gradient::to_dense)
    }

    /// The gradient of a leaf as a variable: after a pass with `create_graph` it can be differentiated itself.
    ///
    /// ```
    /// use unrolled_autograd::{Backward, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(2f64, &Device::cpu()));
    /// let first = x.powf(3.0).backward_with(Backward { create_graph: true, ..Backward::default() });
    /// let second = first.var(&x).unwrap().backward();
    /// assert_eq!((first.get(&x).unwrap().item(), second.get(&x).unwrap().item()), (12.0, 12.0));
    /// ```
    pub fn var(&self, var: &Var) -> Option<Var> {
        self.gradient(var).cloned().map(Gradient::into_var)
    }

    /// The gradient of a leaf as it is, sparse or dense.
    pub fn gradient(&self, var: &Var) -> Option<&Gradient> {
        self.by_edge.get(&var.key()?)
    }

    /// Takes the gradient of a leaf out, so that its storage has one owner.
    pub fn take(&mut self, var: &Var) -> Option<Gradient> {
        self.by_edge.remove(&var.key()?)
    }

    /// Gives a variable this gradient: one that was computed elsewhere, for instance by work that a device [replays](unrolled_tensor::Device::captured).
    /// A constant has none, and stays without.
    ///
    /// ```
    /// use unrolled_autograd::{Gradient, Gradients, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let one = Tensor::scalar(1f64, &Device::cpu());
    /// let (w, mut gradients) = (Var::leaf(one.clone()), Gradients::default());
    /// gradients.insert(&w, Gradient::Dense(Var::constant(one)));
    /// assert_eq!(gradients.get(&w).unwrap().item::<f64>(), 1.0);
    /// ```
    ///
    /// # Panics
    /// Where the gradient is not of the variable's shape.
    #[track_caller]
    pub fn insert(&mut self, var: &Var, gradient: Gradient) {
        let (found, wanted) = (gradient.shape(), var.shape());
        if found[..] != *wanted {
            panic!("insert: a gradient of shape {found:?} for a variable of shape {wanted:?}");
        }
        if let Some(key) = var.key() {
            self.by_edge.insert(key, gradient);
        }
    }

    /// Adds the gradients of `other` to these: those of a large batch, from parts of it one after another. Sparse rows stay sparse,
    /// distinct and ascending.
    ///
    /// ```
    /// use unrolled_autograd::{Gradients, Var};
    /// use unrolled_tensor::{Device, Tensor};
    /// let w = Var::leaf(Tensor::scalar(3f64, &Device::cpu()));
    /// let mut sum = Gradients::default();
    /// for x in [1.0, 2.0] {
    ///     sum.accumulate((&w * x).square().backward());
    /// }
    /// sum.scale(0.5);
    /// // The mean of 2 x² w
    /// assert_eq!(sum.get(&w).unwrap().item::<f64>(), 15.0);
    /// ```
    ///
    /// # Panics
    /// Where a variable's two gradients have different dtypes or devices.
    #[track_caller]
    pub fn accumulate(&mut self, other: Gradients) {
        for (edge, gradient) in other.by_edge {
            let sum = match self.by_edge.remove(&edge) {
                None => gradient,
                Some(before) => before.sum(gradient),
            };
            self.by_edge.insert(edge, sum);
        }
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.by_edge.values_mut() {
            match gradient {
                Gradient::Dense(gradient) => *gradient = gradient.affine(factor, 0.0),
                Gradient::Rows(rows) => rows.values = rows.values.affine(factor, 0.0),
            }
        }
    }

    /// How many variables have a gradient.
    pub fn len(&self) -> usize {
        self.by_edge.len()
    }

    /// True where no variable has a gradient.
    pub fn is_empty(&self) -> bool {
        self.by_edge.is_empty()
    }
}
