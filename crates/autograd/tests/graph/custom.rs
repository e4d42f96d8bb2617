//! Users' own functions.

use std::sync::Arc;

use unrolled_autograd::{Function, Var};
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
