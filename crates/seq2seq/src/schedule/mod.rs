//! One training step as data: a graph of tasks over devices, from a model's sizes, a batch's lengths and a plan.
//!
//! A [`Plan`] says what lives where and when the weight gradients are done; [`Graph::of`] turns it into tasks with their work, their inputs and
//! outputs (an edge between devices is a message of so many bytes) and the memory that they hold. Whoever has a clock runs the graph: the [cost model](crate::cost_model)
//! on devices that are not there, an executor on those that are; both tell what happened as a [`Timeline`].
//!
//! ```
//! use unrolled_seq2seq::schedule::{Graph, Lengths, Plan, flops};
//! use unrolled_seq2seq::model::Sizes;
//!
//! let sizes = Sizes { source_words: 200, target_words: 100, embedding: 8, hidden: 8, layers: 2, softmax_slices: 1 };
//! let lengths = Lengths::even(4, 5, 6);
//! let plan = Plan::paper(&sizes, 4)?;
//! let graph = Graph::of(&sizes, &lengths, &plan)?;
//! assert_eq!(graph.devices, 4);
//! assert_eq!(graph.tasks.iter().map(|task| task.work.flops).sum::<u64>(), flops(&sizes, &lengths));
//! # Ok::<(), unrolled_seq2seq::schedule::PlanError>(())
//! ```

mod build;
mod chart;
mod critical;
mod graph;
mod job;
mod lengths;
mod plan;
mod plans;
mod timeline;
mod words;
mod work;

pub use chart::{Caption, chart};
pub use critical::{CriticalPath, Phase, Stretch};
pub use graph::{Bytes, Graph, Memory, Resident, Task, Value};
pub use job::{Group, Job, Kind, Side, Steps};
pub use lengths::Lengths;
pub use plan::{Arithmetic, Chunks, Order, Plan, PlanError, Slice, Sums, Vocabulary, When};
pub(crate) use plans::even_slices;
pub use timeline::{Cause, Message, Span, Timeline};
pub(crate) use words::grouped;
pub use work::{Work, flops};
