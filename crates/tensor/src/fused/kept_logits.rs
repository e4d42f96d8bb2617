//! A linear layer under softmax and cross-entropy in phases that others can come between: another slice's numbers, other work, another time.
//!
//! [`linear_cross_entropy_begin`](Tensor::linear_cross_entropy_begin) makes a slice's logits and keeps them, with three numbers a row; the slices' numbers
//! [merge](merge_partials); [`linear_cross_entropy_hidden`](Tensor::linear_cross_entropy_hidden) turns the kept logits into their gradients and gives
//! the slice's part of the gradient of h, which others wait for; [`linear_cross_entropy_weights`](Tensor::linear_cross_entropy_weights) gives the weight's,
//! which can wait. Three products in all, as in the fused one, and the same bits: for one slice those of
//! [`linear_cross_entropy`](Tensor::linear_cross_entropy).

use std::any::Any;
use std::fmt;

use super::{CrossEntropyArgs, CrossEntropyPartials};
use crate::error::OrRaise;
use crate::{Result, Tensor};

/// What a slice keeps between the phases: `N · V` numbers, logits first and their gradients later. Only the backend that made it can look inside.
pub struct KeptLogits(Box<dyn Any + Send + Sync>);

impl KeptLogits {
    /// For a backend: whatever it keeps.
    pub fn of(kept: impl Any + Send + Sync) -> KeptLogits {
        KeptLogits(Box::new(kept))
    }

    /// For the backend that made it.
    ///
    /// # Panics
    /// Where another one did.
    #[track_caller]
    pub fn get<K: Any>(&self) -> &K {
        self.0.downcast_ref().expect("kept logits belong to the device that made them")
    }

    /// For the backend that made it.
    ///
    /// # Panics
    /// Where another one did.
    #[track_caller]
    pub fn into_inner<K: Any>(self) -> K {
        *self.0.downcast().expect("kept logits belong to the device that made them")
    }
}

impl fmt::Debug for KeptLogits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptLogits")
    }
}

/// What all slices together know of each row, `[N]` each.
#[derive(Clone, Debug)]
pub struct MergedPartials {
    /// The largest logit.
    pub max: Tensor,
    /// Σ e^(z − max)
    pub sum: Tensor,
    /// The target's logit.
    pub target: Tensor,
}

/// Rows whose logits' gradients are kept, and their hidden state `[N, H]`.
#[derive(Clone, Copy, Debug)]
pub struct KeptRows<'a> {
    /// After [`Tensor::linear_cross_entropy_hidden`].
    pub kept: &'a KeptLogits,
    /// `[N, H]`
    pub hidden: &'a Tensor,
}

/// The slices' partials as one. The order of the slices is the order of the sums; of one slice it is what that slice says.
///
/// # Panics
/// Where there are no slices, or their rows differ.
#[track_caller]
pub fn merge_partials(slices: &[CrossEntropyPartials]) -> MergedPartials {
    if let [CrossEntropyPartials { max, sum, target }] = slices {
        return MergedPartials { max: max.clone(), sum: sum.clone(), target: target.clone() };
    }
    let stack =
        |part: fn(&CrossEntropyPartials) -> &Tensor| Tensor::stack(&slices.iter().map(part).collect::<Vec<_>>(), 0);
    let (maxima, sums) = (stack(|s| &s.max), stack(|s| &s.sum));
    let max = maxima.max(0, false);
    let sum = (sums * (maxima - &max).exp()).sum(0, false);
    MergedPartials { max, sum, target: stack(|s| &s.target).sum(0, false) }
}

impl MergedPartials {
    /// `w (ln sum − (target − max))`, exactly 0 where w, one of `row_weights` `[N]`, is 0.
    ///
    /// # Panics
    /// Where the shapes do not fit.
    #[track_caller]
    pub fn losses(&self, row_weights: &Tensor) -> Tensor {
        let losses = (self.sum.log() - (&self.target - &self.max)) * row_weights;
        row_weights.eq(&row_weights.zeros_like()).select(&losses.zeros_like(), &losses)
    }
}

/// First phase: `Tensor`s of logits.
pub fn begin_definition(args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> {
    let partials = super::cross_entropy::partials_definition(args)?;
    Ok((partials, KeptLogits::of(args.hidden.linear(args.weight, Some(args.bias)))))
}

/// Second phase: with p = e^(z − max) / sum and y the one-hot target, δz = w (p − y), δh = δz W.
pub fn hidden_definition(
    args: &CrossEntropyArgs<'_>,
    kept: KeptLogits,
    merged: &MergedPartials,
) -> Result<(Tensor, KeptLogits)> {
    let logits: Tensor = kept.into_inner();
    let p = (logits - merged.max.unsqueeze(1)).exp() / merged.sum.unsqueeze(1);
    let dz = super::cross_entropy::logit_gradients(args, &p);
    Ok((dz.matmul(args.weight), KeptLogits::of(dz)))
}

/// Third phase: δW = δzᵀ h and δb = Σ δz over these rows, each `(part, row)`, in their order; added to what is given.
pub fn weights_definition(
    parts: &[KeptRows<'_>],
    rows: &[(u32, u32)],
    onto: Option<(Tensor, Tensor)>,
) -> Result<(Tensor, Tensor)> {
    let mut firsts = vec![0];
    parts.iter().for_each(|part| firsts.push(firsts[firsts.len() - 1] + part.hidden.dim(0) as u32));
    let places: Vec<u32> = rows.iter().map(|&(part, row)| firsts[part as usize] + row).collect();
    let places = Tensor::from_slice(&places, [places.len()], parts[0].hidden.device());
    let all = |of: fn(&KeptRows<'_>) -> Tensor| {
        let all: Vec<Tensor> = parts.iter().map(of).collect();
        Tensor::concat(&all.iter().collect::<Vec<_>>(), 0).index_select(0, &places)
    };
    let (dz, hidden) = (all(|part| part.kept.get::<Tensor>().clone()), all(|part| part.hidden.clone()));
    let (weight, bias) = onto.unzip();
    let sums = dz.sum(0, false);
    Ok((dz.t().matmul_with(&hidden, weight, hidden.dtype()), bias.map_or(sums.clone(), |bias| bias + &sums)))
}

impl Tensor {
    /// First phase over a slice of the vocabulary; see [`fused::kept_logits`](super::kept_logits).
    ///
    /// ```
    /// use unrolled_tensor::fused::{CrossEntropyArgs, KeptRows, merge_partials};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::cpu());
    /// let args = CrossEntropyArgs {
    ///     hidden: &ones(&[2, 3]), weight: &ones(&[4, 3]), bias: &ones(&[4]), row_weights: &ones(&[2]),
    ///     targets: &Tensor::from_slice(&[1u32, 3], [2], &Device::cpu()), offset: 0,
    /// };
    /// let (partials, kept) = Tensor::linear_cross_entropy_begin(&args);
    /// let merged = merge_partials(&[partials]);
    /// let (hidden, kept) = Tensor::linear_cross_entropy_hidden(&args, kept, &merged);
    /// let rows = KeptRows { kept: &kept, hidden: args.hidden };
    /// let (weight, bias) = Tensor::linear_cross_entropy_weights(&[rows], &[(0, 0), (0, 1)], None);
    /// let whole = Tensor::linear_cross_entropy(&args, true).gradients.unwrap();
    /// assert_eq!(weight.to_vec::<f32>(), whole.weight.to_vec::<f32>());
    /// assert_eq!(hidden.to_vec::<f32>(), whole.hidden.to_vec::<f32>());
    /// assert_eq!(bias.to_vec::<f32>(), whole.bias.to_vec::<f32>());
    /// ```
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy_begin(args: &CrossEntropyArgs<'_>) -> (CrossEntropyPartials, KeptLogits) {
        args.sizes();
        args.hidden.backend().linear_cross_entropy_begin(args).or_raise()
    }

    /// Second phase: the slice's part of the gradient of h, `[N, H]`, and the kept logits as their gradients. `merged` is of all slices.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy_hidden(
        args: &CrossEntropyArgs<'_>,
        kept: KeptLogits,
        merged: &MergedPartials,
    ) -> (Tensor, KeptLogits) {
        let (n, _, _) = args.sizes();
        for merged in [&merged.max, &merged.sum, &merged.target] {
            args.hidden.check_same("linear_cross_entropy_hidden", merged);
            if merged.shape() != [n] {
                panic!("linear_cross_entropy_hidden: merged partials of shape {:?}, not [{n}]", merged.shape());
            }
        }
        args.hidden.backend().linear_cross_entropy_hidden(args, kept, merged).or_raise()
    }

    /// Third phase: the gradients of the slice's weight `[V, H]` and bias `[V]` over some rows of `parts`, each named `(part, row)`, whose weights are not
    /// 0; added to `onto`, whose storage is reused where nobody else holds it. Rows are added up in blocks of [`SUM_BLOCK`](crate::SUM_BLOCK), so whoever calls
    /// this again and again with a multiple of that many rows gets the bits of one call.
    ///
    /// # Panics
    /// Where there is no part, a row is none or does not count, or shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn linear_cross_entropy_weights(
        parts: &[KeptRows<'_>],
        rows: &[(u32, u32)],
        onto: Option<(Tensor, Tensor)>,
    ) -> (Tensor, Tensor) {
        let Some(first) = parts.first() else { panic!("linear_cross_entropy_weights: no rows at all") };
        for part in parts {
            first.hidden.check_same("linear_cross_entropy_weights", part.hidden);
            if part.hidden.rank() != 2 || part.hidden.dim(1) != first.hidden.dim(1) {
                let (a, b) = (first.hidden.shape(), part.hidden.shape());
                panic!("linear_cross_entropy_weights: hidden states of shapes {a:?} and {b:?}");
            }
        }
        let inside = |&(part, row): &(u32, u32)| {
            parts.get(part as usize).is_some_and(|part| (row as usize) < part.hidden.dim(0))
        };
        if let Some(row) = rows.iter().find(|row| !inside(row)) {
            panic!("linear_cross_entropy_weights: there is no row {row:?} of {} parts", parts.len());
        }
        first.hidden.backend().linear_cross_entropy_weights(parts, rows, onto).or_raise()
    }
}
