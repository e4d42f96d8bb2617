//! Graphs: work that is captured from streams and run again and again.
//!
//! A node knows which nodes it must follow. A launch runs the nodes in the order of their capture where time is eager, and otherwise
//! in another order that the dependencies allow: of the nodes that could run, the one that was captured last. A dependency that is
//! missing shows as an error or a wrong result.

use super::{Code, Driver, Handle, Result, Work};
use crate::config::Timing;
use std::sync::Arc;
use std::thread::{self, ThreadId};

/// Which calls are refused while a stream is captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are CUDA's own")]
pub enum Mode {
    Global,
    ThreadLocal,
    Relaxed,
}

/// One node.
#[derive(Clone)]
struct Node {
    work: Work,
    after: Vec<usize>,
}

/// What a node of a graph that is ready to run takes of a device's memory: of the order of what drivers take, which do not tell.
const NODE_BYTES: usize = 1024;

/// A graph that is ready to run.
pub(super) struct Executable {
    graph: Graph,
    memory: u64,
}

/// A graph.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many launches it has, and how many of them must follow one another.
    pub(super) fn launches(&self) -> (u64, u64) {
        let (mut all, mut chains) = (0, Vec::with_capacity(self.nodes.len()));
        for node in &self.nodes {
            let (these, chain) = node.work.launches();
            let before = node.after.iter().map(|&before| chains[before]).max();
            chains.push(before.unwrap_or(0) + chain);
            all += these;
        }
        (all, chains.into_iter().max().unwrap_or(0))
    }

    /// The nodes from which `from` can be reached, itself among them.
    fn ancestors(&self, from: &[usize]) -> Vec<bool> {
        let mut found = vec![false; self.nodes.len()];
        let mut open = from.to_vec();
        while let Some(node) = open.pop() {
            if !found[node] {
                found[node] = true;
                open.extend(&self.nodes[node].after);
            }
        }
        found
    }
}

/// A capture in progress.
pub(super) struct Session {
    origin: Handle,
    mode: Mode,
    /// Who began it.
    thread: ThreadId,
    graph: Graph,
    /// The last nodes of each stream that takes part.
    tails: Vec<(Handle, Vec<usize>)>,
    invalid: bool,
}

impl Session {
    fn tail(&mut self, stream: Handle) -> &mut Vec<usize> {
        let at = self.tails.iter().position(|t| t.0 == stream).unwrap_or_else(|| {
            self.tails.push((stream, Vec::new()));
            self.tails.len() - 1
        });
        &mut self.tails[at].1
    }
}

impl Driver {
    /// Begin to capture a stream.
    ///
    /// # Errors
    /// Where it is a default stream or is being captured.
    pub fn begin_capture(&mut self, stream: Handle, mode: Mode) -> Result<()> {
        if stream < 0x1_0000 {
            return self.refuse(Code::STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot be captured");
        }
        if self.streams[&stream].capture.is_some() {
            return Err(Code::ILLEGAL_STATE);
        }
        let handle = self.handle();
        let tails = vec![(stream, Vec::new())];
        let session = Session {
            origin: stream,
            mode,
            thread: thread::current().id(),
            graph: Graph::default(),
            tails,
            invalid: false,
        };
        self.captures.insert(handle, session);
        self.streams.get_mut(&stream).expect("looked up above").capture = Some(handle);
        Ok(())
    }

    /// End a capture: the graph.
    ///
    /// # Errors
    /// Where none began on this stream, it became invalid, or work of another stream was not joined.
    pub fn end_capture(&mut self, stream: Handle) -> Result<Handle> {
        let handle = self.streams[&stream].capture.ok_or(Code::ILLEGAL_STATE)?;
        if self.captures[&handle].origin != stream {
            return Err(Code::STREAM_CAPTURE_UNMATCHED);
        }
        let session = &self.captures[&handle];
        if session.mode != Mode::Relaxed && session.thread != thread::current().id() {
            return self
                .refuse(Code::STREAM_CAPTURE_WRONG_THREAD, "a capture is ended by another thread than began it");
        }
        let mut session = self.captures.remove(&handle).expect("the stream names it");
        for s in self.streams.values_mut().filter(|s| s.capture == Some(handle)) {
            s.capture = None;
        }
        if session.invalid {
            return Err(Code::STREAM_CAPTURE_INVALIDATED);
        }
        let tail = session.tail(stream).clone();
        let joined = session.graph.ancestors(&tail);
        if session.tails.iter().any(|(_, tail)| tail.iter().any(|node| !joined[*node])) {
            let message = "a capture ends while work of another stream was not joined to it by an event";
            return self.refuse(Code::STREAM_CAPTURE_UNJOINED, message);
        }
        let graph = self.handle();
        self.graphs.insert(graph, session.graph);
        Ok(graph)
    }

    /// Is a stream being captured? 0: no, 1: yes, 2: the capture is invalid.
    pub fn capture_status(&self, stream: Handle) -> u32 {
        match self.streams[&stream].capture.and_then(|h| self.captures.get(&h)) {
            None => 0,
            Some(session) => 1 + u32::from(session.invalid),
        }
    }

    pub(super) fn invalidate(&mut self, session: Handle) {
        if let Some(session) = self.captures.get_mut(&session) {
            session.invalid = true;
        }
    }

    /// A call that may wait, made while something is captured: refused by a global capture, and by one of this thread's unless it is relaxed.
    pub(super) fn unsafe_call(&mut self, what: &str) -> Result<()> {
        let here = thread::current().id();
        let minds = |s: &Session| s.mode == Mode::Global || (s.mode == Mode::ThreadLocal && s.thread == here);
        let strict: Vec<Handle> = self.captures.iter().filter(|(_, s)| minds(s)).map(|(h, _)| *h).collect();
        if strict.is_empty() {
            return Ok(());
        }
        for session in strict {
            self.invalidate(session);
        }
        self.refuse(Code::STREAM_CAPTURE_UNSUPPORTED, format!("{what} while a stream is being captured"))
    }

    pub(super) fn capture_work(&mut self, stream: Handle, work: Work) -> Result<()> {
        let handle = self.streams[&stream].capture.expect("only for captured streams");
        if matches!(work, Work::Free { .. }) {
            self.invalidate(handle);
            return self.refuse(Code::STREAM_CAPTURE_UNSUPPORTED, "freeing memory in a capture is not known here");
        }
        let session = self.captures.get_mut(&handle).expect("the stream names it");
        if session.invalid {
            return Err(Code::STREAM_CAPTURE_INVALIDATED);
        }
        let node = session.graph.nodes.len();
        let after = std::mem::replace(session.tail(stream), vec![node]);
        session.graph.nodes.push(Node { work, after });
        Ok(())
    }

    /// Record an event in a capture; false where the stream is not captured.
    pub(super) fn capture_record(&mut self, event: Handle, stream: Handle) -> bool {
        let Some(handle) = self.streams[&stream].capture else { return false };
        let tail = self.captures.get_mut(&handle).expect("the stream names it").tail(stream).clone();
        self.events.get_mut(&event).expect("checked by the caller").captured = Some((handle, tail));
        true
    }

    /// Wait for an event in a capture: the stream joins the event's capture.
    pub(super) fn capture_wait(&mut self, stream: Handle, event: Handle) -> Result<()> {
        let captured = self.events[&event].captured.clone().filter(|(h, _)| self.captures.contains_key(h));
        let own = self.streams[&stream].capture;
        let Some((handle, nodes)) = captured else {
            if let Some(own) = own {
                self.invalidate(own);
                let message = "a captured stream waits for an event that was recorded outside of the capture";
                return self.refuse(Code::STREAM_CAPTURE_ISOLATION, message);
            }
            // Recorded in a capture that has ended: it stands for nothing now.
            return self.refuse(Code::CAPTURED_EVENT, "waiting for an event of a capture that has ended");
        };
        if own.is_some_and(|own| own != handle) {
            return self.refuse(Code::STREAM_CAPTURE_ISOLATION, "two captures would be joined");
        }
        self.streams.get_mut(&stream).expect("checked by the caller").capture = Some(handle);
        let tail = self.captures.get_mut(&handle).expect("checked above").tail(stream);
        for node in nodes {
            if !tail.contains(&node) {
                tail.push(node);
            }
        }
        Ok(())
    }

    /// Make a graph ready to run, in memory of a device.
    ///
    /// # Errors
    /// Where it is none, or the device has no room for it.
    pub fn instantiate(&mut self, device: usize, graph: Handle) -> Result<Handle> {
        let graph = self.graphs.get(&graph).ok_or(Code::INVALID_HANDLE)?.clone();
        let memory = self.heap.allocate(device, graph.len() * NODE_BYTES, false).ok_or(Code::OUT_OF_MEMORY)?;
        let handle = self.handle();
        self.executables.insert(handle, Executable { graph, memory });
        Ok(handle)
    }

    /// Nodes of a graph.
    ///
    /// # Errors
    /// Where it is none.
    pub fn graph_len(&self, graph: Handle) -> Result<usize> {
        Ok(self.graphs.get(&graph).ok_or(Code::INVALID_HANDLE)?.len())
    }

    /// Enter a graph into a stream.
    ///
    /// # Errors
    /// Where it is none; as for [`Driver::submit`].
    pub fn launch_graph(&mut self, executable: Handle, stream: Handle) -> Result<()> {
        let graph = self.executables.get(&executable).ok_or(Code::INVALID_HANDLE)?.graph.clone();
        self.submit(stream, Work::Graph(Arc::new(graph)))
    }

    /// Forget a graph (`executable`: one that was made ready).
    ///
    /// # Errors
    /// Where it is none.
    pub fn destroy_graph(&mut self, graph: Handle, executable: bool) -> Result<()> {
        if !executable {
            return self.graphs.remove(&graph).map(|_| ()).ok_or(Code::INVALID_HANDLE);
        }
        let Executable { memory, .. } = self.executables.remove(&graph).ok_or(Code::INVALID_HANDLE)?;
        self.heap.free(memory).map_err(|_| Code::INVALID_VALUE)
    }

    pub(super) fn replay(&mut self, device: usize, graph: &Graph) {
        let mut left: Vec<usize> = graph.nodes.iter().map(|n| n.after.len()).collect();
        let mut followers = vec![Vec::new(); graph.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            for before in &node.after {
                followers[*before].push(i);
            }
        }
        let mut ready: Vec<usize> = (0..graph.len()).filter(|&i| left[i] == 0).collect();
        while !ready.is_empty() {
            let at = match self.config.timing {
                Timing::Eager => (0..ready.len()).min_by_key(|&i| ready[i]),
                Timing::Lazy | Timing::Overtaking => (0..ready.len()).max_by_key(|&i| ready[i]),
                Timing::Random(_) => Some(self.chance(ready.len() as u64) as usize),
            };
            let node = ready.swap_remove(at.expect("some node is ready"));
            self.perform(device, &graph.nodes[node].work);
            for &next in &followers[node] {
                left[next] -= 1;
                if left[next] == 0 {
                    ready.push(next);
                }
            }
        }
    }
}
