//! Everything that the driver knows.

use super::capture::Session;
use super::module::LoadedModule;
use super::queue::Stream;
use super::{Code, Graph, Result};
use crate::config::Config;
use crate::memory::Heap;
use std::collections::{BTreeMap, HashMap};

/// What a program holds of a stream, event, module, function or graph.
pub type Handle = usize;

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    pub device: usize,
    pub timing: bool,
    /// Stream and number of the work after which it was last recorded.
    pub recorded: Option<(Handle, u64)>,
    /// The nodes that it stands for, if it was last recorded during a capture: session and nodes.
    pub captured: Option<(Handle, Vec<usize>)>,
    /// When it was reached, in seconds since the driver began.
    pub time: Option<f64>,
    pub polls: u32,
    /// Launches that follow one another up to the work after which it was last recorded.
    pub chain: u64,
}

/// A kernel that was looked up.
#[derive(Debug)]
pub(super) struct Function {
    pub module: Handle,
    pub name: String,
    /// Dynamic shared memory that launches may ask for.
    pub dynamic_limit: usize,
}

/// What was launched: kernels, a library's work, and those of graphs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Launches {
    /// How many.
    pub all: u64,
    /// How many by a call of their own, not as part of a graph.
    pub alone: u64,
    /// How many of them at least must follow one another, as streams, events and the host's waits order them: the time that all would take were each
    /// to take as long and any number to run at once.
    pub chain: u64,
    /// How many the host has waited for, one after another.
    pub(super) waited_for: u64,
}

/// A driver with its devices. The exported functions use one; tests make as many as they like.
pub struct Driver {
    /// The choices it was made with.
    pub config: Config,
    /// Device memory.
    pub heap: Heap,
    pub(super) initialised: bool,
    pub(super) streams: BTreeMap<Handle, Stream>,
    pub(super) events: HashMap<Handle, Event>,
    pub(super) modules: HashMap<Handle, LoadedModule>,
    pub(super) functions: HashMap<Handle, Function>,
    pub(super) graphs: HashMap<Handle, Graph>,
    pub(super) executables: HashMap<Handle, super::capture::Executable>,
    pub(super) captures: HashMap<Handle, Session>,
    pub(super) pinned: BTreeMap<usize, usize>,
    /// The error from which a device's context does not recover.
    pub(super) broken: Vec<Option<Code>>,
    /// Everything that went wrong, in words.
    pub reports: Vec<String>,
    /// What kernels have executed.
    pub executed: crate::exec::Stats,
    /// What was launched so far.
    pub launches: Launches,
    /// How often each exported function was called.
    pub calls: BTreeMap<&'static str, u64>,
    pub(crate) blas: HashMap<Handle, crate::cublas::Library>,
    pub(super) began: std::time::Instant,
    /// Pieces of work that were entered into any stream.
    pub(super) entries: u64,
    pub(super) random: u64,
    next: Handle,
}

impl Driver {
    /// A driver with its devices, on which nothing has run.
    pub fn new(config: Config) -> Driver {
        let seed = match config.timing {
            crate::config::Timing::Random(seed) => seed | 1,
            _ => 1,
        };
        Driver {
            heap: Heap::new(config.devices, config.memory),
            initialised: false,
            streams: BTreeMap::new(),
            events: HashMap::new(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            graphs: HashMap::new(),
            executables: HashMap::new(),
            captures: HashMap::new(),
            pinned: BTreeMap::new(),
            broken: vec![None; config.devices],
            reports: Vec::new(),
            executed: crate::exec::Stats::default(),
            launches: Launches::default(),
            calls: BTreeMap::new(),
            blas: HashMap::new(),
            began: std::time::Instant::now(),
            entries: 0,
            random: seed,
            next: 0x1_0000,
            config,
        }
    }

    /// `cuInit`.
    ///
    /// # Errors
    /// Where there is no device.
    pub fn init(&mut self) -> Result<()> {
        self.initialised = true;
        if self.config.devices == 0 { Err(Code::NO_DEVICE) } else { Ok(()) }
    }

    pub(crate) fn handle(&mut self) -> Handle {
        self.next += 16;
        self.next
    }

    /// Note what went wrong.
    pub fn report(&mut self, message: String) {
        if self.config.verbose {
            eprintln!("virtual GPU: {message}");
        }
        self.reports.push(message);
    }

    /// Report, and give the code.
    pub(super) fn refuse<T>(&mut self, code: Code, message: impl Into<String>) -> Result<T> {
        self.report(message.into());
        Err(code)
    }

    /// A device's work has failed: every later call on it fails likewise, as on hardware.
    pub(super) fn break_device(&mut self, device: usize, code: Code, message: String) {
        let name = code.texts().map_or("?", |t| t.0.trim_end_matches('\0'));
        self.report(format!("device {device}: {name}: {message}"));
        self.broken[device].get_or_insert(code);
    }

    /// The error that a device is left with.
    ///
    /// # Errors
    /// That one, if there is any.
    pub fn check(&self, device: usize) -> Result<()> {
        self.broken[device].map_or(Ok(()), Err)
    }

    /// A new event on a device.
    pub fn create_event(&mut self, device: usize, timing: bool) -> Handle {
        let handle = self.handle();
        let event = Event { device, timing, recorded: None, captured: None, time: None, polls: 0, chain: 0 };
        self.events.insert(handle, event);
        handle
    }

    /// Forget an event. Work that waits for it goes on doing so.
    ///
    /// # Errors
    /// Where it is none.
    pub fn destroy_event(&mut self, event: Handle) -> Result<()> {
        self.events.remove(&event).map(|_| ()).ok_or(Code::INVALID_HANDLE)
    }

    /// Milliseconds between two events.
    ///
    /// # Errors
    /// Where one is none, has no timing, was not recorded or not reached.
    pub fn elapsed(&self, start: Handle, end: Handle) -> Result<f32> {
        let time = |event: Handle| {
            let event = self.events.get(&event).ok_or(Code::INVALID_HANDLE)?;
            if !event.timing || event.recorded.is_none() {
                return Err(Code::INVALID_HANDLE);
            }
            event.time.ok_or(Code::NOT_READY)
        };
        let (start, end) = (time(start)?, time(end)?);
        Ok(((end - start) * 1000.0) as f32)
    }

    /// Remember page-locked memory of the host.
    pub fn pin(&mut self, start: usize, len: usize) {
        self.pinned.insert(start, len);
    }

    /// Forget it; its length.
    pub fn unpin(&mut self, start: usize) -> Option<usize> {
        self.pinned.remove(&start)
    }

    pub(super) fn is_pinned(&self, address: usize) -> bool {
        self.pinned.range(..=address).next_back().is_some_and(|(start, len)| address < start + len)
    }
}
