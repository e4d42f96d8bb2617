//! Rows of losses, and what ignored rows give.

use unrolled_autograd::{Backward, BinaryCrossEntropyOptions, CrossEntropyOptions, Reduction, Var, grad};
use unrolled_tensor::{DType, Device, Tensor};

use crate::refused;
use crate::row::{Case, Row};
use crate::sample::{Sample, each};

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::None];
/// No class, as PyTorch's −100 is none.
const IGNORED: u32 = u32::MAX;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("log_softmax", cross_entropy).named("cross_entropy"),
        Row::new("gather", nll_loss).named("nll_loss"),
        Row::new("square", mse_loss).named("mse_loss"),
        Row::new("softplus", binary_cross_entropy).named("binary_cross_entropy_with_logits"),
        Row::new("log", kl_div).named("kl_div"),
    ]
}

/// Targets of which the first counts and others may not, and weights of classes or none.
fn classes(s: &mut Sample) -> ([usize; 2], Tensor, Option<Tensor>) {
    let (n, c) = (1 + s.below(4), 1 + s.below(4));
    let targets: Vec<u32> = (0..n).map(|i| if i > 0 && s.once_in(3) { IGNORED } else { s.below(c) as u32 }).collect();
    let weights = s.once_in(2).then(|| s.within(&[c], 0.5, 2.0));
    ([n, c], Tensor::from_slice(&targets, [n], &Device::cpu()), weights)
}

/// Constants in the dtype that the case is tried in.
fn like(constant: Option<&Tensor>, v: &[Var]) -> Option<Tensor> {
    constant.map(|x| x.cast(v[0].dtype()))
}

fn cross_entropy(s: &mut Sample) -> Case {
    let (shape, targets, weights) = classes(s);
    let (label_smoothing, reduction) = (s.of(&[0.0, 0.1, 1.0]), s.of(&REDUCTIONS));
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| {
        let weights = like(weights.as_ref(), v);
        let options = CrossEntropyOptions {
            class_weights: weights.as_ref(),
            label_smoothing,
            ignore_index: Some(IGNORED),
            reduction,
        };
        view(&v[0]).cross_entropy(&targets, options)
    })
}

fn nll_loss(s: &mut Sample) -> Case {
    let (shape, targets, weights) = classes(s);
    let reduction = s.of(&REDUCTIONS);
    let (leaf, view) = s.view(&shape, true);
    Case::new(vec![s.within(&leaf, -2.0, 2.0)], move |v| {
        let weights = like(weights.as_ref(), v);
        view(&v[0]).nll_loss(&targets, weights.as_ref(), Some(IGNORED), reduction).square()
    })
}

/// A loss of each element of an input and a target, both tracked.
fn elements(s: &mut Sample, [low, high]: [f64; 2], loss: impl Fn(&Var, &Var, Reduction) -> Var + 'static) -> Case {
    let (rank, reduction) = (s.below(3), s.of(&REDUCTIONS));
    let shape = s.full_shape(rank);
    let ((a, view_a), (b, view_b)) = (s.view(&shape, true), s.view(&shape, true));
    Case::new(vec![s.within(&a, -2.0, 2.0), s.within(&b, low, high)], move |v| {
        loss(&view_a(&v[0]), &view_b(&v[1]), reduction)
    })
}

fn mse_loss(s: &mut Sample) -> Case {
    elements(s, [-2.0, 2.0], Var::mse_loss)
}

fn binary_cross_entropy(s: &mut Sample) -> Case {
    let weights = [s.within(&[], 0.5, 2.0), s.within(&[], 0.5, 2.0)];
    let [weighted, positive] = [s.once_in(2), s.once_in(2)];
    elements(s, [0.0, 1.0], move |x, target, reduction| {
        let [weight, pos_weight] = [&weights[0], &weights[1]].map(|w| w.cast(x.dtype()));
        let weight = weighted.then_some(&weight);
        let options = BinaryCrossEntropyOptions { weight, pos_weight: positive.then_some(&pos_weight), reduction };
        x.binary_cross_entropy_with_logits(target, options)
    })
}

fn kl_div(s: &mut Sample) -> Case {
    elements(s, [0.1, 1.0], Var::kl_div)
}

/// Not nearly, but in each bit, whatever else is asked for; also where nothing counts and the mean is NaN.
#[test]
fn ignored_rows_have_gradients_of_exactly_zero() {
    each("ignored rows", 60, |s| {
        let (shape, mut targets, weights) = classes(s);
        if s.once_in(3) {
            targets = Tensor::full([shape[0]], IGNORED as f64, DType::U32, &Device::cpu());
        }
        let logits = Var::leaf(s.within(&shape, -2.0, 2.0));
        let options = CrossEntropyOptions {
            class_weights: weights.as_ref(),
            label_smoothing: s.of(&[0.0, 0.1, 1.0]),
            ignore_index: Some(IGNORED),
            reduction: s.of(&REDUCTIONS),
        };
        let losses = [
            logits.cross_entropy(&targets, options),
            logits.nll_loss(&targets, weights.as_ref(), Some(IGNORED), options.reduction),
        ];
        let ignored: Vec<bool> = targets.to_vec::<u32>().iter().map(|&target| target == IGNORED).collect();
        for loss in losses {
            let none_counts = ignored.iter().all(|&ignored| ignored);
            let is_nan = loss.tensor().to_vec::<f64>().iter().any(|x| x.is_nan());
            if is_nan != (none_counts && options.reduction == Reduction::Mean) {
                return Err(format!("{options:?}: {loss:?}"));
            }
            let ones = Var::constant(loss.tensor().ones_like());
            let gradient = grad(&[(&loss, &ones)], &[&logits], Backward::default()).remove(0).expect("it depends");
            for (row, &ignored) in gradient.tensor().to_vec::<f64>().chunks(shape[1]).zip(&ignored) {
                let zero = row.iter().all(|g| g.to_bits() == 0);
                // The gradient of a row with one class only is 0 too.
                if ignored && !zero || row.iter().any(|g| g.is_nan()) {
                    return Err(format!("{options:?}: an ignored row has the gradient {row:?}"));
                }
            }
        }
        Ok(())
    });
}

/// Extreme logits neither overflow nor lose the small part.
#[test]
fn losses_hold_for_extreme_logits() {
    let device = Device::cpu();
    let x = Var::leaf(Tensor::from_slice(&[800f64, -800.0, -40.0], [3], &device));
    let zeros = Var::constant(x.tensor().zeros_like());
    let options = BinaryCrossEntropyOptions { reduction: Reduction::None, ..Default::default() };
    let losses = x.binary_cross_entropy_with_logits(&zeros, options).tensor().to_vec::<f64>();
    assert_eq!(losses[..2], [800.0, 0.0]);
    assert!((losses[2] / (-40f64).exp() - 1.0).abs() < 1e-12, "{losses:?}");
}

/// PyTorch's answers for a batch of nothing: a sum of 0, a mean that is no number.
#[test]
fn a_batch_of_nothing_has_a_loss() {
    let device = Device::cpu();
    let logits = Var::leaf(Tensor::zeros([0, 3], DType::F64, &device));
    let targets = Tensor::zeros([0], DType::U32, &device);
    let loss = |reduction| {
        let options = CrossEntropyOptions { label_smoothing: 0.1, reduction, ..Default::default() };
        logits.cross_entropy(&targets, options)
    };
    assert_eq!(loss(Reduction::Sum).tensor().item::<f64>(), 0.0);
    assert!(loss(Reduction::Mean).tensor().item::<f64>().is_nan());
    assert_eq!(loss(Reduction::None).shape(), [0]);
    assert_eq!(loss(Reduction::Sum).backward().get(&logits).unwrap().shape(), [0, 3]);
}

/// Whichever loss it is given to. One that does not count may lie anywhere.
#[test]
fn a_class_that_is_none_is_named() {
    let device = Device::cpu();
    let zeros = |shape: &[usize]| Var::leaf(Tensor::zeros(shape, DType::F64, &device));
    let (logits, weight, bias) = (zeros(&[3, 4]), zeros(&[4, 4]), zeros(&[4]));
    let targets = Tensor::from_slice(&[9u32, 3, 5], [3], &device);
    let counts = Tensor::from_slice(&[0f64, 1.0, 1.0], [3], &device);
    let options = CrossEntropyOptions { ignore_index: Some(9), ..Default::default() };
    let fused = |slices| logits.linear_cross_entropy_split(&weight, &bias, &targets, &counts, slices);
    let nll = || logits.nll_loss(&targets, None, Some(9), Reduction::Mean);
    refused("cross_entropy: id 5 at [2] is outside the 4 classes", || logits.cross_entropy(&targets, options));
    refused("nll_loss: id 5 at [2] is outside the 4 classes", nll);
    refused("linear_cross_entropy: id 5 at [2] is outside the 4 words", || fused(1));
    refused("linear_cross_entropy: id 5 at [2] is outside the 4 words", || fused(2));
}

#[test]
#[should_panic(expected = "cross_entropy: input of shape [2, 3] with u32 targets of shape [3], not [N, C] and u32 [N]")]
fn targets_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let logits = Var::leaf(Tensor::zeros([2, 3], DType::F64, &device));
    logits.cross_entropy(&Tensor::zeros([3], DType::U32, &device), CrossEntropyOptions::default());
}
