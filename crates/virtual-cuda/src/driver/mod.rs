//! The driver: contexts, streams, events, modules, graphs, as values that a test can make and the exported functions use.

pub mod api;
mod capture;
mod code;
mod launch;
mod module;
mod queue;
mod state;
mod work;

pub use capture::{Graph, Mode};
pub use code::Code;
pub use launch::Geometry;
pub use state::{Driver, Handle, Launches};
pub use work::Work;

/// What a call of the driver gives.
pub type Result<T> = std::result::Result<T, Code>;
