//! Where a value first became NaN or infinite.

use std::sync::Arc;

use unrolled_autograd::{Anomaly, Fault, Function, Pass, Var, checkpoint, detect_anomaly, gradcheck, no_grad};
use unrolled_tensor::{DType, Tensor, catch_device_error};

use crate::{CREATE, KEEP, leaf, message, tensor, values};

/// What is found, with the line of this file.
fn found<T: std::fmt::Debug>(work: impl FnOnce() -> T) -> (Anomaly, u32) {
    let anomaly = detect_anomaly(work).expect_err("an anomaly");
    assert_eq!(anomaly.location.file(), file!());
    let line = anomaly.location.line();
    (anomaly, line)
}

#[test]
fn the_first_output_is_named_with_file_and_line() {
    let x = leaf(&[1.0, -1.0, 0.0]);
    let (anomaly, line) = found(|| {
        let fine = x.exp();
        let wrong = (&fine * &x).log();
        wrong.tanh().sum(.., false)
    });
    assert_eq!(line, line!() - 3);
    let Anomaly { operation, pass, what, index, element, from_input, .. } = anomaly.clone();
    assert_eq!((operation, pass, what, index, element), ("log", Pass::Forward, Fault::NaN, 0, 1));
    assert_eq!(from_input, None);
    let said = anomaly.to_string();
    let wanted = format!("output 0 of `log`, called at {}:{line}:", file!());
    assert!(said.starts_with(&wanted) && said.ends_with(" is NaN at element 1 of shape [3]"), "{said}");
}

#[test]
fn infinities_are_found_and_meant_ones_are_not() {
    let x = leaf(&[0.0, 1.0]);
    let (anomaly, line) = found(|| 1.0 / &x);
    assert_eq!((anomaly.operation, anomaly.what, anomaly.element, line), ("div", Fault::Infinite, 0, line!() - 1));
    let mask = Tensor::from_slice(&[true, false], [2], x.device());
    let minus = Var::constant(Tensor::full([], f64::NEG_INFINITY, DType::F64, x.device()));
    let masked = detect_anomaly(|| Var::select(&mask, &x, &minus).softmax(0).narrow(0, 0, 1).backward()).unwrap();
    assert_eq!(values(&masked.get(&x).unwrap()), [0.0, 0.0]);
    // But ∞ − ∞ is not.
    let (anomaly, _) = found(|| &minus - &minus + &x);
    assert_eq!((anomaly.operation, anomaly.what), ("sub", Fault::NaN));
}

#[test]
fn what_came_in_as_nan_says_so() {
    let (x, y) = (leaf(&[1.0]), leaf(&[f64::NAN]));
    let (anomaly, _) = found(|| &x * &y);
    assert_eq!(anomaly.from_input, Some(1));
    assert!(anomaly.to_string().ends_with("; its input 1 held NaN already"), "{anomaly}");
}

#[test]
fn a_gradient_is_traced_to_the_forward_call() {
    let x = leaf(&[4.0, 0.0]);
    let y = x.sqrt();
    let line_of_sqrt = line!() - 1;
    let z = (y * 3.0).sum(.., false);
    let (anomaly, line) = found(|| z.backward_with(KEEP));
    assert_eq!(
        (anomaly.operation, anomaly.pass, anomaly.what, anomaly.index, anomaly.element, line),
        ("sqrt", Pass::Backward, Fault::Infinite, 0, 1, line_of_sqrt)
    );
    let said = anomaly.to_string();
    let wanted = format!("the gradient of input 0 of `sqrt`, called at {}:{line}:", file!());
    assert!(said.starts_with(&wanted) && said.ends_with(" is infinite at element 1 of shape [2]"), "{said}");
    // The same where the pass is recorded.
    assert_eq!(found(|| z.backward_with(CREATE)).1, line_of_sqrt);
}

/// x, whose gradient goes wrong by NaN.
struct Wrong;

impl Function for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![x[0].clone()]
    }
    fn backward(&self, _: &[Var], _: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
        vec![g[0].as_ref().map(|g| g * 1.0), g[0].as_ref().map(|g| g * f64::NAN)]
    }
}

#[test]
fn the_input_whose_gradient_is_wrong_is_named() {
    let (x, y) = (leaf(&[1.0]), leaf(&[2.0]));
    let (anomaly, line) = found(|| Var::apply(Arc::new(Wrong), &[&x, &y]).remove(0).square().backward());
    let Anomaly { operation, index, what, .. } = anomaly;
    assert_eq!((operation, index, what, line), ("wrong", 1, Fault::NaN, line!() - 2));
}

#[test]
fn gradients_whose_sum_is_wrong_are_found_at_the_leaf() {
    let x = Var::leaf(tensor(&[1.0]));
    let (anomaly, line) = found(|| (&x * 1e308 + &x * 1e308).backward());
    assert_eq!((anomaly.operation, anomaly.what, line), ("add", Fault::Infinite, line!() - 1), "in forward already");
    let y = (&x * 1e308) + (&x * 1e308) * -1.0 + (&x * 1e308) * 1.0 + (&x * 1e308) * 1.0;
    let (anomaly, _) = found(|| y.backward());
    assert_eq!((anomaly.operation, anomaly.pass), ("leaf", Pass::Backward));
    assert!(anomaly.to_string().starts_with("the sum of the gradients of the leaf made at "), "{anomaly}");
}

#[test]
fn composites_count_as_called_where_they_were() {
    let x = leaf(&[-1.0, 2.0]).cast(DType::F16);
    let huge = (&x * 60_000.0).cast(DType::F32) * 1e30;
    let (_, line) = found(|| huge.var(.., 0, false));
    assert_eq!(line, line!() - 1);
    let (_, line) = found(|| (x * f64::NAN).mean(.., false));
    assert_eq!(line, line!() - 1);
}

#[test]
fn what_a_checkpoint_computes_again_is_watched() {
    let x = leaf(&[0.0]);
    let y = checkpoint(|v| vec![v[0].sqrt() * 2.0], &[&x]).remove(0);
    let (anomaly, line) = found(|| y.backward());
    assert_eq!((anomaly.operation, anomaly.pass, line), ("sqrt", Pass::Backward, line!() - 2));
    let y = checkpoint(|v| vec![v[0].exp().log() / &v[0]], &[&x]).remove(0);
    let (anomaly, line) = found(|| y.backward());
    assert_eq!((anomaly.operation, anomaly.pass, line), ("div", Pass::Forward, line!() - 2));
}

#[test]
fn watching_ends_with_the_work() {
    let x = leaf(&[-1.0]);
    assert_eq!(detect_anomaly(|| values(x.exp().tensor())).unwrap(), [(-1f64).exp()]);
    assert!(x.log().tensor().item::<f64>().is_nan());
    found(|| x.log());
    assert!(x.log().tensor().item::<f64>().is_nan());
    // Also within no_grad, and in it no more after a panic of another kind.
    found(|| no_grad(|| x.log()));
    assert_eq!(message(|| detect_anomaly(|| -> () { panic!("something else") })), "something else");
    assert!(x.log().tensor().item::<f64>().is_nan());
    // Inner and outer.
    let (anomaly, _) = found(|| {
        detect_anomaly(|| x.log()).unwrap_err();
        catch_device_error(|| x.sqrt()).unwrap()
    });
    assert_eq!(anomaly.operation, "sqrt");
    // On its own thread only.
    detect_anomaly(|| std::thread::scope(|scope| scope.spawn(|| x.log()).join().unwrap())).unwrap();
}

#[test]
fn what_a_rule_computes_on_the_way_is_not_looked_at() {
    // 0 ln 0 in the gradient of the exponent, which nobody wants.
    let (x, p) = (leaf(&[2.0]), tensor(&[3.0]));
    let gradients = detect_anomaly(|| x.pow(&Var::constant(p)).backward()).unwrap();
    assert_eq!(values(&gradients.get(&x).unwrap()), [12.0]);
    detect_anomaly(|| gradcheck(|v| v[0].gelu(), &[tensor(&[0.5, -40.0])])).unwrap().unwrap();
}
