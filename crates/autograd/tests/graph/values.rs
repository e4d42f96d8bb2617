//! Values at the edges: kinks, ties, infinities, small dtypes, partly used outputs.

use unrolled_autograd::{LstmStates, LstmWeights, Var, grad};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::{KEEP, leaf, tensor, values};

fn gradient(x: &Var, f: impl Fn(&Var) -> Var) -> Vec<f64> {
    values(&f(x).sum(.., false).backward().get(x).unwrap())
}

#[test]
fn at_kinks() {
    let x = leaf(&[-1.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, Var::relu), [0.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, Var::abs), [-1.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, |x| x.clamp(-1.0, 0.5)), [1.0, 1.0, 0.0]);
    let zero = Var::constant(tensor(&[0.0; 3]));
    assert_eq!(gradient(&x, |x| x.maximum(&zero)), [0.0, 0.5, 1.0]);
    assert_eq!(gradient(&x, |x| zero.minimum(x)), [1.0, 0.5, 0.0]);
}

#[test]
fn equals_share_the_gradient_of_an_extreme() {
    let x = leaf(&[2.0, 5.0, 5.0, 1.0, 5.0]);
    let third = 1.0 / 3.0;
    assert_eq!(gradient(&x, |x| x.max(.., false)), [0.0, third, third, 0.0, third]);
    assert_eq!(gradient(&x, |x| x.min(0, true)), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(gradient(&x, |x| x.top_k(2, 0).0), [0.0, 1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn logsumexp_of_infinities() {
    let inf = f64::INFINITY;
    let value = |x: &[f64]| leaf(x).logsumexp(0, false).tensor().item::<f64>();
    assert_eq!(value(&[-inf, -inf]), -inf);
    assert_eq!(value(&[-inf, 0.0]), 0.0);
    assert_eq!(value(&[inf, 0.0]), inf);
    assert_eq!(value(&[1000.0, 1000.0]), 1000.0 + 2f64.ln());
    assert_eq!(gradient(&leaf(&[-inf, 0.0]), |x| x.logsumexp(0, true)), [0.0, 1.0]);
}

#[test]
fn means_of_many_small_floats() {
    let ones = Tensor::ones([100_000], DType::F16, &Device::cpu());
    let x = Var::leaf(ones);
    let mean = x.mean(.., false);
    assert_eq!((mean.dtype(), mean.tensor().to_f64_vec()), (DType::F16, vec![1.0]));
    let g = mean.backward().get(&x).unwrap();
    assert_eq!((g.dtype(), g.shape()), (DType::F16, &[100_000][..]));
    assert_eq!(x.var(.., 0, false).tensor().to_f64_vec(), [0.0]);
}

/// Whoever still needs a leaf's old value keeps it.
#[test]
fn a_leaf_that_changes_leaves_older_graphs_alone() {
    let mut x = leaf(&[2.0]);
    let y = x.square();
    x.value_mut().accumulate(&tensor(&[1.0]), 1.0);
    assert_eq!((values(x.tensor()), values(y.tensor())), (vec![3.0], vec![4.0]));
    assert_eq!(values(&y.backward().get(&x).unwrap()), [4.0]);
    assert_eq!(values(&x.square().backward().get(&x).unwrap()), [6.0]);
    let said = crate::message(|| x.exp().value_mut().clone());
    assert!(said.contains("only a leaf may change; this comes from `exp`"), "{said}");
}

/// Fused and plain layer agree in values and gradients, whichever outputs are used.
#[test]
fn lstm_with_some_outputs_used() {
    let normal = |name: &str, shape: &[usize]| {
        let distribution = Distribution::Normal { mean: 0.0, deviation: 0.7 };
        Var::leaf(Tensor::random(distribution, Key::new(5).purpose(name), shape, DType::F64, &Device::cpu()))
    };
    let (t, b, i, h) = (4, 3, 2, 3);
    let x = normal("x", &[t, b, i]);
    let (ih, hh, bias) = (normal("ih", &[4 * h, i]), normal("hh", &[4 * h, h]), normal("bias", &[4 * h]));
    let (h0, c0) = (normal("h", &[b, h]), normal("c", &[b, h]));
    let lengths = Tensor::from_slice(&[4u32, 0, 2], [b], &Device::cpu());
    let weights = LstmWeights { ih: &ih, hh: &hh, bias: &bias };
    let fused = x.lstm_sequence(weights, &h0, &c0, Some(&lengths), 0);
    let plain = x.lstm_sequence_plain(weights, &h0, &c0, Some(&lengths), 0);
    let inputs = [&x, &ih, &hh, &bias, &h0, &c0];
    let outputs: [fn(&LstmStates) -> &Var; 3] = [|s| &s.sequence, |s| &s.hidden, |s| &s.cell];
    let near = |a: &Tensor, b: &Tensor| values(&a.sub(b)).iter().all(|d| d.abs() < 1e-12);
    for of in outputs {
        let (a, b) = (of(&fused), of(&plain));
        assert!(near(a.tensor(), b.tensor()));
        let g = Var::constant(normal("g", a.shape()).into_tensor());
        let (a, b) = (grad(&[(a, &g)], &inputs, KEEP), grad(&[(b, &g)], &inputs, KEEP));
        for (name, (a, b)) in ["x", "ih", "hh", "bias", "h", "c"].iter().zip(a.iter().zip(&b)) {
            assert!(near(a.as_ref().unwrap().tensor(), b.as_ref().unwrap().tensor()), "{name}");
        }
    }
    // A weight that is not tracked gets nothing.
    let constant = LstmWeights { ih: &ih.detach(), ..weights };
    let hidden = x.lstm_sequence(constant, &h0, &c0, None, 0).hidden;
    let gradients = hidden.sum(.., false).backward();
    assert!(gradients.get(&ih).is_none() && gradients.len() == 5);
}
