//! The gradient checkers find every kind of wrong rule.

use std::sync::Arc;

use unrolled_autograd::{CheckError, Function, Tolerance, Var, gradcheck, gradcheck_with, gradgradcheck};
use unrolled_tensor::{DType, Device, Tensor};

type Backward = fn(&[Var], &[Var], &Var) -> Vec<Option<Var>>;

/// A function of any inputs with one output and a rule that is to be found wrong, or right.
struct Ruled(fn(&[Tensor]) -> Tensor, Backward);

impl Function for Ruled {
    fn name(&self) -> &'static str {
        "ruled"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![(self.0)(x)]
    }
    fn backward(&self, x: &[Var], y: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
        self.1(x, y, g[0].as_ref().expect("one output"))
    }
}

fn ruled(forward: fn(&[Tensor]) -> Tensor, backward: Backward) -> impl Fn(&[Var]) -> Var {
    let function = Arc::new(Ruled(forward, backward));
    move |v: &[Var]| Var::apply(function.clone(), &v.iter().collect::<Vec<_>>()).remove(0)
}

fn matrix(values: [f64; 6]) -> Tensor {
    Tensor::from_slice(&values, [2, 3], &Device::cpu())
}

fn inputs() -> Vec<Tensor> {
    vec![matrix([0.5, -1.0, 1.5, 0.25, 2.0, -0.75]), matrix([-0.5, 1.25, 0.75, 1.0, -1.5, 0.3])]
}

fn product(x: &[Tensor]) -> Tensor {
    x[0].mul(&x[1])
}

#[test]
fn right_rules_pass() {
    let f = ruled(product, |x, _, g| vec![Some(g * &x[1]), Some(g * &x[0])]);
    gradcheck(&f, &inputs()).unwrap();
    gradgradcheck(&f, &inputs()).unwrap();
    let f = ruled(|x| x[0].exp(), |_, y, g| vec![Some(g * &y[0])]);
    gradcheck(&f, &inputs()[..1]).unwrap();
    gradgradcheck(&f, &inputs()[..1]).unwrap();
}

#[test]
fn wrong_rules_are_found() {
    let rules: [(&str, Backward); 6] = [
        ("sign", |x, _, g| vec![Some(g * &x[1]), Some(-(g * &x[0]))]),
        ("factor", |x, _, g| vec![Some(g * &x[1]), Some(g * &x[0] * 1.0001)]),
        ("an input's gradient missing", |x, _, g| vec![Some(g * &x[1]), None]),
        ("operands exchanged", |x, _, g| vec![Some(g * &x[0]), Some(g * &x[1])]),
        ("elements exchanged", |x, _, g| vec![Some(g * &x[1]), Some((g * &x[0]).flip(1))]),
        ("not a number", |x, _, g| vec![Some(g * &x[1]), Some((g * &x[0]) * f64::NAN)]),
    ];
    for (what, rule) in rules {
        let error = gradcheck(ruled(product, rule), &inputs()).expect_err(what);
        assert_eq!(
            (error.order, error.input),
            (1, if what == "operands exchanged" { 0 } else { 1 }),
            "{what}: {error}"
        );
    }
}

#[test]
fn a_missing_term_is_found() {
    // x² eˣ has two.
    let f = ruled(|x| x[0].square().mul(&x[0].exp()), |x, _, g| vec![Some(g * &(&x[0] * &x[0].exp()) * 2.0)]);
    gradcheck(f, &inputs()[..1]).unwrap_err();
}

#[test]
fn one_wrong_element_is_found() {
    let f = ruled(
        |x| x[0].exp(),
        |_, y, g| {
            let mut factor = [1.0; 6];
            factor[4] = 1.001;
            vec![Some(g * &y[0] * Var::constant(matrix(factor)))]
        },
    );
    let CheckError { input, element, .. } = gradcheck(f, &inputs()[..1]).unwrap_err();
    assert_eq!((input, element), (0, 4));
}

#[test]
fn ignored_broadcasting_is_found() {
    let row = Tensor::from_slice(&[0.5, 1.0, -2.0], [3], &Device::cpu());
    let all = [inputs().remove(0), row];
    let f = ruled(product, |x, _, g| vec![Some(g * &x[1]), Some((g * &x[0]).index(0, 0))]);
    assert_eq!(gradcheck(f, &all).unwrap_err().input, 1);
    let f = ruled(product, |x, _, g| vec![Some(g * &x[1]), Some((g * &x[0]).sum(0, false))]);
    gradcheck(f, &all).unwrap();
}

#[test]
fn a_wrong_index_is_found() {
    let f = ruled(
        |x| x[0].narrow(1, 1, 2),
        |x, _, g| vec![Some(Var::concat(&[g, &Var::constant(x[0].tensor().narrow(1, 0, 1).zeros_like())], 1))],
    );
    gradcheck(f, &inputs()[..1]).unwrap_err();
}

#[test]
fn infinite_gradients_are_found() {
    let f = ruled(|x| x[0].exp(), |_, y, g| vec![Some(g * &y[0] * f64::INFINITY)]);
    gradcheck(f, &inputs()[..1]).unwrap_err();
    // √x at 0: the slope is infinite, and so is no difference's.
    gradcheck(|v| v[0].sqrt(), &[Tensor::scalar(0.0, &Device::cpu())]).unwrap_err();
}

#[test]
fn kinks_are_found() {
    gradcheck(|v| v[0].abs(), &[Tensor::scalar(1e-6, &Device::cpu())]).unwrap_err();
}

#[test]
fn a_wrong_second_derivative_is_found() {
    let wrong: [(&str, fn(&[Tensor]) -> Tensor, Backward); 3] = [
        ("constant to the second", |x| x[0].exp(), |_, y, g| vec![Some(g * &y[0].detach())]),
        ("constant to the first gradient", |x| x[0].square(), |x, _, g| vec![Some(g.detach() * &x[0] * 2.0)]),
        ("half connected", |x| x[0].powf(3.0), |x, _, g| vec![Some(g * &x[0] * x[0].detach() * 3.0)]),
    ];
    for (what, forward, rule) in wrong {
        let f = ruled(forward, rule);
        gradcheck(&f, &inputs()[..1]).expect(what);
        assert_eq!(gradgradcheck(&f, &inputs()[..1]).expect_err(what).order, 2);
    }
}

#[test]
fn an_input_without_influence_has_gradient_zero() {
    let f = |v: &[Var]| v[0].tanh() * &v[0];
    gradcheck(f, &inputs()).unwrap();
    gradgradcheck(f, &inputs()).unwrap();
    let constant = |v: &[Var]| v[0].detach();
    gradgradcheck(|_: &[Var]| Var::constant(matrix([1.0; 6])), &inputs()).unwrap();
    // Of a detached input the difference is not 0.
    gradcheck(constant, &inputs()).unwrap_err();
}

#[test]
fn tolerances_count() {
    let f = ruled(|x| x[0].exp(), |_, y, g| vec![Some(g * &y[0] * 1.0001)]);
    gradcheck(&f, &inputs()[..1]).unwrap_err();
    gradcheck_with(&f, &inputs()[..1], Tolerance { relative: 1e-3, ..Tolerance::default() }).unwrap();
}

#[test]
#[should_panic(expected = "inputs must be f64, not f32")]
fn differences_need_f64() {
    let _ = gradcheck(|v| v[0].exp(), &[Tensor::ones([2], DType::F32, &Device::cpu())]);
}

#[test]
fn the_error_says_where() {
    let f = ruled(|x| x[0].mul(&x[0]), |x, _, g| vec![Some(g * &x[0])]);
    let said = gradcheck(f, &[Tensor::ones([1], DType::F64, &Device::cpu())]).unwrap_err().to_string();
    assert!(said.starts_with("derivative 1, input 0, element 0: the rule gives"), "{said}");
}
