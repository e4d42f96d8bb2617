//! A profile as JSON, and how an answer with one is printed.

use std::io::Write;

use anyhow::Context;
use serde::Serialize;
use unrolled_tensor::profile::{Measured, Report};

use super::train_step::rounded;
use crate::cli::output::stdout;

/// Where the time of the timed steps went.
#[derive(Debug, Serialize)]
pub(super) struct ProfileAnswer {
    /// The seconds of a step, on average.
    step_s: f64,
    /// Additions and multiplications of a step's products, in 10⁹.
    gflop: f64,
    gflop_per_s: f64,
    peak_gflop_per_s: Option<f64>,
    share_of_peak: Option<f64>,
    /// Seconds of a step that belong to no operation.
    between_s: f64,
    /// The costliest first.
    operations: Vec<Operation>,
}

/// Calls of one operation with the same sizes; seconds and calls are those of a step.
#[derive(Debug, Serialize)]
struct Operation {
    operation: &'static str,
    sizes: String,
    calls: f64,
    seconds: f64,
    share: f64,
    /// Of products only.
    #[serde(skip_serializing_if = "Option::is_none")]
    gflop_per_s: Option<f64>,
}

impl ProfileAnswer {
    pub(super) fn of(report: &Report) -> ProfileAnswer {
        let steps = report.steps.max(1) as f64;
        let operation = |measured: &Measured| Operation {
            operation: measured.call.verb,
            sizes: measured.call.sizes.clone(),
            calls: measured.calls as f64 / steps,
            seconds: rounded(measured.seconds / steps, 1e7),
            share: rounded(measured.seconds / report.seconds, 1e4),
            gflop_per_s: (measured.flops > 0).then(|| rounded(measured.flops as f64 / measured.seconds * 1e-9, 10.0)),
        };
        ProfileAnswer {
            step_s: rounded(report.seconds / steps, 1e5),
            gflop: rounded(report.flops() as f64 / steps * 1e-9, 1e3),
            gflop_per_s: rounded(report.flops_per_second() * 1e-9, 10.0),
            peak_gflop_per_s: report.peak_flops.map(|peak| rounded(peak * 1e-9, 10.0)),
            share_of_peak: report.share_of_peak().map(|share| rounded(share, 1e4)),
            between_s: rounded(report.seconds_between() / steps, 1e7),
            operations: report.calls.iter().map(operation).collect(),
        }
    }
}

/// An answer in a line.
pub(super) fn print_json(answer: &impl Serialize) -> anyhow::Result<()> {
    writeln!(stdout(), "{}", serde_json::to_string(answer)?).context("printing the answer")
}

/// An answer to be read, and the table of its profile.
pub(super) fn print(sentence: &str, report: Option<&Report>) -> anyhow::Result<()> {
    let mut output = stdout();
    writeln!(output, "{sentence}").context("printing the answer")?;
    report.map_or(Ok(()), |report| writeln!(output, "{report}")).context("printing the profile")
}
