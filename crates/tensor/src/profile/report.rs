//! A profile as a table.

use std::fmt;

use super::Call;

/// Calls of one kind in all steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What was called, on what.
    pub call: Call,
    /// How often.
    pub calls: u64,
    /// Additions and multiplications of the products in them.
    pub flops: u64,
    /// Time in all.
    pub seconds: f64,
}

/// Where the time of some steps went. As text it is a table: operations by falling time, the sizes of each beneath.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Kinds of calls, the costliest first.
    pub calls: Vec<Measured>,
    /// Steps in all.
    pub steps: u64,
    /// Their time in all, what lies between the calls included.
    pub seconds: f64,
    /// The FLOP/s of a large product, where it was [measured](super::Profile::measure_peak).
    pub peak_flops: Option<f64>,
}

/// Sizes that take less of the time than this are told together.
const LEAST_SHARE: f64 = 0.005;

impl Report {
    /// The calls of each operation together, the costliest first; their `sizes` are empty.
    pub fn by_verb(&self) -> Vec<Measured> {
        let mut verbs: Vec<Measured> = Vec::new();
        for measured in &self.calls {
            let place = verbs.iter().position(|verb| verb.call.verb == measured.call.verb).unwrap_or_else(|| {
                verbs.push(Measured {
                    call: Call::of(measured.call.verb, String::new()),
                    calls: 0,
                    flops: 0,
                    seconds: 0.0,
                });
                verbs.len() - 1
            });
            let verb = &mut verbs[place];
            verb.calls += measured.calls;
            verb.flops += measured.flops;
            verb.seconds += measured.seconds;
        }
        verbs.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        verbs
    }

    /// Additions and multiplications of all products.
    pub fn flops(&self) -> u64 {
        self.calls.iter().map(|measured| measured.flops).sum()
    }

    /// FLOP/s of the whole steps, whatever they did besides products.
    pub fn flops_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.flops() as f64 / self.seconds } else { 0.0 }
    }

    /// The whole steps' FLOP/s as a share of the peak.
    pub fn share_of_peak(&self) -> Option<f64> {
        self.peak_flops.map(|peak| self.flops_per_second() / peak)
    }

    /// The time that no call took: the graph, the rules, the layers, the optimiser's bookkeeping. Calls in several threads at once may leave none.
    pub fn seconds_between(&self) -> f64 {
        (self.seconds - self.calls.iter().map(|measured| measured.seconds).sum::<f64>()).max(0.0)
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, name: &str, calls: u64, seconds: f64, flops: u64) -> fmt::Result {
        let steps = self.steps.max(1) as f64;
        let share = if self.seconds > 0.0 { 100.0 * seconds / self.seconds } else { 0.0 };
        write!(f, "{name:<58}")?;
        if calls > 0 {
            write!(f, " {:>8}", significant(calls as f64 / steps))?;
        } else {
            write!(f, " {:>8}", "")?;
        }
        write!(f, " {:>10.3} {share:>6.1}%", 1e3 * seconds / steps)?;
        if flops > 0 && seconds > 0.0 {
            write!(f, " {:>9.1}", flops as f64 / seconds * 1e-9)?;
        }
        writeln!(f)
    }
}

/// A number of calls a step, which may be a fraction.
fn significant(x: f64) -> String {
    if x.fract() == 0.0 { format!("{x}") } else { format!("{x:.2}") }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.max(1) as f64;
        let giga = |flops: f64| flops * 1e-9;
        write!(
            f,
            "{} steps of {:.4} s, {:.2} GFLOP of products in each: {:.1} GFLOP/s",
            self.steps,
            self.seconds / steps,
            giga(self.flops() as f64 / steps),
            giga(self.flops_per_second())
        )?;
        if let (Some(peak), Some(share)) = (self.peak_flops, self.share_of_peak()) {
            write!(f, ", {:.0}% of the {:.1} of a large product alone", 100.0 * share, giga(peak))?;
        }
        writeln!(f)?;
        writeln!(f, "{:<58} {:>8} {:>10} {:>7} {:>9}", "operation", "calls", "ms a step", "share", "GFLOP/s")?;
        for verb in self.by_verb() {
            self.line(f, verb.call.verb, verb.calls, verb.seconds, verb.flops)?;
            let sizes = self.calls.iter().filter(|measured| measured.call.verb == verb.call.verb);
            let (shown, rest): (Vec<_>, Vec<_>) = sizes
                .filter(|measured| !measured.call.sizes.is_empty())
                .partition(|measured| measured.seconds >= LEAST_SHARE * self.seconds);
            for measured in &shown {
                let name = format!("  {}", measured.call.sizes);
                self.line(f, &name, measured.calls, measured.seconds, measured.flops)?;
            }
            if !shown.is_empty() && !rest.is_empty() {
                let (calls, seconds) = (rest.iter().map(|m| m.calls).sum(), rest.iter().map(|m| m.seconds).sum());
                self.line(f, &format!("  {} other sizes", rest.len()), calls, seconds, 0)?;
            }
        }
        self.line(f, "between operations", 0, self.seconds_between(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(verb: &'static str, sizes: &str, calls: u64, flops: u64, seconds: f64) -> Measured {
        Measured { call: Call { verb, sizes: sizes.into(), flops: 0 }, calls, flops, seconds }
    }

    fn report() -> Report {
        let calls = vec![
            measured("matmul", "[2, 3] × [3, 4] f32", 4, 6_000_000_000, 1.2),
            measured("add", "[7] f32", 3, 0, 0.5),
            measured("matmul", "[1, 1] × [1, 1] f32", 2, 0, 0.002),
        ];
        Report { calls, steps: 2, seconds: 2.0, peak_flops: Some(4e9) }
    }

    #[test]
    fn shares_are_of_the_whole_step() {
        let report = report();
        assert_eq!(report.flops_per_second(), 3e9);
        assert_eq!(report.share_of_peak(), Some(0.75));
        assert!((report.seconds_between() - 0.298).abs() < 1e-12);
        let verbs = report.by_verb();
        let counts: Vec<_> = verbs.iter().map(|verb| (verb.call.verb, verb.calls)).collect();
        assert_eq!(counts, [("matmul", 6), ("add", 3)]);
    }

    #[test]
    fn the_table_has_a_line_for_each_operation_and_its_larger_sizes() {
        let text = report().to_string();
        let wanted = [
            "2 steps of 1.0000 s, 3.00 GFLOP of products in each: 3.0 GFLOP/s, 75% of the 4.0 of a large product alone",
            "operation calls ms a step share GFLOP/s",
            "matmul 3 601.000 60.1% 5.0",
            "[2, 3] × [3, 4] f32 2 600.000 60.0% 5.0",
            "1 other sizes 1 1.000 0.1%",
            "add 1.50 250.000 25.0%",
            "[7] f32 1.50 250.000 25.0%",
            "between operations 149.000 14.9%",
        ];
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, wanted);
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        let empty = Report { calls: vec![], steps: 0, seconds: 0.0, peak_flops: None };
        assert_eq!((empty.flops_per_second(), empty.share_of_peak(), empty.seconds_between()), (0.0, None, 0.0));
        assert!(empty.to_string().starts_with("0 steps of 0.0000 s"));
    }
}
