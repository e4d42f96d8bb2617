//! Users' own functions.

use std::sync::Arc;

use unrolled_autograd::{Function, Var, no_grad};
use unrolled_tensor::{DType, Tensor};

use crate::{leaf, message, values};

/// Two inputs, one output, and whatever backward is given.
struct Answers(fn(&Var) -> Vec<Option<Var>>);

impl Function for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![x[0].mul(&x[1])]
    }
    fn backward(&self, _: &[Var], _: &[Var], g: &[Option<Var>]) -> Vec<Option<Var>> {
        self.0(g[0].as_ref().unwrap())
    }
}

fn backward(answers: fn(&Var) -> Vec<Option<Var>>) -> Vec<f64> {
    let (x, y) = (leaf(&[1.0, 2.0]), leaf(&[3.0, 4.0]));
    let z = Var::apply(Arc::new(Answers(answers)), &[&x, &y]).remove(0);
    values(&z.sum(.., false).backward().get(&x).unwrap())
}

#[test]
fn wrong_answers_are_named() {
    assert_eq!(backward(|g| vec![Some(g.clone()), None]), [1.0, 1.0]);
    let said = message(|| backward(|g| vec![Some(g.clone())]));
    assert!(said.contains("answers: backward gave 1 gradients for 2 inputs"), "{said}");
    let said = message(|| backward(|g| vec![Some(g.clone()), Some(g.reshape([2, 1]))]));
    assert!(said.contains("answers: backward gave f64 of shape [2, 1] for input 1, f64 of shape [2]"), "{said}");
    let said = message(|| backward(|g| vec![Some(g.cast(DType::F32)), None]));
    assert!(said.contains("answers: backward gave f32 of shape [2] for input 0, f64 of shape [2]"), "{said}");
}

#[test]
fn an_answer_for_what_is_not_tracked_is_let_go() {
    let (x, y) = (leaf(&[1.0]), leaf(&[3.0]).detach());
    let z = Var::apply(Arc::new(Answers(|g| vec![Some(g.clone()), Some(g.clone())])), &[&x, &y]).remove(0);
    assert_eq!(z.backward().len(), 1);
    let constant = Var::apply(Arc::new(Answers(|_| unreachable!("not tracked"))), &[&y, &y]).remove(0);
    assert!(!constant.is_tracked());
}

/// Says that it has no backward, or forgets to.
struct Bare(bool);

impl Function for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }
    fn forward(&self, x: &[Tensor]) -> Vec<Tensor> {
        vec![x[1].exp()]
    }
    fn differentiable(&self) -> bool {
        self.0
    }
}

#[test]
fn a_function_without_a_backward_refuses_tracked_inputs() {
    let (x, c) = (leaf(&[1.0]), leaf(&[3.0]).detach());
    let said = message(|| Var::apply(Arc::new(Bare(false)), &[&c, &x]));
    assert!(said.contains("bare: input 1 is tracked, but the function has no backward: detach the input"), "{said}");
    assert!(!Var::apply(Arc::new(Bare(false)), &[&c, &x.detach()])[0].is_tracked());
    assert!(!no_grad(|| Var::apply(Arc::new(Bare(false)), &[&c, &x]))[0].is_tracked());
    let said = message(|| Var::apply(Arc::new(Bare(true)), &[&c, &x]).remove(0).backward());
    assert!(said.contains("bare: no backward is written"), "{said}");
}
