//! What a simulation tells: one plan's figures, in words and as JSON.

use std::fmt;

use serde::Serialize;

use super::{Bounds, Largest, Machine, bounds, largest, simulate};
use crate::model::Sizes;
use crate::schedule::grouped;
use crate::schedule::{Bytes, CriticalPath, Graph, Kind, Lengths, Phase, Plan, PlanError, Stretch, Timeline};

/// A plan's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The plan's name.
    pub plan: String,
    /// Words of both languages a second, without `<EOS>` and padding.
    pub words_per_s: f64,
    /// How many times as fast as everything on the first device.
    pub speedup: f64,
    /// Seconds of a training step.
    pub step_s: f64,
    /// Mean part of the time that a device computes.
    pub utilisation: f64,
    /// Whether every device's memory suffices.
    pub fits: bool,
    /// Which sums are computed: plans that agree in this give the same bits.
    pub arithmetic: String,
    /// The part of all steps that computes on padding.
    pub padding: f64,
    /// Each device.
    pub devices: Vec<DeviceReport>,
    /// A path through the step on which every second counts.
    pub critical_path: Vec<Stretch>,
    /// What limits the plan, in a sentence.
    pub limit: String,
    /// What no schedule of these tasks on these devices can beat.
    pub bounds: Bounds,
    /// The largest model of this kind that fits under the plan, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest: Option<LargestReport>,
}

/// What memory buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LargestReport {
    /// Under the plan.
    pub plan: Largest,
    /// On the first device alone.
    pub one_device: Largest,
}

/// A device's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// Its kind.
    pub name: String,
    /// What lives there.
    pub holds: String,
    /// The part of the time that it computes.
    pub utilisation: f64,
    /// Seconds of each kind of work.
    pub busy_s: Vec<Busy>,
    /// Seconds in which it sends.
    pub sending_s: f64,
    /// Its memory at its fullest, by kind.
    pub memory: Bytes,
    /// All of that together.
    pub peak_bytes: u64,
    /// What it has.
    pub capacity_bytes: u64,
}

/// How long a device does one kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Busy {
    /// Which kind.
    pub kind: Kind,
    /// How long, in a step.
    pub seconds: f64,
}

/// Several plans beside each other; as JSON `{"plans": [...]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// One for each plan.
    pub plans: Vec<Report>,
}

impl Report {
    /// Simulates a plan and everything on the first device beside it, which is what the speedup is counted from.
    ///
    /// # Errors
    /// Where the plan does not fit the model, the batch or the machine.
    pub fn of(
        sizes: &Sizes,
        lengths: &Lengths,
        plan: &Plan,
        machine: &Machine,
    ) -> Result<(Report, Graph, Timeline), PlanError> {
        let (needed, given) = (plan.devices(), machine.devices.len());
        if needed > given {
            return Err(PlanError::Devices { plan: plan.name.clone(), needed, given });
        }
        let graph = Graph::of(sizes, lengths, plan)?;
        let timeline = simulate(&graph, machine);
        let single = simulate(&Graph::of(sizes, lengths, &Plan::single(sizes))?, &machine.first());
        let path = CriticalPath::of(&graph, &timeline);
        let devices: Vec<DeviceReport> =
            (0..given).map(|device| DeviceReport::of(&graph, plan, &timeline, machine, device)).collect();
        let report = Report {
            plan: plan.name.clone(),
            words_per_s: graph.words as f64 / timeline.makespan,
            speedup: single.makespan / timeline.makespan,
            step_s: timeline.makespan,
            utilisation: devices.iter().map(|device| device.utilisation).sum::<f64>() / given as f64,
            fits: machine.holds(&timeline),
            arithmetic: plan.arithmetic().to_string(),
            padding: lengths.padding(),
            limit: limit(&graph, &path, &devices, timeline.makespan),
            devices,
            critical_path: path.stretches,
            bounds: bounds(&graph, machine),
            largest: None,
        };
        Ok((report, graph, timeline))
    }

    /// Adds the largest model that fits.
    ///
    /// # Errors
    /// As [`Report::of`].
    pub fn with_largest(
        mut self,
        sizes: &Sizes,
        lengths: &Lengths,
        plan: &Plan,
        machine: &Machine,
    ) -> Result<Report, PlanError> {
        let one_device = largest(sizes, lengths, &machine.first(), &Plan::single(sizes))?;
        self.largest = Some(LargestReport { plan: largest(sizes, lengths, machine, plan)?, one_device });
        Ok(self)
    }
}

impl DeviceReport {
    fn of(graph: &Graph, plan: &Plan, timeline: &Timeline, machine: &Machine, device: usize) -> DeviceReport {
        let own = || graph.tasks.iter().enumerate().filter(|(_, task)| task.device == device);
        let busy_s: Vec<Busy> = Kind::ALL
            .iter()
            .map(|&kind| {
                let tasks = own().filter(|(_, task)| task.job.kind() == kind);
                Busy { kind, seconds: total(tasks.map(|(task, _)| timeline.seconds(task))) }
            })
            .collect();
        let sent = timeline.messages.iter().filter(|message| message.from == device);
        DeviceReport {
            name: machine.devices[device].name.to_owned(),
            holds: plan.on(device),
            utilisation: total(busy_s.iter().map(|busy| busy.seconds)) / timeline.makespan,
            busy_s,
            sending_s: total(sent.map(|message| message.end - message.start)),
            memory: timeline.peak[device],
            peak_bytes: timeline.peak[device].total(),
            capacity_bytes: machine.devices[device].memory,
        }
    }
}

/// A sum that is 0 where there is nothing; `sum` makes that -0.
fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

/// Why it is not faster: the longest phase of the critical path, and who waits.
fn limit(graph: &Graph, path: &CriticalPath, devices: &[DeviceReport], makespan: f64) -> String {
    let Some(&(phase, seconds)) = path.by_phase().first() else { return "nothing to do".to_owned() };
    let part = |seconds: f64| (100.0 * seconds / makespan).round();
    let there = graph.tasks.iter().filter(|task| Phase::of(&task.job) == phase).map(|task| task.device);
    let mut there: Vec<usize> = there.collect();
    there.sort_unstable();
    there.dedup();
    let messages = total(path.stretches.iter().map(|stretch| stretch.message_s));
    let (most, least) = extremes(devices);
    format!(
        "{} on {} takes {:.0}% of the critical path, waiting for messages {:.0}%; the busiest device ({most}) computes {:.0}% of the time, the \
         least busy ({least}) {:.0}%",
        phase.name(),
        device_list(&there),
        part(seconds),
        part(messages),
        100.0 * devices[most].utilisation,
        100.0 * devices[least].utilisation,
    )
}

/// The devices that compute most and least of the time.
fn extremes(devices: &[DeviceReport]) -> (usize, usize) {
    let by = |a: &usize, b: &usize| devices[*a].utilisation.total_cmp(&devices[*b].utilisation);
    let most = (0..devices.len()).rev().max_by(by).unwrap_or(0);
    (most, (0..devices.len()).min_by(by).unwrap_or(0))
}

/// `device 4`, `devices 0–3`, `devices 0, 2`.
fn device_list(devices: &[usize]) -> String {
    let runs: Vec<String> = devices
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}–{last}"),
            [] => String::new(),
        })
        .collect();
    format!("device{} {}", if devices.len() == 1 { "" } else { "s" }, runs.join(", "))
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{}: {} words/s, {:.2} times one device; a step takes {:.1} ms",
            self.plan,
            grouped(self.words_per_s.round() as usize),
            self.speedup,
            1e3 * self.step_s
        )?;
        writeln!(formatter, "limit: {}", self.limit)?;
        writeln!(
            formatter,
            "bounds: these tasks on these devices take {:.1} ms at least (chain {:.1}, busiest device {:.1})",
            1e3 * self.bounds.critical_path_s.max(self.bounds.busiest_device_s),
            1e3 * self.bounds.critical_path_s,
            1e3 * self.bounds.busiest_device_s
        )?;
        writeln!(formatter, "arithmetic: {}", self.arithmetic)?;
        if self.padding > 0.0 {
            writeln!(formatter, "padding: {:.1}% of all steps", 100.0 * self.padding)?;
        }
        if let Some(LargestReport { plan, one_device }) = self.largest {
            let cells = |largest: Largest| {
                format!(
                    "{} cells ({} million parameters)",
                    grouped(largest.hidden),
                    grouped(largest.parameters / 1_000_000)
                )
            };
            writeln!(
                formatter,
                "largest: of models with these layers and words, {} fit under this plan (device {} is full first), {} on one device",
                cells(plan),
                plan.full_device,
                cells(one_device)
            )?;
        }
        self.write_devices(formatter)?;
        self.write_path(formatter)
    }
}

impl Report {
    fn write_devices(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter)?;
        writeln!(
            formatter,
            "device        busy  forward softmax backward weights update   memory in GiB: param. grad. activ. logits"
        )?;
        for (index, device) in self.devices.iter().enumerate() {
            write!(formatter, "{index:>2} {:<8} {:>5.1}%", device.name, 100.0 * device.utilisation)?;
            let part = |kind| {
                let own = device.busy_s.iter().filter(|busy| busy.kind == kind);
                100.0 * total(own.map(|busy| busy.seconds)) / self.step_s
            };
            let [forward, softmax, backward, weights, update] = Kind::ALL.map(part);
            write!(formatter, " {forward:>7.1}% {softmax:>6.1}% {backward:>7.1}% {weights:>6.1}% {update:>5.1}%")?;
            let memory = device.memory;
            let over = if device.peak_bytes > device.capacity_bytes { " TOO MUCH" } else { "" };
            writeln!(
                formatter,
                " {:>6.2} of {:>5.1}: {:>6.2} {:>5.2} {:>6.2} {:>6.2}{over}  {}",
                gib(device.peak_bytes),
                gib(device.capacity_bytes),
                gib(memory.parameters),
                gib(memory.gradients),
                gib(memory.activations),
                gib(memory.logits),
                device.holds
            )?;
        }
        Ok(())
    }

    /// The critical path by phase, in the order in which it enters them.
    fn write_path(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter)?;
        writeln!(formatter, "critical path")?;
        let mut phases: Vec<Phase> = Vec::new();
        for stretch in &self.critical_path {
            if !phases.contains(&stretch.phase) {
                phases.push(stretch.phase);
            }
        }
        phases.into_iter().try_for_each(|phase| self.write_phase(formatter, phase))
    }

    fn write_phase(&self, formatter: &mut fmt::Formatter<'_>, phase: Phase) -> fmt::Result {
        let pieces = || self.critical_path.iter().filter(|stretch| stretch.phase == phase);
        let seconds = total(pieces().map(|stretch| stretch.seconds));
        let mut devices: Vec<usize> = pieces().flat_map(|stretch| stretch.devices.iter().copied()).collect();
        devices.sort_unstable();
        devices.dedup();
        let part = 100.0 * seconds / self.step_s;
        write!(formatter, "{:>8.1} ms {part:>5.1}%  {} on {}", 1e3 * seconds, phase.name(), device_list(&devices))?;
        let of_which = [
            (total(pieces().map(|stretch| stretch.weight_gradient_s)), "weight gradients"),
            (total(pieces().map(|stretch| stretch.message_s)), "waiting for messages"),
        ];
        // Less than a twentieth of a millisecond rounds to nothing.
        let told = of_which.iter().filter(|(seconds, _)| *seconds > 0.05e-3);
        let told: Vec<String> = told.map(|(seconds, what)| format!("{:.1} ms {what}", 1e3 * seconds)).collect();
        if !told.is_empty() {
            write!(formatter, ", of which {}", told.join(", "))?;
        }
        match pieces().count() {
            1 => writeln!(formatter),
            count => writeln!(formatter, "; in {count} pieces"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "plan                     words/s  speedup  step (ms)  busy   most memory (GiB)  arithmetic"
        )?;
        for report in &self.plans {
            let most = report.devices.iter().map(|device| device.peak_bytes).max().unwrap_or(0);
            writeln!(
                formatter,
                "{:<22} {:>9} {:>8.2} {:>10.1} {:>5.0}% {:>12.2}{:<7} {}",
                report.plan,
                grouped(report.words_per_s.round() as usize),
                report.speedup,
                1e3 * report.step_s,
                100.0 * report.utilisation,
                gib(most),
                if report.fits { "" } else { " (no)" },
                report.arithmetic
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_people_do() {
        assert_eq!(device_list(&[4]), "device 4");
        assert_eq!(device_list(&[0, 1, 2, 5]), "devices 0–2, 5");
    }
}
