//! How a value of one key is read from TOML, from a command line, and written back.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; the flag alone means `true`.
    Switch,
    /// A whole number that is not negative.
    Whole,
    /// A finite number.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// A file or folder; the empty string says that none is given.
    Path,
    /// Files; TOML may give a single one as a plain string, a flag takes several words.
    Files,
}

impl fmt::Display for Kind {
    /// As the end of "expected …".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => write!(formatter, "true or false"),
            Self::Whole => write!(formatter, "a whole number, 0 or more"),
            Self::Number => write!(formatter, "a finite number"),
            Self::Text => write!(formatter, "a string"),
            Self::Path => write!(formatter, "a path, as a string"),
            Self::Files => write!(formatter, "a file, or a list of files, as strings"),
            Self::Choice(words) => words.iter().enumerate().try_for_each(|(index, word)| {
                let last = index + 1 == words.len();
                let separator = if index == 0 {
                    ""
                } else if last {
                    " or "
                } else {
                    ", "
                };
                write!(formatter, "{separator}\"{word}\"")
            }),
        }
    }
}

/// A type that a key of the configuration can have.
pub(super) trait Setting: Sized {
    const KIND: Kind;

    fn from_toml(value: &Value) -> Option<Self>;
    fn from_words(words: &[String]) -> Option<Self>;
    /// A TOML literal that `from_toml` reads back as the same value.
    fn to_toml(&self) -> String;
    /// The value as a number, for range checks.
    fn number(&self) -> Option<f64> {
        None
    }
}

/// The single word of a flag that takes one.
pub(super) fn only(words: &[String]) -> Option<&str> {
    match words {
        [word] => Some(word),
        _ => None,
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const KIND: Kind = Kind::Whole;

            fn from_toml(value: &Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
            fn from_words(words: &[String]) -> Option<Self> {
                // Through i64, TOML's only integer: what a flag accepts must survive the run's config file.
                only(words)?.parse::<i64>().ok()?.try_into().ok()
            }
            fn to_toml(&self) -> String {
                self.to_string()
            }
            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }
    )+};
}
whole_number!(usize, u64);

impl Setting for f64 {
    const KIND: Kind = Kind::Number;

    fn from_toml(value: &Value) -> Option<Self> {
        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
        number.is_finite().then_some(number)
    }
    fn from_words(words: &[String]) -> Option<Self> {
        only(words)?.parse::<f64>().ok().filter(|number| number.is_finite())
    }
    fn to_toml(&self) -> String {
        // Debug prints the shortest digits that read back as the same bits, with an exponent where that is shorter.
        format!("{self:?}")
    }
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Setting for bool {
    const KIND: Kind = Kind::Switch;

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_bool()
    }
    fn from_words(words: &[String]) -> Option<Self> {
        only(words)?.parse().ok()
    }
    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    const KIND: Kind = Kind::Text;

    fn from_toml(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
    fn from_words(words: &[String]) -> Option<Self> {
        only(words).map(str::to_owned)
    }
    fn to_toml(&self) -> String {
        quoted(self)
    }
}

impl Setting for Option<PathBuf> {
    const KIND: Kind = Kind::Path;

    fn from_toml(value: &Value) -> Option<Self> {
        let path = value.as_str()?;
        Some((!path.is_empty()).then(|| path.into()))
    }
    fn from_words(words: &[String]) -> Option<Self> {
        let path = only(words)?;
        Some((!path.is_empty()).then(|| path.into()))
    }
    fn to_toml(&self) -> String {
        quoted(&self.as_ref().map(|path| path.to_string_lossy()).unwrap_or_default())
    }
}

impl Setting for Vec<PathBuf> {
    const KIND: Kind = Kind::Files;

    fn from_toml(value: &Value) -> Option<Self> {
        let words: Option<Vec<String>> = match value {
            Value::String(path) => Some(vec![path.clone()]),
            Value::Array(paths) => paths.iter().map(|path| path.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        Self::from_words(&words?)
    }
    fn from_words(words: &[String]) -> Option<Self> {
        if matches!(words, [word] if word.is_empty()) {
            return Some(Vec::new());
        }
        words.iter().map(|word| (!word.is_empty()).then(|| word.into())).collect()
    }
    fn to_toml(&self) -> String {
        let paths: Vec<_> = self.iter().map(|path| quoted(&path.to_string_lossy())).collect();
        match paths.as_slice() {
            [path] => path.clone(),
            _ => format!("[{}]", paths.join(", ")),
        }
    }
}

/// A TOML string literal on one line.
fn quoted(text: &str) -> String {
    // The toml crate would use a multi-line literal for text with line breaks; a one-line dump needs the escaped form.
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            control if control.is_control() => literal.push_str(&format!("\\u{:04X}", control as u32)),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// Says what a TOML value is, as the end of "found …".
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Integer(number) => format!("the whole number {number}"),
        Value::Float(number) => format!("the number {number:?}"),
        Value::Boolean(truth) => format!("{truth}"),
        Value::Datetime(moment) => format!("the date {moment}"),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a table".into(),
    }
}

/// Defines an enum whose variants are words in the configuration, and its [`Setting`].
macro_rules! choices {
    ($($(#[doc = $doc:literal])+ pub enum $name:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $variant_doc])+ $variant,)+
        }

        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands for this in the configuration.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.word() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.word())
            }
        }

        impl $crate::config::setting::Setting for $name {
            const KIND: $crate::config::Kind = $crate::config::Kind::Choice(&[$($word),+]);

            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_str().and_then(Self::from_word)
            }
            fn from_words(words: &[String]) -> Option<Self> {
                match words {
                    [word] => Self::from_word(word),
                    _ => None,
                }
            }
            fn to_toml(&self) -> String {
                format!("\"{}\"", self.word())
            }
        }
    )+};
}
pub(super) use choices;
