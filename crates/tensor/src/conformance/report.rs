//! Cases, what went wrong in them, and how that is told.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use super::host::{Host, read, rounded};
use crate::{DType, Device, DeviceError, Tensor};

/// How many failures are written out; of the rest only the number.
const SHOWN: usize = 20;

/// A device that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The device's name.
    pub device: String,
    /// The operations that were run.
    pub operations: Vec<String>,
    /// Runs of an operation on one choice of dtype, views and shapes.
    pub cases: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} operations, {} cases, all as defined", self.device, self.operations.len(), self.cases)
    }
}

/// One case that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The operation.
    pub operation: String,
    /// The dtype of its operands.
    pub dtype: DType,
    /// Views and shapes of the operands.
    pub operands: String,
    /// Which of several answers; empty where there is one.
    pub answer: &'static str,
    /// Where in the answer.
    pub index: Option<Vec<usize>>,
    /// What the definition says.
    pub expected: String,
    /// What the device said.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.operation, self.dtype, self.operands)?;
        if !self.answer.is_empty() {
            write!(f, ", {}", self.answer)?;
        }
        if let Some(index) = &self.index {
            write!(f, " at {index:?}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// A device that did not pass, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    /// The device's name.
    pub device: String,
    /// All cases that were run.
    pub cases: usize,
    /// Those that failed.
    pub failures: Vec<Failure>,
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} cases failed", self.device, self.failures.len(), self.cases)?;
        for failure in self.failures.iter().take(SHOWN) {
            write!(f, "\n  {failure}")?;
        }
        if self.failures.len() > SHOWN {
            write!(f, "\n  … and {} more", self.failures.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}

/// What was wrong with an answer.
#[derive(Debug)]
pub(super) struct Mismatch {
    answer: &'static str,
    index: Option<Vec<usize>>,
    expected: String,
    found: String,
}

pub(super) type Outcome = Result<(), Mismatch>;

/// Runs cases and keeps count.
pub(super) struct Checker {
    device: Device,
    operations: BTreeSet<String>,
    cases: usize,
    failures: Vec<Failure>,
}

impl Checker {
    pub fn new(device: &Device) -> Checker {
        Checker { device: device.clone(), operations: BTreeSet::new(), cases: 0, failures: Vec::new() }
    }

    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// One case; a panic in it is a failure of it.
    pub fn case(
        &mut self,
        operation: &str,
        dtype: DType,
        operands: impl fmt::Display,
        work: impl FnOnce(&Device) -> Outcome,
    ) {
        self.cases += 1;
        if !self.operations.contains(operation) {
            self.operations.insert(operation.to_owned());
        }
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(&self.device)));
        let mismatch = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(mismatch)) => mismatch,
            Err(payload) => other("an answer", format!("a panic: {}", message(&*payload))),
        };
        let Mismatch { answer, index, expected, found } = mismatch;
        let (operation, operands) = (operation.to_owned(), operands.to_string());
        self.failures.push(Failure { operation, dtype, operands, answer, index, expected, found });
    }

    pub fn finish(self) -> Result<Summary, Failures> {
        let (device, cases) = (self.device.name(), self.cases);
        if self.failures.is_empty() {
            Ok(Summary { device, operations: self.operations.into_iter().collect(), cases })
        } else {
            Err(Failures { device, cases, failures: self.failures })
        }
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.or_else(|| payload.downcast_ref::<DeviceError>().map(DeviceError::to_string))
        .unwrap_or("of unknown kind".into())
}

fn other(expected: impl Into<String>, found: impl Into<String>) -> Mismatch {
    Mismatch { answer: "", index: None, expected: expected.into(), found: found.into() }
}

/// How far an answer may be from its definition, in epsilons of its dtype.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within<'a> {
    /// Not at all, once the definition's value is rounded to the dtype.
    Exactly,
    /// So many times the value itself, or `floor` where that is larger.
    Relative { epsilons: f64, floor: f64 },
    /// So many times the size given for each element: the sum of what was added, say.
    Each { epsilons: f64, sizes: &'a [f64] },
}

/// f16 and bf16 are computed in f32: little more than the half epsilon of the last rounding may be lost.
const ROUNDED_ONCE: f64 = 0.6;

impl Within<'_> {
    fn allows(self, index: usize, dtype: DType, expected: f64, found: f64) -> bool {
        let target = rounded(dtype, expected);
        if target.is_nan() {
            return found.is_nan();
        }
        let (epsilons, size) = match self {
            Within::Exactly => return found == target,
            Within::Relative { epsilons, floor } => (epsilons, expected.abs().max(floor)),
            Within::Each { epsilons, sizes } => (epsilons, sizes[index].max(expected.abs())),
        };
        if target.is_infinite() {
            return found == target;
        }
        let tolerance = match dtype {
            DType::F16 | DType::BF16 => {
                ROUNDED_ONCE * dtype.epsilon() * expected.abs() + epsilons * DType::F32.epsilon() * size
            }
            _ => epsilons * dtype.epsilon() * size,
        };
        (found - expected).abs() <= tolerance + smallest(dtype)
    }
}

/// The smallest positive number of a float dtype.
fn smallest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 2f64.powi(-24),
        DType::BF16 => 2f64.powi(-133),
        DType::F32 => 2f64.powi(-149),
        _ => f64::MIN_POSITIVE * f64::EPSILON,
    }
}

/// Compares an answer with what it should be.
pub(super) fn compare(found: &Tensor, expected: &Host, within: Within<'_>) -> Outcome {
    if found.shape() != expected.shape {
        return Err(other(format!("shape {:?}", expected.shape), format!("shape {:?}", found.shape())));
    }
    let (dtype, values) = (found.dtype(), read(found));
    let wrong = (0..values.len()).find(|&i| !within.allows(i, dtype, expected.values[i], values[i]));
    match wrong {
        None => Ok(()),
        Some(i) => Err(Mismatch {
            index: Some(expected.index_of(i)),
            ..other(format!("{:?}", expected.values[i]), format!("{:?}", values[i]))
        }),
    }
}

/// Compares with no error allowed.
pub(super) fn exactly(found: &Tensor, expected: &Host) -> Outcome {
    compare(found, expected, Within::Exactly)
}

/// A statement that must hold.
pub(super) fn holds(statement: &str, holds: bool) -> Outcome {
    if holds { Ok(()) } else { Err(other(statement, "the contrary")) }
}

/// Two plain values that must be equal.
pub(super) fn equal<T: PartialEq + fmt::Debug>(found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(other(format!("{expected:?}"), format!("{found:?}"))) }
}

/// Says which of several answers an outcome belongs to.
pub(super) trait Named {
    fn named(self, answer: &'static str) -> Self;
}

impl Named for Outcome {
    fn named(self, answer: &'static str) -> Outcome {
        self.map_err(|mismatch| Mismatch { answer, ..mismatch })
    }
}
