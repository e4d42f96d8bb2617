//! A machine as it was measured: what each kind of task took, from steps that happened.
//!
//! A published device is a roofline. Of one that is here more is known: a task of a kind takes a time for each number of the weight that it works with (packing it, say) and for each
//! operation, or for each byte where there are no products. Both are fitted to tasks that ran, by least squares of the relative error.

use std::fmt;

use super::{Device, Link, Machine};
use crate::schedule::{Cause, Graph, Job, Task, Timeline};

/// Kinds of tasks that differ in speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    LstmForward,
    LstmBackward,
    LstmWeights,
    SoftmaxForward,
    SoftmaxBackward,
    SoftmaxWeights,
    Norm,
    Update,
    Words,
}

impl Class {
    const ALL: [Class; 9] = [
        Class::LstmForward,
        Class::LstmBackward,
        Class::LstmWeights,
        Class::SoftmaxForward,
        Class::SoftmaxBackward,
        Class::SoftmaxWeights,
        Class::Norm,
        Class::Update,
        Class::Words,
    ];

    fn of(job: &Job) -> Class {
        match job {
            Job::LstmForward { .. } => Class::LstmForward,
            Job::LstmBackward { .. } => Class::LstmBackward,
            Job::LstmWeights { .. } => Class::LstmWeights,
            Job::SoftmaxForward { .. } => Class::SoftmaxForward,
            Job::SoftmaxBackward { .. } => Class::SoftmaxBackward,
            Job::SoftmaxWeights { .. } => Class::SoftmaxWeights,
            Job::Norm { .. } | Job::Clip => Class::Norm,
            Job::Update { .. } | Job::Reduce { .. } | Job::Gather { .. } => Class::Update,
            Job::Embed { .. } | Job::EmbeddingWeights { .. } => Class::Words,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Class::LstmForward => "LSTM forward",
            Class::LstmBackward => "LSTM backward",
            Class::LstmWeights => "LSTM weight gradients",
            Class::SoftmaxForward => "softmax forward",
            Class::SoftmaxBackward => "softmax backward",
            Class::SoftmaxWeights => "softmax weight gradients",
            Class::Norm => "gradient norm",
            Class::Update => "update",
            Class::Words => "embeddings",
        }
    }

    /// What a task's time is proportional to: something that it has once, and something that grows with its rows.
    fn sizes(self, task: &Task) -> [f64; 2] {
        match self {
            Class::Norm | Class::Update | Class::Words => [1.0, task.work.elementwise as f64],
            _ => [task.work.weights as f64, task.work.flops as f64],
        }
    }
}

/// Seconds for each of what [`Class::sizes`] counts; none where no task of the class was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate(Option<[f64; 2]>);

/// How fast a device was at each kind of task.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    classes: Vec<Rate>,
    /// Between two tasks of a device.
    between: f64,
}

impl Rates {
    /// Seconds of a task; none where none of its kind was measured.
    pub(super) fn seconds(&self, task: &Task) -> Option<f64> {
        let class = Class::of(&task.job);
        let [once, each] = self.classes[class as usize].0?;
        let [a, b] = class.sizes(task);
        Some(self.between + once * a + each * b)
    }
}

impl fmt::Display for Rates {
    /// A line for each kind of task.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, rate) in Class::ALL.into_iter().zip(&self.classes) {
            let Rate(Some([once, each])) = rate else { continue };
            let name = class.name();
            match class {
                Class::Norm | Class::Update | Class::Words => {
                    writeln!(
                        formatter,
                        "{name:<26} {:>8.1} GB/s      {:>8.1} µs a task",
                        1e-9 / each.max(1e-15),
                        1e6 * once
                    )?;
                }
                _ => {
                    let weights = 1e6 * once * 1e3;
                    writeln!(
                        formatter,
                        "{name:<26} {:>8.1} GFLOP/s   {weights:>8.2} ms for a weight of a million",
                        1e-9 / each.max(1e-15)
                    )?;
                }
            }
        }
        write!(formatter, "{:<26} {:>8.1} µs", "between two tasks", 1e6 * self.between)
    }
}

impl Machine {
    /// A machine of these devices, name and bytes of memory, as they were in these steps; those of one name are equal. Of each graph there may be several runs, whose
    /// medians count.
    ///
    /// # Panics
    /// Where there is no step.
    pub fn measured(devices: &[(&'static str, u64)], steps: &[(Graph, Vec<Timeline>)]) -> Machine {
        assert!(steps.iter().any(|(_, runs)| !runs.is_empty()), "measured: no step was run");
        let link = link(steps);
        let device = |&(name, memory): &(&'static str, u64)| {
            let like_it = |device: usize| devices.get(device).is_some_and(|(other, _)| *other == name);
            Device { name, memory, link: link.clone(), ..Device::measured(steps, like_it) }
        };
        Machine { devices: devices.iter().map(device).collect(), link: link.clone() }
    }
}

impl Device {
    /// A device as those were for which `is` says so.
    fn measured(steps: &[(Graph, Vec<Timeline>)], is: impl Fn(usize) -> bool) -> Device {
        let mut samples: Vec<Vec<[f64; 3]>> = vec![Vec::new(); Class::ALL.len()];
        let (mut products, mut seconds) = (0.0, 0.0);
        for (graph, runs) in steps {
            // Products of a class are taken together, on each device: some tasks leave a few rows to the next one, which then takes longer.
            let mut sums = vec![[0.0; 3]; Class::ALL.len() * graph.devices];
            for (index, task) in graph.tasks.iter().enumerate().filter(|(_, task)| is(task.device)) {
                let time = median(runs.iter().map(|run| run.seconds(index)).collect());
                let class = Class::of(&task.job);
                let [a, b] = class.sizes(task);
                if task.work.flops == 0 {
                    samples[class as usize].push([a, b, time]);
                    continue;
                }
                let sum = &mut sums[class as usize * graph.devices + task.device];
                *sum = [sum[0] + a, sum[1] + b, sum[2] + time];
                (products, seconds) = (products + task.work.flops as f64, seconds + time);
            }
            for (place, sum) in sums.into_iter().enumerate() {
                samples[place / graph.devices].push(sum);
            }
        }
        samples.iter_mut().for_each(|samples| samples.retain(|sample| sample[2] > 0.0));
        let classes = samples.iter().map(|samples| Rate(fit(samples))).collect();
        let rates = Rates { classes, between: between(steps) };
        let peak = products / seconds.max(f64::MIN_POSITIVE);
        let cpu = Device::find("cpu").expect("it is in the table").clone();
        Device { peak, fraction: 1.0, rates: Some(rates.into()), ..cpu }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// The two factors, neither below 0, with which `a·x + b·y` comes nearest to each `t`, counted as a part of `t`.
fn fit(samples: &[[f64; 3]]) -> Option<[f64; 2]> {
    if samples.is_empty() {
        return None;
    }
    let sum = |term: fn(f64, f64) -> f64| samples.iter().map(|&[x, y, t]| term(x / t, y / t)).sum::<f64>();
    let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
    let (x, y) = (sum(|x, _| x), sum(|_, y| y));
    let determinant = xx * yy - xy * xy;
    let both = [(x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant];
    // Where all tasks are alike, the two cannot be told apart.
    if determinant > 1e-9 * xx * yy && both.iter().all(|&factor| factor >= 0.0) {
        return Some(both);
    }
    let alone = |sum: f64, square: f64| if square > 0.0 { sum / square } else { 0.0 };
    let error = |[a, b]: [f64; 2]| samples.iter().map(|&[x, y, t]| ((a * x + b * y) / t - 1.0).powi(2)).sum::<f64>();
    // What grows with the work, unless what is there once tells it clearly better.
    let (once, each) = ([alone(x, xx), 0.0], [0.0, alone(y, yy)]);
    Some(if error(once) < 0.9 * error(each) && samples.len() > 1 { once } else { each })
}

/// The median pause between two tasks of which the second waited for nothing else.
fn between(steps: &[(Graph, Vec<Timeline>)]) -> f64 {
    let runs = steps.iter().flat_map(|(_, runs)| runs);
    let pauses = runs.flat_map(|run| {
        run.spans.iter().filter_map(|span| match span.cause {
            Cause::Device(before) => Some((span.start - run.spans[before].end).max(0.0)),
            _ => None,
        })
    });
    median(pauses.collect())
}

/// Latency and bandwidth of the messages that were sent.
fn link(steps: &[(Graph, Vec<Timeline>)]) -> Link {
    let messages = steps.iter().flat_map(|(_, runs)| runs).flat_map(|run| &run.messages);
    let samples: Vec<[f64; 3]> = messages
        .map(|message| [1.0, message.bytes as f64, message.end - message.start])
        .filter(|sample| sample[2] > 0.0)
        .collect();
    match fit(&samples) {
        Some([latency, each]) if each > 0.0 => Link { name: "measured", bandwidth: 1.0 / each, latency },
        _ => Link::MEMORY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost_model::simulate;
    use crate::model::Sizes;
    use crate::schedule::{Chunks, Lengths, Plan};

    #[test]
    fn factors_are_found_and_never_below_nothing() {
        let samples: Vec<[f64; 3]> =
            [(1.0, 10.0), (1.0, 20.0), (5.0, 20.0)].map(|(x, y)| [x, y, 0.5 * x + 0.1 * y]).to_vec();
        let [a, b] = fit(&samples).unwrap();
        assert!((a - 0.5).abs() < 1e-9 && (b - 0.1).abs() < 1e-9, "{a} {b}");
        assert_eq!(fit(&[[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]]), Some([0.0, 2.0]));
        let [a, b] = fit(&[[1.0, 1.0, 1.0], [2.0, 1.0, 0.5]]).unwrap();
        assert!(a >= 0.0 && b >= 0.0);
        assert_eq!(fit(&[]), None);
    }

    #[test]
    fn a_machine_is_known_again_by_its_steps() {
        let sizes =
            Sizes { source_words: 900, target_words: 800, embedding: 64, hidden: 64, layers: 2, softmax_slices: 2 };
        let lengths = Lengths::even(32, 9, 11);
        let machine = Machine::of_cpus(2);
        let step = |plan: &Plan| {
            let graph = Graph::of(&sizes, &lengths, plan).unwrap();
            let timeline = simulate(&graph, &machine);
            (graph, vec![timeline])
        };
        let plan = Plan::layered(&sizes, 1, 1).for_training();
        let chunks = |lstm, softmax| Plan { chunks: Chunks { lstm, softmax, weights: 1 }, ..plan.clone() };
        let measured = Machine::measured(&[("cpu", 1 << 30); 2], &[step(&chunks(1, 1)), step(&chunks(5, 4))]);
        let other = Graph::of(&sizes, &lengths, &Plan::deferred(&sizes, 2).unwrap().for_training()).unwrap();
        let (expected, found) = (simulate(&other, &machine).makespan, simulate(&other, &measured).makespan);
        assert!((found / expected - 1.0).abs() < 0.05, "{found} instead of {expected}");
    }
}
