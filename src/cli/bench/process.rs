//! What the system knows of this process.

use std::fs;

/// The most memory that this process has had resident, in MiB; `None` where the system does not say.
pub(in crate::cli) fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kib(&status, "VmHWM:").map(|kib| kib / 1024.0)
}

/// The processor time that all threads of this process have had, in seconds, to a hundredth; `None` where the system does not say.
pub(super) fn cpu_seconds() -> Option<f64> {
    ticks(&fs::read_to_string("/proc/self/stat").ok()?).map(|ticks| ticks / 100.0)
}

/// User and system time: the 14th and 15th word, of which the second is a name that may have blanks and ends with the last parenthesis.
fn ticks(stat: &str) -> Option<f64> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || words.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

fn kib(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let status = "Name:\tunrolled\nVmPeak:\t  900 kB\nVmHWM:\t   512 kB\n";
        assert_eq!(kib(status, "VmHWM:"), Some(512.0));
        assert_eq!(kib(status, "VmRSS:"), None);
    }

    #[test]
    fn ticks_follow_a_name_with_blanks() {
        let stat = "7 (a) (b c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a) R 1"), None);
    }

    #[test]
    fn the_peak_grows_with_what_is_touched() {
        let Some(before) = peak_mb() else { return };
        let touched = std::hint::black_box(vec![1u8; 64 << 20]);
        // Another test of this process may have freed as much in the meantime, but a peak never falls.
        assert!(peak_mb().unwrap() >= before.max(64.0), "{before} MiB before {} bytes", touched.len());
    }
}
