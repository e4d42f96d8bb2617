//! What CI runs: every seed, and a short while of mutation.

use std::time::Duration;

use unrolled_fuzz::driver::fuzz;
use unrolled_fuzz::{seeds, targets};

#[test]
fn no_reader_panics_on_its_seeds_nor_on_what_is_made_of_them() {
    for target in targets() {
        let kept = seeds::load(target.name).unwrap_or_else(|error| panic!("no seeds of {}: {error}", target.name));
        assert!(!kept.is_empty(), "no seeds of {}", target.name);
        let count = kept.len() as u64;
        let inputs = kept.into_iter().map(|(_, input)| input).collect();
        let report = fuzz(target, inputs, 1, Duration::from_millis(150), &mut |_| {});
        assert!(report.findings.is_empty(), "{}: {:#?}", target.name, report.findings);
        assert!(report.executions > count, "{}: seeds alone took the time", target.name);
        let read = report.kinds.iter().any(|(kind, _)| kind == "read");
        assert!(read, "no seed of {} is read without an error: {:?}", target.name, report.kinds);
    }
}
