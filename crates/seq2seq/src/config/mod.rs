//! The configuration of a training run: one flat TOML file in which every key is also a flag.
//!
//! One table (`keys.rs`) is the source for all of it: the fields of [`Config`], reading TOML and flags with errors that name the place, ranges,
//! the documentation in `--help` and in `--dump-config`. Values come in layers, each over the one before: the defaults (the paper's
//! recipe), a resumed run's own configuration, a preset, a file, flags. [`Resolved`] remembers which layer each value came from.
//! Relative paths are relative to the working directory, in a file too.
//!
//! ```
//! use unrolled_seq2seq::config::{Config, Layers, Origin};
//!
//! let mut layers = Layers { preset: Some("s".into()), ..Layers::default() };
//! layers.flags.push(("learning-rate".into(), vec!["0.5".into()]));
//! let resolved = layers.resolve()?;
//! assert_eq!((resolved.config.hidden_size, resolved.config.learning_rate), (256, 0.5));
//! assert_eq!(resolved.origin("learning-rate"), &Origin::Flag);
//!
//! let again: Config = resolved.config.to_toml().parse()?;
//! assert_eq!(again, resolved.config);
//! # Ok::<(), unrolled_seq2seq::config::ConfigError>(())
//! ```

mod check;
mod choices;
mod difference;
mod dump;
mod error;
mod keys;
mod layers;
mod presets;
mod read;
mod setting;
mod table;

pub use choices::{BestMetric, BleuStyle, MatmulPrecision, Normalise, Optimiser, Precision, Schedule};
pub use difference::Difference;
pub use error::{ConfigError, Problem};
pub use keys::{Config, KEYS};
pub use layers::{Layers, Origin, Resolved};
pub use presets::{PRESETS, Preset};
pub use table::{Key, Kind, Rule, Section};
