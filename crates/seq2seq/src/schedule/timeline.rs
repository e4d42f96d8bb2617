//! What happened when: told by the cost model's clock or by an executor's.

use super::graph::Bytes;

/// When each task and each message of a graph began and ended, in seconds from the step's start.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// One for each task, in the graph's order.
    pub spans: Vec<Span>,
    /// In the order in which they began.
    pub messages: Vec<Message>,
    /// The end of the last task.
    pub makespan: f64,
    /// The most memory that each device held at one time, and what it was then.
    pub peak: Vec<Bytes>,
}

/// A task's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// When it began.
    pub start: f64,
    /// When it ended.
    pub end: f64,
    /// Why it did not begin before.
    pub cause: Cause,
}

/// What a task waited for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: it began at once.
    Start,
    /// Its device was busy with that task.
    Device(usize),
    /// That task, on the same device, made its last input.
    Task(usize),
    /// That message brought its last input.
    Message(usize),
}

/// A value's way from one device to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message {
    /// Which value.
    pub value: usize,
    /// The device that made it.
    pub from: usize,
    /// The device that needs it.
    pub to: usize,
    /// How much it is.
    pub bytes: u64,
    /// When the link took it up; it may have waited for the link since its task's end.
    pub start: f64,
    /// When it was there.
    pub end: f64,
}

impl Timeline {
    /// A task's duration.
    pub fn seconds(&self, task: usize) -> f64 {
        self.spans[task].end - self.spans[task].start
    }
}
