//! The best plan for a machine: list scheduling for a given placement, local search over placements.

use super::{Device, Machine, simulate};
use crate::model::Sizes;
use crate::schedule::{Chunks, Graph, Lengths, Order, Plan, PlanError, Slice, Sums, Vocabulary, When, even_slices};

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Slices of the vocabulary; none to choose them too. They belong to the model: a plan with other slices computes other sums, the same on
    /// one device with as many.
    pub slices: Option<usize>,
    /// How many plans may be simulated.
    pub simulations: usize,
    /// The order of the weight gradients' sums.
    pub sums: Sums,
}

impl Default for Search {
    /// Some seconds of simulations, the slices chosen too.
    fn default() -> Search {
        Search { slices: None, simulations: 1500, sums: Sums::BySteps }
    }
}

/// The fastest plan that was found and that fits the memory; of two equal ones the first.
///
/// Where a task is done and when is decided apart: with devices given, each does of its ready tasks the one with the longest way to the end
/// ([`Order::WeightsLast`]). That takes the softmax of the last steps first, where the backward pass begins, and puts off every weight gradient
/// until nothing waits. The search then moves layers and slices from device to device, and changes micro-batches, chunks and the order. All of this leaves
/// every sum as it is ([`Plan::arithmetic`]), but for the number of slices where that is not given.
///
/// # Errors
/// Where no plan fits the batch.
pub fn search(sizes: &Sizes, lengths: &Lengths, machine: &Machine, options: &Search) -> Result<Plan, PlanError> {
    let mut hunt = Hunt { sizes, lengths, machine, left: options.simulations.max(1), best: None };
    let mut starts = Vec::new();
    for plan in starting_points(sizes, lengths, machine, options) {
        let seconds = hunt.seconds(&plan)?;
        starts.push((seconds, plan));
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Several starts: another one finds what the first is too far from.
    for (seconds, plan) in starts.into_iter().take(4) {
        hunt.climb(seconds, plan)?;
    }
    let (_, plan) = hunt.best.expect("a start was simulated");
    let name = if options.slices.is_some() { "search" } else { "search-slices" };
    Ok(Plan { name: name.to_owned(), ..plan })
}

/// What is being searched, and the best found so far.
struct Hunt<'a> {
    sizes: &'a Sizes,
    lengths: &'a Lengths,
    machine: &'a Machine,
    left: usize,
    best: Option<(f64, Plan)>,
}

impl Hunt<'_> {
    /// A plan's step; a plan that does not fit the memory takes for ever.
    fn seconds(&mut self, plan: &Plan) -> Result<f64, PlanError> {
        self.left = self.left.saturating_sub(1);
        let timeline = simulate(&Graph::of(self.sizes, self.lengths, plan)?, self.machine);
        let seconds = if self.machine.holds(&timeline) { timeline.makespan } else { f64::INFINITY };
        if self.best.as_ref().is_none_or(|(best, _)| seconds < *best) {
            self.best = Some((seconds, plan.clone()));
        }
        Ok(seconds)
    }

    /// Takes every change that helps, until none does.
    fn climb(&mut self, mut seconds: f64, mut plan: Plan) -> Result<(), PlanError> {
        // A change is worth its complication from a tenth of a percent on.
        const GAIN: f64 = 0.999;
        loop {
            let mut better = false;
            for change in changes(&plan, self.machine.devices.len()) {
                if self.left == 0 {
                    return Ok(());
                }
                // Changes were listed for an earlier plan; one that no longer makes sense is left out.
                let Some(changed) = change.of(&plan, self.lengths) else { continue };
                let time = self.seconds(&changed)?;
                if time < seconds * GAIN {
                    (seconds, plan, better) = (time, changed, true);
                }
            }
            if !better {
                return Ok(());
            }
        }
    }
}

/// One step of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// A layer of both sides to another device.
    Layer(usize, usize),
    /// A decoder layer alone.
    Decoder(usize, usize),
    /// One of a device's slices to another.
    Slice(usize, usize),
    /// Twice as many micro-batches, or half.
    MicroBatches(bool),
    /// Twice as many steps to a task of the LSTM, or half.
    Lstm(bool),
    /// The same for the softmax.
    Softmax(bool),
    /// The same for weight gradients.
    Weights(bool),
    /// Another order of ready tasks.
    Order(Order),
}

fn changes(plan: &Plan, devices: usize) -> Vec<Change> {
    let mut all = vec![Change::MicroBatches(true), Change::MicroBatches(false)];
    let all_devices = || 0..devices;
    all.extend(all_devices().flat_map(|from| all_devices().map(move |to| Change::Slice(from, to))));
    for layer in 0..plan.encoder.len() {
        all.extend(all_devices().map(|to| Change::Layer(layer, to)));
    }
    for more in [true, false] {
        all.extend([Change::Softmax(more), Change::Lstm(more), Change::Weights(more)]);
    }
    all.extend([Change::Order(Order::CriticalPath), Change::Order(Order::WeightsLast)]);
    for layer in 0..plan.decoder.len() {
        all.extend(all_devices().map(|to| Change::Decoder(layer, to)));
    }
    all
}

impl Change {
    /// The changed plan, if there is such a change.
    fn of(self, plan: &Plan, lengths: &Lengths) -> Option<Plan> {
        let mut changed = plan.clone();
        match self {
            Change::Layer(layer, to) => {
                changed.encoder[layer] = to;
                changed.decoder[layer] = to;
            }
            Change::Decoder(layer, to) => changed.decoder[layer] = to,
            Change::Slice(from, to) => move_slice(&mut changed.vocabulary, from, to),
            Change::MicroBatches(more) => changed.micro_batches = scaled(plan.micro_batches, more),
            Change::Lstm(more) => changed.chunks.lstm = scaled(plan.chunks.lstm, more),
            Change::Softmax(more) => changed.chunks.softmax = scaled(plan.chunks.softmax, more),
            Change::Weights(more) => changed.chunks.weights = scaled(plan.chunks.weights, more),
            Change::Order(order) => changed.order = order,
        }
        // Words are looked up where they are read.
        changed.source_embedding = changed.encoder[0];
        changed.target_embedding = changed.decoder[0];
        let longest = lengths.source_steps().max(lengths.target_steps());
        let chunks = changed.chunks;
        let sound = lengths.sentences().is_multiple_of(changed.micro_batches)
            && chunks.lstm.max(chunks.softmax).max(chunks.weights) <= longest;
        (sound && changed != *plan).then_some(changed)
    }
}

fn scaled(number: usize, more: bool) -> usize {
    if more { 2 * number } else { (number / 2).max(1) }
}

/// Gives the last slice of a device to another, and keeps the vocabulary in order of devices, so that each has its words in a row; sizes of
/// slices stay where they are in the vocabulary.
fn move_slice(vocabulary: &mut Vocabulary, from: usize, to: usize) {
    if let Vocabulary::Slices(slices) = vocabulary
        && let Some(slice) = slices.iter_mut().rev().find(|slice| slice.device == from)
    {
        slice.device = to;
        let mut devices: Vec<usize> = slices.iter().map(|slice| slice.device).collect();
        devices.sort_unstable();
        slices.iter_mut().zip(devices).for_each(|(slice, device)| slice.device = device);
    }
}

/// Plans to start from: layers on devices of their own or doubled up, the slices levelled, one to four micro-batches.
fn starting_points(sizes: &Sizes, lengths: &Lengths, machine: &Machine, options: &Search) -> Vec<Plan> {
    let devices = machine.devices.len();
    let for_layers = sizes.layers.min(devices);
    let rest = (devices - for_layers).max(1);
    let counts = match options.slices {
        Some(slices) => vec![slices],
        // As many as devices are left, and some to level the load with.
        None => [1, 4, 5, 6, 8].map(|share| share * rest).to_vec(),
    };
    let mut plans = Vec::new();
    for slices in counts.into_iter().map(|slices| slices.clamp(1, sizes.target_words)) {
        for micro_batches in [1, 2, 4].into_iter().filter(|&parts| lengths.sentences().is_multiple_of(parts)) {
            let base = Plan {
                lstm_weights: When::Deferred,
                softmax_weights: When::Deferred,
                order: Order::WeightsLast,
                micro_batches,
                sums: options.sums,
                chunks: Chunks::default(),
                ..Plan::layered(&Sizes { softmax_slices: slices, ..sizes.clone() }, for_layers, rest)
            };
            // `layered` speaks of one device more than there are where every one has a layer.
            if base.devices() <= devices && base.arithmetic().slices.len() == slices {
                plans.push(base.clone());
            }
            plans.push(levelled(sizes, lengths, machine, &base, slices));
        }
    }
    plans
}

/// Every slice in turn to the device that has least to do.
fn levelled(sizes: &Sizes, lengths: &Lengths, machine: &Machine, base: &Plan, slices: usize) -> Plan {
    let speed = |device: &Device| device.peak * device.fraction;
    let layer = (4 * sizes.hidden * (sizes.hidden + sizes.embedding)) as f64;
    let mut load: Vec<f64> = vec![0.0; machine.devices.len()];
    for (layers, steps) in [(&base.encoder, lengths.source_steps()), (&base.decoder, lengths.target_steps())] {
        layers.iter().for_each(|&device| load[device] += layer * steps as f64 / speed(&machine.devices[device]));
    }
    // The softmax begins when the encoder is done; what a device without layers could have done until then is lost.
    let encoder = layer * lengths.source_steps() as f64 / speed(&machine.devices[base.encoder[0]]) / 3.0;
    load.iter_mut().for_each(|load| *load = load.max(encoder / base.micro_batches as f64));
    let words = even_slices(sizes.target_words, slices);
    let mut devices: Vec<usize> = Vec::new();
    for &words in &words {
        let work =
            |device: usize| (words * sizes.hidden * lengths.target_steps()) as f64 / speed(&machine.devices[device]);
        let after = |device: &usize| load[*device] + work(*device);
        let least = (0..load.len()).min_by(|a, b| after(a).total_cmp(&after(b))).expect("a machine has a device");
        load[least] += work(least);
        devices.push(least);
    }
    devices.sort_unstable();
    let vocabulary = words.into_iter().zip(devices).map(|(words, device)| Slice { words, device }).collect();
    Plan { vocabulary: Vocabulary::Slices(vocabulary), ..base.clone() }
}
