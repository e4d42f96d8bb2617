//! What waits in a stream, and what happens when it runs.

use super::launch::LaunchWork;
use super::{Code, Driver, Handle};
use std::sync::Arc;

/// One piece of work of a stream.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub enum Work {
    /// Bytes that were taken from the host when the call was made (pageable memory).
    Upload {
        to: u64,
        bytes: Arc<[u8]>,
    },
    /// Bytes that are read from the host when the copy runs (page-locked memory, or a graph).
    UploadLater {
        to: u64,
        from: usize,
        len: usize,
    },
    Download {
        to: usize,
        from: u64,
        len: usize,
    },
    Copy {
        to: u64,
        from: u64,
        len: usize,
    },
    Fill {
        to: u64,
        value: u32,
        width: usize,
        count: usize,
    },
    Launch(Arc<LaunchWork>),
    Record {
        event: Handle,
    },
    Wait {
        stream: Handle,
        number: u64,
    },
    HostCall {
        function: usize,
        data: usize,
    },
    Free {
        address: u64,
    },
    /// That bytes were written is forgotten.
    Forget {
        address: u64,
        len: usize,
    },
    /// A library's work.
    Call(Arc<dyn Fn(&mut Driver, usize) -> Result<(), (Code, String)> + Send + Sync>),
    Graph(Arc<super::Graph>),
    Nothing,
}

impl Work {
    /// How many launches it is, and how many of them must follow one another.
    pub(super) fn launches(&self) -> (u64, u64) {
        match self {
            Work::Launch(_) | Work::Call(_) => (1, 1),
            Work::Graph(graph) => graph.launches(),
            _ => (0, 0),
        }
    }
}

impl Driver {
    /// Run one piece of work. Failures break the device.
    pub(super) fn perform(&mut self, device: usize, work: &Work) {
        // A broken context runs nothing more, but waits end and memory goes back.
        if self.broken[device].is_some() && !matches!(work, Work::Record { .. } | Work::Free { .. }) {
            return;
        }
        if let Err((code, message)) = self.try_perform(device, work) {
            self.break_device(device, code, message);
        }
    }

    fn try_perform(&mut self, device: usize, work: &Work) -> Result<(), (Code, String)> {
        let bad = |what: &str, why: String| (Code::ILLEGAL_ADDRESS, format!("{what}: {why}"));
        match work {
            Work::Upload { to, bytes } => {
                let place = self.heap.range(*to, bytes.len()).map_err(|e| bad("copy to the device", e))?;
                place.allocation.copy_in(place.offset, bytes);
            }
            Work::UploadLater { to, from, len } => {
                let place = self.heap.range(*to, *len).map_err(|e| bad("copy to the device", e))?;
                // SAFETY: the caller of the copy promised `len` readable bytes until the copy has run.
                let bytes = unsafe { std::slice::from_raw_parts(*from as *const u8, *len) };
                place.allocation.copy_in(place.offset, bytes);
            }
            Work::Download { to, from, len } => {
                let place = self.heap.range(*from, *len).map_err(|e| bad("copy from the device", e))?;
                if self.config.strictness.uninitialised
                    && let Some(at) = place.allocation.first_unwritten(place.offset, *len)
                {
                    let message =
                        format!("copy of {len} bytes from {from:#x}: byte {} was never written", at - place.offset);
                    return Err((Code::LAUNCH_FAILED, message));
                }
                // SAFETY: the caller of the copy promised `len` writable bytes until the copy has run.
                let bytes = unsafe { std::slice::from_raw_parts_mut(*to as *mut u8, *len) };
                place.allocation.copy_out(place.offset, bytes);
            }
            Work::Copy { to, from, len } => {
                let source = self.heap.range(*from, *len).map_err(|e| bad("copy on the device, source", e))?;
                let target = self.heap.range(*to, *len).map_err(|e| bad("copy on the device, target", e))?;
                let mut bytes = vec![0; *len];
                source.allocation.copy_out(source.offset, &mut bytes);
                // What was never written is not written by being copied.
                let map = source.allocation.written_map(source.offset, *len);
                target.allocation.copy_in(target.offset, &bytes);
                if map.contains(&0) {
                    target.allocation.set_written_map(target.offset, &map);
                }
            }
            Work::Fill { to, value, width, count } => {
                let place = self.heap.range(*to, width * count).map_err(|e| bad("fill", e))?;
                let bytes = value.to_le_bytes()[..*width].repeat(*count);
                place.allocation.copy_in(place.offset, &bytes);
            }
            Work::Launch(launch) => self.run_launch(device, launch)?,
            Work::Record { event } => {
                let now = self.began.elapsed().as_secs_f64();
                if let Some(event) = self.events.get_mut(event) {
                    event.time = Some(now);
                }
            }
            Work::Free { address } => {
                self.heap.free(*address).map_err(|e| (Code::INVALID_VALUE, format!("free: {e}")))?;
            }
            Work::Forget { address, len } => {
                let place = self.heap.range(*address, *len).map_err(|e| bad("forgetting", e))?;
                place.allocation.mark(place.offset, *len, false);
            }
            Work::HostCall { function, data } => {
                // SAFETY: `cuLaunchHostFunc` was given a function of this type and promises that it can be called.
                let function: extern "C" fn(usize) = unsafe { std::mem::transmute(*function) };
                function(*data);
            }
            Work::Call(call) => call(self, device)?,
            Work::Graph(graph) => self.replay(device, graph),
            Work::Wait { .. } | Work::Nothing => {}
        }
        Ok(())
    }
}
