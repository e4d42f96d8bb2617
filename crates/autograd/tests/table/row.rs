//! A row of the table, and how it is checked.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::Path;

use unrolled_autograd::{Tolerance, Var, gradcheck_with, gradgradcheck_with};
use unrolled_tensor::Tensor;

use crate::sample::{Sample, each};

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

    pub fn with_step(self, step: f64) -> Row {
        Row { step, ..self }
    }

    /// Checks both derivatives of `cases` cases.
    pub fn check(&self, cases: u32) {
        each(&self.name, cases, |s| {
            let Case { f, inputs } = (self.case)(s);
            let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
            let checked = self.records(&f, &inputs).and_then(|()| self.derivatives(&f, &inputs));
            checked.map_err(|error| format!("inputs of shapes {shapes:?}: {error}"))
        });
    }

    /// What `cases` cases record that counts as called inside the library.
    pub fn strangers(&self, cases: u32) -> BTreeSet<String> {
        let found = RefCell::new(BTreeSet::new());
        each(&self.name, cases, |s| {
            let Case { f, inputs } = (self.case)(s);
            let leaves: Vec<Var> = inputs.into_iter().map(Var::leaf).collect();
            let trace = f(&leaves).trace();
            let strangers = trace.iter().filter(|(_, location)| is_inside(location));
            found.borrow_mut().extend(strangers.map(|(name, at)| format!("{}: {name} at {at}", self.name)));
            Ok(())
        });
        found.into_inner()
    }

    fn derivatives(&self, f: &dyn Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Result<(), String> {
        let tolerance = Tolerance { step: self.step, ..Tolerance::default() };
        gradcheck_with(f, inputs, tolerance).map_err(|error| error.to_string())?;
        let second = || gradgradcheck_with(f, inputs, Tolerance { step: self.step, ..Tolerance::second_order() });
        match self.second {
            Second::Holds => second().map_err(|error| error.to_string()),
            Second::Refused(message) => refused(second, message),
        }
    }

    /// The operation that the row is there for is what is checked.
    fn records(&self, f: &dyn Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Result<(), String> {
        let leaves: Vec<Var> = inputs.iter().cloned().map(Var::leaf).collect();
        let operations = f(&leaves).operations();
        let there = operations.contains(&self.operation);
        there.then_some(()).ok_or_else(|| format!("records {operations:?}, not {}", self.operation))
    }
}

fn refused<T>(work: impl FnOnce() -> T, message: &str) -> Result<(), String> {
    let Err(payload) = catch_unwind(AssertUnwindSafe(work)) else { return Err("second order is not refused".into()) };
    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    said.is_some_and(|said| said.contains(message)).then_some(()).ok_or_else(|| format!("refused with {said:?}"))
}

/// Whether the library itself calls there. What is called through a pointer to a method counts as called where the method is written.
fn is_inside(location: &Location<'_>) -> bool {
    if !location.file().contains("autograd/src/") {
        return false;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(location.file());
    let text = std::fs::read_to_string(path).expect("the file of a call");
    !text.lines().nth(location.line() as usize - 1).expect("the line of a call").contains("pub fn ")
}
