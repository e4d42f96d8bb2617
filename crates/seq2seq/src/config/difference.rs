//! What differs between two configurations, for a resumed run to say which value won.

use std::fmt;

use super::{Config, KEYS, Key};

/// One key that differs.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The key.
    pub key: &'static Key,
    /// The value in the first configuration, as a TOML literal.
    pub before: String,
    /// The value in the second.
    pub after: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} instead of {}", self.key.name, self.after, self.before)
    }
}

impl Config {
    /// The keys whose values differ in `after`, in the order of [`KEYS`].
    ///
    /// ```
    /// # use unrolled_seq2seq::config::Config;
    /// let (before, after) = (Config::default(), Config { learning_rate: 0.35, ..Config::default() });
    /// let lines: Vec<String> = before.differences(&after).iter().map(ToString::to_string).collect();
    /// assert_eq!(lines, ["learning-rate: 0.35 instead of 0.7"]);
    /// ```
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let differ = |key: &'static Key| {
            let (before, after) = (key.value(self), key.value(after));
            (before != after).then_some(Difference { key, before, after })
        };
        KEYS.iter().filter_map(differ).collect()
    }
}
