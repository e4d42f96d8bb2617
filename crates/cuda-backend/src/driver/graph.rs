//! Work that was captured from streams, ready to run again and again.

use cudarc::driver::{result, result::DriverError, sys};

use super::Stream;

/// A graph that is ready to run.
#[derive(Debug)]
pub(crate) struct Graph(sys::CUgraphExec);

// SAFETY: the driver takes a graph from any thread.
unsafe impl Send for Graph {}
// SAFETY: as above; `launch` is called by whoever has the device's order of work to itself.
unsafe impl Sync for Graph {}

impl Graph {
    /// Runs its work in the order of `stream`, after what is there and before what comes.
    pub fn launch(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: both live as long as their values.
        unsafe { result::graph::launch(self.0, stream.handle()) }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made in `Capture::end` and not destroyed before. Whoever drops it has waited for its last run.
        let _ = unsafe { result::graph::exec_destroy(self.0) };
    }
}

/// A capture of a stream that is under way. Dropped before its end, it ends and nothing is kept.
#[derive(Debug)]
pub(crate) struct Capture<'a> {
    stream: &'a Stream,
    ended: bool,
}

impl<'a> Capture<'a> {
    /// From now on what is enqueued in `stream`, and in streams that wait for it, is not run but becomes part of a graph. Until the end this thread must
    /// not wait for the device or allocate its memory; others may.
    pub fn begin(stream: &'a Stream) -> Result<Capture<'a>, DriverError> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream lives as long as its value.
        unsafe { result::stream::begin_capture(stream.handle(), mode) }?;
        Ok(Capture { stream, ended: false })
    }

    /// The graph of all that was enqueued since the beginning.
    pub fn end(mut self) -> Result<Captured, DriverError> {
        self.ended = true;
        // SAFETY: as above.
        unsafe { result::stream::end_capture(self.stream.handle()) }.map(Captured)
    }
}

/// A captured graph, which must be made ready.
#[derive(Debug)]
pub(crate) struct Captured(sys::CUgraph);

impl Captured {
    /// Makes it ready, for which the device must have memory, and uploads it in the order of `stream`, so that a launch needs none.
    pub fn ready(&self, stream: &Stream) -> Result<Graph, DriverError> {
        // SAFETY: a graph that a capture has answered; what was made ready is destroyed where the upload fails.
        unsafe {
            let ready = Graph(result::graph::instantiate(self.0, sys::CUgraphInstantiate_flags(0))?);
            result::graph::upload(ready.0, stream.handle())?;
            Ok(ready)
        }
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // SAFETY: not destroyed before; what was made of it stands alone.
        let _ = unsafe { result::graph::destroy(self.0) };
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: as above. A capture that has failed answers an error and no graph.
            unsafe {
                if let Ok(graph) = result::stream::end_capture(self.stream.handle()) {
                    let _ = result::graph::destroy(graph);
                }
            }
        }
    }
}
