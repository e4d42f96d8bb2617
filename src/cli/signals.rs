//! A signal asks a run to save and stop; a second one ends it at once.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The number of the signal that came, or 0.
static CAME: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// A flag that the first SIGINT or SIGTERM sets, or SIGHUP of a terminal that goes away. The second, but for SIGHUP, ends the process with the status
/// that shells give for it.
///
/// # Errors
/// Where the system refuses a handler.
pub(super) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    stop_flag_unless(&Arc::default())
}

/// [`stop_flag`], but as long as `nothing_to_save` is true the first signal ends the process at once, whatever it waits for.
///
/// # Errors
/// As [`stop_flag`].
pub(super) fn stop_flag_unless(nothing_to_save: &Arc<AtomicBool>) -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let came = CAME.get_or_init(Arc::default);
    let hang_up = hang_up();
    for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up) {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(nothing_to_save))?;
        // A terminal that goes away says so twice: its shell, and the system when the shell has ended.
        if Some(signal) != hang_up {
            // In this order: the first signal must not see the flag that it sets itself.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        }
        flag::register(signal, Arc::clone(&stop))?;
        flag::register_usize(signal, Arc::clone(came), signal as usize)?;
    }
    Ok(stop)
}

/// The signal of a terminal that goes away, unless this process was started to outlive it, as by `nohup`. Where the system does not tell, it is left as it is.
fn hang_up() -> Option<i32> {
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGHUP;
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
        (ignored >> (SIGHUP - 1) & 1 == 0).then_some(SIGHUP)
    }
    #[cfg(not(unix))]
    None
}

/// What a command that has done its part ends with: 0, or what shells give for the signal that made it stop before its end, so that nothing that was to follow
/// takes an unfinished run for a finished one.
pub(super) fn status() -> ExitCode {
    match CAME.get().map_or(0, |came| came.load(Ordering::Relaxed)) {
        0 => ExitCode::SUCCESS,
        signal => ExitCode::from(128 + signal as u8),
    }
}
