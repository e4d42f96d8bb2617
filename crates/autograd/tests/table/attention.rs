//! Rows of attention, and what a query gives that may look at nothing.

use unrolled_autograd::{AttentionMask, AttentionOptions, Var};
use unrolled_tensor::{DType, Device, Tensor};

use crate::row::{Case, Row};
use crate::sample::Sample;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("softmax", plain).named("attention"),
        Row::new("select", masked).named("attention, bool mask"),
        Row::new("softmax", additive).named("attention, additive mask"),
    ]
}

/// Leading axes, which broadcast, and L, S, E, D.
fn inputs(s: &mut Sample) -> ([usize; 2], Vec<Tensor>) {
    let (l, n, e, d) = (1 + s.below(3), 1 + s.below(3), 1 + s.below(2), 1 + s.below(2));
    let lead: [Vec<usize>; 3] = s.of(&[
        [vec![], vec![], vec![]],
        [vec![2], vec![2], vec![2]],
        [vec![2], vec![1], vec![1]],
        [vec![2, 1], vec![2], vec![]],
    ]);
    let shapes = [vec![l, e], vec![n, e], vec![n, d]];
    let inputs = lead.iter().zip(shapes).map(|(lead, shape)| s.within(&[&lead[..], &shape].concat(), -1.5, 1.5));
    ([l, n], inputs.collect())
}

fn plain(s: &mut Sample) -> Case {
    let (_, inputs) = inputs(s);
    let (causal, scale) = (s.once_in(2), s.of(&[None, Some(0.3)]));
    Case::new(inputs, move |v| {
        v[0].scaled_dot_product_attention(&v[1], &v[2], AttentionOptions { mask: None, causal, scale })
    })
}

/// Some rows of the mask may be false everywhere.
fn masked(s: &mut Sample) -> Case {
    let ([l, n], inputs) = inputs(s);
    let (mask, causal) = (s.truths(&[l, n]), s.once_in(2));
    Case::new(inputs, move |v| {
        let mask = Some(AttentionMask::Allowed(&mask));
        v[0].scaled_dot_product_attention(&v[1], &v[2], AttentionOptions { mask, causal, scale: None })
    })
}

fn additive(s: &mut Sample) -> Case {
    let ([l, n], mut inputs) = inputs(s);
    inputs.push(s.within(&[l, n], -1.0, 1.0));
    let causal = s.once_in(2);
    Case::new(inputs, move |v| {
        let mask = Some(AttentionMask::Additive(&v[3]));
        v[0].scaled_dot_product_attention(&v[1], &v[2], AttentionOptions { mask, causal, scale: None })
    })
}

/// By −∞ as by false: the answer is 0, and so are the gradients, also of the mask.
#[test]
fn a_query_without_keys_answers_zero() {
    let device = Device::cpu();
    let tensor = |values: &[f64], shape: [usize; 2]| Var::leaf(Tensor::from_slice(values, shape, &device));
    let (q, k, v) = (tensor(&[1.0, 2.0], [2, 1]), tensor(&[3.0, -1.0], [2, 1]), tensor(&[5.0, 7.0], [2, 1]));
    let added = tensor(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY], [2, 2]);
    let allowed = Tensor::from_slice(&[false, false, true, false], [2, 2], &device);
    for mask in [AttentionMask::Allowed(&allowed), AttentionMask::Additive(&added)] {
        let options = AttentionOptions { mask: Some(mask), ..Default::default() };
        let answer = q.scaled_dot_product_attention(&k, &v, options);
        assert_eq!(answer.tensor().to_vec::<f64>(), [0.0, 5.0]);
        let gradients = answer.sum(.., false).backward();
        assert_eq!(gradients.get(&q).unwrap().to_vec::<f64>(), [0.0, 0.0]);
        assert_eq!(gradients.get(&k).unwrap().to_vec::<f64>(), [0.0, 0.0]);
        assert_eq!(gradients.get(&v).unwrap().to_vec::<f64>(), [1.0, 0.0]);
        if let Some(of_mask) = gradients.get(&added) {
            assert_eq!(of_mask.to_vec::<f64>(), [0.0; 4]);
        }
    }
}

#[test]
#[should_panic(expected = "a mask of shape [3, 2] does not broadcast to scores of shape [1, 2]")]
fn a_mask_does_not_make_more_queries() {
    let x = Var::constant(Tensor::zeros([1, 2], DType::F64, &Device::cpu()));
    let mask = Tensor::from_slice(&[true; 6], [3, 2], &Device::cpu());
    let keys = Var::concat(&[&x, &x], 0);
    let options = AttentionOptions { mask: Some(AttentionMask::Allowed(&mask)), ..Default::default() };
    x.scaled_dot_product_attention(&keys, &keys, options);
}

/// Exactly 0 where a key takes no part, whatever its score is.
#[test]
fn keys_that_take_no_part_leave_no_trace() {
    let device = Device::cpu();
    let tensor = |values: &[f64], shape: [usize; 2]| Var::leaf(Tensor::from_slice(values, shape, &device));
    let (q, k, v) = (tensor(&[1.0], [1, 1]), tensor(&[1e300, 2.0], [2, 1]), tensor(&[3.0, 5.0], [2, 1]));
    let allowed = Tensor::from_slice(&[false, true], [1, 2], &device);
    let options = AttentionOptions { mask: Some(AttentionMask::Allowed(&allowed)), ..Default::default() };
    let answer = q.scaled_dot_product_attention(&k, &v, options);
    assert_eq!(answer.tensor().to_vec::<f64>(), [5.0]);
    let gradients = answer.backward();
    assert_eq!(gradients.get(&k).unwrap().to_vec::<f64>(), [0.0, 0.0]);
    assert_eq!(gradients.get(&v).unwrap().to_vec::<f64>(), [0.0, 1.0]);
}

/// As for a query that may look at no key.
#[test]
fn no_keys_at_all_answer_zero() {
    let zeros = |shape: [usize; 2]| Var::leaf(Tensor::zeros(shape, DType::F64, &Device::cpu()));
    let (q, k, v) = (zeros([2, 3]), zeros([0, 3]), zeros([0, 1]));
    for causal in [false, true] {
        let answer = q.scaled_dot_product_attention(&k, &v, AttentionOptions { causal, ..Default::default() });
        assert_eq!((answer.shape(), answer.tensor().to_vec::<f64>()), (&[2, 1][..], vec![0.0, 0.0]));
        assert_eq!(answer.sum(.., false).backward().get(&q).unwrap().to_vec::<f64>(), [0.0; 6]);
    }
}
