//! The way through a step on which every second counts.

use serde::Serialize;

use super::{Cause, Graph, Job, Kind, Side, Timeline};

/// A part of a step, in the order of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The encoder's forward pass.
    EncoderForward,
    /// The decoder's forward pass.
    DecoderForward,
    /// The softmax, its weight gradients included.
    Softmax,
    /// The decoder's backward pass, its weight gradients included.
    DecoderBackward,
    /// The encoder's, likewise.
    EncoderBackward,
    /// Norm, clip and update.
    Update,
}

impl Phase {
    /// The phase that a job belongs to.
    pub fn of(job: &Job) -> Phase {
        match job {
            Job::Embed { side: Side::Encoder, .. } | Job::LstmForward { side: Side::Encoder, .. } => {
                Phase::EncoderForward
            }
            Job::Embed { .. } | Job::LstmForward { .. } => Phase::DecoderForward,
            Job::SoftmaxForward { .. } | Job::SoftmaxBackward { .. } => Phase::Softmax,
            Job::SoftmaxWeights { .. } | Job::Reduce { .. } => Phase::Softmax,
            Job::LstmBackward { side, .. } | Job::LstmWeights { side, .. } | Job::EmbeddingWeights { side } => {
                match side {
                    Side::Encoder => Phase::EncoderBackward,
                    Side::Decoder => Phase::DecoderBackward,
                }
            }
            Job::Norm { .. } | Job::Clip | Job::Update { .. } | Job::Gather { .. } => Phase::Update,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Phase::EncoderForward => "encoder forward",
            Phase::DecoderForward => "decoder forward",
            Phase::Softmax => "softmax",
            Phase::DecoderBackward => "decoder backward",
            Phase::EncoderBackward => "encoder backward",
            Phase::Update => "norm and update",
        }
    }
}

/// A piece of the critical path within one phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// Which phase.
    pub phase: Phase,
    /// The devices that it passes through, ascending.
    pub devices: Vec<usize>,
    /// Seconds, messages included; the stretches of a path add up to the makespan.
    pub seconds: f64,
    /// Of these, seconds of weight gradients.
    pub weight_gradient_s: f64,
    /// Of these, seconds in which a message was under way or waited for the link.
    pub message_s: f64,
    /// Tasks on the way.
    pub tasks: usize,
}

/// A path from the beginning of a step to its end without a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticalPath {
    /// Its tasks, from first to last.
    pub tasks: Vec<usize>,
    /// The same by phase.
    pub stretches: Vec<Stretch>,
}

impl CriticalPath {
    /// The one that ends with the step's last task, by what each task waited for last. It stays on a device that has no pause to speak of (a thousandth of
    /// the step), so that devices which keep pace with each other do not make it jump to and fro.
    pub fn of(graph: &Graph, timeline: &Timeline) -> CriticalPath {
        let last = (0..graph.tasks.len()).max_by(|&a, &b| timeline.spans[a].end.total_cmp(&timeline.spans[b].end));
        let before = previous(graph, timeline);
        let pause = timeline.makespan / 1000.0;
        let mut tasks = Vec::new();
        let mut next = last;
        while let Some(task) = next {
            tasks.push(task);
            if let Some(same) =
                before[task].filter(|&before| timeline.spans[task].start - timeline.spans[before].end < pause)
            {
                next = Some(same);
                continue;
            }
            next = match timeline.spans[task].cause {
                Cause::Start => None,
                Cause::Device(before) | Cause::Task(before) => Some(before),
                Cause::Message(message) => Some(graph.values[timeline.messages[message].value].producer),
            };
        }
        tasks.reverse();
        let stretches = stretches(graph, timeline, &tasks);
        CriticalPath { tasks, stretches }
    }

    /// The stretches' seconds by phase, the longest first.
    pub fn by_phase(&self) -> Vec<(Phase, f64)> {
        let mut sums: Vec<(Phase, f64)> = Vec::new();
        for stretch in &self.stretches {
            match sums.iter_mut().find(|(phase, _)| *phase == stretch.phase) {
                Some((_, sum)) => *sum += stretch.seconds,
                None => sums.push((stretch.phase, stretch.seconds)),
            }
        }
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        sums
    }
}

/// For each task the one before it on its device.
fn previous(graph: &Graph, timeline: &Timeline) -> Vec<Option<usize>> {
    let mut tasks: Vec<usize> = (0..graph.tasks.len()).collect();
    tasks.sort_by(|&a, &b| timeline.spans[a].start.total_cmp(&timeline.spans[b].start).then(a.cmp(&b)));
    let mut last = vec![None; graph.devices];
    let mut found = vec![None; graph.tasks.len()];
    for task in tasks {
        found[task] = last[graph.tasks[task].device].replace(task);
    }
    found
}

fn stretches(graph: &Graph, timeline: &Timeline, tasks: &[usize]) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut now = 0.0;
    for &task in tasks {
        let (span, job) = (timeline.spans[task], graph.tasks[task].job);
        let phase = Phase::of(&job);
        if found.last().is_none_or(|stretch| stretch.phase != phase) {
            let devices = Vec::new();
            found.push(Stretch { phase, devices, seconds: 0.0, weight_gradient_s: 0.0, message_s: 0.0, tasks: 0 });
        }
        let stretch = found.last_mut().expect("one was added");
        stretch.seconds += span.end - now;
        stretch.message_s += span.start - now;
        if job.kind() == Kind::WeightGradient {
            stretch.weight_gradient_s += span.end - span.start;
        }
        let device = graph.tasks[task].device;
        if let Err(at) = stretch.devices.binary_search(&device) {
            stretch.devices.insert(at, device);
        }
        stretch.tasks += 1;
        now = span.end;
    }
    found
}
