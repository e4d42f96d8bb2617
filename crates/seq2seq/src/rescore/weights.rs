//! How much each feature counts.

use std::fmt;

use super::weighed;
use crate::corpus::{CorpusError, Lines};
use crate::n_best::Entry;

/// The name of a list's own score among the features.
pub const SCORE: &str = "Score";
/// The name of the translation's number of words among the features: a positive weight favours long ones.
pub const WORDS: &str = "Words";

/// Weights by the names of features. Of a feature with several numbers, `TM.0`, `TM.1` and so on name each; `Score` is the list's own score, `Words`
/// the number of words.
///
/// As text: a line `name weight` for each.
///
/// ```
/// use unrolled_seq2seq::n_best::Entry;
/// use unrolled_seq2seq::rescore::Weights;
///
/// let even = Weights::even(["Score", "LSTM"]);
/// let entry = Entry { text: "oui".into(), features: vec![("LSTM".into(), vec![-3.0])], score: -1.0, rest: None };
/// assert_eq!(even.score(&entry)?, -2.0);
/// assert_eq!(even.to_string(), "Score 0.5\nLSTM 0.5\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(Vec<(String, f64)>);

/// A feature that has a weight is not in a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no feature `{name}`; there are {known}")]
pub struct MissingFeature {
    /// Its name.
    pub name: String,
    /// Those that there are.
    pub known: String,
}

/// Why weights cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] CorpusError),
    /// A line is not a name and a number.
    #[error("`{name}`, line {line}: `{text}` is not a feature's name and its weight")]
    Malformed {
        /// The file.
        name: String,
        /// The line.
        line: u64,
        /// The line's text.
        text: String,
    },
}

impl Weights {
    /// The same weight for each feature, 1 together: the paper's even average.
    pub fn even<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let weight = 1.0 / names.len() as f64;
        Self(names.into_iter().map(|name| (name, weight)).collect())
    }

    /// Reads what `to_string` wrote. Empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// Where the file cannot be read, or a line is not a name and a number.
    pub fn read(mut lines: Lines) -> Result<Self, WeightsError> {
        let name = lines.name().to_owned();
        let mut weights = Vec::new();
        while let Some(text) = lines.next_line()? {
            let words: Vec<&str> = text.split_whitespace().collect();
            match words[..] {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                [feature, weight] if weight.parse().is_ok_and(f64::is_finite) => {
                    weights.push((feature.to_owned(), weight.parse().expect("just parsed")));
                }
                _ => {
                    let text = text.to_owned();
                    return Err(WeightsError::Malformed { name, line: lines.line(), text });
                }
            }
        }
        Ok(Self(weights))
    }

    /// The names of the features.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The weights, in the order of the names.
    pub fn values(&self) -> Vec<f64> {
        self.0.iter().map(|&(_, weight)| weight).collect()
    }

    /// Other weights for the same features.
    #[must_use]
    pub fn with_values(&self, values: &[f64]) -> Self {
        Self(self.names().map(str::to_owned).zip(values.iter().copied()).collect())
    }

    /// The features of a translation that have weights, in the order of the names.
    ///
    /// # Errors
    /// Where it lacks one.
    pub fn features(&self, entry: &Entry) -> Result<Vec<f64>, MissingFeature> {
        self.names().map(|name| feature(entry, name)).collect()
    }

    /// The weighed sum of a translation's features.
    ///
    /// # Errors
    /// Where it lacks one.
    pub fn score(&self, entry: &Entry) -> Result<f64, MissingFeature> {
        Ok(weighed(&self.features(entry)?, &self.values()))
    }
}

fn feature(entry: &Entry, name: &str) -> Result<f64, MissingFeature> {
    let found = match name {
        SCORE => Some(entry.score),
        WORDS => Some(entry.words() as f64),
        _ => match entry.feature(name) {
            Some(&[number]) => Some(number),
            _ => name.rsplit_once('.').and_then(|(name, place)| {
                let place: usize = place.parse().ok()?;
                entry.feature(name)?.get(place).copied()
            }),
        },
    };
    found.ok_or_else(|| {
        let each = |(name, numbers): &(String, Vec<f64>)| match numbers.len() {
            1 => name.clone(),
            count => (0..count).map(|place| format!("{name}.{place}")).collect::<Vec<_>>().join(", "),
        };
        let known: Vec<String> =
            [SCORE, WORDS].map(str::to_owned).into_iter().chain(entry.features.iter().map(each)).collect();
        MissingFeature { name: name.to_owned(), known: known.join(", ") }
    })
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, weight)| writeln!(f, "{name} {weight}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_by_name_and_place() {
        let features = vec![("TM".into(), vec![-1.0, -2.0]), ("LM".into(), vec![-3.0])];
        let entry = Entry { text: "a b c".into(), features, score: -9.0, rest: None };
        let text = "# tuned\nTM.1 2\n\nLM 1\nWords 10\nScore 0.5\n";
        let weights = Weights::read(Lines::from_reader("w", text.as_bytes())).unwrap();
        assert_eq!(weights.features(&entry).unwrap(), [-2.0, -3.0, 3.0, -9.0]);
        assert_eq!(weights.score(&entry).unwrap(), -4.0 - 3.0 + 30.0 - 4.5);
        let again = weights.to_string();
        let bytes = std::io::Cursor::new(again.into_bytes());
        assert_eq!(Weights::read(Lines::from_reader("w", bytes)).unwrap(), weights);
        let missing = Weights::even(["TM"]).score(&entry).unwrap_err().to_string();
        assert_eq!(missing, "there is no feature `TM`; there are Score, Words, TM.0, TM.1, LM");
        let wrong = Weights::read(Lines::from_reader("w", &b"LM 1\nTM\n"[..])).unwrap_err().to_string();
        assert_eq!(wrong, "`w`, line 2: `TM` is not a feature's name and its weight");
    }
}
