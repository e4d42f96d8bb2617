//! What the system knows of this process.

use std::fs;

/// The most memory that this process has had resident, in MiB; `None` where the system does not say.
pub(super) fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kib(&status, "VmHWM:").map(|kib| kib / 1024.0)
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
    fn the_peak_grows_with_what_is_touched() {
        let Some(before) = peak_mb() else { return };
        let touched = std::hint::black_box(vec![1u8; 64 << 20]);
        // Another test of this process may have freed as much in the meantime, but a peak never falls.
        assert!(peak_mb().unwrap() >= before.max(64.0), "{before} MiB before {} bytes", touched.len());
    }
}
