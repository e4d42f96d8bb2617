//! The shape of the table of keys: one row is all there is to know about one key.

use std::fmt;

use toml::Value;

use super::Config;
pub use super::setting::Kind;

/// The part of the configuration that a key belongs to; headings in `--help` and `--dump-config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Files, words and lengths.
    Data,
    /// What is trained.
    Model,
    /// How it is trained, and for how long.
    Training,
    /// What is measured while training.
    Validation,
    /// Where results go and what they are computed on.
    Run,
}

impl Section {
    /// The heading shown to people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Data => "Data",
            Self::Model => "Model",
            Self::Training => "Training",
            Self::Validation => "Validation",
            Self::Run => "Run",
        }
    }
}

/// The numbers that a key allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// No limit beyond the type's own.
    Any,
    /// This or more.
    AtLeast(f64),
    /// More than this.
    Above(f64),
    /// From the first up to, but not including, the second.
    FromTo(f64, f64),
}

impl Rule {
    /// Whether `number` is allowed.
    pub fn allows(self, number: f64) -> bool {
        match self {
            Self::Any => true,
            Self::AtLeast(least) => number >= least,
            Self::Above(limit) => number > limit,
            Self::FromTo(least, limit) => (least..limit).contains(&number),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(formatter, "any number"),
            Self::AtLeast(least) => write!(formatter, "at least {least}"),
            Self::Above(limit) => write!(formatter, "more than {limit}"),
            Self::FromTo(least, limit) => write!(formatter, "at least {least} and less than {limit}"),
        }
    }
}

/// One key of the configuration: its name, what it means, and how its value is read, checked and written.
#[derive(Debug)]
pub struct Key {
    /// The name in TOML; with `--` before it, the flag.
    pub name: &'static str,
    /// Where it belongs.
    pub section: Section,
    /// What it means, line by line; the first line is a summary.
    pub doc: &'static [&'static str],
    /// The allowed range.
    pub rule: Rule,
    /// True where a resumed run must keep the value, because the parameters' shape or meaning depends on it.
    pub fixed: bool,
    /// What kind of value it takes.
    pub kind: Kind,
    pub(super) from_toml: fn(&mut Config, &Value) -> bool,
    pub(super) from_words: fn(&mut Config, &[String]) -> bool,
    pub(super) to_toml: fn(&Config) -> String,
    pub(super) number: fn(&Config) -> Option<f64>,
}

impl Key {
    /// The value in `config` as a TOML literal.
    ///
    /// ```
    /// use unrolled_seq2seq::config::{Config, Key};
    /// let key = Key::find("learning-rate").unwrap();
    /// assert_eq!(key.value(&Config::default()), "0.7");
    /// ```
    pub fn value(&self, config: &Config) -> String {
        (self.to_toml)(config)
    }

    /// The key of that name.
    pub fn find(name: &str) -> Option<&'static Key> {
        super::KEYS.iter().find(|key| key.name == name)
    }

    /// The key whose name is nearest to a mistyped one, if any is near enough to be meant.
    ///
    /// ```
    /// use unrolled_seq2seq::config::Key;
    /// assert_eq!(Key::nearest("hiden_size").unwrap().name, "hidden-size");
    /// assert!(Key::nearest("colour").is_none());
    /// ```
    pub fn nearest(name: &str) -> Option<&'static Key> {
        let wanted = name.to_lowercase().replace(['_', '.', ' '], "-");
        let distance = |key: &&Key| strsim::damerau_levenshtein(&wanted, key.name);
        let key = super::KEYS.iter().min_by_key(distance)?;
        (distance(&key) <= key.name.len().div_ceil(3)).then_some(key)
    }
}

/// Turns a field's name into a key's: `hidden_size` → `hidden-size`, at compile time.
pub(super) const fn kebab<const LENGTH: usize>(field: &str) -> [u8; LENGTH] {
    let bytes = field.as_bytes();
    let mut name = [0; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        name[index] = if bytes[index] == b'_' { b'-' } else { bytes[index] };
        index += 1;
    }
    name
}

/// Defines [`Config`] and its table of keys from rows of `field: type = default, rule, fixed|free;`.
macro_rules! table {
    ($($section:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $rule:expr, $change:ident;)+ })+) => {
        /// Every setting of a training run. See the [module](crate::config) for how it is read and written.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
        }

        impl Default for Config {
            /// The paper's recipe.
            fn default() -> Self {
                Self { $($($field: $default,)+)+ }
            }
        }

        /// Every key, in the order of `--dump-config`.
        pub static KEYS: &[Key] = &[$($(
            Key {
                name: {
                    const NAME: [u8; stringify!($field).len()] = kebab(stringify!($field));
                    match std::str::from_utf8(&NAME) {
                        Ok(name) => name,
                        Err(_) => panic!("a key's name is ASCII"),
                    }
                },
                section: Section::$section,
                doc: &[$($doc),+],
                rule: $rule,
                fixed: table!(@$change),
                kind: <$type as Setting>::KIND,
                from_toml: |config, value| match <$type as Setting>::from_toml(value) {
                    Some(value) => { config.$field = value; true }
                    None => false,
                },
                from_words: |config, words| match <$type as Setting>::from_words(words) {
                    Some(value) => { config.$field = value; true }
                    None => false,
                },
                to_toml: |config| config.$field.to_toml(),
                number: |config| config.$field.number(),
            },
        )+)+];
    };
    (@fixed) => { true };
    (@free) => { false };
}
pub(super) use table;
