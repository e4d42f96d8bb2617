//! A thread for each device.
//!
//! A device may do its work later than it was given it (a GPU does): what one task makes another one of the same device then finds in the device's own
//! order, and what another device reads carries the mark behind which it can be read. A thread waits for its device only where it needs a number
//! on the host, or where the step is timed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_tensor::profile::Profile;
use unrolled_tensor::{DeviceError, catch_device_error};

use super::StepError;
use super::board::Board;
use super::jobs::Step;
use super::shard::Shard;

/// Runs all tasks, each on its device, and returns when the last is done or one has failed.
pub(super) fn run(board: &Board<'_>, step: &Step<'_>, shards: &mut [Shard]) {
    std::thread::scope(|scope| {
        for (device, shard) in shards.iter_mut().enumerate().take(board.graph.devices) {
            let work = move || {
                let handle = shard.device.clone();
                // On the device's own threads, where it has some: its verbs then need not change threads.
                handle.run(|| work(board, step, device, shard));
            };
            let named = std::thread::Builder::new().name(format!("executor, device {device}"));
            if let Err(error) = named.spawn_scoped(scope, work) {
                let (device, task) = (device.to_string(), "starting its thread".to_owned());
                board.fail(StepError::Task { device, task, reason: error.to_string() });
            }
        }
    });
}

fn work(board: &Board<'_>, step: &Step<'_>, device: usize, shard: &mut Shard) {
    let mut at = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let done = catch_device_error(|| {
            step.open(shard);
            let handle = shard.device.clone();
            let _step = handle.profile().map(Profile::step);
            while let Some(ready) = board.next(device, &handle, &mut at) {
                let task = ready.task;
                let mut made = step.perform(task, ready.inputs, shard);
                board.wait_if_timed(&handle);
                if board.is_sent(task) {
                    let mark = handle.backend().record()?;
                    made.iter_mut().for_each(|payload| payload.made = Some(mark.clone()));
                }
                board.done(task, made);
            }
            at = None;
            step.close(shard);
            Ok(())
        });
        done.and_then(|done| done)
    }));
    let name = || shard.device.name();
    let task = || at.map_or("the step's beginning or end".to_owned(), |task| board.graph.tasks[task].job.to_string());
    match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => board.fail(failure(name(), task(), error)),
        Err(panic) => board.fail(StepError::Task { device: name(), task: task(), reason: reason(&*panic) }),
    }
    shard.end();
}

fn failure(device: String, task: String, error: DeviceError) -> StepError {
    StepError::Device { device, task, error }
}

/// What a panic says.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
