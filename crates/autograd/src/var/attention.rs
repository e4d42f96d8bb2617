//! Scaled dot-product attention.

use unrolled_tensor::ops::Binary;
use unrolled_tensor::{DType, Device, Tensor};

use super::Var;

/// Which keys a query may look at, broadcast to `[.., L, S]`.
#[derive(Clone, Copy, Debug)]
pub enum AttentionMask<'a> {
    /// bool: true where the key takes part.
    Allowed(&'a Tensor),
    /// Added to the scores; −∞ where the key takes no part. It may have a gradient.
    Additive(&'a Var),
}

/// What [`scaled_dot_product_attention`](Var::scaled_dot_product_attention) can be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions<'a> {
    /// Which keys each query may look at; all by default.
    pub mask: Option<AttentionMask<'a>>,
    /// Whether query i looks at keys 0 to i only, also where a mask is given.
    pub causal: bool,
    /// The factor of the scores; 1/√E by default.
    pub scale: Option<f64>,
}

impl Var {
    /// softmax(q kᵀ · scale + mask) v over the keys (Vaswani et al. 2017): `self` is the queries q `[.., L, E]`, with keys `[.., S, E]` and values
    /// `[.., S, D]` → `[.., L, D]`; leading axes broadcast. A query that may look at no key answers 0, as in PyTorch, and passes gradients
    /// of exactly 0.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    ///
    /// ```
    /// use unrolled_autograd::{AttentionOptions, Var};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let device = Device::cpu();
    /// let zeros = Var::leaf(Tensor::zeros([2, 3], DType::F64, &device));
    /// let value = Var::leaf(Tensor::from_slice(&[2f64, 4.0], [2, 1], &device));
    /// let options = AttentionOptions { causal: true, ..Default::default() };
    /// let answer = zeros.scaled_dot_product_attention(&zeros, &value, options);
    /// assert_eq!(answer.tensor().to_vec::<f64>(), [2.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn scaled_dot_product_attention(&self, key: &Var, value: &Var, options: AttentionOptions<'_>) -> Var {
        let fits = [self, key, value].iter().all(|x| x.rank() >= 2)
            && self.dim(-1) == key.dim(-1)
            && key.dim(-2) == value.dim(-2);
        if !fits {
            panic!(
                "scaled_dot_product_attention: queries of shape {:?}, keys of shape {:?} and values of shape {:?} do not fit",
                self.shape(),
                key.shape(),
                value.shape()
            );
        }
        let scale = options.scale.unwrap_or(1.0 / (self.dim(-1) as f64).sqrt());
        let mut scores = self.matmul(&key.t()).affine(scale, 0.0);
        if let Some(AttentionMask::Additive(mask)) = options.mask {
            scores = scores.masked_by(mask);
        }
        match options.allowed(self.dim(-2), key.dim(-2), self.device()) {
            Some(allowed) => scores.softmax_where(&allowed),
            None => scores.softmax(-1),
        }
        .matmul(value)
    }

    /// The scores and an additive mask, which must not be larger.
    #[track_caller]
    fn masked_by(&self, mask: &Var) -> Var {
        let sum = self + mask;
        if sum.shape() != self.shape() {
            panic!(
                "scaled_dot_product_attention: a mask of shape {:?} does not broadcast to scores of shape {:?}",
                mask.shape(),
                self.shape()
            );
        }
        sum
    }

    /// Softmax along the last axis of what is `allowed`, exactly 0 elsewhere and where nothing is.
    #[track_caller]
    fn softmax_where(&self, allowed: &Tensor) -> Var {
        if allowed.dtype() != DType::Bool {
            panic!("scaled_dot_product_attention: a mask of {} is neither bool nor added", allowed.dtype());
        }
        let constant = |x: f64| Tensor::full([], x, self.dtype(), self.device());
        // −∞ in all of a row would make it NaN, and its gradients too.
        let any = allowed.any(-1, true);
        let fill = Var::constant(any.select(&constant(f64::NEG_INFINITY), &constant(0.0)));
        let scores = Var::select(allowed, self, &fill);
        if scores.shape() != self.shape() {
            panic!(
                "scaled_dot_product_attention: a mask of shape {:?} does not broadcast to scores of shape {:?}",
                allowed.shape(),
                self.shape()
            );
        }
        Var::select(allowed, &scores.softmax(-1), &Var::constant(constant(0.0)))
    }
}

impl AttentionOptions<'_> {
    /// Which of `keys` each of `queries` may look at, where any may not.
    fn allowed(&self, queries: usize, keys: usize, device: &Device) -> Option<Tensor> {
        let masked = self.mask.map(|mask| match mask {
            AttentionMask::Allowed(allowed) => allowed.clone(),
            AttentionMask::Additive(mask) => {
                let mask = mask.tensor();
                mask.ne(&Tensor::full([], f64::NEG_INFINITY, mask.dtype(), mask.device()))
            }
        });
        let earlier = self.causal.then(|| {
            let place = |n| Tensor::arange(n, DType::U32, device);
            place(keys).le(&place(queries).unsqueeze(1))
        });
        match (masked, earlier) {
            (Some(masked), Some(earlier)) => Some(masked.binary(Binary::And, &earlier)),
            (masked, earlier) => masked.or(earlier),
        }
    }
}
