//! Streams: queues of work, and when it runs.

use super::{Code, Driver, Handle, Result, Work};
use crate::config::Timing;
use std::collections::VecDeque;

/// Polls of an event after which it happens even where nothing else forces it (a program may wait by asking).
const PATIENCE: u32 = 3;

/// Work in a stream.
struct Queued {
    /// Its number in the stream.
    number: u64,
    /// And among all work of all streams.
    entry: u64,
    work: Work,
}

/// A stream.
pub(super) struct Stream {
    pub device: usize,
    /// Work that has not run.
    queue: VecDeque<Queued>,
    /// Number of the last work that was entered, and of the last that has run.
    pub entered: u64,
    pub done: u64,
    /// Launches that follow one another up to the last work that was entered.
    pub chain: u64,
    /// Ordered against the device's default stream.
    blocking: bool,
    /// The capture that it takes part in.
    pub capture: Option<Handle>,
}

/// Handle of a device's default stream.
fn default_stream(device: usize) -> Handle {
    0x100 + device
}

impl Driver {
    /// A new stream of a device.
    pub fn create_stream(&mut self, device: usize, blocking: bool) -> Handle {
        let handle = self.handle();
        self.insert_stream(handle, device, blocking);
        handle
    }

    fn insert_stream(&mut self, handle: Handle, device: usize, blocking: bool) {
        let stream = Stream { device, queue: VecDeque::new(), entered: 0, done: 0, chain: 0, blocking, capture: None };
        self.streams.insert(handle, stream);
    }

    /// The stream that a program's handle means for a device: 0, 1 and 2 are the default stream.
    ///
    /// # Errors
    /// Where it is none.
    pub fn stream(&mut self, handle: Handle, device: usize) -> Result<Handle> {
        if handle <= 2 {
            let default = default_stream(device);
            if !self.streams.contains_key(&default) {
                self.insert_stream(default, device, false);
            }
            return Ok(default);
        }
        if self.streams.contains_key(&handle) { Ok(handle) } else { Err(Code::INVALID_HANDLE) }
    }

    /// The device of a stream.
    pub fn stream_device(&self, stream: Handle) -> usize {
        self.streams[&stream].device
    }

    /// Enter work into a stream, or into the graph that it is captured into.
    ///
    /// # Errors
    /// Where the device is broken, or the work cannot be captured.
    pub fn submit(&mut self, stream: Handle, work: Work) -> Result<()> {
        let device = self.streams[&stream].device;
        if self.streams[&stream].capture.is_some() {
            return self.capture_work(stream, work);
        }
        self.check(device)?;
        self.order_defaults(stream)?;
        self.enter(stream, work);
        match self.config.timing {
            Timing::Eager => self.run_stream(stream),
            Timing::Lazy | Timing::Overtaking => {}
            Timing::Random(_) => self.run_some(),
        }
        Ok(())
    }

    fn enter(&mut self, stream: Handle, work: Work) -> u64 {
        let (all, chain) = work.launches();
        let s = self.streams.get_mut(&stream).expect("checked by the caller");
        s.chain = s.chain.max(self.launches.waited_for) + chain;
        self.launches.all += all;
        if !matches!(work, Work::Graph(_)) {
            self.launches.alone += all;
        }
        self.launches.chain = self.launches.chain.max(s.chain);
        s.entered += 1;
        self.entries += 1;
        s.queue.push_back(Queued { number: s.entered, entry: self.entries, work });
        s.entered
    }

    /// The default stream waits for all blocking streams, and they for it.
    fn order_defaults(&mut self, stream: Handle) -> Result<()> {
        let device = self.streams[&stream].device;
        let default = default_stream(device);
        let waits: Vec<(Handle, u64)> = if stream == default {
            let others = self.streams.iter().filter(|(_, s)| s.device == device && s.blocking);
            if others.clone().any(|(_, s)| s.capture.is_some()) {
                return Err(Code::STREAM_CAPTURE_IMPLICIT);
            }
            others.filter(|(_, s)| s.done < s.entered).map(|(h, s)| (*h, s.entered)).collect()
        } else if self.streams[&stream].blocking {
            self.streams
                .get(&default)
                .filter(|s| s.done < s.entered)
                .map(|s| (default, s.entered))
                .into_iter()
                .collect()
        } else {
            Vec::new()
        };
        for (stream_waited_for, number) in waits {
            self.follow(stream, self.streams[&stream_waited_for].chain);
            self.enter(stream, Work::Wait { stream: stream_waited_for, number });
        }
        Ok(())
    }

    /// What a stream has from now on follows a chain of so many launches.
    fn follow(&mut self, stream: Handle, chain: u64) {
        let s = self.streams.get_mut(&stream).expect("checked by the caller");
        s.chain = s.chain.max(chain);
    }

    /// Run a stream's work up to a number, and before it what it waits for in other streams; nothing else, unless time is overtaking.
    pub(super) fn run_until(&mut self, stream: Handle, number: u64) {
        // Waits point at work that was entered before them, so this ends.
        while let Some(s) = self.streams.get(&stream)
            && s.done < number
        {
            match s.queue.front() {
                None => return,
                Some(&Queued { work: Work::Wait { stream: other, number }, .. }) => self.run_until(other, number),
                Some(&Queued { entry, .. }) if self.config.timing == Timing::Overtaking => self.overtake(stream, entry),
                Some(_) => {}
            }
            self.run_first(stream);
        }
    }

    /// Run the first work in a stream's queue. A wait has been waited for.
    fn run_first(&mut self, stream: Handle) {
        let Some(s) = self.streams.get_mut(&stream) else { return };
        let device = s.device;
        let Some(Queued { number, work, .. }) = s.queue.pop_front() else { return };
        self.perform(device, &work);
        if let Some(s) = self.streams.get_mut(&stream) {
            s.done = number;
        }
    }

    /// Run whatever other streams may do and were given after `entry` of stream `overtaken`, what came last first.
    fn overtake(&mut self, overtaken: Handle, entry: u64) {
        let is_ready = |driver: &Driver, queued: &Queued| match queued.work {
            Work::Wait { stream, number } => driver.streams.get(&stream).is_none_or(|s| s.done >= number),
            _ => true,
        };
        loop {
            let others = self.streams.iter().filter(|(stream, _)| **stream != overtaken);
            let fronts = others.filter_map(|(stream, s)| Some((s.queue.front()?, *stream)));
            let ready = fronts.filter(|(front, _)| front.entry > entry && is_ready(self, front));
            let Some((_, last)) = ready.max_by_key(|(front, _)| front.entry) else { return };
            self.run_first(last);
        }
    }

    fn run_stream(&mut self, stream: Handle) {
        if let Some(number) = self.streams.get(&stream).map(|s| s.entered) {
            self.run_until(stream, number);
        }
    }

    /// Some work of some stream, as chance will have it.
    fn run_some(&mut self) {
        let waiting: Vec<Handle> = self.streams.iter().filter(|(_, s)| !s.queue.is_empty()).map(|(h, _)| *h).collect();
        for _ in 0..self.chance(3) {
            if waiting.is_empty() {
                return;
            }
            let stream = waiting[self.chance(waiting.len() as u64) as usize];
            let done = self.streams[&stream].done;
            self.run_until(stream, done + 1);
        }
    }

    pub(super) fn chance(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    /// Wait for all work of a stream.
    ///
    /// # Errors
    /// Where the stream is being captured, or the device's work has failed.
    pub fn synchronize(&mut self, stream: Handle) -> Result<()> {
        self.not_captured(stream)?;
        self.unsafe_call("cuStreamSynchronize")?;
        self.order_defaults(stream)?;
        self.run_stream(stream);
        self.host_follows(self.streams[&stream].chain);
        self.check(self.stream_device(stream))
    }

    /// Wait for all work of a device.
    ///
    /// # Errors
    /// Where a stream of it is being captured, or its work has failed.
    pub fn synchronize_device(&mut self, device: usize) -> Result<()> {
        let streams: Vec<Handle> = self.streams.iter().filter(|(_, s)| s.device == device).map(|(h, _)| *h).collect();
        for stream in &streams {
            self.not_captured(*stream)?;
        }
        self.unsafe_call("cuCtxSynchronize")?;
        for stream in streams {
            self.run_stream(stream);
            self.host_follows(self.streams[&stream].chain);
        }
        self.check(device)
    }

    fn not_captured(&mut self, stream: Handle) -> Result<()> {
        match self.streams[&stream].capture {
            Some(session) => {
                self.invalidate(session);
                self.refuse(Code::STREAM_CAPTURE_UNSUPPORTED, "waiting for a stream that is being captured")
            }
            None => Ok(()),
        }
    }

    /// Has all work of a stream run?
    ///
    /// # Errors
    /// `NOT_READY` where not; the device's error.
    pub fn query_stream(&mut self, stream: Handle) -> Result<()> {
        self.not_captured(stream)?;
        self.unsafe_call("cuStreamQuery")?;
        let s = &self.streams[&stream];
        if s.done < s.entered {
            return Err(Code::NOT_READY);
        }
        let (chain, device) = (s.chain, s.device);
        self.host_follows(chain);
        self.check(device)
    }

    /// Destroy a stream once its work has run.
    ///
    /// # Errors
    /// Where it is none.
    pub fn destroy_stream(&mut self, stream: Handle) -> Result<()> {
        if !self.streams.contains_key(&stream) || stream < 0x1_0000 {
            return Err(Code::INVALID_HANDLE);
        }
        self.run_stream(stream);
        self.streams.remove(&stream);
        Ok(())
    }

    /// Record an event after the work that a stream has so far.
    ///
    /// # Errors
    /// Where event and stream are of different devices, or the event is none.
    pub fn record(&mut self, event: Handle, stream: Handle) -> Result<()> {
        let device = self.events.get(&event).ok_or(Code::INVALID_HANDLE)?.device;
        if device != self.stream_device(stream) {
            return self.refuse(Code::INVALID_HANDLE, "an event is recorded on a stream of another device");
        }
        if self.capture_record(event, stream) {
            return Ok(());
        }
        self.check(device)?;
        self.order_defaults(stream)?;
        let number = self.enter(stream, Work::Record { event });
        let chain = self.streams[&stream].chain;
        let e = self.events.get_mut(&event).expect("looked up above");
        (e.recorded, e.captured, e.time, e.polls, e.chain) = (Some((stream, number)), None, None, 0, chain);
        if self.config.timing == Timing::Eager {
            self.run_until(stream, number);
        }
        Ok(())
    }

    /// Let later work of a stream wait for an event. One that was never recorded holds nothing up.
    ///
    /// # Errors
    /// Where the event is none, or capture and no capture would mix.
    pub fn wait(&mut self, stream: Handle, event: Handle) -> Result<()> {
        let e = self.events.get(&event).ok_or(Code::INVALID_HANDLE)?;
        if e.captured.is_some() || self.streams[&stream].capture.is_some() {
            return self.capture_wait(stream, event);
        }
        match (e.recorded, e.chain) {
            (Some((other, number)), chain) => {
                self.follow(stream, chain);
                self.submit(stream, Work::Wait { stream: other, number })
            }
            (None, _) => Ok(()),
        }
    }

    /// The host has waited for a chain of launches: whatever it enters from now on follows them.
    fn host_follows(&mut self, chain: u64) {
        self.launches.waited_for = self.launches.waited_for.max(chain);
    }

    fn recorded(&self, event: Handle) -> Result<Option<(Handle, u64)>> {
        let e = self.events.get(&event).ok_or(Code::INVALID_HANDLE)?;
        if e.captured.is_some() { Err(Code::CAPTURED_EVENT) } else { Ok(e.recorded) }
    }

    /// Wait for an event.
    ///
    /// # Errors
    /// Where it is none or was captured, or this thread captures; the device's error.
    pub fn synchronize_event(&mut self, event: Handle) -> Result<()> {
        self.unsafe_call("cuEventSynchronize")?;
        if let Some((stream, number)) = self.recorded(event)? {
            self.run_until(stream, number);
        }
        self.host_follows(self.events[&event].chain);
        self.check(self.events[&event].device)
    }

    /// Has an event happened?
    ///
    /// # Errors
    /// `NOT_READY` where not; otherwise as for [`Driver::synchronize_event`].
    pub fn query_event(&mut self, event: Handle) -> Result<()> {
        self.unsafe_call("cuEventQuery")?;
        if let Some((stream, number)) = self.recorded(event)? {
            let e = self.events.get_mut(&event).expect("looked up above");
            e.polls += 1;
            if e.polls > PATIENCE {
                self.run_until(stream, number);
            }
            if self.streams.get(&stream).is_some_and(|s| s.done < number) {
                return Err(Code::NOT_READY);
            }
        }
        self.host_follows(self.events[&event].chain);
        self.check(self.events[&event].device)
    }
}
