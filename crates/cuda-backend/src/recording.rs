//! What verbs must know while work runs that is to be captured: where its memory comes from, which step its random streams are at, and what it must not do.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use unrolled_tensor::random::Key;
use unrolled_tensor::{DeviceError, Result};

use crate::gpu::Gpu;
use crate::pool::Block;
use crate::storage::Pointer;

/// Such work of this thread.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The name of the device that it is recorded on.
    pub device: String,
    /// The step that random streams are at now.
    pub step: u64,
    /// Where a replay finds that step, an i64.
    pub counter: Pointer,
    /// Memory outside of the arena that may be read or changed.
    pub parameters: Vec<Range<u64>>,
    /// A stream is being captured.
    pub capturing: bool,
    /// A parameter has been changed.
    pub changed: bool,
    /// Why the work cannot be captured.
    pub refused: Option<Refusal>,
}

/// What was seen of such work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Why it cannot be captured, if so.
    pub refused: Option<Refusal>,
    /// It has changed a parameter.
    pub changed: bool,
}

/// Why work cannot be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It does what a replay could not do again.
    Never(String),
    /// The arena has no room for it, as it has changed since this work ran.
    NoRoom,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Never(why) => f.write_str(why),
            Refusal::NoRoom => f.write_str("it has no room"),
        }
    }
}

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

/// Whether this thread does such work.
pub(crate) fn is_active() -> bool {
    RECORDING.with_borrow(Option::is_some)
}

fn with<T>(work: impl FnOnce(&mut Recording) -> T) -> Option<T> {
    RECORDING.with_borrow_mut(|recording| recording.as_mut().map(work))
}

impl Recording {
    /// Runs `work` as such.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> (T, Recorded) {
        /// Ends it where `work` panics, too.
        struct Ended;
        impl Drop for Ended {
            fn drop(&mut self) {
                RECORDING.take();
            }
        }
        RECORDING.set(Some(self));
        let ended = Ended;
        let answer = work();
        let seen =
            |recording: &mut Recording| Recorded { refused: recording.refused.take(), changed: recording.changed };
        let recorded = with(seen).unwrap_or_default();
        drop(ended);
        (answer, recorded)
    }
}

/// The stream is being captured from now on, or not any more.
pub(crate) fn capturing(now: bool) {
    with(|recording| recording.capturing = now);
}

/// The step is to be found there.
pub(crate) fn counter_at(place: Pointer) {
    with(|recording| recording.counter = place);
}

/// Notes why this work cannot be captured.
fn refuse(gpu: &Gpu, why: String) -> DeviceError {
    let error = gpu.error(format!("this work cannot be captured: {why}"));
    with(|recording| recording.refused.get_or_insert(Refusal::Never(why)).clone());
    error
}

/// A block of the arena for such work; None where a tensor's memory comes from the pool as ever.
pub(crate) fn block(gpu: &Gpu, bytes: usize) -> Result<Option<Block>> {
    if with(|recording| recording.device != gpu.name) == Some(true) {
        return Err(refuse(gpu, format!("it works on {}, too", gpu.name)));
    }
    let Some(capturing) = with(|recording| recording.capturing) else { return Ok(None) };
    if let Some(block) = gpu.arena.take(bytes) {
        return Ok(Some(block));
    }
    if capturing {
        with(|recording| recording.refused.get_or_insert(Refusal::NoRoom).clone());
        return Err(gpu.error("captured work has no room"));
    }
    gpu.arena.grow(&gpu.pool, bytes)?;
    Ok(gpu.arena.take(bytes))
}

/// An operation that a replay could not do again as it should: the end of such work.
pub(crate) fn forbids(gpu: &Gpu, what: &str) -> Result<()> {
    if is_active() { Err(refuse(gpu, what.into())) } else { Ok(()) }
}

/// Whether what is launched reads and writes memory only that is the same at each replay.
pub(crate) fn checks(gpu: &Gpu, what: &str, mut pointers: impl Iterator<Item = Pointer>) -> Result<()> {
    let outside = with(|recording| {
        pointers.find(|&Pointer(at)| {
            at != 0 && !recording.parameters.iter().any(|range| range.contains(&at)) && !gpu.arena.holds(at)
        })
    });
    match outside.flatten() {
        Some(Pointer(at)) => {
            Err(refuse(gpu, format!("{what} is handed {at:#x}, which is no input, parameter or result")))
        }
        None => Ok(()),
    }
}

/// Notes that what lies there is being changed; in a copy, where it is not `own`, which no replay would find.
pub(crate) fn changes(gpu: &Gpu, Pointer(at): Pointer, own: bool) -> Result<()> {
    let is_parameter = with(|recording| recording.parameters.iter().any(|range| range.contains(&at)));
    if is_parameter != Some(true) {
        return Ok(());
    }
    if !own {
        return Err(refuse(gpu, "it changes a parameter that somebody else holds".into()));
    }
    with(|recording| recording.changed = true);
    Ok(())
}

/// Where the step of `key` is found, if this work is replayed at other steps.
pub(crate) fn counter(gpu: &Gpu, key: Key) -> Result<Option<Pointer>> {
    match with(|recording| (recording.step, recording.counter)) {
        None => Ok(None),
        Some((step, counter)) if step == key.step() => Ok(Some(counter)),
        Some((step, _)) => Err(refuse(gpu, format!("random numbers of {key:?} in work at step {step}"))),
    }
}
