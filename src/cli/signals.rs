//! A signal asks a run to save and stop; a second one ends it at once.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The number of the signal that came, or 0.
static CAME: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// A flag that the first SIGINT or SIGTERM sets. The second ends the process with the status that shells give for it.
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
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(nothing_to_save))?;
        // In this order: the first signal must not see the flag that it sets itself.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
        flag::register_usize(signal, Arc::clone(came), signal as usize)?;
    }
    Ok(stop)
}

/// What a command that has done its part ends with: 0, or what shells give for the signal that made it stop before its end, so that nothing that was to follow
/// takes an unfinished run for a finished one.
pub(super) fn status() -> ExitCode {
    match CAME.get().map_or(0, |came| came.load(Ordering::Relaxed)) {
        0 => ExitCode::SUCCESS,
        signal => ExitCode::from(128 + signal as u8),
    }
}
