//! Norms, products, deviations and sorts at their edges: zeros, equals, nothing at all.

use unrolled_autograd::{Backward, Var, grad};
use unrolled_tensor::{DType, Device, Tensor};

use crate::{CREATE, leaf, message, tensor, values};

const INF: f64 = f64::INFINITY;

fn gradient(x: &Var, f: impl Fn(&Var) -> Var) -> Vec<f64> {
    values(&f(x).sum(.., false).backward().get(x).unwrap())
}

/// To six places.
fn rounded(x: &Tensor) -> Vec<f64> {
    values(x).iter().map(|x| (x * 1e6).round() / 1e6).collect()
}

#[test]
fn norms_of_the_zero_vector_have_the_gradient_zero() {
    let x = leaf(&[0.0, 0.0]);
    for p in [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, INF] {
        assert_eq!(x.norm(p, .., false).tensor().item::<f64>(), 0.0, "p = {p}");
        assert_eq!(gradient(&x, |x| x.norm(p, .., false)), [0.0, 0.0], "p = {p}");
    }
    // Beside a vector that is not 0, and of second order.
    let x = Var::leaf(tensor(&[0.0, 0.0, 3.0, 4.0]).reshape([2, 2]));
    let first =
        grad(&[(&x.norm(2.0, 1, false), &Var::constant(tensor(&[1.0, 1.0])))], &[&x], CREATE).remove(0).unwrap();
    assert_eq!(rounded(first.tensor()), [0.0, 0.0, 0.6, 0.8]);
    let second = first.index(1, 0).sum(.., false).backward().get(&x).unwrap();
    assert_eq!(rounded(&second), [0.0, 0.0, 0.128, -0.096]);
}

#[test]
fn norms_at_single_zeros_and_equals() {
    let x = leaf(&[0.0, 2.0, -2.0]);
    assert_eq!(gradient(&x, |x| x.norm(0.5, .., false))[0], 0.0);
    assert_eq!(gradient(&x, |x| x.norm(1.0, .., false)), [0.0, 1.0, -1.0]);
    assert_eq!(gradient(&x, |x| x.norm(INF, .., false)), [0.0, 0.5, -0.5]);
    let count = x.norm(0.0, .., false);
    assert_eq!((count.tensor().item::<f64>(), count.is_tracked()), (2.0, false));
    assert!(message(|| leaf(&[]).norm(INF, .., false)).contains("max"));
}

/// In f16 the squares alone would be infinite.
#[test]
fn norms_of_small_floats_are_computed_wide() {
    let x = Var::leaf(tensor(&[300.0, 400.0]).cast(DType::F16));
    let y = x.norm(2.0, .., false);
    assert_eq!((y.dtype(), y.tensor().to_f64_vec()), (DType::F16, vec![500.0]));
    assert_eq!(y.backward().get(&x).unwrap().cast(DType::F64).affine(10.0, 0.0).round().to_vec::<f64>(), [6.0, 8.0]);
}

/// At a kink the gradient is the one that the documentation says, a number in any case.
#[test]
fn kinks_have_the_documented_gradient() {
    let x = leaf(&[-1.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, Var::abs), [-1.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, Var::relu), [0.0, 0.0, 1.0]);
    assert_eq!(gradient(&x, |x| x.clamp(0.0, 1.0)), [0.0, 1.0, 1.0]);
    let zero = Var::constant(tensor(&[0.0; 3]));
    assert_eq!(gradient(&x, |x| x.maximum(&zero)), [0.0, 0.5, 1.0]);
    assert_eq!(gradient(&x, |x| zero.minimum(x)), [1.0, 0.5, 0.0]);
    assert_eq!(gradient(&leaf(&[2.0, 2.0, 1.0]), |x| x.max(.., false)), [0.5, 0.5, 0.0]);
}

#[test]
fn products_with_one_zero_and_several() {
    assert_eq!(gradient(&leaf(&[2.0, 0.0, 3.0, 4.0]), |x| x.prod(.., false)), [0.0, 24.0, 0.0, 0.0]);
    assert_eq!(gradient(&leaf(&[2.0, 0.0, 3.0, 0.0]), |x| x.prod(.., false)), [0.0; 4]);
    // ∂²/∂x₁∂x₃ of the product is the product of the other two.
    let x = leaf(&[2.0, 0.0, 3.0, 0.0]);
    let one = Var::constant(Tensor::scalar(1f64, &Device::cpu()));
    let first = grad(&[(&x.prod(.., false), &one)], &[&x], CREATE).remove(0).unwrap();
    let second = first.index(0, 1).backward().get(&x).unwrap();
    assert_eq!(second.to_vec::<f64>(), [0.0, 0.0, 0.0, 6.0]);
}

#[test]
fn a_deviation_of_equals_has_the_gradient_zero() {
    let x = leaf(&[3.0, 3.0, 3.0]);
    assert_eq!(x.std(0, 1, false).tensor().item::<f64>(), 0.0);
    assert_eq!(gradient(&x, |x| x.std(0, 1, false)), [0.0; 3]);
    assert!(leaf(&[1.0]).std(0, 1, false).tensor().item::<f64>().is_nan(), "one value has no sample deviation");
    assert!(leaf(&[]).var(0, 1, false).tensor().item::<f64>().is_nan());
}

#[test]
fn sorts_keep_the_order_of_equals_and_put_nan_last() {
    let x = leaf(&[2.0, f64::NAN, 1.0, 2.0, -INF, f64::NAN]);
    assert_eq!(x.argsort(0, false).to_vec::<u32>(), [4, 2, 0, 3, 1, 5]);
    assert_eq!(x.argsort(-1, true).to_vec::<u32>(), [1, 5, 0, 3, 2, 4]);
    let (values, places) = x.sort(0, false);
    assert_eq!(values.tensor().narrow(0, 0, 4).to_vec::<f64>(), [-INF, 1.0, 2.0, 2.0]);
    assert_eq!(x.tensor().gather(0, &places).narrow(0, 0, 4).to_vec::<f64>(), [-INF, 1.0, 2.0, 2.0]);
}

/// Each operation of an empty operand, and of what it makes of it: the shape, and a gradient of the operand's own shape.
#[test]
fn of_nothing() {
    let empty = || Var::leaf(Tensor::zeros([2, 0], DType::F32, &Device::cpu()));
    let ids = Tensor::zeros([0], DType::U32, &Device::cpu());
    let no = Tensor::zeros([2, 0], DType::Bool, &Device::cpu());
    let pair = Tensor::from_slice(&[1u32, 0], [2], &Device::cpu());
    let table: [(&str, &dyn Fn(&Var) -> Var, &[usize]); 26] = [
        ("gelu_tanh", &|x| x.gelu_tanh(), &[2, 0]),
        ("elu", &|x| x.elu(1.0), &[2, 0]),
        ("masked_fill", &|x| x.masked_fill(&no, 1.0), &[2, 0]),
        ("tril", &|x| x.tril(0), &[2, 0]),
        ("triu", &|x| x.t().triu(0), &[0, 2]),
        ("prod", &|x| x.prod(1, false), &[2]),
        ("prod of all", &|x| x.prod(.., false), &[]),
        ("prod of no axis", &|x| x.prod([], false), &[2, 0]),
        ("cumprod", &|x| x.cumprod(1), &[2, 0]),
        ("cumprod along the other", &|x| x.cumprod(0), &[2, 0]),
        ("norm", &|x| x.norm(2.0, 1, true), &[2, 1]),
        ("norm, p = 3", &|x| x.norm(3.0, 1, false), &[2]),
        ("norm, p = infinity", &|x| x.norm(INF, 0, false), &[0]),
        ("std", &|x| x.std(0, 1, false), &[0]),
        ("sort", &|x| x.sort(1, false).0, &[2, 0]),
        ("sort along the other", &|x| x.sort(0, true).0, &[2, 0]),
        ("index_select", &|x| x.index_select(1, &ids), &[2, 0]),
        ("index_add", &|x| x.index_add(0, &pair, x), &[2, 0]),
        ("split", &|x| x.split(&[0, 0], 1).remove(1), &[2, 0]),
        ("split_every", &|x| x.split_every(3, 1).remove(0), &[2, 0]),
        ("flatten", &|x| x.flatten(), &[0]),
        ("pad", &|x| x.pad(&[(1, 2)], 4.0), &[2, 3]),
        ("roll", &|x| x.roll(3, 1) * x.roll(1, 0), &[2, 0]),
        ("repeat", &|x| x.repeat(&[3, 2]), &[6, 0]),
        ("repeat_interleave", &|x| x.repeat_interleave(0, 0), &[0, 0]),
        ("diagonal", &|x| x.diagonal(0, 0, 1), &[0]),
    ];
    for (name, f, shape) in table {
        let x = empty();
        let y = f(&x);
        assert_eq!(y.shape(), shape, "{name}");
        let arriving = Var::constant(y.tensor().ones_like());
        let g = grad(&[(&y, &arriving)], &[&x], Backward::default()).remove(0).expect(name);
        assert_eq!((g.shape(), g.dtype()), (x.shape(), DType::F32), "{name}");
    }
    assert_eq!(empty().prod(1, false).tensor().to_vec::<f32>(), [1.0, 1.0]);
    assert_eq!(empty().unbind(1).len(), 0);
    assert_eq!(empty().lt(1.0).shape(), [2, 0]);
}

#[test]
fn of_one_element() {
    let one = leaf(&[3.0]);
    let all: [fn(&Var) -> Var; 4] =
        [|x| x.prod(.., false), |x| x.cumprod(0), |x| x.norm(2.0, .., false), |x| x.sort(0, false).0];
    for f in all {
        assert_eq!(f(&one).tensor().to_vec::<f64>(), [3.0]);
        assert_eq!(gradient(&one, f), [1.0]);
    }
    let scalar = Var::leaf(Tensor::scalar(-3f64, &Device::cpu()));
    assert_eq!(scalar.prod(.., true).shape(), [0usize; 0]);
    assert_eq!(rounded(&tensor(&gradient(&scalar, |x| x.norm(3.0, .., false)))), [-1.0]);
    assert_eq!(
        (scalar.flatten().shape(), scalar.repeat(&[2]).shape(), scalar.pad(&[], 0.0).rank()),
        (&[1][..], &[2][..], 0)
    );
}

#[test]
fn rebinding_leaves_the_old_variable_alone() {
    let x = leaf(&[3.0]);
    let mut y = x.clone();
    let before = &y * 2.0;
    y += 1.0;
    y *= &x;
    assert_eq!((values(x.tensor()), values(before.tensor()), values(y.tensor())), (vec![3.0], vec![6.0], vec![12.0]));
    assert!(x.is_leaf() && !y.is_leaf());
    assert_eq!(values(&(y + before).backward().get(&x).unwrap()), [9.0]);
}
