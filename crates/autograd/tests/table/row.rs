//! A row of the table, and how it is checked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_autograd::{Tolerance, Var, gradcheck_with, gradgradcheck_with};
use unrolled_tensor::Tensor;

use crate::sample::Sample;

/// One function with inputs for it.
pub struct Case {
    pub f: Box<dyn Fn(&[Var]) -> Var>,
    pub inputs: Vec<Tensor>,
}

impl Case {
    pub fn new(inputs: Vec<Tensor>, f: impl Fn(&[Var]) -> Var + 'static) -> Case {
        Case { f: Box::new(f), inputs }
    }
}

/// What the row says of the second derivative.
pub enum Second {
    Holds,
    /// Refused with a message that contains this.
    Refused(&'static str),
}

pub struct Row {
    /// For messages.
    pub name: String,
    /// The operation that each case records.
    pub operation: &'static str,
    pub second: Second,
    /// Whether the gradients are also compared in f32, f16 and bf16.
    pub precisions: bool,
    /// For the step of both differences; the tolerances stay.
    pub step: f64,
    pub case: Box<dyn Fn(&mut Sample) -> Case>,
}

impl Row {
    pub fn new(operation: &'static str, case: impl Fn(&mut Sample) -> Case + 'static) -> Row {
        Row {
            name: operation.to_owned(),
            operation,
            second: Second::Holds,
            precisions: false,
            step: Tolerance::default().step,
            case: Box::new(case),
        }
    }

    pub fn named(self, name: &str) -> Row {
        Row { name: name.to_owned(), ..self }
    }

    pub fn refuses_second(self, message: &'static str) -> Row {
        Row { second: Second::Refused(message), ..self }
    }

    pub fn in_all_precisions(self) -> Row {
        Row { precisions: true, ..self }
    }

    pub fn with_step(self, step: f64) -> Row {
        Row { step, ..self }
    }

    /// Checks both derivatives of `cases` cases.
    pub fn check(&self, cases: u64) {
        for number in 0..cases {
            let Case { f, inputs } = (self.case)(&mut Sample::new(&self.name, number));
            let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
            let place = format!("{}, case {number}, inputs of shapes {shapes:?}", self.name);
            self.records(&f, &inputs, &place);
            let tolerance = Tolerance { step: self.step, ..Tolerance::default() };
            if let Err(error) = gradcheck_with(&f, &inputs, tolerance) {
                panic!("{place}: {error}");
            }
            let second = || gradgradcheck_with(&f, &inputs, Tolerance { step: self.step, ..Tolerance::second_order() });
            match self.second {
                Second::Holds => second().unwrap_or_else(|error| panic!("{place}: {error}")),
                Second::Refused(message) => assert_refused(second, message, &place),
            }
        }
    }

    /// The operation that the row is there for is what is checked.
    fn records(&self, f: &dyn Fn(&[Var]) -> Var, inputs: &[Tensor], place: &str) {
        let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
        let operations = f(&leaves).operations();
        assert!(operations.contains(&self.operation), "{place}: records {operations:?}, not {}", self.operation);
    }
}

fn assert_refused<T: std::fmt::Debug>(work: impl FnOnce() -> T, message: &str, place: &str) {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err(place);
    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    assert!(said.is_some_and(|said| said.contains(message)), "{place}: said {said:?}");
}
