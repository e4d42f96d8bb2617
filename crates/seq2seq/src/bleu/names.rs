//! The names of conventions, tokenisers and smoothings, as signatures and flags have them.

use super::{BleuTokeniser, Convention, Smoothing};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for BleuTokeniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::ThirteenA => "13a",
            Self::International => "intl",
        })
    }
}

impl fmt::Display for Smoothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Exponential => f.write_str("exp"),
            Self::Floor(floor) => write!(f, "floor[{floor:.2}]"),
            Self::AddK(k) => write!(f, "add-k[{k:.2}]"),
        }
    }
}

/// A name that stands for no tokeniser, smoothing or convention of BLEU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not known: use {known}")]
pub struct UnknownName {
    /// The name.
    pub name: String,
    /// Those that are known.
    pub known: &'static str,
}

impl FromStr for BleuTokeniser {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "none" => Ok(Self::None),
            "13a" => Ok(Self::ThirteenA),
            "intl" => Ok(Self::International),
            _ => Err(UnknownName { name: name.to_owned(), known: "none, 13a or intl" }),
        }
    }
}

impl FromStr for Smoothing {
    type Err = UnknownName;

    /// sacreBLEU's names; `floor` and `add-k` with its default values.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "none" => Ok(Self::None),
            "exp" => Ok(Self::Exponential),
            "floor" => Ok(Self::Floor(0.1)),
            "add-k" => Ok(Self::AddK(1.0)),
            _ => Err(UnknownName { name: name.to_owned(), known: "none, exp, floor or add-k" }),
        }
    }
}

impl FromStr for Convention {
    type Err = UnknownName;

    /// `multi-bleu`, or `sacrebleu` with its defaults.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "multi-bleu" => Ok(Self::MultiBleu),
            "sacrebleu" => Ok(Self::SACREBLEU),
            _ => Err(UnknownName { name: name.to_owned(), known: "multi-bleu or sacrebleu" }),
        }
    }
}
