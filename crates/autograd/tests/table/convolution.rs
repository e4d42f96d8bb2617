//! Convolution against its definition by loops, and its derivatives.

use unrolled_autograd::{Conv1dOptions, Var};
use unrolled_tensor::{DType, Device, Tensor};

use crate::row::{Case, Row};
use crate::sample::{Sample, each};

pub fn rows() -> Vec<Row> {
    vec![Row::new("unfold", derivatives).named("conv1d")]
}

/// Options, and the shapes of input, weight and bias.
fn choose(s: &mut Sample) -> (Conv1dOptions, [Vec<usize>; 3]) {
    let options =
        Conv1dOptions { stride: 1 + s.below(3), padding: s.below(3), dilation: 1 + s.below(2), groups: 1 + s.below(2) };
    let (batch, channels, outputs, taps) = (1 + s.below(2), 1 + s.below(2), 1 + s.below(2), 1 + s.below(3));
    let kernel = options.dilation * (taps - 1) + 1;
    let length = kernel.saturating_sub(2 * options.padding) + s.below(3);
    let (groups, batch) = (options.groups, if s.once_in(12) { 0 } else { batch });
    (options, [vec![batch, channels * groups, length], vec![outputs * groups, channels, taps], vec![outputs * groups]])
}

fn derivatives(s: &mut Sample) -> Case {
    let (options, [input, weight, bias]) = choose(s);
    let ((leaf, view), with_bias) = (s.view(&input, true), s.once_in(2));
    let inputs = vec![s.within(&leaf, -1.0, 1.0), s.within(&weight, -1.0, 1.0), s.within(&bias, -1.0, 1.0)];
    Case::new(inputs, move |v| view(&v[0]).conv1d(&v[1], with_bias.then_some(&v[2]), options))
}

/// One element by the definition.
fn element(x: &Tensor, weight: &Tensor, options: &Conv1dOptions, [b, o, l]: [usize; 3]) -> f64 {
    let at = |t: &Tensor, i: [usize; 3]| t.index(0, i[0]).index(0, i[1]).index(0, i[2]).item::<f64>();
    let (own, taps) = (weight.dim(1), weight.dim(2));
    let first = o / (weight.dim(0) / options.groups) * own;
    let mut sum = 0.0;
    for (c, k) in (0..own).flat_map(|c| (0..taps).map(move |k| (c, k))) {
        let place = (l * options.stride + k * options.dilation).checked_sub(options.padding);
        if let Some(place) = place.filter(|&place| place < x.dim(2)) {
            sum += at(weight, [o, c, k]) * at(x, [b, first + c, place]);
        }
    }
    sum
}

#[test]
fn convolutions_are_what_their_definition_says() {
    each("conv1d", 60, |s| {
        let (options, shapes) = choose(s);
        let [x, weight, bias] = shapes.map(|shape| s.within(&shape, -1.0, 1.0));
        let constant = |x: &Tensor| Var::constant(x.clone());
        let answer = constant(&x).conv1d(&constant(&weight), Some(&constant(&bias)), options);
        let reach = x.dim(2) + 2 * options.padding - options.dilation * (weight.dim(2) - 1);
        let shape = [x.dim(0), weight.dim(0), reach.div_ceil(options.stride)];
        if answer.shape() != shape {
            return Err(format!("{options:?}: shape {:?}, not {shape:?}", answer.shape()));
        }
        for (i, found) in answer.tensor().to_vec::<f64>().into_iter().enumerate() {
            let at = [i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]];
            let wanted = element(&x, &weight, &options, at) + bias.index(0, at[1]).item::<f64>();
            if (found - wanted).abs() > 1e-12 {
                return Err(format!("{options:?}: element {at:?} is {found}, not {wanted}"));
            }
        }
        Ok(())
    });
}

#[test]
#[should_panic(expected = "conv1d: input of shape [1, 4, 5], weight of shape [2, 4, 3], Conv1dOptions { stride: 1, \
                           padding: 0, dilation: 1, groups: 2 }: the weight is [Cout, Cin/groups, K], and groups divide Cout")]
fn a_weight_that_does_not_fit_is_refused() {
    let zeros = |shape: [usize; 3]| Var::constant(Tensor::zeros(shape, DType::F64, &Device::cpu()));
    zeros([1, 4, 5]).conv1d(&zeros([2, 4, 3]), None, Conv1dOptions { groups: 2, ..Default::default() });
}
