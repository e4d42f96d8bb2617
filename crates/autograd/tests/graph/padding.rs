//! What is padding, masked or cut away has a gradient of exactly 0 and passes none on, whatever arrives there.

use unrolled_autograd::{Backward, Var, grad};
use unrolled_tensor::{DType, Device, Tensor};

use crate::{leaf, tensor, values};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The gradient of `x` where `arriving` arrives at `f(x)`.
fn gradient(x: &Var, f: impl Fn(&Var) -> Var, arriving: &[f64]) -> Vec<f64> {
    let y = f(x);
    let arriving = Tensor::from_slice(arriving, y.shape(), &Device::cpu()).cast(y.dtype());
    grad(&[(&y, &Var::constant(arriving))], &[x], Backward::default())[0].as_ref().unwrap().tensor().to_f64_vec()
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn what_arrives_at_padding_goes_nowhere() {
    let x = leaf(&[1.0, 2.0]);
    assert_eq!(gradient(&x, |x| x.pad(&[(2, 1)], -INF), &[NAN, INF, 3.0, 4.0, -INF]), [3.0, 4.0]);
    let x = x.tensor().reshape([1, 2]);
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::F64] {
        let x = Var::leaf(x.cast(dtype));
        let got = gradient(&x, |x| x.pad(&[(1, 0), (0, 1)], 0.0), &[NAN, INF, NAN, 3.0, 4.0, NAN]);
        assert_eq!(got, [3.0, 4.0], "{dtype}");
    }
}

#[test]
fn what_arrives_at_a_mask_goes_nowhere() {
    let mask = Tensor::from_slice(&[true, false, true, true], [4], &Device::cpu());
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::F64] {
        let x = Var::leaf(tensor(&[INF, 2.0, NAN, -1.0]).cast(dtype));
        let got = gradient(&x, |x| x.masked_fill(&mask, 5.0), &[NAN, 3.0, -INF, -2.0]);
        assert_eq!(bits(&got), bits(&[0.0, 3.0, 0.0, 0.0]), "{dtype}");
    }
    let x = Var::leaf(tensor(&[1.0, 2.0, 3.0, 4.0]).reshape([2, 2]));
    assert_eq!(bits(&gradient(&x, |x| x.tril(0), &[1.0, NAN, 3.0, -INF])), bits(&[1.0, 0.0, 3.0, -INF]));
    assert_eq!(bits(&gradient(&x, |x| x.triu(1), &[NAN, 2.0, INF, NAN])), bits(&[0.0, 2.0, 0.0, 0.0]));
}

/// Attention's mask: the masked positions' scores have a weight of 0 and a gradient of 0, not nearly so.
#[test]
fn masked_scores_have_no_gradient() {
    let scores = leaf(&[0.3, -1.0, 2.0, 0.5]);
    let mask = Tensor::from_slice(&[false, true, false, true], [4], &Device::cpu());
    let weights = scores.masked_fill(&mask, -INF).softmax(0);
    let loss = (&weights * &Var::constant(tensor(&[1.0, 50.0, -2.0, 70.0]))).sum(.., false);
    let g = values(&loss.backward().get(&scores).unwrap());
    assert_eq!((weights.tensor().to_vec::<f64>()[1], g[1].to_bits(), g[3].to_bits()), (0.0, 0, 0));
    assert!(g[0] > 0.0 && g[2] < 0.0);
}

#[test]
fn a_mask_must_fit() {
    let x = leaf(&[1.0, 2.0]);
    let wide = Tensor::from_slice(&[true; 4], [2, 2], &Device::cpu());
    let said = crate::message(|| x.masked_fill(&wide, 0.0));
    assert!(said.contains("masked_fill") && said.contains("[2, 2]") && said.contains("[2]"), "{said}");
    assert!(crate::message(|| x.masked_fill(x.tensor(), 0.0)).contains("not bool"));
    assert!(crate::message(|| x.pad(&[(0, 0), (1, 1)], 0.0)).contains("pad: 2 pairs for the axes of shape [2]"));
    assert!(crate::message(|| x.tril(0)).contains("tril: shape [2]"));
}
