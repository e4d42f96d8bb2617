//! Comparing systems: scores by several metrics, and whether a difference may be chance.
//!
//! The tests are those of sacreBLEU 2.6, with its random numbers, so that its p-values are met: paired bootstrap resampling (Koehn 2004) and paired
//! approximate randomisation (Riezler and Maxwell 2005).

mod metric;
mod numpy_random;
mod significance;

pub(crate) use metric::bleu_statistics;
pub use metric::{Counts, Metric};
pub use numpy_random::NumpyRandom;
pub use significance::{Comparison, Confidence, Test, compare, confidence};
