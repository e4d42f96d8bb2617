//! How long a schedule takes on devices that are not there: a clock for [`Graph`](crate::schedule::Graph)s.
//!
//! A [`Machine`] is devices and the links between them, all published figures. A task takes its launches, then the slower of its products' arithmetic and their
//! memory traffic (a roofline), then its elementwise traffic. A message takes a latency and its bytes, and keeps one port of its sender and
//! one of its receiver busy. [`simulate`] runs the graph event by event.
//!
//! One number is not published: what fraction of a card's peak the matrix products of 2014 reached. It is [calibrated](Machine::calibrated) on one
//! figure of the paper, 1,700 words/s on one GPU, and nothing else is fitted.
//!
//! ```
//! use unrolled_seq2seq::cost_model::{Machine, paper_fraction, simulate, paper_sizes};
//! use unrolled_seq2seq::schedule::{Graph, Lengths, Plan};
//!
//! let (sizes, lengths) = (paper_sizes(), Lengths::even(128, 25, 29));
//! let machine: Machine = "8xK40".parse()?;
//! let machine = machine.calibrated(paper_fraction());
//! let single = simulate(&Graph::of(&sizes, &lengths, &Plan::single(&sizes))?, &machine);
//! assert!((lengths.words() as f64 / single.makespan - 1700.0).abs() < 1.0);
//!
//! let paper = simulate(&Graph::of(&sizes, &lengths, &Plan::paper(&sizes, 8)?)?, &machine);
//! let speedup = single.makespan / paper.makespan;
//! assert!(3.3 < speedup && speedup < 4.4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bounds;
mod calibrate;
mod device;
mod largest;
mod link;
mod machine;
mod measured;
mod memory;
mod published;
mod report;
mod search;
mod simulate;

pub use bounds::{Bounds, bounds};
pub use calibrate::{PAPER_WORDS_PER_S, fraction_for, paper_fraction, paper_sizes};
pub use device::{DEVICES, Device};
pub use largest::{Largest, largest};
pub use link::Link;
pub use machine::{Machine, MachineError};
pub use measured::Rates;
pub use published::{Prediction, published};
pub use report::{Busy, Comparison, DeviceReport, LargestReport, Report};
pub use search::{Search, search};
pub use simulate::simulate;
pub(crate) use simulate::{priorities, readers};
