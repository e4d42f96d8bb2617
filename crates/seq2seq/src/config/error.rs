//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

use super::Origin;

/// Everything that is wrong with a configuration, all of it at once.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigError {
    /// At least one problem, in the order found.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// `Ok` where there is no problem.
    pub(super) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => problem.fmt(formatter),
            problems => {
                write!(formatter, "{} problems in the configuration", problems.len())?;
                problems.iter().try_for_each(|problem| write!(formatter, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// File and line.
        place: Origin,
        /// What the parser said.
        message: String,
    },
    /// No key has this name.
    #[error("{place}: unknown key `{name}`; {}", suggestion(*nearest))]
    UnknownKey {
        /// File and line, or the command line.
        place: Origin,
        /// What was written.
        name: String,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The value has the wrong type, or is none of the allowed words.
    #[error("{place}: `{key}` expected {expected}, found {found}")]
    WrongType {
        /// File and line, or the command line.
        place: Origin,
        /// The key.
        key: &'static str,
        /// What the key takes.
        expected: String,
        /// What was written.
        found: String,
    },
    /// The number is out of its range.
    #[error("{place}: `{key}` must be {rule}, found {value}")]
    OutOfRange {
        /// Where the value comes from.
        place: Origin,
        /// The key.
        key: &'static str,
        /// What is allowed.
        rule: String,
        /// What was written.
        value: String,
    },
    /// Two settings contradict each other, or one that is needed is missing.
    #[error("{0}")]
    Conflict(String),
    /// No preset has this name.
    #[error("{place}: unknown preset `{name}`; there are: {known}")]
    UnknownPreset {
        /// File and line, or the command line.
        place: Origin,
        /// What was written.
        name: String,
        /// Every preset.
        known: String,
    },
    /// A resumed run would change what its parameters depend on.
    #[error("{place}: `{key}` of a resumed run must stay {kept}, found {wanted}; train a new run for another value")]
    Fixed {
        /// Where the new value comes from.
        place: Origin,
        /// The key.
        key: &'static str,
        /// The run's value.
        kept: String,
        /// The value asked for.
        wanted: String,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`unrolled train --dump-config` lists them all".into(),
    }
}
