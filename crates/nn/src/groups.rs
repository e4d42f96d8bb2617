//! Groups of parameters that an optimiser treats in their own way.

use unrolled_tensor::Tensor;
use unrolled_tensor::ops::Update;

use crate::{Module, UnmatchedPattern, path_matches};

/// How an optimiser treats the parameters of a group; see [`Optimiser::group`](crate::Optimiser::group).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupOptions {
    /// What the learning rate is multiplied by.
    pub rate_factor: f64,
    /// The weight decay instead of the rule's own, in the rule's own form: decoupled for AdamW, added to the gradient as `decay · p` for Adam and
    /// for SGD with or without momentum (of a sparse gradient, for its rows).
    pub weight_decay: Option<f64>,
}

impl Default for GroupOptions {
    /// No difference: a factor of 1, and the rule's own decay.
    fn default() -> GroupOptions {
        GroupOptions { rate_factor: 1.0, weight_decay: None }
    }
}

impl GroupOptions {
    /// The rule with the group's decay, and the decay that a rule without one leaves to the gradient.
    pub(crate) fn applied(&self, rule: &Update) -> (Update, f64) {
        match (*rule, self.weight_decay) {
            (Update::Adam { beta1, beta2, epsilon, decoupled, .. }, Some(weight_decay)) => {
                (Update::Adam { beta1, beta2, epsilon, weight_decay, decoupled }, 0.0)
            }
            (rule, decay) => (rule, decay.unwrap_or(0.0)),
        }
    }
}

impl GroupOptions {
    /// A step's numbers (`[4]`, the learning rate first) with the group's learning rate.
    pub(crate) fn hyper(&self, hyper: &Tensor) -> Tensor {
        if self.rate_factor == 1.0 {
            return hyper.clone();
        }
        let rate = hyper.narrow(0, 0, 1).affine(self.rate_factor, 0.0);
        Tensor::concat(&[&rate, &hyper.narrow(0, 1, 3)], 0)
    }
}

/// `scale · g + decay · p`, of some rows of p or of all.
pub(crate) fn decayed(gradient: &Tensor, value: &Tensor, rows: Option<&Tensor>, scale: f64, decay: f64) -> Tensor {
    let pull = match rows {
        Some(rows) => value.index_select(0, rows).affine(decay, 0.0),
        None => value.affine(decay, 0.0),
    };
    gradient.affine(scale, 0.0) + pull
}

/// Groups in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Vec<(String, GroupOptions)>);

impl Groups {
    /// # Panics
    /// Where a number is negative or not finite.
    #[track_caller]
    pub fn add(&mut self, pattern: String, options: GroupOptions) {
        let fits = |number: f64| number.is_finite() && number >= 0.0;
        if !fits(options.rate_factor) || !options.weight_decay.is_none_or(fits) {
            panic!("group `{pattern}`: {options:?} has a number that is negative or not finite");
        }
        self.0.push((pattern, options));
    }

    /// Whether one of them has a weight decay.
    pub fn decay(&self) -> bool {
        self.0.iter().any(|(_, options)| options.weight_decay.is_some_and(|decay| decay > 0.0))
    }

    /// Those of the first group that matches.
    pub fn of(&self, path: &str) -> GroupOptions {
        let first = self.0.iter().find(|(pattern, _)| path_matches(pattern, path));
        first.map(|(_, options)| *options).unwrap_or_default()
    }

    /// # Errors
    /// Where a group matches no parameter of `module`.
    pub fn check(&self, module: &dyn Module) -> Result<(), UnmatchedPattern> {
        if self.0.is_empty() {
            return Ok(());
        }
        let paths: Vec<String> = module.parameters().into_iter().map(|(path, _)| path).collect();
        let is_unmatched = |pattern: &str| !paths.iter().any(|path| path_matches(pattern, path));
        match self.0.iter().find(|(pattern, _)| is_unmatched(pattern)) {
            Some((pattern, _)) => Err(UnmatchedPattern { pattern: pattern.clone(), paths }),
            None => Ok(()),
        }
    }
}
