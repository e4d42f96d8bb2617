//! `unrolled schedule --measure`: predictions beside what the devices that are here do.

use std::io::Write;

use serde::Serialize;
use unrolled_seq2seq::cost_model::{Machine, Search, search};
use unrolled_seq2seq::executor::{Measured, Pairs, Workload};
use unrolled_seq2seq::model::Sizes;
use unrolled_seq2seq::schedule::{Chunks, Plan, Sums};
use unrolled_tensor::Device;

use super::Setting;
use crate::cli::output::stdout;

/// What `--json` prints.
#[derive(Serialize)]
struct Answer {
    plans: Vec<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Pairs>,
}

/// CPU devices of one thread each, as many as the machine has.
pub(super) fn devices(machine: &Machine) -> anyhow::Result<Vec<Device>> {
    anyhow::ensure!(
        machine.devices.iter().all(|device| device.name == "cpu"),
        "only CPU devices are here to be measured: give --devices 2xcpu, not {machine}"
    );
    Ok((0..machine.devices.len()).map(|index| Device::cpu_with(index, 1, usize::MAX)).collect())
}

/// What was measured, a line for each kind of task.
pub(super) fn rates(machine: &Machine) -> String {
    let rates = machine.devices[0].rates.as_ref().map_or(String::new(), |rates| rates.to_string());
    let link = &machine.link;
    format!(
        "{machine}, measured\n{rates}\n{:<26} {:>8.1} GB/s      {:>8.1} µs",
        "messages",
        link.bandwidth * 1e-9,
        link.latency * 1e6
    )
}

pub(super) fn run(
    setting: &Setting,
    workload: &Workload,
    steps: usize,
    pairs: Option<u32>,
    json: bool,
) -> anyhow::Result<()> {
    let all = devices(&setting.machine)?;
    anyhow::ensure!(all.len() > 1, "one device has only one plan: give --devices 2xcpu");
    let one = &all[..1];
    let mut output = stdout();
    // A device alone has the memory's whole speed, so it is measured alone.
    let alone = workload.calibrate(one, steps)?;
    let together = workload.calibrate(&all, steps)?;
    if !json {
        writeln!(output, "{}\n\n{}\n", rates(&alone), rates(&together))?;
        writeln!(output, "plan                    devices   predicted    measured    error")?;
    }
    let best = best(setting, workload, &together)?;
    let single = Plan { name: "single".to_owned(), ..Plan::single(&whole(&workload.sizes)) };
    let chunks = Chunks { lstm: 5, softmax: 5, weights: 5 };
    let chunked = Plan { name: "single, 5 steps a task".to_owned(), chunks, ..single.clone() };
    let named = |name| Plan::named(name, &workload.sizes, all.len());
    let plans = [
        (single, &alone, one),
        (chunked, &alone, one),
        (named("paper")?, &together, &all[..]),
        (named("deferred")?, &together, &all[..]),
        (best.clone(), &together, &all[..]),
    ];
    let mut measured = Vec::new();
    for (plan, machine, devices) in plans {
        let found = workload.measure(&plan, machine, devices, steps)?;
        if !json {
            let Measured { plan, devices, predicted_s, measured_s, error } = &found;
            let (predicted, seconds) = (1e3 * predicted_s, 1e3 * measured_s);
            writeln!(output, "{plan:<26} {devices:>4} {predicted:>8.1} ms {seconds:>8.1} ms {:>+7.1}%", 100.0 * error)?;
        }
        measured.push(found);
    }
    let pairs = match pairs {
        Some(pairs) => {
            let whole = Workload { sizes: whole(&workload.sizes), ..workload.clone() };
            Some(whole.pairs(&best, &together, (&one[0], &all), pairs as usize, steps)?)
        }
        None => None,
    };
    if json {
        writeln!(output, "{}", serde_json::to_string(&Answer { plans: measured, pairs })?)?;
    } else if let Some(Pairs { one_s, several_s, speedups }) = pairs {
        writeln!(output, "\n{best}\n")?;
        writeln!(output, "in turn: one device without a plan, {} devices by the best plan found", all.len())?;
        for ((one, several), speedup) in one_s.iter().zip(&several_s).zip(&speedups) {
            writeln!(output, "{:>10.1} ms {:>10.1} ms {speedup:>6.2} times", 1e3 * one, 1e3 * several)?;
        }
    }
    Ok(())
}

/// One device needs no slices.
fn whole(sizes: &Sizes) -> Sizes {
    Sizes { softmax_slices: 1, ..sizes.clone() }
}

/// The best plan for these devices; with the slices that were asked for, else with as many as are best.
fn best(setting: &Setting, workload: &Workload, machine: &Machine) -> anyhow::Result<Plan> {
    let slices = setting.sliced.then_some(workload.sizes.softmax_slices);
    let options = Search { slices, sums: Sums::ByRows, ..Search::default() };
    Ok(search(&workload.sizes, &workload.lengths(), machine, &options)?)
}
