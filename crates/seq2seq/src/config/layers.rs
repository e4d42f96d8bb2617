//! The layers that a configuration is put together from, and where each value came from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::read::Document;
use super::{Config, ConfigError, KEYS, Key, Preset, Problem};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys: the paper's recipe.
    Default,
    /// The configuration of the run that is resumed.
    Run,
    /// A preset.
    Preset(String),
    /// A file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A text that was not read from a file.
    Text {
        /// Counted from 1.
        line: usize,
    },
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(formatter, "default"),
            Self::Run => write!(formatter, "run"),
            Self::Preset(name) => write!(formatter, "preset {name}"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Text { line } => write!(formatter, "line {line}"),
            Self::Flag => write!(formatter, "command line"),
        }
    }
}

/// The layers of a configuration, each over the one before it; the defaults lie under them all.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The configuration file of the run that is resumed.
    pub run: Option<PathBuf>,
    /// A preset's name; it wins over the one that the file names in its own key `preset`.
    pub preset: Option<String>,
    /// The user's file.
    pub file: Option<PathBuf>,
    /// Keys and their words from the command line.
    pub flags: Vec<(String, Vec<String>)>,
}

/// A configuration whose values are in range and do not contradict each other, and where each came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The values.
    pub config: Config,
    /// In the order of [`KEYS`].
    origins: Vec<Origin>,
}

impl Layers {
    /// Puts the layers together.
    ///
    /// # Errors
    /// All problems of all layers: unreadable files, unknown keys, wrong types, numbers out of range, contradictions,
    /// and, over a resumed run, other values for keys that must stay.
    pub fn resolve(&self) -> Result<Resolved, ConfigError> {
        let mut stack = Stack::new();
        if let Some(path) = &self.run {
            // Without a sound base nothing that follows would make sense.
            stack.document(Document::open(path)?, |_| Origin::Run);
            ConfigError::check(std::mem::take(&mut stack.problems))?;
        }
        let base = self.run.is_some().then(|| stack.resolved.config.clone());
        self.pile_on(&mut stack)?;
        stack.finish(base.as_ref())
    }

    /// The run folder that these layers name, if they do: what must be known to find the configuration of a run that is resumed. Other
    /// values are not checked.
    ///
    /// # Errors
    /// Where the file cannot be read, or there is no such preset.
    pub fn output(&self) -> Result<Option<PathBuf>, ConfigError> {
        let mut stack = Stack::new();
        self.pile_on(&mut stack)?;
        Ok(stack.resolved.config.output)
    }

    /// Puts preset, file and flags over what is there.
    fn pile_on(&self, stack: &mut Stack) -> Result<(), Problem> {
        let mut file = self.file.as_deref().map(Document::open).transpose()?;
        let named = file.as_mut().map_or(Ok(None), Document::take_preset)?;
        if let Some((name, place)) = self.preset.clone().map(|name| (name, Origin::Flag)).or(named) {
            stack.preset(&name, place)?;
        }
        if let Some(document) = file {
            stack.document(document, |place| place);
        }
        for (name, words) in &self.flags {
            stack.flag(name, words);
        }
        Ok(())
    }
}

impl Resolved {
    /// Where the value of a key came from.
    ///
    /// # Panics
    /// Where no key has this name.
    #[track_caller]
    pub fn origin(&self, name: &str) -> &Origin {
        match KEYS.iter().position(|key| key.name == name) {
            Some(index) => &self.origins[index],
            None => panic!("no configuration key is named `{name}`"),
        }
    }

    /// Every key and where its value came from.
    pub fn origins(&self) -> impl Iterator<Item = (&'static Key, &Origin)> {
        KEYS.iter().zip(&self.origins)
    }
}

impl Config {
    /// Reads a configuration file over the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let layers = Layers { file: Some(path.into()), ..Layers::default() };
        layers.resolve().map(|resolved| resolved.config)
    }

    /// The preset of that name over the defaults.
    ///
    /// ```
    /// # use unrolled_seq2seq::config::Config;
    /// assert_eq!(Config::preset("sutskever2014")?, Config::default());
    /// # Ok::<(), unrolled_seq2seq::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Where there is no such preset; the error lists them.
    pub fn preset(name: &str) -> Result<Self, ConfigError> {
        let layers = Layers { preset: Some(name.into()), ..Layers::default() };
        layers.resolve().map(|resolved| resolved.config)
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    /// Reads the text of a configuration file over the defaults.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut stack = Stack::new();
        let mut document = Document::parse(text, &|line| Origin::Text { line })?;
        if let Some((name, place)) = document.take_preset()? {
            stack.preset(&name, place)?;
        }
        stack.document(document, |place| place);
        stack.finish(None).map(|resolved| resolved.config)
    }
}

/// The layers so far.
struct Stack {
    resolved: Resolved,
    problems: Vec<Problem>,
}

impl Stack {
    fn new() -> Self {
        let resolved = Resolved { config: Config::default(), origins: vec![Origin::Default; KEYS.len()] };
        Self { resolved, problems: Vec::new() }
    }

    fn document(&mut self, document: Document, origin: impl Fn(Origin) -> Origin) {
        let Resolved { config, origins } = &mut self.resolved;
        document.apply(config, |key, place| origins[index_of(key)] = origin(place), &mut self.problems);
    }

    fn preset(&mut self, name: &str, place: Origin) -> Result<(), Problem> {
        let preset = Preset::find(name).ok_or_else(|| Problem::UnknownPreset {
            place,
            name: name.into(),
            known: Preset::names().join(", "),
        })?;
        self.document(Document::parse(preset.text, &|line| Origin::Text { line })?, |_| Origin::Preset(name.into()));
        Ok(())
    }

    fn flag(&mut self, name: &str, words: &[String]) {
        let place = Origin::Flag;
        let Some(key) = Key::find(name) else {
            let nearest = Key::nearest(name).map(|key| key.name);
            self.problems.push(Problem::UnknownKey { place, name: name.into(), nearest });
            return;
        };
        if (key.from_words)(&mut self.resolved.config, words) {
            self.resolved.origins[index_of(key)] = place;
        } else {
            let (expected, found) = (key.kind.to_string(), format!("`{}`", words.join(" ")));
            self.problems.push(Problem::WrongType { place, key: key.name, expected, found });
        }
    }

    fn finish(mut self, base: Option<&Config>) -> Result<Resolved, ConfigError> {
        self.problems.extend(self.resolved.out_of_range());
        self.problems.extend(self.resolved.config.contradictions().into_iter().map(Problem::Conflict));
        if let Some(base) = base {
            let changed = base.differences(&self.resolved.config).into_iter().filter(|difference| difference.key.fixed);
            self.problems.extend(changed.map(|difference| Problem::Fixed {
                place: self.resolved.origin(difference.key.name).clone(),
                key: difference.key.name,
                kept: difference.before,
                wanted: difference.after,
            }));
        }
        ConfigError::check(self.problems)?;
        Ok(self.resolved)
    }
}

fn index_of(key: &'static Key) -> usize {
    KEYS.iter().position(|other| std::ptr::eq(other, key)).expect("every key comes from the table")
}
