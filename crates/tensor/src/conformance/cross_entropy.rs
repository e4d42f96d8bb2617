//! Linear layer, softmax and cross-entropy in one, whole and in slices of the vocabulary, against the definition in f64.

use super::host::host;
use super::inputs::{Operand, Values, View};
use super::report::{Checker, Named, Outcome, Within, compare, exactly, holds};
use crate::fused::cross_entropy::{definition, merge, weighted_losses};
use crate::fused::{CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, KeptLogits, KeptRows, merge_partials};
use crate::{DType, Device, Tensor};

/// Rows, features, words.
const SIZES: [[usize; 3]; 7] =
    [[1, 1, 1], [5, 4, 7], [0, 3, 5], [3, 0, 4], [33, 20, 300], [300, 8, 50], [40, 16, 1000]];

struct Tensors {
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
}

impl Tensors {
    fn new([n, h, v]: [usize; 3], dtype: DType, view: View, device: &Device) -> Tensors {
        let operand = |name: &str, shape: &[usize]| {
            let view = if view.fits(shape) { view } else { View::Offset };
            Operand::new(name, Values::Real, view, shape, dtype, device).tensor
        };
        // Weights 0, 1, 2, 0, 1, …: every third row is padding.
        let row_weights: Vec<f64> = (0..n).map(|row| ((row + 1) % 3) as f64).collect();
        Tensors {
            hidden: operand("hidden", &[n, h]),
            weight: operand("weight", &[v, h]).affine(0.5 / (h.max(1) as f64).sqrt(), 0.0),
            bias: operand("bias", &[v]),
            targets: Operand::indices("targets", v, View::Flipped, &[n], device).tensor,
            row_weights: Tensor::from_slice(&row_weights, [n], device).cast(dtype),
        }
    }

    fn wide(&self) -> Tensors {
        let wide = |x: &Tensor| x.cast(DType::F64);
        Tensors {
            hidden: wide(&self.hidden),
            weight: wide(&self.weight),
            bias: wide(&self.bias),
            targets: self.targets.clone(),
            row_weights: wide(&self.row_weights),
        }
    }

    fn args(&self) -> CrossEntropyArgs<'_> {
        CrossEntropyArgs {
            hidden: &self.hidden,
            weight: &self.weight,
            bias: &self.bias,
            targets: &self.targets,
            row_weights: &self.row_weights,
            offset: 0,
        }
    }
}

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        for sizes in SIZES {
            let [n, h, v] = sizes;
            for view in [View::Plain, View::Transposed, View::Flipped] {
                let tensors = |device: &Device| Tensors::new(sizes, dtype, view, device);
                let described = format!("{view:?} N {n}, H {h}, V {v}").to_lowercase();
                checker.case("linear_cross_entropy", dtype, &described, |device| whole(&tensors(device)));
                for slices in [1, 3] {
                    let described = format!("{described}, slices {slices}");
                    checker.case("linear_cross_entropy in slices", dtype, described, |device| {
                        in_slices(&tensors(device), slices)
                    });
                    let described = format!("{view:?} N {n}, H {h}, V {v}, slices {slices}").to_lowercase();
                    checker.case("linear_cross_entropy in phases", dtype, described, |device| {
                        in_phases(&tensors(device), slices)
                    });
                }
            }
        }
    }
}

fn near(found: &Tensor, expected: &Tensor) -> Outcome {
    let expected = host(expected);
    // What comes out small was made of terms that were about 1.
    let largest = expected.values.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    let epsilons = match found.dtype() {
        // The definition rounds its logits and probabilities.
        DType::F16 => 32.0 * 8192.0,
        DType::BF16 => 32.0 * 65536.0,
        _ => 64.0,
    };
    compare(found, &expected, Within::Relative { epsilons, floor: largest })
}

fn gradients_near(found: &CrossEntropyGradients, expected: &CrossEntropyGradients) -> Outcome {
    near(&found.hidden, &expected.hidden).named("gradient of hidden")?;
    near(&found.weight, &expected.weight).named("gradient of the weight")?;
    near(&found.bias, &expected.bias).named("gradient of the bias")
}

fn expected(tensors: &Tensors) -> (CrossEntropy, CrossEntropyGradients) {
    let wide = tensors.wide();
    let all = definition(&wide.args(), true).expect("the definition runs");
    let gradients = all.gradients.clone().expect("gradients were asked for");
    (all, gradients)
}

fn whole(tensors: &Tensors) -> Outcome {
    let (expected, gradients) = expected(tensors);
    let found = Tensor::linear_cross_entropy(&tensors.args(), true);
    near(&found.losses, &expected.losses).named("losses")?;
    let found_gradients = found.gradients.as_ref();
    holds("there are gradients where they are asked for", found_gradients.is_some())?;
    gradients_near(found_gradients.expect("just seen"), &gradients)?;
    padding_is_zero(tensors, &found)?;
    let alone = Tensor::linear_cross_entropy(&tensors.args(), false);
    holds("there are no gradients where they are not asked for", alone.gradients.is_none())?;
    exactly(&alone.losses, &host(&found.losses)).named("losses without gradients")
}

/// What a row of weight 0 gives is exactly 0.
fn padding_is_zero(tensors: &Tensors, found: &CrossEntropy) -> Outcome {
    let gradient = &found.gradients.as_ref().expect("gradients were asked for").hidden;
    for (row, weight) in host(&tensors.row_weights).values.iter().enumerate() {
        if *weight == 0.0 {
            let zero = |x: Tensor| host(&x).values.iter().all(|&x| x == 0.0);
            holds("a padded row's loss is 0", zero(found.losses.index(0, row)))?;
            holds("a padded row's gradient is 0", zero(gradient.index(0, row)))?;
        }
    }
    Ok(())
}

/// Uneven slices of weight and bias, and the word that each begins with.
fn uneven(tensors: &Tensors, slices: usize) -> Vec<(Tensor, Tensor, usize)> {
    let words = tensors.bias.elements();
    let slices = slices.min(words);
    // The first slice is the longest.
    let cuts: Vec<usize> =
        (0..=slices).map(|i| if i == 0 { 0 } else { words - (slices - i) * (words / (slices + 1)).max(1) }).collect();
    let slice = |cut: &[usize]| {
        let part = |x: &Tensor| x.narrow(0, cut[0], cut[1] - cut[0]);
        (part(&tensors.weight), part(&tensors.bias), cut[0])
    };
    cuts.windows(2).map(slice).collect()
}

/// The rows in two parts, slice by slice in three phases, the weight's gradient in two calls, against the whole.
fn in_phases(tensors: &Tensors, slices: usize) -> Outcome {
    let (expected, gradients) = expected(tensors);
    let rows = tensors.targets.elements();
    let halves = [(0, rows / 2), (rows / 2, rows - rows / 2)];
    let slices = uneven(tensors, slices);
    let narrow = |x: &Tensor, (from, len): (usize, usize)| x.narrow(0, from, len);
    let (mut losses, mut d_hidden) = (Vec::new(), Vec::new());
    let hidden = halves.map(|half| narrow(&tensors.hidden, half));
    let mut kept: Vec<Vec<KeptLogits>> = slices.iter().map(|_| Vec::new()).collect();
    for (half, hidden) in halves.into_iter().zip(&hidden) {
        let (targets, row_weights) = (narrow(&tensors.targets, half), narrow(&tensors.row_weights, half));
        let args: Vec<CrossEntropyArgs<'_>> = slices
            .iter()
            .map(|(weight, bias, offset)| CrossEntropyArgs {
                hidden,
                weight,
                bias,
                targets: &targets,
                row_weights: &row_weights,
                offset: *offset,
            })
            .collect();
        let (partials, begun): (Vec<_>, Vec<_>) = args.iter().map(Tensor::linear_cross_entropy_begin).unzip();
        let merged = merge_partials(&partials);
        losses.push(merged.losses(&row_weights));
        let mut sum: Option<Tensor> = None;
        for (slice, (args, begun)) in args.iter().zip(begun).enumerate() {
            let (part, done) = Tensor::linear_cross_entropy_hidden(args, begun, &merged);
            sum = Some(sum.map_or(part.clone(), |sum| sum + &part));
            kept[slice].push(done);
        }
        d_hidden.push(sum.expect("there is a slice"));
    }
    let counted: Vec<bool> = host(&tensors.row_weights).values.iter().map(|&weight| weight != 0.0).collect();
    let place = |row: usize| if row < halves[1].0 { (0, row as u32) } else { (1, (row - halves[1].0) as u32) };
    let all: Vec<(u32, u32)> = (0..rows).filter(|&row| counted[row]).map(place).collect();
    let (first, second) = all.split_at(all.len() / 3);
    let of_slice = |kept: &Vec<KeptLogits>| {
        let parts: Vec<KeptRows<'_>> =
            kept.iter().zip(&hidden).map(|(kept, hidden)| KeptRows { kept, hidden }).collect();
        let begun = Tensor::linear_cross_entropy_weights(&parts, first, None);
        Tensor::linear_cross_entropy_weights(&parts, second, Some(begun))
    };
    let (weights, biases): (Vec<Tensor>, Vec<Tensor>) = kept.iter().map(of_slice).unzip();
    let join = |parts: &[Tensor]| Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
    near(&join(&losses), &expected.losses).named("losses")?;
    let found = CrossEntropyGradients { hidden: join(&d_hidden), weight: join(&weights), bias: join(&biases) };
    gradients_near(&found, &gradients)
}

/// Partials of uneven slices, merged, and each slice's gradients, against the whole.
fn in_slices(tensors: &Tensors, slices: usize) -> Outcome {
    let (expected, gradients) = expected(tensors);
    let parts = uneven(tensors, slices);
    let args: Vec<CrossEntropyArgs<'_>> = parts
        .iter()
        .map(|(weight, bias, offset)| CrossEntropyArgs { weight, bias, offset: *offset, ..tensors.args() })
        .collect();
    let partials: Vec<_> = args.iter().map(Tensor::linear_cross_entropy_partials).collect();
    let (log_sum, target) = merge(&partials);
    near(&weighted_losses(&log_sum, &target, &tensors.row_weights), &expected.losses).named("losses")?;
    let found: Vec<_> = args.iter().map(|args| Tensor::linear_cross_entropy_gradients(args, &log_sum)).collect();
    let joined =
        |of: fn(&CrossEntropyGradients) -> &Tensor| Tensor::concat(&found.iter().map(of).collect::<Vec<_>>(), 0);
    let hidden = found[1..].iter().fold(found[0].hidden.clone(), |sum, part| sum + &part.hidden);
    gradients_near(
        &CrossEntropyGradients { hidden, weight: joined(|g| &g.weight), bias: joined(|g| &g.bias) },
        &gradients,
    )
}
